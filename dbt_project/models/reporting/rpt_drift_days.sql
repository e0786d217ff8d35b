-- grain: one row a detector, complete UTC day and discrepancy alive on it, open or suspended
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
),

episodes as (
    select * from {{ ref('int_drift__episodes') }}
),

discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
),

alive as (
    select
        days.detector,
        days.observation_date,
        episodes.discrepancy_id,
        episodes.entity_id,
        episodes.kind,
        episodes.opened_on,
        episodes.episode_number,
        episodes.is_opening_stock,
        discrepancy_days.observation_date as open_on,
        discrepancy_days.account_id,
        discrepancy_days.amount_minor,
        discrepancy_days.currency,
    from episodes
    inner join days
        on
            episodes.detector = days.detector
            and episodes.opened_on <= days.observation_date
            and days.day_number <= episodes.last_day_number
    left join discrepancy_days
        on
            episodes.discrepancy_id = discrepancy_days.discrepancy_id
            and days.observation_date = discrepancy_days.observation_date
),

-- as it was known on that day: account and money of the last day it was open by then
final as (
    select
        detector,
        observation_date,
        discrepancy_id,
        entity_id,
        last_value(account_id ignore nulls) over life as account_id,
        kind,
        case
            when open_on is null then 'suspended'
            when open_on = opened_on and not is_opening_stock then 'new'
            else 'persistent'
        end as state,
        min(opened_on) over life as first_seen,
        max(open_on) over life as last_seen,
        episode_number - 1 as reopened,
        first_value(is_opening_stock) over life as is_opening_stock,
        last_value(amount_minor ignore nulls) over life as amount_minor,
        last_value(currency ignore nulls) over life as currency,
    from alive
    window life as (
        partition by discrepancy_id order by observation_date
        rows between unbounded preceding and current row
    )
)

select * from final
