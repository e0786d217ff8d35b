-- Grain: one row a committed version of a scheduled service level change: (sslc_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_sslc') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_sslc'

)

select
    source.sslc_id,
    source.ope_id,
    source.from_value,
    source.to_value,
    source.effective_at,
    source.applied_at,
    source.cancelled_at,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.sslc_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
