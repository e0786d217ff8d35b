-- Grain: one row a committed version of a payment attempt: (attempt_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__payment_attempts') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.payment_attempts'

)

select
    source.attempt_id,
    source.account_id,
    source.path,
    source.step_reached,
    source.method,
    source.outcome,
    source.mutation_id,
    source.payment_intent_id,
    source.amount_minor,
    source.currency,
    source.started_at,
    source.confirmed_at,
    source.committed_at,
    source.finished_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.attempt_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
