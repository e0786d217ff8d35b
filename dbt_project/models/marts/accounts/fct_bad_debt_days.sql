-- Grain: one row a complete UTC day and account type (observation_date, account_type).
with

days as (

    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'bad_debt_entries_per_day'

),

versions as (

    select
        account_id,
        {{ is_bad_debt_flagged('flags') }} and not is_deleted as is_flagged,
        is_deleted,
        valid_from,
        valid_to,
    from {{ ref('stg_engine__accounts_history') }}

),

types as (

    select
        account_id,
        coalesce(account_type, 'unknown') as account_type,
    from {{ ref('dim_accounts') }}

),

ends as (

    select
        days.observation_date,
        days.day_start_at,
        versions.account_id,
        versions.is_flagged,
        versions.is_deleted,
    from versions
    inner join days on {{ is_valid_at('versions', 'days.day_end_at') }}

),

starts as (

    select
        days.observation_date,
        versions.account_id,
        versions.is_flagged,
    from versions
    inner join days on {{ is_valid_at('versions', 'days.day_start_at') }}
    where not versions.is_deleted

),

flows as (

    select
        ends.observation_date,
        ends.account_id,
        ends.is_flagged,
        ends.is_flagged and not coalesce(starts.is_flagged, false) as is_entry,
        not ends.is_flagged and not ends.is_deleted and coalesce(starts.is_flagged, false) as is_exit,
    from ends
    left join starts
        on
            ends.observation_date = starts.observation_date
            and ends.account_id = starts.account_id
    where ends.is_flagged or coalesce(starts.is_flagged, false)

),

lifting_days as (

    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'stuck_in_lifting_accounts'

),

lifting as (

    select
        customer_id,
        {{ safe_cast_as("nullif(lifting, '')", 'timestamp') }} as lifting_set_at,
        valid_from,
        valid_to,
    from {{ ref('stg_stripe__customers_history') }}
    where not is_deleted and coalesce(lifting, '') <> ''

),

owners as (

    select * from {{ ref('int_accounts__customer_owners') }}

),

counted as (

    select
        flows.observation_date,
        coalesce(types.account_type, 'unknown') as account_type,
        count(case when flows.is_flagged then 1 end) as stock,
        count(case when flows.is_entry then 1 end) as entries,
        count(case when flows.is_exit then 1 end) as exits,
        0 as stuck_in_lifting,
    from flows
    left join types on flows.account_id = types.account_id
    group by flows.observation_date, coalesce(types.account_type, 'unknown')
    union all
    select
        lifting_days.observation_date,
        coalesce(types.account_type, 'unknown') as account_type,
        0 as stock,
        0 as entries,
        0 as exits,
        count(*) as stuck_in_lifting,
    from lifting
    inner join lifting_days on {{ is_valid_at('lifting', 'lifting_days.day_end_at') }}
    left join owners on lifting.customer_id = owners.stripe_customer_id
    left join types on owners.account_id = types.account_id
    where lifting.lifting_set_at < {{ timestamp_plus_hours('lifting_days.day_end_at', -24) }}
    group by lifting_days.observation_date, coalesce(types.account_type, 'unknown')

)

select
    observation_date,
    account_type,
    cast(sum(stock) as bigint) as stock,
    cast(sum(entries) as bigint) as entries,
    cast(sum(exits) as bigint) as exits,
    cast(sum(stuck_in_lifting) as bigint) as stuck_in_lifting,
from counted
group by observation_date, account_type
