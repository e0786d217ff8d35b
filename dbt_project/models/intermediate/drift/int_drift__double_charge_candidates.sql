-- grain: one row a day and account that has been charged twice by the end of that day
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'double_charge'
),

double_charges as (
    select * from {{ ref('int_drift__double_charges') }}
),

final as (
    select
        'double_charge' as detector,
        days.observation_date,
        days.day_number,
        double_charges.account_id as entity_id,
        double_charges.account_id,
        'double_charged' as kind,
        cast(null as string) as exclusion_reason,
        double_charges.amount_minor,
        double_charges.currency,
        -- the payments carry their own times, so a double charge may be older than the days looked at
        {{ date_of('double_charges.charged_twice_at') }} as known_since,
    from double_charges
    inner join days on double_charges.charged_twice_at < days.day_end_at
)

select * from final
