-- grain: one row a pair of nodes of which the first speaks against the second
with graph_edges as (
    select * from {{ ref('rpt_graph_edges') }}
    where relation = 'contradicts'
),

final as (
    select
        to_node_id as node_id,
        to_title as title,
        to_status as status,
        from_node_id as opposing_node_id,
        from_title as opposing_title,
        from_status as opposing_status,
        is_live,
        is_simulated,
    from graph_edges
)

select * from final
