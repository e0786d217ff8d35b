-- grain: one row a zone that the zone-plan detector judges in this run, or a load that it reads
{{ config(materialized='table') }}
-- As int_drift__stripe_worklist: zones whose plan has agreed with the engine's since the first load
-- are settled and left out; the others are judged again when a new load touches them.
{% set kept = ['int_drift__zone_plan_states'] %}
{% set opes = 'engine.subs_object_products_element' %}
{% set objects = 'engine.subs_object_products' %}
{% set zones = 'core.zones' %}
{#- Not CTEs: DuckDB would write down each whole table that is read twice. #}
{% set raw_opes = source('raw', 'engine__subs_object_products_element') %}
{% set raw_objects = source('raw', 'engine__subs_object_products') %}
{% set raw_zones = source('raw', 'core__zones') %}
with -- no end of day before it is observed
horizons as (
    select max(first_as_of) as observed_from
    from {{ ref('int_time__stream_horizons') }}
    where stream in ('{{ opes }}', '{{ zones }}')
),

loads as (
    {{ loads_to_judge(
        [opes, objects, zones], kept, rule_version_of(kept), are_standing(kept)
    ) }}
),

-- first loads are new all together or not at all
settling_loads as (
    select
        stream,
        load_id,
    from loads
    where is_first and is_new
),

touching_loads as (
    select
        stream,
        load_id,
    from loads
    where is_new and not is_first
),

touched_zones as (
    select distinct zone_id
    from {{ raw_zones }} as raw_zones
    where _load_id in (select load_id from touching_loads where stream = '{{ zones }}')
),

touched_opes as (
    select distinct ope_id
    from {{ raw_opes }} as raw_opes
    where _load_id in (select load_id from touching_loads where stream = '{{ opes }}')
),

-- an object that changed, and every object that a changed OPE ever belonged to
touched_objects as (
    select object_product_id
    from {{ raw_objects }} as raw_objects
    where _load_id in (select load_id from touching_loads where stream = '{{ objects }}')
    union distinct
    select object_product_id
    from {{ raw_opes }} as raw_opes
    where ope_id in (select ope_id from touched_opes)
),

-- every zone that such an object ever was
zones_of_touched_objects as (
    select object_id as zone_id
    from {{ raw_objects }} as raw_objects
    where
        object_type = 'zone'
        and object_product_id in (select object_product_id from touched_objects)
),

first_zones as (
    select
        zone_id,
        case when status = 'active' and not _is_deleted then {{ plan_rank('plan_level') }} end as www_rank,
        _as_of as valid_from,
    from {{ raw_zones }} as raw_zones
    where _load_id in (select load_id from settling_loads where stream = '{{ zones }}')
),

first_objects as (
    select
        object_product_id,
        object_id as zone_id,
    from {{ raw_objects }} as raw_objects
    where
        _load_id in (select load_id from settling_loads where stream = '{{ objects }}')
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
    from {{ raw_opes }} as raw_opes
    where
        _load_id in (select load_id from settling_loads where stream = '{{ opes }}')
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
    select zone_id as entity_id
    from touched_zones
    union distinct
    select zone_id
    from zones_of_touched_objects
    union distinct
    select zone_id
    from paired
    where not is_settled
),

final as (
    select
        'zone' as entity_kind,
        entity_id,
        true as is_new,
        cast(null as string) as rule_version,
    from worked_zones
    where entity_id is not null
    union all
    select
        'load',
        load_id,
        is_new,
        {{ rule_version_of(kept) }},
    from loads
)

select * from final
