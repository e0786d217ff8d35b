-- Grain: one row a schedule entry (schedule_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_billing__schedules_history') }}

)

select
    schedule_id,
    account_id,
    ope_id,
    action,
    run_at,
    status,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
