-- Grain: one row a committed version of a catalogue price: (catalog_price_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__catalog_prices') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.catalog_prices'

)

select
    source.catalog_price_id,
    source.component,
    source.value,
    source.period,
    source.currency,
    source.stripe_price_id,
    source.unit_amount,
    source.is_active,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.catalog_price_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
