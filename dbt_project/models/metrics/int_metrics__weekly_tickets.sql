-- grain: one row an ISO week of the window and ticket category; zero when no ticket fell in it
-- The window is the last twelve ISO weeks that ended by the horizon of the ticket stream.
{{ config(materialized='table') }}
with escalated_tickets as (
    select * from {{ ref('fct_tickets') }}
    where is_engineering
),

ticket_categories as (
    select * from {{ ref('ticket_categories') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

horizon as (
    select
        {{ iso_week_start(date_of('last_as_of')) }} as first_open_week,
    from stream_horizons
    where stream = 'jira.issues'
),

weeks as (
    select cast(week_day as date) as week_start_date
    from horizon, {{ unnest_array(
        days_between_array(date_plus_days('first_open_week', -84), date_plus_days('first_open_week', -7)),
        'week_day',
    ) }}
    where cast(week_day as date) = {{ iso_week_start('cast(week_day as date)') }}
),

tickets as (
    select
        escalated_tickets.week_start_date,
        coalesce(ticket_categories.category, 'unclassified') as category,
        escalated_tickets.is_engineering_blocked,
        coalesce(escalated_tickets.is_sure, false) as is_sure,
        escalated_tickets.support_cases,
        escalated_tickets.issue_key,
    from escalated_tickets
    left join ticket_categories on escalated_tickets.category = ticket_categories.category
),

counted as (
    select
        week_start_date,
        category,
        count(*) as tickets,
        sum(case when is_engineering_blocked then 1 else 0 end) as engineering_blocked,
        sum(case when is_sure then 1 else 0 end) as sure_tickets,
        sum(support_cases) as support_cases,
        {{ text_list('issue_key', ',') }} as ticket_keys,
    from tickets
    group by week_start_date, category
),

final as (
    select
        {{ iso_week_label('weeks.week_start_date') }} as iso_week,
        weeks.week_start_date,
        ticket_categories.category,
        coalesce(counted.tickets, 0) as tickets,
        cast(coalesce(counted.engineering_blocked, 0) as bigint) as engineering_blocked,
        cast(coalesce(counted.sure_tickets, 0) as bigint) as sure_tickets,
        cast(coalesce(counted.support_cases, 0) as bigint) as support_cases,
        coalesce(counted.ticket_keys, '') as ticket_keys,
    from weeks
    cross join ticket_categories
    left join counted
        on
            weeks.week_start_date = counted.week_start_date
            and ticket_categories.category = counted.category
)

select * from final
