-- grain: one row an ISO week of the window and ticket category, by the week of escalation
with weekly_tickets as (
    select * from {{ ref('int_metrics__weekly_tickets') }}
),

final as (
    select
        iso_week,
        week_start_date,
        category,
        tickets,
        engineering_blocked,
    from weekly_tickets
)

select * from final
