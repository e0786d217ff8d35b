-- Grain: one row an account that any of the three stores marks as bad debt, or that is being lifted
-- (account_id). The combination has a digit a store: flag, customer timestamp, Stripe metadata.
with

accounts as (

    select * from {{ ref('dim_accounts') }}
    where
        bad_debt_combination <> '000'
        or is_lifting

),

debts as (

    select
        account_id,
        count(case when shown_open_minor > 0 then 1 end) as open_invoices,
        count(case when status = 'uncollectible' then 1 end) as uncollectible_invoices,
        cast(sum(shown_open_minor) as bigint) as shown_open_minor,
        cast(sum(owed_minor) as bigint) as owed_minor,
        min(marked_uncollectible_at) as first_uncollectible_at,
    from {{ ref('fct_invoices') }}
    where account_id is not null
    group by account_id

),

horizons as (

    select max(last_as_of) as last_as_of from {{ ref('int_time__stream_horizons') }}
    where stream = 'stripe.customers'

)

select
    accounts.account_id,
    accounts.stripe_customer_id,
    accounts.account_type,
    accounts.is_merged,
    accounts.is_bad_debt_flagged,
    accounts.customer_bad_debt_at,
    accounts.is_bad_debt_in_stripe,
    accounts.bad_debt_combination,
    accounts.bad_debt_combination in ('000', '111') as is_consistent,
    accounts.is_lifting,
    accounts.lifting_set_at,
    coalesce(
        accounts.is_lifting
        and accounts.lifting_set_at < {{ timestamp_plus_hours('horizons.last_as_of', -24) }},
        false
    ) as is_stuck_in_lifting,
    accounts.core_status,
    accounts.dunning_retry_count,
    accounts.dunning_escalation_level,
    coalesce(debts.open_invoices, 0) as open_invoices,
    coalesce(debts.uncollectible_invoices, 0) as uncollectible_invoices,
    coalesce(debts.shown_open_minor, 0) as shown_open_minor,
    coalesce(debts.owed_minor, 0) as owed_minor,
    accounts.currency,
    debts.first_uncollectible_at,
from accounts
left join debts on accounts.account_id = debts.account_id
cross join horizons
