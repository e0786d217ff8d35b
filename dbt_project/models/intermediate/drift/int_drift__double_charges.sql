-- grain: one row an account that paid a consolidated invoice and an original that it consolidates
{{ config(materialized='table') }}
-- A discrepancy is an account's: a pair whose consolidated invoice names no account stays in the mart.
with double_charges as (
    select * from {{ ref('int_billing__double_charges') }}
    where account_id is not null
),

final as (
    select
        account_id,
        min(charged_twice_at) as charged_twice_at,
        count(*) as double_charges,
        -- what was taken twice: the originals' share, known when all are of one currency
        case
            when min(currency) = max(currency) and count(currency) = count(*)
                then cast(sum(amount_charged_twice_minor) as bigint)
        end as amount_minor,
        case
            when min(currency) = max(currency) and count(currency) = count(*) then min(currency)
        end as currency,
    from double_charges
    group by account_id
)

select * from final
