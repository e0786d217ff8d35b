-- Grain: one row a committed version of a mandate: (mandate_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_mandate') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_mandate'

)

select
    source.mandate_id,
    source.account_id,
    source.payment_method_id,
    source.status,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.mandate_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
