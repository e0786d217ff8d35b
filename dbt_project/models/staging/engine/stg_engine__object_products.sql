-- Grain: one row a billable object (object_product_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__object_products_history') }}

)

select
    object_product_id,
    account_id,
    object_type,
    object_id,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
