-- Grain: one row a payment attempt (attempt_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__payment_attempts_history') }}

)

select
    attempt_id,
    account_id,
    path,
    step_reached,
    method,
    outcome,
    mutation_id,
    payment_intent_id,
    amount_minor,
    currency,
    started_at,
    confirmed_at,
    committed_at,
    finished_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
