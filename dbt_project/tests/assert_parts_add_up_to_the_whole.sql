-- Invoices and tickets have one collection method or category: their parts add up to the whole.
with observations as (
    select * from {{ ref('fct_metric_observations') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
    where dimension in ('collection_method', 'category', 'account_type')
)

select
    observations.metric_id,
    observations.observation_date,
    sum(case when observations.dimension = 'all' then observations.value end) as whole,
    sum(case when observations.dimension <> 'all' then observations.value end) as parts,
from observations
inner join metric_catalogue on observations.metric_id = metric_catalogue.metric_id
group by observations.metric_id, observations.observation_date
having
    coalesce(sum(case when observations.dimension = 'all' then observations.value end), 0)
    <> coalesce(sum(case when observations.dimension <> 'all' then observations.value end), 0)
