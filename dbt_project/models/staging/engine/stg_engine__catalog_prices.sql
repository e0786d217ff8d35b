-- Grain: one row a catalogue price (catalog_price_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__catalog_prices_history') }}

)

select
    catalog_price_id,
    component,
    value,
    period,
    currency,
    stripe_price_id,
    unit_amount,
    is_active,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
