-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'stuck_in_lifting_accounts'
),

lifting as (
    select
        customer_id,
        -- a mark that is no time was set, at the latest, when it was first seen
        coalesce({{ safe_cast_as('lifting', 'timestamp') }}, valid_from) as lifting_at,
        valid_from,
        valid_to,
    from {{ ref('stg_stripe__customers_history') }}
    where not is_deleted and coalesce(lifting, '') <> ''
),

counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join lifting
        on
            {{ is_valid_at('lifting', 'days.day_end_at') }}
            and lifting.lifting_at < days.day_start_at
    group by days.observation_date
),

final as (
    {{ metric_rows('stuck_in_lifting_accounts') }}
)

select * from final
