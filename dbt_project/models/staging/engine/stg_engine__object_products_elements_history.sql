-- Grain: one row a committed version of an OPE: (ope_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_object_products_element') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_object_products_element'

)

select
    source.ope_id,
    source.object_product_id,
    source.component,
    source.kind,
    source.value_phases,
    source.license_source_id,
    source.workflow_id,
    source.deleted_date,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.ope_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
