-- Grain: one row a product probation (probation_id).
with

probations as (

    select * from {{ ref('stg_engine__product_probations') }}

),

horizons as (

    select max(last_as_of) as last_as_of from {{ ref('int_time__stream_horizons') }}
    where stream = 'engine.subs_product_probation'

)

select
    probations.probation_id,
    probations.account_id,
    probations.component,
    probations.reason,
    probations.started_at,
    probations.ended_at,
    probations.ended_at is null or probations.ended_at > horizons.last_as_of as is_running,
    {{ hours_between(
        'probations.started_at', 'coalesce(probations.ended_at, horizons.last_as_of)'
    ) }} as lasted_hours,
from probations
cross join horizons
