-- Grain: one row a committed version of a charge: (charge_id, valid_from).
with

source as (

    select * from {{ source('raw', 'billing__charges') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'billing.charges'

)

select
    source.charge_id,
    source.invoice_id,
    source.account_id,
    source.amount_minor,
    source.currency,
    source.status,
    source.method,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.charge_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
