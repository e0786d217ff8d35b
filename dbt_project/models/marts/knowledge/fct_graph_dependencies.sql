-- grain: one row a node and a node that rests on it, directly or through others
-- Evidence flows along grounds, measures and supports from left to right, along derives_from and
-- predicts from right to left. A metric needs all of its sources, any other node one of its chains.
-- A single point: every grounding chain of the node runs through the origin.
{{ config(materialized='table') }}
with recursive evidence_edges as (
    select
        upstream_node_id,
        downstream_node_id,
    from {{ ref('fct_graph_edges') }}
    where upstream_node_id is not null
),

graph_edges as (
    select * from {{ ref('fct_graph_edges') }}
),

graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

reached as (
    {{ closure('reached', 'evidence_edges') }}
),

dependencies as (
    select
        origin_node_id,
        node_id,
        min(steps) as steps,
    from reached
    group by origin_node_id, node_id
),

-- nodes with a chain to a measured metric, whether fresh or not
backed as (
    select node_id from graph_nodes
    where root_node_id is not null
),

links as (
    select
        graph_edges.from_node_id as upstream_node_id,
        graph_edges.to_node_id as downstream_node_id,
    from graph_edges
    inner join backed on graph_edges.from_node_id = backed.node_id
    inner join graph_nodes on graph_edges.from_node_id = graph_nodes.node_id
    where graph_edges.relation = 'grounds' and graph_nodes.contradicted_by is null
),

source_links as (
    select
        graph_edges.upstream_node_id,
        graph_edges.downstream_node_id,
    from graph_edges
    left join backed on graph_edges.downstream_node_id = backed.node_id
    where
        graph_edges.relation = 'derives_from'
        and (
            graph_edges.from_kind in ('datasource', 'query')
            or (graph_edges.from_kind = 'metric' and backed.node_id is not null)
        )
),

grounded_through as (
    {{ closure('grounded_through', 'links') }}
),

measured_through as (
    {{ closure('measured_through', 'source_links') }}
),

chained as (
    select
        origin_node_id,
        node_id,
    from grounded_through
    union distinct
    select
        origin_node_id,
        node_id,
    from measured_through
    union distinct
    select
        measured_through.origin_node_id,
        grounded_through.node_id,
    from measured_through
    inner join grounded_through on measured_through.node_id = grounded_through.origin_node_id
),

-- pairs with another way round the origin: by a parent that does not rest on it, or by one that
-- has such a way itself
avoidable as (
    select
        chained.origin_node_id,
        chained.node_id,
        0 as steps,
    from chained
    inner join links on chained.node_id = links.downstream_node_id
    left join chained as parents
        on
            chained.origin_node_id = parents.origin_node_id
            and links.upstream_node_id = parents.node_id
    where links.upstream_node_id <> chained.origin_node_id and parents.node_id is null
    {{ union_reached() }}
    select
        avoidable.origin_node_id,
        links.downstream_node_id as node_id,
        avoidable.steps + 1 as steps,
    from avoidable
    inner join links on avoidable.node_id = links.upstream_node_id
    where avoidable.steps < {{ longest_chain() }}
),

avoided as (
    select distinct
        origin_node_id,
        node_id,
    from avoidable
),

final as (
    select
        dependencies.origin_node_id,
        dependencies.node_id,
        cast(dependencies.steps as bigint) as steps,
        chained.node_id is not null as is_grounding,
        chained.node_id is not null and avoided.node_id is null as is_single_point,
    from dependencies
    left join chained
        on
            dependencies.origin_node_id = chained.origin_node_id
            and dependencies.node_id = chained.node_id
    left join avoided
        on
            dependencies.origin_node_id = avoided.origin_node_id
            and dependencies.node_id = avoided.node_id
)

select * from final
