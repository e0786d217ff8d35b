-- Grain: one row a payment attempt of the platform (attempt_id).
with

attempts as (

    select * from {{ ref('stg_engine__payment_attempts') }}

),

mutations as (

    select * from {{ ref('stg_engine__mutations') }}

),

payment_intents as (

    select * from {{ ref('stg_stripe__payment_intents') }}

)

select
    attempts.attempt_id,
    attempts.account_id,
    attempts.path,
    attempts.step_reached,
    attempts.method,
    attempts.outcome,
    attempts.amount_minor,
    attempts.currency,
    attempts.mutation_id,
    mutations.entry_point,
    mutations.outcome as mutation_outcome,
    mutations.written_at as mutation_written_at,
    attempts.payment_intent_id,
    payment_intents.status as payment_intent_status,
    -- A failed attempt behind which something was written before the payment was confirmed.
    coalesce(
        attempts.outcome = 'failed'
        and mutations.written_at is not null
        and (attempts.confirmed_at is null or mutations.written_at < attempts.confirmed_at)
        and coalesce(payment_intents.status, '') <> 'succeeded',
        false
    ) as is_green_zone_violation,
    attempts.started_at,
    attempts.confirmed_at,
    attempts.committed_at,
    attempts.finished_at,
    {{ seconds_between('attempts.started_at', 'attempts.finished_at') }} as duration_seconds,
from attempts
left join mutations on attempts.mutation_id = mutations.mutation_id
left join payment_intents on attempts.payment_intent_id = payment_intents.payment_intent_id
