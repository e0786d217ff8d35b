-- grain: one row a committed version of a zone that the zone-plan detector judges in this run
{{ config(materialized='table') }}
with worklist as (
    select * from {{ ref('int_drift__zone_plan_worklist') }}
),

keys as (
    {{ listed('zone', 'zone_id') }}
),

final as (
    {{ history_of('core.zones', 'zone_id', 'keys', ['account_id', 'plan_level', 'status', 'updated_at']) }}
)

select * from final
