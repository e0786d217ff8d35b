-- Grain: one row a scheduled service level change (sslc_id). Overdue is judged at the horizon of the
-- stream, the last moment that is known about it.
with

changes as (

    select * from {{ ref('stg_engine__service_level_changes') }}

),

opes as (

    select * from {{ ref('int_engine__ope_states') }}

),

horizons as (

    select max(last_as_of) as last_as_of from {{ ref('int_time__stream_horizons') }}
    where stream = 'engine.subs_sslc'

)

select
    changes.sslc_id,
    changes.ope_id,
    opes.account_id,
    opes.component,
    opes.state as ope_state,
    changes.from_value,
    changes.to_value,
    changes.effective_at,
    changes.applied_at,
    changes.cancelled_at,
    case
        when changes.cancelled_at is not null then 'cancelled'
        when changes.applied_at is not null then 'applied'
        when changes.effective_at < horizons.last_as_of then 'overdue'
        else 'waiting'
    end as status,
    coalesce(
        changes.cancelled_at is null
        and changes.applied_at is null
        and changes.effective_at < horizons.last_as_of,
        false
    ) as is_overdue,
    case
        when
            changes.cancelled_at is null
            and changes.applied_at is null
            and changes.effective_at < horizons.last_as_of
            then {{ hours_between('changes.effective_at', 'horizons.last_as_of') }}
    end as overdue_hours,
    changes.created_at,
from changes
left join opes on changes.ope_id = opes.ope_id
cross join horizons
