-- Grain: one row a committed version of a product probation: (probation_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_product_probation') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_product_probation'

)

select
    source.probation_id,
    source.account_id,
    source.component,
    source.reason,
    source.started_at,
    source.ended_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.probation_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
