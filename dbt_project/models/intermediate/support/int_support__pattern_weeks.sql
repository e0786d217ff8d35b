-- Grain: one row a pattern and ISO week of the window: (pattern_id, week_start_date), zero-filled.
{{ config(materialized='table') }}
with

patterns as (

    select * from {{ ref('stg_tickets__patterns') }}

),

weeks as (

    select distinct
        iso_week,
        week_start_date,
    from {{ ref('int_metrics__weekly_tickets') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_engineering and pattern_id is not null

),

seen as (

    select
        pattern_id,
        week_start_date,
        count(*) as tickets,
        sum(case when is_engineering_blocked then 1 else 0 end) as engineering_blocked,
        sum(support_cases) as support_cases,
        {{ text_list('issue_key', ',') }} as ticket_keys,
    from tickets
    group by pattern_id, week_start_date

),

lives as (

    select
        pattern_id,
        min(week_start_date) as first_week_start,
        max(week_start_date) as last_week_start,
    from seen
    group by pattern_id

),

record as (

    select min(week_start_date) as first_week_start from {{ ref('fct_tickets') }}
    where is_engineering

),

filled as (

    select
        patterns.pattern_id,
        patterns.category,
        weeks.iso_week,
        weeks.week_start_date,
        coalesce(seen.tickets, 0) as tickets,
        cast(coalesce(seen.engineering_blocked, 0) as bigint) as engineering_blocked,
        cast(coalesce(seen.support_cases, 0) as bigint) as support_cases,
        coalesce(seen.ticket_keys, '') as ticket_keys,
        lives.first_week_start,
        lives.last_week_start,
        record.first_week_start as record_start,
    from patterns
    cross join weeks
    cross join record
    left join lives on patterns.pattern_id = lives.pattern_id
    left join seen
        on
            patterns.pattern_id = seen.pattern_id
            and weeks.week_start_date = seen.week_start_date

),

compared as (

    select
        *,
        lag(tickets) over (partition by pattern_id order by week_start_date) as tickets_before,
        avg(tickets) over (
            partition by pattern_id
            order by week_start_date
            rows between 4 preceding and 1 preceding
        ) as usual_tickets,
    from filled

)

select
    pattern_id,
    category,
    iso_week,
    week_start_date,
    tickets,
    tickets - tickets_before as change,
    engineering_blocked,
    support_cases,
    ticket_keys,
    first_week_start,
    last_week_start,
    -- New only where the record reaches two weeks further back; gone after two silent weeks.
    case
        when first_week_start is null or first_week_start > week_start_date then 'not_yet_seen'
        when
            first_week_start = week_start_date
            and record_start < {{ date_plus_days('week_start_date', -13) }}
            then 'new'
        when tickets = 0 and coalesce(tickets_before, 0) = 0 then 'gone'
        when tickets = 0 then 'silent'
        when usual_tickets is null then 'steady'
        when tickets >= usual_tickets + 2 and tickets > 1.5 * usual_tickets then 'growing'
        when tickets <= usual_tickets - 2 and 1.5 * tickets < usual_tickets then 'shrinking'
        else 'steady'
    end as state,
from compared
