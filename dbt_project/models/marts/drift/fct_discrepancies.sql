-- grain: one row a discrepancy: detector, entity and kind, with its life up to the last complete day
{{ config(materialized='table') }}
with discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
),


episodes as (
    select * from {{ ref('int_drift__episodes') }}
),

last_days as (
    select
        detector,
        observation_date,
        day_number,
    from {{ ref('int_drift__days') }}
    where is_last_day
),

lives as (
    select
        discrepancy_id,
        min(opened_on) as first_seen,
        max(last_open_on) as last_seen,
        max(case when not is_opening_stock then opened_on end) as last_opened_on,
        max(opened_on) as last_episode_opened_on,
        max(case when is_opening_stock then 1 else 0 end) = 1 as is_opening_stock,
        max(last_day_number) as last_day_number,
        sum(days_open) as days_open,
        count(*) - 1 as reopened,
    from episodes
    group by discrepancy_id
),

-- account and money as on the last day the discrepancy was open
last_open_days as (
    select
        discrepancy_days.*,
    from discrepancy_days
    inner join lives
        on
            discrepancy_days.discrepancy_id = lives.discrepancy_id
            and discrepancy_days.observation_date = lives.last_seen
),

final as (
    select
        last_open_days.detector,
        last_open_days.discrepancy_id,
        last_open_days.entity_id,
        last_open_days.account_id,
        last_open_days.kind,
        lives.first_seen,
        lives.last_seen,
        lives.days_open,
        lives.reopened,
        lives.is_opening_stock,
        lives.last_episode_opened_on,
        case
            when
                lives.last_seen = last_days.observation_date
                and lives.last_opened_on = last_days.observation_date
                then 'new'
            when lives.last_seen = last_days.observation_date then 'persistent'
            -- still in its episode, on a day that excludes it
            when lives.last_day_number = last_days.day_number then 'suspended'
            else 'resolved'
        end as state,
        last_open_days.amount_minor,
        last_open_days.currency,
        last_days.observation_date as value_date,
    from last_open_days
    inner join lives on last_open_days.discrepancy_id = lives.discrepancy_id
    inner join last_days on last_open_days.detector = last_days.detector
)

select
    detector,
    discrepancy_id,
    entity_id,
    account_id,
    kind,
    first_seen,
    last_seen,
    cast(days_open as bigint) as days_open,
    cast(reopened as bigint) as reopened,
    state,
    is_opening_stock,
    last_episode_opened_on as last_opened_on,
    amount_minor,
    currency,
    value_date,
from final
