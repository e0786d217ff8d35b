-- grain: one row a discrepancy and day on which it is open
{{ config(materialized='table') }}
with candidates as (
    select * from {{ ref('int_drift__candidates') }}
    where exclusion_reason is null
),

episodes as (
    select * from {{ ref('int_drift__episodes') }}
),

final as (
    select
        candidates.detector,
        candidates.observation_date,
        candidates.discrepancy_id,
        candidates.entity_id,
        candidates.account_id,
        candidates.kind,
        episodes.opened_on is not null and not episodes.is_opening_stock as is_new,
        coalesce(episodes.is_opening_stock, false) as is_opening_stock,
        episodes.episode_number > 1 as is_reopened,
        candidates.amount_minor,
        candidates.currency,
    from candidates
    left join episodes
        on
            candidates.discrepancy_id = episodes.discrepancy_id
            and candidates.observation_date = episodes.opened_on
)

select
    detector,
    observation_date,
    discrepancy_id,
    entity_id,
    account_id,
    kind,
    coalesce(is_new, false) as is_new,
    is_opening_stock,
    coalesce(is_reopened, false) as is_reopened,
    amount_minor,
    currency,
from final
