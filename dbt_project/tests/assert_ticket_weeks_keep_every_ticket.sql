-- staging = mart: the tickets escalated within the window are the tickets of its weeks.
with weekly_tickets as (
    select * from {{ ref('int_metrics__weekly_tickets') }}
),

issues as (
    select * from {{ ref('stg_jira__issues') }}
),

window_of_weeks as (
    select
        min(week_start_date) as first_day,
        max(week_start_date) as last_week,
        sum(tickets) as tickets,
    from weekly_tickets
),

escalated as (
    select count(*) as tickets
    from issues
    cross join window_of_weeks
    where
        {{ date_of('issues.escalated_at') }} >= window_of_weeks.first_day
        and {{ date_of('issues.escalated_at') }} < {{ date_plus_days('window_of_weeks.last_week', 7) }}
)

select
    window_of_weeks.tickets,
    escalated.tickets as escalated_tickets,
from window_of_weeks
cross join escalated
where coalesce(window_of_weeks.tickets, 0) <> escalated.tickets
