-- Grain: one row an account, moment, store, event and entity: what happened to the account, in any store.
with

engine_accounts as (

    select * from {{ ref('stg_engine__accounts_history') }}

),

customer_rows as (

    select * from {{ ref('stg_engine__customers') }}

),

dunning as (

    select * from {{ ref('stg_engine__dunning_states') }}

),

opes as (

    select * from {{ ref('int_ope__state_history') }}

),

mutations as (

    select * from {{ ref('stg_engine__mutations') }}

),

attempts as (

    select * from {{ ref('stg_engine__payment_attempts') }}

),

mandates as (

    select * from {{ ref('stg_engine__mandates') }}

),

probations as (

    select * from {{ ref('stg_engine__product_probations') }}

),

ledger_invoices as (

    select * from {{ ref('stg_billing__invoices') }}

),

charges as (

    select * from {{ ref('stg_billing__charges') }}

),

schedules as (

    select * from {{ ref('stg_billing__schedules') }}

),

core_accounts as (

    select * from {{ ref('stg_core__accounts') }}

),

zones as (

    select * from {{ ref('stg_core__zones_history') }}

),

entitlements as (

    select * from {{ ref('stg_core__entitlements_history') }}

),

customers as (

    select * from {{ ref('stg_stripe__customers_history') }}

),

owners as (

    select * from {{ ref('int_accounts__customer_owners') }}

),

subscriptions as (

    select * from {{ ref('fct_subscriptions') }}

),

invoices as (

    select * from {{ ref('fct_invoices') }}

),

happened as (

    select
        account_id,
        valid_from as happened_at,
        'subs_account' as store,
        'account changed' as event,
        account_id as entity_id,
        'type ' || coalesce(account_type, 'none') || ', flags ' || cast(flags as string) || case when {{ is_bad_debt_flagged('flags') }} then ' (bad debt)' else '' end as detail,
        true as is_time_of_sight,
    from engine_accounts
    where not is_deleted
    union all
    select
        account_id,
        valid_from as happened_at,
        'subs_account' as store,
        'account gone' as event,
        account_id as entity_id,
        'no longer in the engine' as detail,
        true as is_time_of_sight,
    from engine_accounts
    where is_deleted
    union all
    select
        account_id,
        created_at as happened_at,
        'subs_customer' as store,
        'customer row written' as event,
        customer_row_id as entity_id,
        coalesce(stripe_customer_id, 'no Stripe customer') || ', by ' || coalesce(written_by, 'nobody known') as detail,
        false as is_time_of_sight,
    from customer_rows
    union all
    select
        account_id,
        bad_debt as happened_at,
        'subs_customer' as store,
        'bad debt set' as event,
        customer_row_id as entity_id,
        coalesce(stripe_customer_id, 'no Stripe customer') as detail,
        false as is_time_of_sight,
    from customer_rows
    where bad_debt is not null
    union all
    select
        account_id,
        updated_at as happened_at,
        'subs_dunning' as store,
        'dunning state' as event,
        account_id as entity_id,
        'retry ' || cast(retry_count as string) || ', escalation level ' || cast(escalation_level as string) as detail,
        false as is_time_of_sight,
    from dunning
    union all
    select
        account_id,
        valid_from as happened_at,
        'engine' as store,
        'element ' || state as event,
        ope_id as entity_id,
        component || ' ' || coalesce(value_now, 'no value') || case when value_next is null then '' else ', then ' || value_next end || ', licence ' || coalesce(license_source_id, 'none') as detail,
        true as is_time_of_sight,
    from opes
    where not is_deleted and account_id is not null
    union all
    select
        account_id,
        started_at as happened_at,
        'engine' as store,
        'mutation ' || outcome as event,
        mutation_id as entity_id,
        entry_point || ', reached ' || last_phase as detail,
        false as is_time_of_sight,
    from mutations
    union all
    select
        account_id,
        started_at as happened_at,
        'engine' as store,
        'payment ' || outcome as event,
        attempt_id as entity_id,
        path || ' by ' || method || ', reached ' || step_reached || ', ' || cast(amount_minor as string) || ' ' || currency || ' minor units' as detail,
        false as is_time_of_sight,
    from attempts
    union all
    select
        account_id,
        created_at as happened_at,
        'engine' as store,
        'mandate ' || status as event,
        mandate_id as entity_id,
        coalesce(payment_method_id, 'no payment method') as detail,
        false as is_time_of_sight,
    from mandates
    union all
    select
        account_id,
        started_at as happened_at,
        'engine' as store,
        'probation began' as event,
        probation_id as entity_id,
        component || ', ' || coalesce(reason, 'no reason') as detail,
        false as is_time_of_sight,
    from probations
    union all
    select
        account_id,
        ended_at as happened_at,
        'engine' as store,
        'probation ended' as event,
        probation_id as entity_id,
        component as detail,
        false as is_time_of_sight,
    from probations
    where ended_at is not null
    union all
    select
        account_id,
        created_at as happened_at,
        'billing_prod' as store,
        'ledger invoice ' || status as event,
        invoice_id as entity_id,
        cast(amount_due_minor as string) || ' ' || currency || ' minor units' as detail,
        false as is_time_of_sight,
    from ledger_invoices
    union all
    select
        account_id,
        created_at as happened_at,
        'billing_prod' as store,
        'charge ' || status as event,
        charge_id as entity_id,
        'on ' || invoice_id || ', ' || cast(amount_minor as string) || ' ' || currency || ' minor units' as detail,
        false as is_time_of_sight,
    from charges
    union all
    select
        account_id,
        created_at as happened_at,
        'billing_prod' as store,
        'schedule ' || action as event,
        schedule_id as entity_id,
        status || ', runs at ' || {{ moment_text('run_at') }} as detail,
        false as is_time_of_sight,
    from schedules
    union all
    select
        account_id,
        created_at as happened_at,
        'core_prod' as store,
        'account created' as event,
        account_id as entity_id,
        'status ' || status as detail,
        false as is_time_of_sight,
    from core_accounts
    union all
    select
        account_id,
        valid_from as happened_at,
        'core_prod' as store,
        'zone ' || status as event,
        zone_id as entity_id,
        'plan ' || plan_level as detail,
        true as is_time_of_sight,
    from zones
    where not is_deleted
    union all
    select
        account_id,
        valid_from as happened_at,
        'core_prod' as store,
        'access ' || state as event,
        entitlement_id as entity_id,
        service as detail,
        true as is_time_of_sight,
    from entitlements
    where not is_deleted
    union all
    select
        owners.account_id,
        customers.valid_from as happened_at,
        'stripe' as store,
        'customer changed' as event,
        customers.customer_id as entity_id,
        'bad_debt ' || coalesce(customers.bad_debt, 'unset') || ', lifting ' || coalesce(customers.lifting, 'unset') as detail,
        true as is_time_of_sight,
    from customers
    inner join owners on customers.customer_id = owners.stripe_customer_id
    where not customers.is_deleted and owners.account_id is not null
    union all
    select
        account_id,
        created_at as happened_at,
        'stripe' as store,
        'subscription created' as event,
        subscription_id as entity_id,
        'now ' || status || ', ' || collection_method as detail,
        false as is_time_of_sight,
    from subscriptions
    where account_id is not null
    union all
    select
        account_id,
        ended_at as happened_at,
        'stripe' as store,
        'subscription ended' as event,
        subscription_id as entity_id,
        status as detail,
        false as is_time_of_sight,
    from subscriptions
    where account_id is not null and ended_at is not null
    union all
    select
        account_id,
        created_at as happened_at,
        'stripe' as store,
        'invoice created' as event,
        invoice_id as entity_id,
        billing_reason || ', due ' || cast(amount_due_minor as string) || ' ' || currency || ' minor units' as detail,
        false as is_time_of_sight,
    from invoices
    where account_id is not null
    union all
    select
        account_id,
        finalized_at as happened_at,
        'stripe' as store,
        'invoice finalized' as event,
        invoice_id as entity_id,
        coalesce(finalize_path, 'path unknown') as detail,
        false as is_time_of_sight,
    from invoices
    where account_id is not null and finalized_at is not null
    union all
    select
        account_id,
        paid_at as happened_at,
        'stripe' as store,
        'invoice paid' as event,
        invoice_id as entity_id,
        cast(amount_paid_minor as string) || ' ' || currency || ' minor units' as detail,
        false as is_time_of_sight,
    from invoices
    where account_id is not null and paid_at is not null
    union all
    select
        account_id,
        marked_uncollectible_at as happened_at,
        'stripe' as store,
        'invoice uncollectible' as event,
        invoice_id as entity_id,
        'remaining ' || cast(amount_remaining_minor as string) || ' ' || currency || ' minor units' as detail,
        false as is_time_of_sight,
    from invoices
    where account_id is not null and marked_uncollectible_at is not null
    union all
    select
        account_id,
        voided_at as happened_at,
        'stripe' as store,
        'invoice voided' as event,
        invoice_id as entity_id,
        status as detail,
        false as is_time_of_sight,
    from invoices
    where account_id is not null and voided_at is not null

)

select
    account_id,
    happened_at,
    store,
    event,
    entity_id,
    detail,
    is_time_of_sight,
from happened
where happened_at is not null
