-- grain: one row a detector, day and entity with a verdict, excluded ones included
{{ config(materialized='table') }}
-- Detectors meet only here, after each has finished on its own.
with unioned as (
    select * from {{ ref('int_drift__stripe_candidates') }}
    union all
    select * from {{ ref('int_drift__zone_plan_candidates') }}
    union all
    select * from {{ ref('int_drift__triple_store_candidates') }}
    union all
    select * from {{ ref('int_drift__double_charge_candidates') }}
    union all
    select * from {{ ref('int_drift__entitlement_candidates') }}
),

final as (
    select
        {{ stable_hash("detector || '|' || entity_id || '|' || kind") }} as discrepancy_id,
        unioned.*,
    from unioned
)

select * from final
