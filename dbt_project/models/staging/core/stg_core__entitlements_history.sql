-- Grain: one row a committed version of an entitlement of an account to a service: (entitlement_id, valid_from).
with

source as (

    select * from {{ source('raw', 'core__entitlements') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'core.entitlements'

)

select
    source.entitlement_id,
    source.account_id,
    source.service,
    source.state,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.entitlement_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
