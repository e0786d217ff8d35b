-- grain: one row a node of the knowledge graph with its computed status and the path that proves it
-- A chain of `grounds` edges is followed from each measured metric; the best chain decides: fresh
-- before stale, then the shortest, then the first by name. A contradicted claim ends a chain: what
-- rests only on it is asserted. Status is computed from metrics, edges, observations and code
-- references, never written by an author.
{{ config(materialized='table') }}
with recursive nodes as (
    select * from {{ ref('stg_knowledge__nodes') }}
),

edges as (
    select
        from_node_id,
        relation,
        to_node_id,
    from {{ ref('stg_knowledge__edges') }}
),

metric_status as (
    select * from {{ ref('fct_metric_status') }}
),

hypotheses as (
    select * from {{ ref('fct_hypotheses') }}
),

-- a metric id may name a dimension after a colon
metric_nodes as (
    select
        nodes.node_id,
        metric_status.metric_id,
        metric_status.as_of,
        metric_status.oldest_source,
        case
            when coalesce(metric_status.evidence, 'never_measured') <> 'measured' then 'never_measured'
            when metric_status.freshness = 'fresh' then 'measured'
            else 'stale'
        end as status,
        case
            when metric_status.freshness = 'fresh' then 1
            else 2
        end as chain_rank,
    from nodes
    left join metric_status
        on {{ array_element(split_text('nodes.metric_id', ':'), 0) }} = metric_status.metric_id
    where nodes.kind = 'metric'
),

superseded as (
    select distinct to_node_id as node_id
    from edges
    where relation = 'supersedes'
),

-- a contradiction stands while the node that makes it is not superseded
contradicted as (
    select
        edges.to_node_id as node_id,
        min(edges.from_node_id) as contradicted_by,
    from edges
    left join superseded on edges.from_node_id = superseded.node_id
    where edges.relation = 'contradicts' and superseded.node_id is null
    group by edges.to_node_id
),

grounding_edges as (
    select
        edges.from_node_id,
        edges.to_node_id,
    from edges
    left join contradicted on edges.from_node_id = contradicted.node_id
    where edges.relation = 'grounds' and contradicted.node_id is null
),

chains as (
    select
        node_id,
        chain_rank,
        0 as chain_length,
    from metric_nodes
    where status in ('measured', 'stale')
    {{ union_reached() }}
    select
        grounding_edges.to_node_id as node_id,
        chains.chain_rank,
        chains.chain_length + 1 as chain_length,
    from chains
    inner join grounding_edges on chains.node_id = grounding_edges.from_node_id
    where chains.chain_length < {{ longest_chain() }}
),

-- one number orders chains: the rank first, then the length
best_chains as (
    select
        node_id,
        min(chain_rank * 1000 + chain_length) as chain_order,
    from chains
    group by node_id
),

parents as (
    select
        grounding_edges.to_node_id as node_id,
        min(grounding_edges.from_node_id) as parent_node_id,
    from grounding_edges
    inner join best_chains on grounding_edges.to_node_id = best_chains.node_id
    inner join best_chains as parent_chains
        on
            grounding_edges.from_node_id = parent_chains.node_id
            and best_chains.chain_order = parent_chains.chain_order + 1
    group by grounding_edges.to_node_id
),

-- every node has one parent here: the paths form trees whose roots are metrics
paths as (
    select
        node_id,
        node_id as root_node_id,
        node_id as chain_path,
    from best_chains
    where chain_order in (1000, 2000)
    union all
    select
        parents.node_id,
        paths.root_node_id,
        paths.chain_path || ' > ' || parents.node_id as chain_path,
    from paths
    inner join parents on paths.node_id = parents.parent_node_id
),

related as (
    select from_node_id as node_id from edges
    union distinct
    select to_node_id as node_id from edges
),

final as (
    select
        nodes.node_id,
        nodes.kind,
        nodes.domain,
        nodes.title,
        nodes.statement,
        case
            when nodes.kind = 'metric' then metric_nodes.status
            when nodes.kind = 'hypothesis' then hypotheses.status
            when nodes.kind = 'question' then 'open'
            when nodes.kind in ('datasource', 'query', 'decision', 'risk', 'workstream') then 'declared'
            when contradicted.node_id is not null then 'contradicted'
            when nodes.kind = 'mechanism'
                then case when coalesce(nodes.code_reference, '') <> '' then 'grounded' else 'asserted' end
            when best_chains.chain_order < 2000 then 'grounded'
            when best_chains.chain_order >= 2000 then 'stale'
            else 'asserted'
        end as status,
        nodes.metric_id,
        case
            when nodes.kind = 'metric' and metric_nodes.metric_id is null then 'no query stands behind it'
            when nodes.kind = 'metric'
                then metric_nodes.metric_id || ' as of '
                    || coalesce({{ moment_text('metric_nodes.as_of') }}, 'never')
                    || coalesce(' (' || metric_nodes.oldest_source || ')', '')
            when nodes.kind = 'hypothesis' and hypotheses.metric_node_id is not null
                then 'predicts ' || hypotheses.metric_node_id || ': ' || hypotheses.reason
            when nodes.kind = 'hypothesis' then hypotheses.reason
            when nodes.kind in ('question', 'datasource', 'query', 'decision', 'risk', 'workstream') then null
            when contradicted.node_id is not null then 'contradicted by ' || contradicted.contradicted_by
            when nodes.kind = 'mechanism' then nullif(nodes.code_reference, '')
            when paths.chain_path is not null then paths.chain_path
            else 'no chain of grounds edges ends in a metric'
        end as proof,
        paths.root_node_id,
        contradicted.contradicted_by,
        nodes.kind = 'claim' and related.node_id is null as is_orphan,
        nodes.claim_query,
        nodes.query,
        nodes.unit,
        nodes.tolerance,
        nodes.code_reference,
        nodes.evidence_hash,
        nodes.file,
        nodes.line,
        coalesce(nodes.is_simulated, false) as is_simulated,
    from nodes
    left join metric_nodes on nodes.node_id = metric_nodes.node_id
    left join hypotheses on nodes.node_id = hypotheses.node_id
    left join best_chains on nodes.node_id = best_chains.node_id
    left join paths on nodes.node_id = paths.node_id
    left join contradicted on nodes.node_id = contradicted.node_id
    left join related on nodes.node_id = related.node_id
)

select * from final
