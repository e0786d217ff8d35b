-- grain: one row an episode: a discrepancy from the day it opened until the day it was gone
{{ config(materialized='table') }}
-- Days on which the entity is excluded suspend an episode: they neither end it nor begin one.
with candidates as (
    select * from {{ ref('int_drift__candidates') }}
),

open_days as (
    select
        detector,
        discrepancy_id,
        entity_id,
        kind,
        observation_date,
        day_number,
        known_since,
    from candidates
    where exclusion_reason is null
),

discrepancies as (
    select distinct
        detector,
        discrepancy_id,
        entity_id,
        kind,
    from open_days
),

suspended_days as (
    select
        discrepancies.detector,
        discrepancies.discrepancy_id,
        discrepancies.entity_id,
        discrepancies.kind,
        candidates.observation_date,
        candidates.day_number,
        cast(null as date) as known_since,
    from discrepancies
    inner join candidates
        on
            discrepancies.detector = candidates.detector
            and discrepancies.entity_id = candidates.entity_id
    where candidates.exclusion_reason is not null
),

life_days as (
    select
        *,
        true as is_open,
    from open_days
    union all
    select
        *,
        false as is_open,
    from suspended_days
),

-- consecutive observed days share the difference between day number and position
islands as (
    select
        *,
        day_number - row_number() over (
            partition by discrepancy_id order by day_number
        ) as island,
    from life_days
),

episodes as (
    select
        detector,
        discrepancy_id,
        min(entity_id) as entity_id,
        min(kind) as kind,
        min(case when is_open then observation_date end) as first_open_on,
        min(known_since) as known_since,
        max(case when is_open then observation_date end) as last_open_on,
        min(case when is_open then day_number end) as first_day_number,
        max(day_number) as last_day_number,
        cast(sum(case when is_open then 1 else 0 end) as bigint) as days_open,
    from islands
    group by detector, discrepancy_id, island
),

final as (
    select
        detector,
        discrepancy_id,
        entity_id,
        kind,
        -- older than the days looked at: it opened, and has been open, since it is known
        least(first_open_on, coalesce(known_since, first_open_on)) as opened_on,
        last_open_on,
        last_day_number,
        -- open on the first day anybody looked: nobody knows since when
        first_day_number = 1 and known_since is null as is_opening_stock,
        days_open
        + {{ days_between('least(first_open_on, coalesce(known_since, first_open_on))', 'first_open_on') }}
            as days_open,
        row_number() over (partition by discrepancy_id order by first_open_on) as episode_number,
    from episodes
    where first_open_on is not null
)

select * from final
