-- grain: one row a complete UTC day; stock and flow of flagged accounts
with observations as (
    select * from {{ ref('fct_metric_observations') }}
    where dimension = 'all'
),

final as (
    select
        observation_date,
        max(case when metric_id = 'bad_debt_accounts' then value end) as stock,
        max(case when metric_id = 'bad_debt_entries_per_day' then value end) as entries,
        max(case when metric_id = 'bad_debt_exits_per_day' then value end) as exits,
    from observations
    where metric_id in ('bad_debt_accounts', 'bad_debt_entries_per_day', 'bad_debt_exits_per_day')
    group by observation_date
)

select * from final
