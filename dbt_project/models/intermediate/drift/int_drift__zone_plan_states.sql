-- grain: one row a zone that is not settled and interval between changes of the zone or of the OPEs of its plan
{{ config(
    materialized='kept',
    worklist='int_drift__zone_plan_worklist',
    entity_kind='zone',
    entity_key='zone_id',
) }}
-- Zones that agree and never changed are no rows here: int_drift__zone_plan_worklist leaves them out.
-- depends_on: {{ ref('int_drift__zone_plan_worklist') }}
with zones as (
    select
        zone_id,
        account_id,
        plan_level,
        status,
        case when is_deleted then valid_from else updated_at end as changed_at,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('int_drift__zone_plan_followed_zones') }}
),

opes as (
    select * from {{ ref('int_drift__zone_plan_followed_opes') }}
),

-- a deletion may carry the key alone, so the end of a version is a point as well as its beginning
points as (
    select
        zone_id,
        valid_from as state_from,
    from zones
    union distinct
    select
        zone_id,
        valid_from,
    from opes
    union distinct
    select
        zone_id,
        valid_to,
    from opes
    where valid_to is not null
),

intervals as (
    select
        zone_id,
        state_from,
        coalesce(
            lead(state_from) over (partition by zone_id order by state_from),
            {{ end_of_time() }}
        ) as state_to,
    from points
),

-- the engine's side: the best plan among the live OPEs, and what else is going on
engine_sides as (
    select
        intervals.zone_id,
        intervals.state_from,
        min(case when opes.state <> 'cancelled' then opes.account_id end) as account_id,
        max(case
            when opes.state not in ('cancelled', 'in_flight', 'pending', 'malformed')
                then {{ plan_rank('opes.value_now') }}
        end) as live_rank,
        max(case
            when opes.state in ('in_flight', 'pending') then {{ plan_rank('opes.value_now') }}
        end) as moving_rank,
        max(case when opes.state in ('in_flight', 'pending') then 1 else 0 end) as has_moving,
        max(case when opes.state = 'malformed' then 1 else 0 end) as has_malformed,
        max(opes.updated_at) as changed_at,
    from intervals
    inner join opes
        on
            intervals.zone_id = opes.zone_id
            and {{ is_valid_at('opes', 'intervals.state_from') }}
    where not opes.is_deleted
    group by intervals.zone_id, intervals.state_from
),

sides as (
    select
        intervals.zone_id,
        intervals.state_from,
        intervals.state_to,
        coalesce(zones.account_id, engine_sides.account_id) as account_id,
        case when zones.status = 'active' and not zones.is_deleted then {{ plan_rank('zones.plan_level') }} end as www_rank,
        coalesce(engine_sides.live_rank, engine_sides.moving_rank) as engine_rank,
        coalesce(engine_sides.has_moving, 0) = 1 as is_in_flight,
        coalesce(engine_sides.has_malformed, 0) = 1
        and engine_sides.live_rank is null as is_malformed,
        zones.changed_at as zone_changed_at,
        engine_sides.changed_at as ope_changed_at,
    from intervals
    left join zones
        on
            intervals.zone_id = zones.zone_id
            and {{ is_valid_at('zones', 'intervals.state_from') }}
    left join engine_sides
        on
            intervals.zone_id = engine_sides.zone_id
            and intervals.state_from = engine_sides.state_from
),

final as (
    select
        zone_id,
        account_id,
        www_rank,
        engine_rank,
        is_in_flight,
        is_malformed,
        zone_changed_at,
        ope_changed_at,
        case
            when www_rank > 0 and engine_rank is null then 'missing_in_engine'
            when engine_rank > 0 and www_rank is null then 'missing_in_www'
            when www_rank > engine_rank then 'plan_above_engine'
            when www_rank < engine_rank then 'plan_below_engine'
        end as would_be_kind,
        state_from as valid_from,
        state_to as valid_to,
    from sides
)

select * from final
