-- grain: one row a hypothesis with the verdict that observations give on its prediction
-- The rule. Before: the mean of the `window_days` complete days before the workstream shipped. After:
-- the mean of the last seven complete days within `window_days` from that day on. Supported: "after"
-- reaches the predicted size. Refuted: "after" stands beyond "before" the wrong way by more than a
-- tenth, or the window has ended without reaching it. Until then the hypothesis is observable, and
-- while the window is open a verdict may still turn.
{{ config(materialized='table') }}
{% set days_needed = 7 %}
{% set against_share = '0.1' %}
with nodes as (
    select * from {{ ref('stg_knowledge__nodes') }}
),

edges as (
    select * from {{ ref('fct_graph_edges') }}
),

metric_status as (
    select * from {{ ref('fct_metric_status') }}
),

prediction_days as (
    select * from {{ ref('int_knowledge__prediction_days') }}
),

hypotheses as (
    select * from nodes
    where kind = 'hypothesis'
),

-- observable: a metric with a measurement behind it, stale or not
predicted as (
    select
        edges.from_node_id as node_id,
        min(edges.to_node_id) as metric_node_id,
    from edges
    inner join nodes on edges.to_node_id = nodes.node_id
    inner join metric_status
        on {{ array_element(split_text('nodes.metric_id', ':'), 0) }} = metric_status.metric_id
    where edges.relation = 'predicts' and metric_status.evidence = 'measured'
    group by edges.from_node_id
),

deliveries as (
    select
        edges.to_node_id as node_id,
        min(edges.from_node_id) as workstream_node_id,
        min(cast(nodes.shipped_on as date)) as shipped_on,
    from edges
    inner join nodes on edges.from_node_id = nodes.node_id
    where edges.relation = 'contains' and nodes.kind = 'workstream'
    group by edges.to_node_id
),

predictions as (
    select
        hypotheses.node_id,
        hypotheses.title,
        hypotheses.statement,
        hypotheses.domain,
        predicted.metric_node_id,
        {{ array_element(split_text('metric_nodes.metric_id', ':'), 0) }} as metric_id,
        coalesce(
            hypotheses.dimension,
            {{ array_element(split_text('metric_nodes.metric_id', ':'), 1) }},
            'all'
        ) as dimension,
        hypotheses.direction,
        hypotheses.size_basis,
        cast(hypotheses.size as {{ numeric_type() }}) as size,
        hypotheses.window_days,
        deliveries.workstream_node_id,
        deliveries.shipped_on,
        cast(hypotheses.stated_on as date) as stated_on,
        cast({{ as_of_timestamp() }} as date) as judged_on,
        coalesce(hypotheses.is_simulated, false) as is_simulated,
    from hypotheses
    left join predicted on hypotheses.node_id = predicted.node_id
    left join nodes as metric_nodes on predicted.metric_node_id = metric_nodes.node_id
    left join deliveries on hypotheses.node_id = deliveries.node_id
),

positioned as (
    select
        predictions.node_id,
        prediction_days.observation_date,
        prediction_days.value,
        prediction_days.observation_date >= predictions.shipped_on as is_after,
        row_number() over (
            partition by predictions.node_id
            order by prediction_days.observation_date desc
        ) as from_last,
    from predictions
    inner join prediction_days
        on
            predictions.metric_id = prediction_days.metric_id
            and predictions.dimension = prediction_days.dimension
    where
        {{ days_between('predictions.shipped_on', 'prediction_days.observation_date') }}
        >= -predictions.window_days
        and {{ days_between('predictions.shipped_on', 'prediction_days.observation_date') }}
        < predictions.window_days
),

readings as (
    select
        node_id,
        sum(case when not is_after then 1 else 0 end) as days_before,
        sum(case when is_after then 1 else 0 end) as days_after,
        max(case when is_after then observation_date end) as last_day,
        cast(
            sum(case when not is_after then value end)
            / nullif(sum(case when not is_after then 1 else 0 end), 0) as {{ numeric_type() }}
        ) as mean_before,
        cast(
            sum(case when is_after and from_last <= {{ days_needed }} then value end)
            / {{ days_needed }} as {{ numeric_type() }}
        ) as mean_after,
    from positioned
    group by node_id
),

expected as (
    select
        predictions.*,
        cast(coalesce(readings.days_before, 0) as bigint) as days_before,
        cast(coalesce(readings.days_after, 0) as bigint) as days_after,
        readings.mean_before,
        case when readings.days_after >= {{ days_needed }} then readings.mean_after end as mean_after,
        readings.last_day,
        {{ date_plus_days('predictions.shipped_on', 'cast(predictions.window_days - 1 as integer)') }} as window_ends_on,
        cast(
            case
                when predictions.size_basis = 'level' then predictions.size
                when predictions.size_basis = 'step' and predictions.direction = 'down'
                    then readings.mean_before - predictions.size
                when predictions.size_basis = 'step' then readings.mean_before + predictions.size
                when predictions.direction = 'down'
                    then readings.mean_before - readings.mean_before * predictions.size / 100
                else readings.mean_before + readings.mean_before * predictions.size / 100
            end as {{ numeric_type() }}
        ) as expected_value,
    from predictions
    left join readings on predictions.node_id = readings.node_id
),

judged as (
    select
        *,
        case when direction = 'down' then mean_before <= expected_value else mean_before >= expected_value end
            as was_there,
        case when direction = 'down' then mean_after <= expected_value else mean_after >= expected_value end
            as is_there,
        case
            when direction = 'down'
                then mean_after > mean_before + mean_before * cast('{{ against_share }}' as {{ numeric_type() }})
            else mean_after < mean_before - mean_before * cast('{{ against_share }}' as {{ numeric_type() }})
        end as is_against,
        coalesce(last_day >= window_ends_on, false) as is_over,
    from expected
),

reasoned as (
    select
        *,
        case
            when metric_node_id is null then 'no predicts edge to a measured metric'
            when direction is null then 'names no direction, size and window'
            when workstream_node_id is null then 'no workstream contains it'
            when shipped_on is null then 'waits for the delivery of its workstream'
            when days_before + days_after = 0 then 'no observation of what it predicts'
            when days_before < {{ days_needed }} then 'too few days before the delivery'
            when days_after < {{ days_needed }} then 'too few days since the delivery'
            when is_against then 'moved against the prediction'
            when was_there then 'was there before the delivery'
            when is_there then 'reached the predicted size'
            when is_over then 'the window ended before the predicted size'
            else 'the window is open'
        end as reason,
    from judged
),

final as (
    select
        node_id,
        title,
        statement,
        domain,
        case
            when metric_node_id is null then 'untested'
            when reason = 'reached the predicted size' then 'supported'
            when reason in ('moved against the prediction', 'the window ended before the predicted size')
                then 'refuted'
            else 'observable'
        end as status,
        reason,
        metric_node_id,
        metric_id,
        case when metric_id is not null then dimension end as dimension,
        direction,
        size_basis,
        size,
        window_days,
        workstream_node_id,
        shipped_on,
        window_ends_on,
        coalesce(is_over, false) as is_window_over,
        days_before,
        days_after,
        mean_before,
        mean_after,
        case when days_before >= {{ days_needed }} then expected_value end as expected_value,
        stated_on,
        cast({{ days_between('stated_on', 'judged_on') }} as bigint) as age_days,
        is_simulated,
    from reasoned
)

select * from final
