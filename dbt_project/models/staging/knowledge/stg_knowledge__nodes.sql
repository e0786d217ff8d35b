-- Grain: one row a node of the knowledge graph (node_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_knowledge__nodes_history') }}

)

select
    node_id,
    kind,
    domain,
    title,
    statement,
    metric_id,
    claim_query,
    query,
    unit,
    tolerance,
    code_reference,
    dimension,
    direction,
    size_basis,
    size,
    window_days,
    stated_on,
    shipped_on,
    certified_by,
    certified_on,
    certified_definition,
    evidence_hash,
    is_simulated,
    definition_hash,
    file,
    line,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
