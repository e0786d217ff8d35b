-- Grain: one row a committed version of an account: (account_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_account') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_account'

)

select
    source.account_id,
    source.account_type,
    source.flags,
    source.billing_email,
    source.country,
    source.currency,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.account_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
