-- Grain: one row a committed version of a schedule entry: (schedule_id, valid_from).
with

source as (

    select * from {{ source('raw', 'billing__schedules') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'billing.schedules'

)

select
    source.schedule_id,
    source.account_id,
    source.ope_id,
    source.action,
    source.run_at,
    source.status,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.schedule_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
