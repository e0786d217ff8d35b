-- grain: one row a live figure of the system overview: a count by a name found in the platform
-- `streams` are those whose age is the figure's age; a figure of declared names has none.
{{ config(materialized='table') }}
with handlers as (
    select * from {{ ref('handlers') }}
),

deliveries as (
    select * from {{ ref('fct_pipe_handler_days') }}
),

mutations as (
    select * from {{ ref('fct_mutations') }}
),

payments as (
    select * from {{ ref('fct_payments') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

level_changes as (
    select * from {{ ref('fct_service_level_changes') }}
),

opes as (
    select * from {{ ref('fct_opes') }}
    where deleted_at is null
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

last_days as (
    select
        (select max(observation_date) from deliveries where observation_date < {{ date_of(as_of_timestamp()) }})
            as pipe_day,
        (select max(started_date) from mutations where started_date < {{ date_of(as_of_timestamp()) }})
            as engine_day,
),

counted as (
    select
        'handlers_declared' as fact_id,
        count(distinct handler) as value,
        'handlers' as unit,
        '' as streams,
        'Handlers that the pipe declares' as definition,
    from handlers
    union all
    select
        'decision_leaks_declared',
        count(distinct handler),
        'handlers',
        '',
        'Handlers of the pipe that still decide',
    from handlers
    where is_decision_leak
    union all
    select
        'decision_leak_deliveries',
        coalesce(sum(deliveries.deliveries), 0),
        'deliveries/day',
        'engine.webhook_deliveries',
        'Deliveries to handlers that still decide, on the last complete day',
    from deliveries
    inner join last_days on deliveries.observation_date = last_days.pipe_day
    where deliveries.is_decision_leak
    union all
    select
        'duplicates',
        coalesce(sum(deliveries.duplicates), 0),
        'deliveries/day',
        'engine.webhook_deliveries',
        'Deliveries of an event that had been delivered before, on the last complete day',
    from deliveries
    inner join last_days on deliveries.observation_date = last_days.pipe_day
    union all
    select
        'mutations',
        count(*),
        'runs/day',
        'engine.subs_mutations',
        'Runs of changes_calculator on the last complete day',
    from mutations
    inner join last_days on mutations.started_date = last_days.engine_day
    union all
    select
        'mutations_rolled_back',
        count(*),
        'runs/day',
        'engine.subs_mutations',
        'Runs of changes_calculator rolled back on the last complete day',
    from mutations
    inner join last_days on mutations.started_date = last_days.engine_day
    where mutations.is_rolled_back
    union all
    select
        'level_changes_waiting',
        count(*),
        'records',
        'engine.subs_sslc',
        'Delayed downgrades that wait for their period end, overdue ones apart',
    from level_changes
    where status = 'waiting'
    union all
    select
        'level_changes_overdue',
        count(*),
        'records',
        'engine.subs_sslc',
        'Delayed downgrades unapplied past their moment',
    from level_changes
    where is_overdue
    union all
    select
        'licenses_' || license_form,
        count(*),
        'OPEs',
        'engine.subs_object_products_element',
        'OPEs billed by license form ' || license_form,
    from opes
    where license_form is not null
    group by license_form
    union all
    select
        'renewals_' || recurring_interval,
        count(*),
        'subscriptions',
        'stripe.subscriptions;stripe.subscription_items',
        'Active subscriptions that renew each ' || recurring_interval,
    from subscriptions
    where status = 'active' and recurring_interval is not null
    group by recurring_interval
    union all
    select
        'collection_' || collection_method,
        count(*),
        'subscriptions',
        'stripe.subscriptions',
        'Active subscriptions collected by ' || collection_method,
    from subscriptions
    where status = 'active' and collection_method is not null
    group by collection_method
    union all
    select
        'payments_' || path,
        count(*),
        'attempts',
        'engine.payment_attempts',
        'Payment attempts on record on path ' || path,
    from payments
    where path is not null
    group by path
    union all
    select
        'invoices_' || status,
        count(*),
        'invoices',
        'stripe.invoices',
        'Invoices on record in state ' || status,
    from invoices
    where status is not null
    group by status
    union all
    select
        'finalized_' || finalize_path,
        count(*),
        'invoices',
        'stripe.invoices',
        'Invoices finalized by path ' || finalize_path,
    from invoices
    where finalize_path is not null
    group by finalize_path
    union all
    select
        'account_types',
        count(distinct account_type),
        'types',
        'engine.subs_account;stripe.customers',
        'Account types that at least one account has',
    from accounts
    union all
    select
        'accounts_in_core',
        count(*),
        'accounts',
        'core.accounts',
        'Accounts that the facade knows',
    from accounts
    where is_in_core
    union all
    select
        'accounts_merged',
        count(*),
        'accounts',
        'engine.subs_customer',
        'Accounts that share a Stripe customer with another one',
    from accounts
    where is_merged
),

final as (
    select
        fact_id,
        cast(value as {{ numeric_type() }}) as value,
        unit,
        streams,
        definition,
    from counted
)

select * from final
