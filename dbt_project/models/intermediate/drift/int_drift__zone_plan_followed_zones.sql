-- grain: one row a committed version of a zone that the zone-plan detector judges in this run
{{ config(materialized='table') }}
with worklist as (
    select * from {{ ref('int_drift__zone_plan_worklist') }}
),

keys as (
    select entity_id as zone_id
    from worklist
    where entity_kind = 'zone'
),

final as (
    {{ history_of('core.zones', 'zone_id', 'keys', ['account_id', 'plan_level', 'status', 'updated_at']) }}
)

select * from final
