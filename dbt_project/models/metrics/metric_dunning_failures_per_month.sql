-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'dunning_failures_per_month'
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
    where marked_uncollectible_at is not null and billing_reason = 'subscription_cycle'
),

failures_by_day as (
    select
        {{ date_of('marked_uncollectible_at') }} as failed_on,
        coalesce(collection_method, 'unknown') as collection_method,
        count(*) as failures,
    from invoices
    group by 1, 2
),

-- the thirty complete days that end with the observed one
counted as (
    select
        days.observation_date,
        sum(failures_by_day.failures) as value,
    from days
    inner join failures_by_day
        on
            failures_by_day.failed_on <= days.observation_date
            and failures_by_day.failed_on >= {{ date_plus_days('days.observation_date', -29) }}
    group by days.observation_date
),

parts as (
    select
        days.observation_date,
        failures_by_day.collection_method as part,
        sum(failures_by_day.failures) as value,
    from days
    inner join failures_by_day
        on
            failures_by_day.failed_on <= days.observation_date
            and failures_by_day.failed_on >= {{ date_plus_days('days.observation_date', -29) }}
    group by days.observation_date, failures_by_day.collection_method
),

final as (
    {{ metric_rows('dunning_failures_per_month', dimension='collection_method') }}
)

select * from final
