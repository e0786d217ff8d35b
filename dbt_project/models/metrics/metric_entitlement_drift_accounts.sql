-- grain: one row an observed UTC day
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'entitlement_drift_accounts'
),

discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
    where detector = 'entitlement'
),

counted as (
    select
        observation_date,
        count(distinct account_id) as value,
    from discrepancy_days
    group by observation_date
),

final as (
    {{ metric_rows('entitlement_drift_accounts') }}
)

select * from final
