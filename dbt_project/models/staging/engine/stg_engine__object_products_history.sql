-- Grain: one row a committed version of a billable object: (object_product_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_object_products') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_object_products'

)

select
    source.object_product_id,
    source.account_id,
    source.object_type,
    source.object_id,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.object_product_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
