-- grain: one row a detector and complete UTC day that both of its sides describe
{{ config(materialized='table') }}
with drift_kinds as (
    select * from {{ ref('drift_kinds') }}
),

metric_days as (
    select * from {{ ref('int_time__metric_days') }}
),

detectors as (
    select distinct
        detector,
        metric_id,
    from drift_kinds
),

final as (
    select
        detectors.detector,
        metric_days.observation_date,
        metric_days.day_end_at,
        metric_days.day_number,
        metric_days.is_last_day,
    from detectors
    inner join metric_days on detectors.metric_id = metric_days.metric_id
)

select * from final
