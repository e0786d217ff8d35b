-- grain: one row an edge of the knowledge graph, with the direction in which evidence flows along it
with edges as (
    select * from {{ ref('stg_knowledge__edges') }}
),

nodes as (
    select * from {{ ref('stg_knowledge__nodes') }}
),

superseded as (
    select distinct to_node_id as node_id
    from edges
    where relation = 'supersedes'
),

final as (
    select
        edges.edge_id,
        edges.from_node_id,
        edges.relation,
        edges.to_node_id,
        starts.kind as from_kind,
        ends.kind as to_kind,
        case
            when edges.relation in ('grounds', 'measures', 'supports') then edges.from_node_id
            when edges.relation in ('derives_from', 'predicts') then edges.to_node_id
        end as upstream_node_id,
        case
            when edges.relation in ('grounds', 'measures', 'supports') then edges.to_node_id
            when edges.relation in ('derives_from', 'predicts') then edges.from_node_id
        end as downstream_node_id,
        -- what is superseded no longer speaks against anything
        superseded.node_id is null as is_live,
        coalesce(edges.is_simulated, false) as is_simulated,
        edges.file,
        edges.line,
    from edges
    inner join nodes as starts on edges.from_node_id = starts.node_id
    inner join nodes as ends on edges.to_node_id = ends.node_id
    left join superseded on edges.from_node_id = superseded.node_id
)

select * from final
