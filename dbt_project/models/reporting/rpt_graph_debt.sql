-- grain: one row a claim without backing, weighted by what rests on it
with graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
    where kind = 'claim' and status in ('asserted', 'contradicted')
),

dependencies as (
    select * from {{ ref('fct_graph_dependencies') }}
),

resting as (
    select
        origin_node_id,
        count(*) as nodes,
    from dependencies
    group by origin_node_id
),

weighted as (
    select
        graph_nodes.node_id,
        graph_nodes.domain,
        graph_nodes.title,
        graph_nodes.statement,
        graph_nodes.status,
        cast(coalesce(resting.nodes, 0) as bigint) as resting_nodes,
        graph_nodes.is_orphan,
        graph_nodes.is_simulated,
    from graph_nodes
    left join resting on graph_nodes.node_id = resting.origin_node_id
),

final as (
    select
        node_id,
        domain,
        title,
        statement,
        status,
        resting_nodes,
        1 + resting_nodes as weight,
        row_number() over (
            order by resting_nodes desc, is_simulated, status desc, node_id
        ) as debt_rank,
        is_orphan,
        is_simulated,
    from weighted
)

select * from final
