-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'green_zone_violations_per_day'
),

payment_attempts as (
    select * from {{ ref('stg_engine__payment_attempts') }}
    where outcome = 'failed'
),

mutations as (
    select * from {{ ref('stg_engine__mutations') }}
),

payment_intents as (
    select * from {{ ref('stg_stripe__payment_intents') }}
),

counted as (
    select
        {{ date_of('payment_attempts.started_at') }} as observation_date,
        count(*) as value,
    from payment_attempts
    inner join mutations on payment_attempts.mutation_id = mutations.mutation_id
    left join payment_intents
        on payment_attempts.payment_intent_id = payment_intents.payment_intent_id
    where
        mutations.written_at is not null
        and (
            payment_attempts.confirmed_at is null
            or mutations.written_at < payment_attempts.confirmed_at
        )
        -- an attempt without an intent counts: nothing was confirmed at all
        and coalesce(payment_intents.status, '') <> 'succeeded'
    group by 1
),

final as (
    {{ metric_rows('green_zone_violations_per_day') }}
)

select * from final
