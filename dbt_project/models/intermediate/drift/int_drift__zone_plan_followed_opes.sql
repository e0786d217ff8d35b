-- grain: one row a committed version of an OPE of a zone's plan that is judged in this run
{{ config(materialized='table') }}
{% set opes = 'engine.subs_object_products_element' %}
{% set objects = 'engine.subs_object_products' %}
{#- Not CTEs: DuckDB would write down each whole table that is read twice. #}
{% set raw_objects = source('raw', 'engine__subs_object_products') %}
{% set raw_opes = source('raw', 'engine__subs_object_products_element') %}
with worklist as (
    select * from {{ ref('int_drift__zone_plan_worklist') }}
),

object_keys as (
    select distinct object_product_id
    from {{ raw_objects }} as raw_objects
    where
        object_type = 'zone'
        and object_id in (select worklist.entity_id from worklist where worklist.entity_kind = 'zone')
),

objects as (
    {{ history_of(objects, 'object_product_id', 'object_keys', ['account_id', 'object_type', 'object_id']) }}
),

-- the last that was known of each object, also of one that is gone
last_objects as (
    select
        object_product_id,
        account_id,
        object_type,
        object_id,
    from objects
    where not is_deleted
    qualify row_number() over (partition by object_product_id order by valid_from desc) = 1
),

keys as (
    select distinct ope_id
    from {{ raw_opes }} as raw_opes
    where object_product_id in (select last_objects.object_product_id from last_objects)
),

versions as (
    {{ history_of(opes, 'ope_id', 'keys', [
        'object_product_id', 'component', 'kind', 'value_phases', 'license_source_id', 'workflow_id',
        'deleted_date', 'updated_at',
    ]) }}
),

stated as (
    {{ stated_opes('versions') }}
),

final as (
    select
        stated.ope_id,
        last_objects.object_id as zone_id,
        last_objects.account_id,
        stated.value_now,
        stated.state,
        stated.updated_at,
        stated.valid_from,
        stated.valid_to,
        stated.is_deleted,
    from stated
    inner join last_objects on stated.object_product_id = last_objects.object_product_id
    where
        stated.component = 'zone_plan'
        and last_objects.object_type = 'zone'
        and last_objects.object_id in (
            select worklist.entity_id from worklist where worklist.entity_kind = 'zone'
        )
)

select * from final
