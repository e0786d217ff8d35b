-- grain: one row a pattern over the window of twelve complete ISO weeks
with patterns as (
    select * from {{ ref('stg_tickets__patterns') }}
),

pattern_weeks as (
    select * from {{ ref('int_support__pattern_weeks') }}
),

classifier_errors as (
    select * from {{ ref('int_support__classifier_errors') }}
),

numbered_weeks as (
    select
        *,
        row_number() over (partition by pattern_id order by week_start_date desc) as weeks_ago,
        row_number() over (partition by pattern_id order by week_start_date)
        - (count(*) over (partition by pattern_id) + 1) / 2.0 as distance,
    from pattern_weeks
),

totals as (
    select
        numbered_weeks.pattern_id,
        sum(numbered_weeks.tickets) as tickets,
        sum(case when numbered_weeks.tickets > 0 then 1 else 0 end) as evidence_entries,
        sum(numbered_weeks.engineering_blocked) as engineering_blocked,
        sum(numbered_weeks.support_cases) as support_cases,
        min(numbered_weeks.first_week_start) as first_week_start,
        max(numbered_weeks.last_week_start) as last_week_start,
        max(case when numbered_weeks.weeks_ago = 1 then numbered_weeks.tickets end) as last_tickets,
        max(case when numbered_weeks.weeks_ago = 1 then numbered_weeks.state end) as state,
        min(numbered_weeks.week_start_date) as window_start,
        {{ date_plus_days('max(numbered_weeks.week_start_date)', 6) }} as window_end,
        {{ ticket_trend('numbered_weeks.distance', 'numbered_weeks.tickets') }} as trend,
        {{ ticket_trend_margin(
            'numbered_weeks.distance',
            'numbered_weeks.tickets',
            'classifier_errors.error_variance',
        ) }} as margin,
    from numbered_weeks
    left join classifier_errors on numbered_weeks.category = classifier_errors.category
    group by numbered_weeks.pattern_id
),

final as (
    select
        patterns.pattern_id,
        patterns.category,
        patterns.title,
        patterns.description,
        patterns.detection_rule,
        patterns.display_order,
        {{ iso_week_label('totals.first_week_start') }} as first_week,
        {{ iso_week_label('totals.last_week_start') }} as last_week,
        cast(coalesce(totals.evidence_entries, 0) as bigint) as evidence_entries,
        cast(coalesce(totals.tickets, 0) as bigint) as tickets,
        cast(coalesce(totals.last_tickets, 0) as bigint) as last_tickets,
        cast(coalesce(totals.engineering_blocked, 0) as bigint) as engineering_blocked,
        cast(coalesce(totals.support_cases, 0) as bigint) as support_cases,
        coalesce(totals.state, 'not_yet_seen') as state,
        {{ ticket_trend_columns('totals') }},
        totals.window_start,
        totals.window_end,
    from patterns
    left join totals on patterns.pattern_id = totals.pattern_id
)

select * from final
