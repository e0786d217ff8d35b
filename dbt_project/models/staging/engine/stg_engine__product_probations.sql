-- Grain: one row a product probation (probation_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__product_probations_history') }}

)

select
    probation_id,
    account_id,
    component,
    reason,
    started_at,
    ended_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
