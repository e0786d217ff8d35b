-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'bad_debt_from_upgrades_per_day'
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
    where marked_uncollectible_at is not null and billing_reason = 'subscription_update'
),

counted as (
    select
        {{ date_of('marked_uncollectible_at') }} as observation_date,
        count(*) as value,
    from invoices
    group by 1
),

parts as (
    select
        {{ date_of('marked_uncollectible_at') }} as observation_date,
        coalesce(collection_method, 'unknown') as part,
        count(*) as value,
    from invoices
    group by 1, 2
),

final as (
    {{ metric_rows('bad_debt_from_upgrades_per_day', dimension='collection_method') }}
)

select * from final
