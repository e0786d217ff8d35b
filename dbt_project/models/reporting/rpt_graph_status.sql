-- grain: one row a node of the knowledge graph
with graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

certifications as (
    select * from {{ ref('fct_certifications') }}
),

final as (
    select
        graph_nodes.node_id,
        graph_nodes.kind,
        graph_nodes.domain,
        graph_nodes.title,
        graph_nodes.statement,
        graph_nodes.status,
        graph_nodes.metric_id,
        graph_nodes.proof,
        graph_nodes.is_simulated,
        graph_nodes.root_node_id,
        graph_nodes.contradicted_by,
        graph_nodes.is_orphan,
        graph_nodes.claim_query,
        graph_nodes.query,
        graph_nodes.unit,
        graph_nodes.tolerance,
        graph_nodes.code_reference,
        coalesce(certifications.certification, 'none') as certification,
        certifications.reason as certification_reason,
        certifications.certified_by,
        certifications.certified_on,
        graph_nodes.evidence_hash,
        graph_nodes.file,
        graph_nodes.line,
    from graph_nodes
    left join certifications on graph_nodes.node_id = certifications.node_id
)

select * from final
