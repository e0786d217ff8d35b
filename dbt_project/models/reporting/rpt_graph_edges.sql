-- grain: one row an edge of the knowledge graph, with the names and statuses of both ends
with graph_edges as (
    select * from {{ ref('fct_graph_edges') }}
),

graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

final as (
    select
        graph_edges.edge_id,
        graph_edges.from_node_id,
        starts.title as from_title,
        graph_edges.from_kind,
        starts.status as from_status,
        graph_edges.relation,
        graph_edges.to_node_id,
        ends.title as to_title,
        graph_edges.to_kind,
        ends.status as to_status,
        graph_edges.is_live,
        graph_edges.is_simulated,
    from graph_edges
    inner join graph_nodes as starts on graph_edges.from_node_id = starts.node_id
    inner join graph_nodes as ends on graph_edges.to_node_id = ends.node_id
)

select * from final
