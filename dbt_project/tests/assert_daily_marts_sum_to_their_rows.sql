-- What is aggregated by day or service loses no row of what it aggregates.
with totals as (
    select
        'fct_uncollectible_days' as mart,
        (
            select count(*) from {{ ref('fct_invoices') }}
            where marked_uncollectible_at is not null
        ) as expected,
        (select coalesce(sum(invoices), 0) from {{ ref('fct_uncollectible_days') }}) as found
    union all
    select
        'fct_payment_days' as mart,
        (select count(*) from {{ ref('fct_payments') }}) as expected,
        (select coalesce(sum(attempts), 0) from {{ ref('fct_payment_days') }}) as found
    union all
    select
        'fct_mutation_days' as mart,
        (select count(*) from {{ ref('fct_mutations') }}) as expected,
        (select coalesce(sum(runs), 0) from {{ ref('fct_mutation_days') }}) as found
    union all
    select
        'fct_license_sources' as mart,
        (select count(*) from {{ ref('fct_opes') }}) as expected,
        (select coalesce(sum(opes), 0) from {{ ref('fct_license_sources') }}) as found
    union all
    select
        'fct_service_access' as mart,
        (select count(*) from {{ ref('fct_entitlements') }} where drift_kind is not null) as expected,
        (
            select coalesce(sum(granted_but_unpaid + paid_but_not_granted + kept_after_bad_debt), 0)
            from {{ ref('fct_service_access') }}
        ) as found
    union all
    select
        'fct_unhandled_event_types' as mart,
        (select count(*) from {{ ref('fct_webhook_deliveries') }} where is_unhandled) as expected,
        (select coalesce(sum(attempts), 0) from {{ ref('fct_unhandled_event_types') }}) as found
)

select * from totals
where expected <> found
