-- Grain: one row a committed version of an edge of the knowledge graph: (edge_id, valid_from).
with

source as (

    select * from {{ source('raw', 'knowledge__edges') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'knowledge.edges'

)

select
    source.edge_id,
    source.from_node_id,
    source.relation,
    source.to_node_id,
    source.is_simulated,
    source.file,
    source.line,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.edge_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
