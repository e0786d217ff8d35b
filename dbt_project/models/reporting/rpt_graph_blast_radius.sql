-- grain: one row a node on which others rest: what its failure would touch, and what would fall
with dependencies as (
    select * from {{ ref('fct_graph_dependencies') }}
),

graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

tally as (
    select
        dependencies.origin_node_id,
        count(*) as nodes,
        sum(case when graph_nodes.kind = 'metric' then 1 else 0 end) as metrics,
        sum(case when graph_nodes.kind = 'claim' then 1 else 0 end) as claims,
        sum(case when graph_nodes.kind = 'hypothesis' then 1 else 0 end) as hypotheses,
        sum(case when dependencies.is_single_point then 1 else 0 end) as nodes_that_fall,
        sum(case when dependencies.is_single_point and graph_nodes.kind = 'claim' then 1 else 0 end)
            as claims_that_fall,
    from dependencies
    inner join graph_nodes on dependencies.node_id = graph_nodes.node_id
    group by dependencies.origin_node_id
),

final as (
    select
        graph_nodes.node_id,
        graph_nodes.kind,
        graph_nodes.title,
        graph_nodes.status,
        cast(tally.nodes as bigint) as nodes,
        cast(tally.metrics as bigint) as metrics,
        cast(tally.claims as bigint) as claims,
        cast(tally.hypotheses as bigint) as hypotheses,
        cast(tally.nodes_that_fall as bigint) as nodes_that_fall,
        cast(tally.claims_that_fall as bigint) as claims_that_fall,
        tally.claims_that_fall > 0 as is_single_point,
        graph_nodes.is_simulated,
    from tally
    inner join graph_nodes on tally.origin_node_id = graph_nodes.node_id
)

select * from final
