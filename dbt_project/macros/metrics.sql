{#- metric_ids: the metrics that have a model `metric_<id>`. dbt has to know what a model reads
    before it sees any other model, so whoever calls dbt hands the names of the files in, as it
    does the run's moment. A build stops when a metric model exists that was not handed in. -#}
{% macro metric_ids() -%}
  {{ return(var('metric_ids', []) | sort) }}
{%- endmacro %}

{#- union_metrics: every metric model's rows, one under the other, with a hash of what computes them. -#}
{% macro union_metrics() -%}
  {%- set ids = metric_ids() -%}
  {%- if execute -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.name.startswith('metric_')
        and node.name[7:] not in ids -%}
      {{ exceptions.raise_compiler_error(
        node.original_file_path ~ " is not in var `metric_ids`: run dbt through paygo, or pass the"
        ~ " names of all metric models, --vars '{metric_ids: [" ~ node.name[7:] ~ ", ...]}'"
      ) }}
    {%- endfor -%}
  {%- endif -%}
  {%- for id in ids %}
    {% if not loop.first %}union all{% endif %}
    select
        metric_id,
        observation_date,
        dimension,
        value,
        '{{ code_hash(ref('metric_' ~ id)) }}' as code_hash,
    from {{ ref('metric_' ~ id) }}
  {%- else %}
    select
        cast(null as {{ dbt.type_string() }}) as metric_id,
        cast(null as date) as observation_date,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as {{ numeric_type() }}) as value,
        cast(null as {{ dbt.type_string() }}) as code_hash,
  {%- endfor %}
{%- endmacro %}

{#- code_hash: changes when the SQL of a model, of a model or seed it stands on, or of a macro of this
    project that one of them uses, changes. The catalogue is left out: a row for another metric changes
    nothing here. -#}
{% macro code_hash(relation) -%}
  {%- if not execute -%}{{ return('') }}{%- endif -%}
  {%- set seen = {} -%}
  {%- for node in graph.nodes.values()
      if node.resource_type == 'model' and node.name == relation.identifier -%}
    {%- do _collect_checksums(node.unique_id, seen) -%}
  {%- endfor -%}
  {%- set lines = [] -%}
  {%- for name in seen | sort -%}{%- do lines.append(name ~ ':' ~ seen[name]) -%}{%- endfor -%}
  {{ return(local_md5(lines | join('\n'))) }}
{%- endmacro %}

{% macro _collect_checksums(unique_id, seen) -%}
  {%- set node = graph.nodes.get(unique_id) -%}
  {%- if node and unique_id not in seen and node.name != 'metric_catalogue' -%}
    {%- do seen.update({unique_id: node.checksum.checksum}) -%}
    {%- for macro in node.depends_on.get('macros', []) -%}{%- do macro_texts(macro, seen) -%}{%- endfor -%}
    {%- for parent in node.depends_on.nodes -%}
      {%- do _collect_checksums(parent, seen) -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{#- metric_rows: the final select of a metric: one row an observed day, zero when nothing counted.
    metric_id: id in the catalogue. counted: CTE with observation_date and value. Where the
    catalogue names a dimension, `parts` is the CTE that counts by it (observation_date, part,
    value) and `dimension` its name: every part seen has a row on every day. Needs the CTE `days`
    of int_time__metric_days. -#}
{% macro metric_rows(metric_id, counted='counted', dimension=none, parts='parts') -%}
    select
        '{{ metric_id }}' as metric_id,
        days.observation_date,
        'all' as dimension,
        cast(coalesce({{ counted }}.value, 0) as {{ numeric_type() }}) as value,
    from days
    left join {{ counted }} on days.observation_date = {{ counted }}.observation_date
  {%- if dimension %}
    union all
    select
        '{{ metric_id }}' as metric_id,
        days.observation_date,
        '{{ dimension }}=' || part_names.part as dimension,
        cast(coalesce({{ parts }}.value, 0) as {{ numeric_type() }}) as value,
    from days
    cross join (select distinct part from {{ parts }}) as part_names
    left join {{ parts }}
        on
            days.observation_date = {{ parts }}.observation_date
            and part_names.part = {{ parts }}.part
  {%- endif %}
{%- endmacro %}

{#- drift_metric: a metric that counts the accounts with an open discrepancy of one detector at the
    end of the day, whole and by kind. An account with two kinds counts once in the whole. -#}
{% macro drift_metric(metric_id, detector) -%}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = '{{ metric_id }}'
),

discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
    where detector = '{{ detector }}'
),

counted as (
    select
        observation_date,
        count(distinct account_id) as value,
    from discrepancy_days
    group by observation_date
),

parts as (
    select
        observation_date,
        kind as part,
        count(distinct account_id) as value,
    from discrepancy_days
    group by observation_date, kind
),

final as (
    {{ metric_rows(metric_id, dimension='kind') }}
)

select * from final
{%- endmacro %}
