-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'engineering_tickets_per_month'
),

issues as (
    select * from {{ ref('stg_jira__issues') }}
    where escalated_at is not null
),

classifications as (
    select * from {{ ref('stg_tickets__classifications') }}
),

escalations_by_day as (
    select
        {{ date_of('issues.escalated_at') }} as escalated_on,
        coalesce(classifications.category, 'unclassified') as category,
        count(*) as tickets,
    from issues
    left join classifications on issues.issue_id = classifications.issue_id
    group by 1, 2
),

-- the thirty complete days that end with the observed one
counted as (
    select
        days.observation_date,
        sum(escalations_by_day.tickets) as value,
    from days
    inner join escalations_by_day
        on
            escalations_by_day.escalated_on <= days.observation_date
            and escalations_by_day.escalated_on >= {{ date_plus_days('days.observation_date', -29) }}
    group by days.observation_date
),

parts as (
    select
        days.observation_date,
        escalations_by_day.category as part,
        sum(escalations_by_day.tickets) as value,
    from days
    inner join escalations_by_day
        on
            escalations_by_day.escalated_on <= days.observation_date
            and escalations_by_day.escalated_on >= {{ date_plus_days('days.observation_date', -29) }}
    group by days.observation_date, escalations_by_day.category
),

final as (
    {{ metric_rows('engineering_tickets_per_month', dimension='category') }}
)

select * from final
