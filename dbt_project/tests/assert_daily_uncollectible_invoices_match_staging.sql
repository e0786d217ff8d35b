-- staging = mart: the days of the series hold every invoice marked uncollectible on one of them.
with invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

observations as (
    select * from {{ ref('fct_metric_observations') }}
    where metric_id = 'uncollectible_invoices_per_day' and dimension = 'all'
),

series as (
    select
        min(observation_date) as first_day,
        max(observation_date) as last_day,
        sum(value) as invoices,
    from observations
),

marked as (
    select count(*) as invoices
    from invoices
    cross join series
    where
        {{ date_of('invoices.marked_uncollectible_at') }} >= series.first_day
        and {{ date_of('invoices.marked_uncollectible_at') }} <= series.last_day
)

select
    series.invoices,
    marked.invoices as marked_invoices,
from series
cross join marked
where coalesce(series.invoices, 0) <> marked.invoices
