-- Grain: one row a charge (charge_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_billing__charges_history') }}

)

select
    charge_id,
    invoice_id,
    account_id,
    amount_minor,
    currency,
    status,
    method,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
