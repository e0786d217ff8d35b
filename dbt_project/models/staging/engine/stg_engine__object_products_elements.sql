-- Grain: one row an OPE (ope_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__object_products_elements_history') }}

)

select
    ope_id,
    object_product_id,
    component,
    kind,
    value_phases,
    license_source_id,
    workflow_id,
    deleted_date,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
