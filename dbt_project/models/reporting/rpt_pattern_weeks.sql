-- grain: one row a pattern and ISO week of the window, zero-filled
with pattern_weeks as (
    select * from {{ ref('int_support__pattern_weeks') }}
),

final as (
    select
        pattern_id,
        category,
        iso_week,
        week_start_date,
        tickets,
        change,
        engineering_blocked,
        support_cases,
        state,
        ticket_keys,
    from pattern_weeks
)

select * from final
