-- Stock, entries and exits of bad debt, summed over account types, are the metrics of those names.
with bad_debt_days as (
    select
        observation_date,
        sum(stock) as stock,
        sum(entries) as entries,
        sum(exits) as exits,
        sum(stuck_in_lifting) as stuck_in_lifting,
    from {{ ref('fct_bad_debt_days') }}
    group by observation_date
),

observations as (
    select * from {{ ref('fct_metric_observations') }}
    where dimension = 'all'
),

compared as (
    select
        observations.metric_id,
        observations.observation_date,
        observations.value,
        case observations.metric_id
            when 'bad_debt_entries_per_day' then bad_debt_days.entries
            when 'bad_debt_exits_per_day' then bad_debt_days.exits
            when 'bad_debt_accounts' then bad_debt_days.stock
            else bad_debt_days.stuck_in_lifting
        end as counted,
    from observations
    left join bad_debt_days on observations.observation_date = bad_debt_days.observation_date
    where
        observations.metric_id in (
            'bad_debt_entries_per_day',
            'bad_debt_exits_per_day',
            'bad_debt_accounts',
            'stuck_in_lifting_accounts'
        )
)

select * from compared
where
    value <> coalesce(counted, 0)
    -- the flow needs the day before, so the stock may know one day more
    and not (metric_id in ('bad_debt_accounts', 'stuck_in_lifting_accounts') and counted is null)
