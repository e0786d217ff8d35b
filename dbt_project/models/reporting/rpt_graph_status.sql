-- grain: one row a node of the knowledge graph
with graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

final as (
    select
        node_id,
        kind,
        domain,
        title,
        statement,
        status,
        metric_id,
        proof,
        is_simulated,
    from graph_nodes
)

select * from final
