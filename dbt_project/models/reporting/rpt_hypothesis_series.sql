-- grain: one row a hypothesis with a delivered workstream and day: the series before and after
-- The counterfactual is the mean before the delivery, carried on as if nothing had been delivered.
with hypotheses as (
    select * from {{ ref('fct_hypotheses') }}
    where shipped_on is not null and window_days is not null
),

prediction_days as (
    select * from {{ ref('int_knowledge__prediction_days') }}
),

final as (
    select
        hypotheses.node_id,
        prediction_days.observation_date,
        prediction_days.value,
        prediction_days.observation_date >= hypotheses.shipped_on as is_after,
        hypotheses.mean_before as counterfactual_value,
        hypotheses.expected_value,
    from hypotheses
    inner join prediction_days
        on
            hypotheses.metric_id = prediction_days.metric_id
            and hypotheses.dimension = prediction_days.dimension
    where
        {{ days_between('hypotheses.shipped_on', 'prediction_days.observation_date') }}
        >= -hypotheses.window_days
        and {{ days_between('hypotheses.shipped_on', 'prediction_days.observation_date') }}
        < hypotheses.window_days
)

select * from final
