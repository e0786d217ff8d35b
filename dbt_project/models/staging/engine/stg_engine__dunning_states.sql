-- Grain: one row an account in dunning (account_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__dunning_states_history') }}

)

select
    account_id,
    retry_count,
    escalation_level,
    next_retry_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
