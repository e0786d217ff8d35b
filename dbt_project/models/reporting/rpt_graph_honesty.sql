-- grain: one row a node kind and status
with graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

final as (
    select
        kind,
        status,
        count(*) as nodes,
    from graph_nodes
    group by kind, status
)

select * from final
