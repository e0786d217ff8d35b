-- grain: one row a committed version of an OPE of a zone's plan that is judged in this run
{{ config(materialized='table') }}
with worklist as (
    select * from {{ ref('int_drift__zone_plan_worklist') }}
),

zones as (
    {{ listed('zone', 'zone_id') }}
),

object_keys as (
    {{ listed('object', 'object_product_id') }}
),

last_objects as (
    {{ last_objects_of('object_keys', ['account_id', 'object_type', 'object_id']) }}
),

keys as (
    {{ listed('ope', 'ope_id') }}
),

versions as (
    {{ ope_history_of('keys') }}
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
        and last_objects.object_id in (select zones.zone_id from zones)
)

select * from final
