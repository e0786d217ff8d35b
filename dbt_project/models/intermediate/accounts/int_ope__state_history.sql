-- Grain: one row a committed version of an OPE: (ope_id, valid_from).
{{ config(materialized='table') }}

with

versions as (

    select * from {{ ref('stg_engine__object_products_elements_history') }}

),

object_products as (

    -- The last that was known of each object, also of one that is gone: the history of its elements
    -- still needs it, and a deletion may carry the key alone.
    select * from {{ ref('stg_engine__object_products_history') }}
    where not is_deleted
    qualify row_number() over (partition by object_product_id order by valid_from desc) = 1

),

stated as (

    {{ stated_opes('versions') }}

)

select
    stated.ope_id,
    object_products.account_id,
    stated.object_product_id,
    object_products.object_type,
    object_products.object_id,
    stated.component,
    stated.kind,
    stated.value_now,
    stated.value_next,
    stated.rank_now,
    stated.rank_next,
    stated.license_source_id,
    stated.license_form,
    stated.subscription_id,
    stated.subscription_item_id,
    stated.workflow_id,
    stated.deleted_date,
    stated.state,
    {{ ope_is_live_billed('stated.state') }} and not stated.is_deleted as is_live_billed,
    stated.created_at,
    stated.updated_at,
    stated.valid_from,
    stated.valid_to,
    stated.is_deleted,
from stated
left join object_products on stated.object_product_id = object_products.object_product_id
