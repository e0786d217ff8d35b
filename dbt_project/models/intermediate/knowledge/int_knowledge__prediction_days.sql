-- grain: one row a metric, dimension and complete UTC day that a prediction may name
-- Beside the metrics themselves: `new` (the daily flow behind a cumulative count), tickets of one
-- category that reached engineering on the day, and accounts with access that nobody pays for.
with observations as (
    select * from {{ ref('fct_metric_observations') }}
),

metric_days as (
    select * from {{ ref('int_time__metric_days') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
    where is_engineering
),

categories as (
    select * from {{ ref('ticket_categories') }}
),

discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
),

increases as (
    select
        metric_id,
        observation_date,
        value - lag(value) over (
            partition by metric_id
            order by observation_date
        ) as value,
    from observations
    where metric_id = 'double_charged_accounts' and dimension = 'all'
),

ticket_days as (
    select
        metric_days.observation_date,
        categories.category,
        count(tickets.issue_id) as value,
    from metric_days
    cross join categories
    left join tickets
        on
            metric_days.observation_date = tickets.escalated_date
            and categories.category = tickets.category
    where metric_days.metric_id = 'engineering_tickets_per_month'
    group by metric_days.observation_date, categories.category
),

unpaid_access_days as (
    select
        metric_days.observation_date,
        count(distinct discrepancy_days.account_id) as value,
    from metric_days
    left join discrepancy_days
        on
            metric_days.observation_date = discrepancy_days.observation_date
            and discrepancy_days.detector = 'entitlement'
            and discrepancy_days.kind in ('granted_but_unpaid', 'kept_after_bad_debt')
    where metric_days.metric_id = 'entitlement_drift_accounts'
    group by metric_days.observation_date
),

final as (
    select
        metric_id,
        dimension,
        observation_date,
        value,
    from observations
    union all
    select
        metric_id,
        'new' as dimension,
        observation_date,
        value,
    from increases
    where value is not null
    union all
    select
        'engineering_tickets_per_month' as metric_id,
        'new_' || category as dimension,
        observation_date,
        cast(value as {{ numeric_type() }}) as value,
    from ticket_days
    union all
    select
        'entitlement_drift_accounts' as metric_id,
        'without_payment' as dimension,
        observation_date,
        cast(value as {{ numeric_type() }}) as value,
    from unpaid_access_days
)

select * from final
