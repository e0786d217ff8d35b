-- grain: one row a ticket category over the window of twelve complete ISO weeks
with weekly_tickets as (
    select * from {{ ref('int_metrics__weekly_tickets') }}
),

ticket_categories as (
    select * from {{ ref('ticket_categories') }}
),

classifier_errors as (
    select * from {{ ref('int_support__classifier_errors') }}
),

numbered_weeks as (
    select
        category,
        week_start_date,
        tickets,
        row_number() over (partition by category order by week_start_date)
        - (count(*) over (partition by category) + 1) / 2.0 as distance,
    from weekly_tickets
),

trends as (
    select
        numbered_weeks.category,
        {{ ticket_trend('numbered_weeks.distance', 'numbered_weeks.tickets') }} as trend,
        {{ ticket_trend_margin(
            'numbered_weeks.distance',
            'numbered_weeks.tickets',
            'classifier_errors.error_variance',
        ) }} as margin,
    from numbered_weeks
    left join classifier_errors on numbered_weeks.category = classifier_errors.category
    group by numbered_weeks.category
),

totals as (
    select
        category,
        sum(tickets) as tickets,
        sum(engineering_blocked) as engineering_blocked,
        sum(sure_tickets) as sure_tickets,
        sum(support_cases) as support_cases,
        min(week_start_date) as window_start,
        {{ date_plus_days('max(week_start_date)', 6) }} as window_end,
    from weekly_tickets
    group by category
),

grand_total as (
    select sum(tickets) as tickets
    from weekly_tickets
),

ranked_weeks as (
    select
        category,
        iso_week,
        tickets,
        row_number() over (partition by category order by tickets desc, week_start_date) as place,
    from weekly_tickets
),

final as (
    select
        ticket_categories.category,
        ticket_categories.title,
        ticket_categories.workstream,
        ticket_categories.link,
        ticket_categories.mechanism,
        cast(ticket_categories.display_order as bigint) as display_order,
        cast(coalesce(totals.tickets, 0) as bigint) as tickets,
        cast(
            round(100.0 * totals.tickets / nullif(grand_total.tickets, 0), 1) as {{ numeric_type() }}
        ) as share_percent,
        case when ranked_weeks.tickets > 0 then ranked_weeks.iso_week end as peak_week,
        ranked_weeks.tickets as peak_tickets,
        cast(coalesce(totals.engineering_blocked, 0) as bigint) as engineering_blocked,
        cast(
            round(100.0 * totals.engineering_blocked / nullif(totals.tickets, 0), 1) as {{ numeric_type() }}
        ) as engineering_blocked_percent,
        totals.window_start,
        totals.window_end,
        ticket_categories.metric_id,
        cast(
            round(totals.tickets * classifier_errors.right_share) as bigint
        ) as tickets_low,
        cast(
            round(totals.tickets / classifier_errors.found_share) as bigint
        ) as tickets_high,
        cast(coalesce(totals.sure_tickets, 0) as bigint) as sure_tickets,
        cast(coalesce(totals.support_cases, 0) as bigint) as support_cases,
        cast(
            round(1.0 * totals.support_cases / nullif(totals.tickets, 0), 2) as {{ numeric_type() }}
        ) as cases_per_ticket,
        {{ ticket_trend_columns('trends') }},
    from ticket_categories
    cross join grand_total
    left join totals on ticket_categories.category = totals.category
    left join trends on ticket_categories.category = trends.category
    left join classifier_errors on ticket_categories.category = classifier_errors.category
    left join ranked_weeks
        on
            ticket_categories.category = ranked_weeks.category
            and ranked_weeks.place = 1
)

select * from final
