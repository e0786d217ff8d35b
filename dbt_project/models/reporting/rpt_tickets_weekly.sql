-- grain: one row an ISO week of the window and ticket category, by the week of escalation
with weekly_tickets as (
    select * from {{ ref('int_metrics__weekly_tickets') }}
),

classifier_errors as (
    select * from {{ ref('int_support__classifier_errors') }}
),

final as (
    select
        weekly_tickets.iso_week,
        weekly_tickets.week_start_date,
        weekly_tickets.category,
        weekly_tickets.tickets,
        weekly_tickets.engineering_blocked,
        weekly_tickets.tickets - lag(weekly_tickets.tickets) over (
            partition by weekly_tickets.category
            order by weekly_tickets.week_start_date
        ) as change,
        cast(
            round(
                100.0 * weekly_tickets.engineering_blocked / nullif(weekly_tickets.tickets, 0), 1
            ) as {{ numeric_type() }}
        ) as engineering_blocked_percent,
        weekly_tickets.sure_tickets,
        cast(
            round(weekly_tickets.tickets * classifier_errors.right_share) as bigint
        ) as tickets_low,
        cast(
            round(weekly_tickets.tickets / classifier_errors.found_share) as bigint
        ) as tickets_high,
        weekly_tickets.support_cases,
        weekly_tickets.ticket_keys,
    from weekly_tickets
    left join classifier_errors on weekly_tickets.category = classifier_errors.category
)

select * from final
