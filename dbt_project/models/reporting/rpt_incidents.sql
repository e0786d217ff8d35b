-- grain: one row an incident: a cause that alerts were raised for
-- A view: an incident shows as soon as it is recorded.
with incidents as (
    select * from {{ source('ops', 'incidents') }}
),

final as (
    select
        incident_id,
        cause_kind,
        cause,
        severity,
        state,
        owner,
        opened_at,
        resolved_at,
        metrics,
        message,
    from incidents
)

select * from final
