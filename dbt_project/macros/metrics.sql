{#- metric_ids: the metrics that have a model `metric_<id>`. dbt has to know what a model reads
    before it sees any other model or seed, so the names stand here; a build stops when a
    metric model exists that is not listed, and a test holds the list against the catalogue. -#}
{% macro metric_ids() -%}
  {% set ids = [
    'bad_debt_accounts',
    'bad_debt_entries_per_day',
    'bad_debt_exits_per_day',
    'bad_debt_from_upgrades_per_day',
    'bad_debt_inconsistent_accounts',
    'checkout_rollbacks_per_day',
    'double_charged_accounts',
    'dunning_failures_per_month',
    'engineering_tickets_per_month',
    'entitlement_drift_accounts',
    'green_zone_violations_per_day',
    'pipe_lag_p95_seconds',
    'stripe_drift_accounts',
    'stuck_events',
    'stuck_in_lifting_accounts',
    'uncollectible_invoices_per_day',
    'zero_payment_subscriptions_per_month',
    'zone_plan_drift_accounts',
  ] %}
  {{ return(ids) }}
{%- endmacro %}

{#- union_metrics: every metric model's rows, one under the other. -#}
{% macro union_metrics() -%}
  {%- set ids = metric_ids() -%}
  {%- if execute -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.name.startswith('metric_')
        and node.name[7:] not in ids -%}
      {{ exceptions.raise_compiler_error(
        node.original_file_path ~ ": add '" ~ node.name[7:] ~ "' to metric_ids() in macros/metrics.sql"
      ) }}
    {%- endfor -%}
  {%- endif -%}
  {%- for id in ids %}
    {% if not loop.first %}union all{% endif %}
    select * from {{ ref('metric_' ~ id) }}
  {%- endfor %}
{%- endmacro %}

{#- metric_rows: the final select of a metric: one row an observed day, zero when nothing counted.
    metric_id: id in the catalogue. counted: CTE with observation_date and value. Needs the CTE
    `days` of int_time__metric_days. -#}
{% macro metric_rows(metric_id, counted='counted') -%}
    select
        '{{ metric_id }}' as metric_id,
        days.observation_date,
        'all' as dimension,
        cast(coalesce({{ counted }}.value, 0) as {{ numeric_type() }}) as value,
    from days
    left join {{ counted }} on days.observation_date = {{ counted }}.observation_date
{%- endmacro %}
