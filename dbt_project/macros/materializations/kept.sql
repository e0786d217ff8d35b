{#- kept: a table of which a run replaces only the rows of the entities on its worklist, and keeps the
    others. The model's SQL gives the rows of exactly those entities, so the first run and a full
    refresh are the same SQL with everything on the worklist.

    Config: `worklist` (name of the model), `entity_kind` and `entity_key`: rows of the worklist of
    that kind name the values of that column. The worklist's rows of kind `load` are the loads that
    it knows; when none of them was judged before, the whole table is replaced. Last of all the
    loads are recorded as judged: a run that fails before is done again. -#}

{% materialization kept, adapter='duckdb', supported_languages=['sql'] %}
  {{ return(keep_states()) }}
{% endmaterialization %}

{% materialization kept, adapter='bigquery', supported_languages=['sql'] %}
  {{ return(keep_states()) }}
{% endmaterialization %}

{% macro keep_states() %}
  {%- set worklist = ref(config.require('worklist')) -%}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set counts = run_query(worklist_counts(worklist, config.require('entity_kind'))).rows[0] -%}
  {%- set is_everything = counts[0] == 0 -%}
  {%- if not is_everything and (existing_relation is none or should_full_refresh()) -%}
    {{ exceptions.raise_compiler_error(
      this.identifier ~ " cannot be built from " ~ worklist.identifier ~ ", which holds only what has"
      ~ " changed: select both, such as --select +" ~ this.identifier
    ) }}
  {%- endif -%}

  {{ run_hooks(pre_hooks) }}
  {% call statement('main') -%}
    {%- if is_everything -%}
      {{ replace_all(target_relation, existing_relation, sql) }}
    {%- elif counts[1] == 0 -%}
      select 1 as nothing_has_changed
    {%- else -%}
      {{ replace_entities(target_relation, worklist, config.get('entity_kind'), config.get('entity_key'), sql) }}
    {%- endif -%}
  {%- endcall %}
  {% call statement('record') -%}
    {{ record_judged(this.identifier, worklist, is_everything) }}
  {%- endcall %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() if target.type == 'duckdb' %}

  {{ return({'relations': [target_relation]}) }}
{% endmacro %}

{#- worklist_counts: loads of the worklist that were judged before, and entities that are on it. -#}
{% macro worklist_counts(worklist, entity_kind) %}
  select
    coalesce(sum(case when entity_kind = 'load' and not is_new then 1 else 0 end), 0) as loads_judged,
    coalesce(sum(case when entity_kind = '{{ entity_kind }}' then 1 else 0 end), 0) as entities,
  from {{ worklist }}
{% endmacro %}

{% macro replace_all(relation, existing_relation, sql) -%}
  {{ return(adapter.dispatch('replace_all', 'paygo')(relation, existing_relation, sql)) }}
{%- endmacro %}

{% macro duckdb__replace_all(relation, existing_relation, sql) -%}
  {%- if existing_relation is not none and existing_relation.type != 'table' -%}
    {% do adapter.drop_relation(existing_relation) %}
  {%- endif -%}
  create or replace table {{ relation }} as (
    {{ sql }}
  )
{%- endmacro %}

{% macro bigquery__replace_all(relation, existing_relation, sql) -%}
  {%- if existing_relation is not none and existing_relation.type != 'table' -%}
    {% do adapter.drop_relation(existing_relation) %}
  {%- endif -%}
  {{ create_table_as(False, relation, sql) }}
{%- endmacro %}

{#- replace_entities: in one transaction, so that nobody reads a table without them. -#}
{% macro replace_entities(relation, worklist, entity_kind, entity_key, sql) -%}
  {{ return(adapter.dispatch('replace_entities', 'paygo')(relation, worklist, entity_kind, entity_key, sql)) }}
{%- endmacro %}

{#- dbt has opened a transaction on DuckDB, and commits it when the model is done. -#}
{% macro duckdb__replace_entities(relation, worklist, entity_kind, entity_key, sql) -%}
  {{ replacing_statements(relation, worklist, entity_kind, entity_key, sql) }}
{%- endmacro %}

{% macro bigquery__replace_entities(relation, worklist, entity_kind, entity_key, sql) -%}
  begin transaction;
  {{ replacing_statements(relation, worklist, entity_kind, entity_key, sql) }}
  commit transaction;
{%- endmacro %}

{% macro replacing_statements(relation, worklist, entity_kind, entity_key, sql) -%}
  delete from {{ relation }}
  where {{ entity_key }} in (
    select entity_id from {{ worklist }} where entity_kind = '{{ entity_kind }}'
  );
  insert into {{ relation }}
  select * from (
    {{ sql }}
  ) as judged_anew;
{%- endmacro %}

{#- record_judged: the loads that the worklist knew are judged by this model now. -#}
{% macro record_judged(model, worklist, is_everything) -%}
  {%- if is_everything -%}
  delete from {{ source('ops', 'judged_loads').render() }} where model = '{{ model }}';
  {%- endif %}
  insert into {{ source('ops', 'judged_loads').render() }} (model, rule_version, load_id)
  select '{{ model }}', rule_version, entity_id
  from {{ worklist }}
  where entity_kind = 'load' and is_new;
{%- endmacro %}
