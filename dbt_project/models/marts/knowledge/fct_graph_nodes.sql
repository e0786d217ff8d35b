-- grain: one row a node of the knowledge graph with its computed status and the path that proves it
-- A chain of `grounds` edges is followed from each metric; the best chain decides. Status is
-- computed from metrics, edges and code references, never written by an author.
{% set longest_chain = 8 %}
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

grounding_edges as (
    select * from edges
    where relation = 'grounds'
),

chains as (
    select
        metric_nodes.node_id,
        metric_nodes.chain_rank,
        0 as chain_length,
        metric_nodes.node_id as chain_path,
    from metric_nodes
    where metric_nodes.status in ('measured', 'stale')
    union all
    select
        grounding_edges.to_node_id as node_id,
        chains.chain_rank,
        chains.chain_length + 1 as chain_length,
        chains.chain_path || ' > ' || grounding_edges.to_node_id as chain_path,
    from chains
    inner join grounding_edges on chains.node_id = grounding_edges.from_node_id
    where
        chains.chain_length < {{ longest_chain }}
        -- a circle grounds nothing
        and strpos(
            ' > ' || chains.chain_path || ' > ',
            ' > ' || grounding_edges.to_node_id || ' > '
        ) = 0
),

ranked_chains as (
    select
        node_id,
        chain_rank,
        chain_path,
        row_number() over (
            partition by node_id
            order by chain_rank, chain_length, chain_path
        ) as preference,
    from chains
),

best_chains as (
    select * from ranked_chains
    where preference = 1
),

superseded as (
    select distinct to_node_id as node_id
    from edges
    where relation = 'supersedes'
),

-- a contradiction stands while the claim that makes it is not superseded
contradicted as (
    select
        edges.to_node_id as node_id,
        min(edges.from_node_id) as contradicted_by,
    from edges
    left join superseded on edges.from_node_id = superseded.node_id
    where edges.relation = 'contradicts' and superseded.node_id is null
    group by edges.to_node_id
),

-- observable: a metric with a measurement behind it, stale or not
predictions as (
    select
        edges.from_node_id as node_id,
        min(edges.to_node_id) as predicted_metric,
    from edges
    inner join metric_nodes on edges.to_node_id = metric_nodes.node_id
    where edges.relation = 'predicts' and metric_nodes.status in ('measured', 'stale')
    group by edges.from_node_id
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
            when nodes.kind = 'hypothesis'
                then case when predictions.node_id is null then 'untested' else 'observable' end
            when nodes.kind = 'mechanism'
                then case when coalesce(nodes.code_reference, '') <> '' then 'grounded' else 'asserted' end
            when nodes.kind = 'question' then 'open'
            when nodes.kind in ('datasource', 'query', 'decision', 'risk', 'workstream') then 'declared'
            when contradicted.node_id is not null then 'contradicted'
            when best_chains.chain_rank = 1 then 'grounded'
            when best_chains.chain_rank = 2 then 'stale'
            else 'asserted'
        end as status,
        nodes.metric_id,
        case
            when nodes.kind = 'metric' and metric_nodes.metric_id is null then 'no query stands behind it'
            when nodes.kind = 'metric'
                then metric_nodes.metric_id || ' as of '
                    || coalesce(cast(metric_nodes.as_of as string), 'never')
                    || coalesce(' (' || metric_nodes.oldest_source || ')', '')
            when nodes.kind = 'hypothesis' and predictions.node_id is not null
                then 'predicts ' || predictions.predicted_metric
            when nodes.kind = 'hypothesis' then 'no predicts edge to a measured metric'
            when nodes.kind = 'mechanism' then nullif(nodes.code_reference, '')
            when nodes.kind in ('question', 'datasource', 'query', 'decision', 'risk', 'workstream') then null
            when contradicted.node_id is not null then 'contradicted by ' || contradicted.contradicted_by
            when best_chains.chain_path is not null then best_chains.chain_path
            else 'no chain of grounds edges ends in a metric'
        end as proof,
        coalesce(nodes.is_simulated, false) as is_simulated,
    from nodes
    left join metric_nodes on nodes.node_id = metric_nodes.node_id
    left join best_chains on nodes.node_id = best_chains.node_id
    left join contradicted on nodes.node_id = contradicted.node_id
    left join predictions on nodes.node_id = predictions.node_id
)

select * from final
