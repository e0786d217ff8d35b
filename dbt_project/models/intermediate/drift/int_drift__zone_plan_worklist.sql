-- grain: one row a zone that the zone-plan detector judges in this run, an object or OPE it reads for that, or a load
{{ config(materialized='table') }}
-- As int_drift__stripe_worklist: zones whose plan has agreed with the engine's since the first load
-- are settled and left out; the others are judged again when a new load touches them.
{% set kept = ['int_drift__zone_plan_states'] %}
{% set opes = 'engine.subs_object_products_element' %}
{% set objects = 'engine.subs_object_products' %}
{% set zones = 'core.zones' %}
{% set streams = [opes, objects, zones] %}
{% set since = unjudged_since(streams, kept) %}
-- no end of day before it is observed
with horizons as (
    select max(first_as_of) as observed_from
    from {{ ref('int_time__stream_horizons') }}
    where stream in ('{{ opes }}', '{{ zones }}')
),

loads as (
    {{ loads_to_judge(
        streams, kept, rule_version_of(kept), are_standing(kept)
    ) }}
),

touched_zones as (
    {{ touched(zones, 'zone_id', since) }}
),

touched_opes as (
    {{ touched(opes, 'ope_id', since) }}
),

-- an object that changed, and every object that a changed OPE ever belonged to
touched_objects as (
    {{ touched(objects, 'object_product_id', since) }}
    union distinct
    {{ keys_with(opes, 'object_product_id', 'ope_id', 'touched_opes') }}
),

-- every zone that such an object ever was
zones_of_touched_objects as (
    select object_id as zone_id
    from {{ raw_table(objects) }}
    where
        object_type = 'zone'
        and object_product_id in (select touched_objects.object_product_id from touched_objects)
),

first_zones as (
    select
        zone_id,
        case when status = 'active' and not _is_deleted then {{ plan_rank('plan_level') }} end as www_rank,
        _as_of as valid_from,
    from {{ raw_table(zones) }}
    where {{ came_with('first', zones, since) }}
),

first_objects as (
    select
        object_product_id,
        object_id as zone_id,
    from {{ raw_table(objects) }}
    where
        {{ came_with('first', objects, since) }}
        and object_type = 'zone'
        and not _is_deleted
),

landed_opes as (
    select
        ope_id,
        object_product_id,
        component,
        kind,
        value_phases,
        license_source_id,
        workflow_id,
        deleted_date,
        _as_of,
        _is_deleted,
    from {{ raw_table(opes) }}
    where
        {{ came_with('first', opes, since) }}
        and component = 'zone_plan'
),

stated_opes as (
    {{ stated_opes('landed_opes') }}
),

first_opes as (
    select
        first_objects.zone_id,
        case
            when
                stated_opes.state not in ('cancelled', 'in_flight', 'pending', 'malformed')
                and not stated_opes._is_deleted
                then {{ plan_rank('stated_opes.value_now') }}
        end as engine_rank,
        stated_opes._as_of as valid_from,
    from stated_opes
    inner join first_objects on stated_opes.object_product_id = first_objects.object_product_id
),

-- several OPEs of one zone: when each agrees with it, the best of them does
paired as (
    select
        coalesce(first_zones.zone_id, first_opes.zone_id) as zone_id,
        case
            -- a free zone needs no OPE
            when first_opes.zone_id is null then coalesce(first_zones.www_rank, 0) = 0
            else coalesce(
                first_zones.www_rank = first_opes.engine_rank
                and (
                    first_zones.valid_from = first_opes.valid_from
                    or (
                        first_zones.valid_from <= horizons.observed_from
                        and first_opes.valid_from <= horizons.observed_from
                    )
                ),
                false
            )
        end as is_settled,
    from first_zones
    full outer join first_opes on first_zones.zone_id = first_opes.zone_id
    cross join horizons
),

worked_zones as (
    select zone_id
    from touched_zones
    union distinct
    select zone_id
    from zones_of_touched_objects
    union distinct
    select zone_id
    from paired
    where not is_settled
),

-- whose histories the run needs: named here, so that their number is known when they are read
worked_objects as (
    {{ keys_with(objects, 'object_product_id', 'object_id', 'worked_zones', 'zone_id') }}
    and object_type = 'zone'
),

worked_opes as (
    {{ keys_with(opes, 'ope_id', 'object_product_id', 'worked_objects') }}
),

final as (
    {{ worklist_of({
        'zone': 'worked_zones.zone_id',
        'object': 'worked_objects.object_product_id',
        'ope': 'worked_opes.ope_id',
    }, rule_version_of(kept), since) }}
)

select * from final
