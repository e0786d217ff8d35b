-- Grain: one row a committed version of a node of the knowledge graph: (node_id, valid_from).
with

source as (

    select * from {{ source('raw', 'knowledge__nodes') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'knowledge.nodes'

)

select
    source.node_id,
    source.kind,
    source.domain,
    source.title,
    source.statement,
    source.metric_id,
    source.claim_query,
    source.query,
    source.unit,
    source.tolerance,
    source.code_reference,
    source.dimension,
    source.direction,
    source.size_basis,
    source.size,
    source.window_days,
    source.stated_on,
    source.shipped_on,
    source.certified_by,
    source.certified_on,
    source.certified_definition,
    source.evidence_hash,
    source.is_simulated,
    source.definition_hash,
    source.file,
    source.line,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.node_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
