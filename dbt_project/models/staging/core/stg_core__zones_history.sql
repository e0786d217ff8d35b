-- Grain: one row a committed version of a zone: (zone_id, valid_from).
with

source as (

    select * from {{ source('raw', 'core__zones') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'core.zones'

)

select
    source.zone_id,
    source.account_id,
    source.name,
    source.plan_level,
    source.status,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.zone_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
