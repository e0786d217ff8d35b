-- Grain: one row an edge of the knowledge graph (edge_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_knowledge__edges_history') }}

)

select
    edge_id,
    from_node_id,
    relation,
    to_node_id,
    is_simulated,
    file,
    line,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
