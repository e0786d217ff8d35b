{#- Judging anew only what has changed: which loads a detector has not judged yet, which versions its
    work needs, and by which rules the kept states were judged. A detector's worklist names the
    entities; models with materialization `kept` replace their states and keep the others. -#}

{#- loads_to_judge: query of (stream, load_id, as_of, is_first, is_new) over the committed loads of
    `streams`. is_first: the stream's first load with rows. is_new: not judged yet by every model of
    `kept` under the present rules. Everything is new after a change of the rules or an erasure,
    when a kept table is gone, when a first load is new, and when the ledger has forgotten a load
    that was judged. `rule_version` and `is_standing` are what the two macros below say of `kept`. -#}
{% macro loads_to_judge(streams, kept, rule_version, is_standing) -%}
select
        stream,
        load_id,
        as_of,
        is_first,
        not is_judged or max(case when is_first and not is_judged then 1 else 0 end) over () = 1
            as is_new,
    from (
        select
            load_ledger.stream,
            load_ledger.load_id,
            load_ledger.as_of,
            load_ledger.rows_appended > 0
            and row_number() over (
                partition by load_ledger.stream
                order by
                    case when load_ledger.rows_appended > 0 then 0 else 1 end,
                    load_ledger.as_of,
                    load_ledger.load_id
            ) = 1 as is_first,
            judged.load_id is not null as is_judged,
        from {{ source('ops', 'load_ledger') }} as load_ledger
        left join (
            select load_id
            from {{ source('ops', 'judged_loads') }}
            where
                model in ('{{ kept | join("', '") }}')
                and rule_version = {{ rule_version }}
                and {{ is_standing }}
                and not exists (
                    select 1
                    from {{ source('ops', 'judged_loads') }} as known
                    where
                        known.model in ('{{ kept | join("', '") }}')
                        and known.load_id not in (
                            select committed.load_id
                            from {{ source('ops', 'load_ledger') }} as committed
                        )
                )
            group by load_id
            having count(distinct model) = {{ kept | length }}
        ) as judged on load_ledger.load_id = judged.load_id
        where load_ledger.stream in ('{{ streams | join("', '") }}')
    ) as loads
{%- endmacro %}

{#- rule_version_of: expression of the version of the rules of `models`: a hash of their SQL and that
    of all they read, macros included, and the number of erasures, which take rows out of the past. -#}
{% macro rule_version_of(models) -%}
  '{{ rules_hash(models) if execute else '' }}-'
                || cast((select count(*) from {{ source('ops', 'erasures') }}) as string)
{%- endmacro %}

{#- are_standing: `true` when every model of `models` has its table and no full refresh is asked for. -#}
{% macro are_standing(models) -%}
  {%- set gone = [] -%}
  {%- if execute -%}
    {%- for name in models -%}
      {%- set found = adapter.get_relation(this.database, this.schema, name) -%}
      {%- if found is none or found.type != 'table' -%}{%- do gone.append(name) -%}{%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  /* kept tables stand */ {{ 'false' if gone or (execute and flags.FULL_REFRESH) else 'true' }}
{%- endmacro %}

{#- rules_hash: hash of the SQL of the named models and of everything below them, with the text of
    every macro of this project that they use. -#}
{% macro rules_hash(models) -%}
  {%- set waiting = [] -%}
  {%- for node in graph.nodes.values() if node.name in models and node.resource_type == 'model' -%}
    {%- do waiting.append(node.unique_id) -%}
  {%- endfor -%}
  {%- set texts = {} -%}
  {#- the list grows while it is walked -#}
  {%- for unique_id in waiting -%}
    {%- set node = graph.nodes.get(unique_id) -%}
    {%- if node and unique_id not in texts -%}
      {%- do texts.update({unique_id: node.raw_code or node.checksum.checksum}) -%}
      {%- do waiting.extend(node.depends_on.get('nodes', [])) -%}
      {%- for macro in node.depends_on.get('macros', []) -%}
        {%- do macro_texts(macro, texts) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
  {{- local_md5(tojson(texts, sort_keys=true)) -}}
{%- endmacro %}

{#- macro_texts: puts the text of a macro of this project, and of those it calls, into `texts`; of one
    that each engine spells in its own way every spelling, so that both engines have the same texts. -#}
{% macro macro_texts(unique_id, texts) -%}
  {%- set name = unique_id.split('.')[2] -%}
  {%- if unique_id.startswith('macro.paygo.') and unique_id not in texts and name in context -%}
    {%- set definition = context[name].macro -%}
    {%- do texts.update({unique_id: definition.macro_sql}) -%}
    {%- set spellings = ['macro.paygo.default__' ~ name, 'macro.paygo.duckdb__' ~ name,
      'macro.paygo.bigquery__' ~ name] -%}
    {%- for called in definition.depends_on.macros + spellings -%}
      {%- do macro_texts(called, texts) -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{#- unjudged_since: by stream, as expressions, the as-of of the first load when that is not judged yet,
    and the least of a later one that is not; where all are judged, that of the last, since no load is
    older than the one before it. Rows have the `_as_of` of their load: a commit holds them to it. Only
    BigQuery is asked, where a partition is left out for a constant alone. -#}
{% macro unjudged_since(streams, kept) -%}
  {{ return(adapter.dispatch('unjudged_since', 'paygo')(streams, kept)) }}
{%- endmacro %}

{% macro default__unjudged_since(streams, kept) -%}
  {{ return({}) }}
{%- endmacro %}

{% macro bigquery__unjudged_since(streams, kept) -%}
  {%- set found = {} -%}
  {%- if execute and model.resource_type == 'model' -%}
    {%- set query -%}
      select
        stream,
        unix_micros(min(case when is_new and is_first then as_of end)) as first_micros,
        unix_micros(
          coalesce(min(case when is_new and not is_first then as_of end), max(as_of))
        ) as later_micros,
      from (
        {{ loads_to_judge(streams, kept, rule_version_of(kept), are_standing(kept)) }}
      ) as loads
      group by stream
    {%- endset -%}
    {%- for row in run_query(query).rows -%}
      {%- set first = none if row[1] is none else 'timestamp_micros(' ~ (row[1] | int) ~ ')' -%}
      {%- do found.update({row[0]: {'first': first, 'later': 'timestamp_micros(' ~ (row[2] | int) ~ ')'}}) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(found) }}
{%- endmacro %}

{#- came_with: condition that a raw row came with one of those `loads` (a CTE of loads_to_judge) of the
    stream. `first`: with the first load, when that is not judged yet. `later`: with a load after it
    that is not judged yet, so that the row's entity is touched. `all`: with any committed load.
    `since` is what `unjudged_since` has found. -#}
{% macro came_with(which, stream, since={}) -%}
  {%- set those = {'first': ' and is_new and is_first', 'later': ' and is_new and not is_first', 'all': ''} -%}
  _load_id in (select load_id from loads where stream = '{{ stream }}'{{ those[which] }})
  {%- if stream in since and which == 'later' %}
        and _as_of >= {{ since[stream].later }}
  {%- elif stream in since and which == 'first' %}
        and _as_of {{ '= ' ~ since[stream].first if since[stream].first else '< timestamp_micros(0)' }}
  {%- endif -%}
{%- endmacro %}

{#- is_still_so: condition on the CTE `loads` that what was unjudged when the statement was written is
    what it is now. Erasing or forgetting between the two makes more of it new, whose rows the
    constants of `since` would leave out: the model then fails, and its next run starts afresh. -#}
{% macro is_still_so(since) -%}
if(
        is_new and case stream
        {%- for stream, as_of in since.items() %}
            when '{{ stream }}' then case
                when is_first then {{ 'as_of <> ' ~ as_of.first if as_of.first else 'true' }}
                else as_of < {{ as_of.later }}
            end
        {%- endfor %}
            else false
        end,
        error('what is to be judged has changed since this model began: run it again'),
        true
    )
{%- endmacro %}

{#- touched: query of the keys of the stream that came with a later load of the CTE `loads`. -#}
{% macro touched(stream, key, since={}) -%}
select distinct {{ key }}
    from {{ raw_table(stream) }}
    where {{ came_with('later', stream, since) }}
{%- endmacro %}

{#- keys_with: query of the keys of the stream that in any version, committed or not, hold in `column`
    a value of the CTE `values`, whose column is `value` or has the same name. -#}
{% macro keys_with(stream, key, column, values, value=none) -%}
select distinct {{ key }}
    from {{ raw_table(stream) }}
    where {{ column }} in (select {{ values }}.{{ value or column }} from {{ values }})
{%- endmacro %}

{#- worklist_of: rows of a worklist: those of `worked`, a mapping of entity kind to the CTE and column
    that name them (`cte.column`, no value twice), and those of the CTE `loads`. -#}
{% macro worklist_of(worked, rule_version, since={}) -%}
  {%- for entity_kind, named_by in worked.items() -%}
    select
        '{{ entity_kind }}' as entity_kind,
        {{ named_by }} as entity_id,
        true as is_new,
        cast(null as string) as rule_version,
    from {{ named_by.split('.')[0] }}
    where {{ named_by }} is not null
    union all
    {% endfor -%}
    select
        'load' as entity_kind,
        load_id as entity_id,
        is_new,
        {{ rule_version }} as rule_version,
    from loads
    {%- if since %}
    where {{ is_still_so(since) }}
    {%- endif %}
{%- endmacro %}

{#- listed: query of the entities of a kind on the CTE `worklist`, as a column of that name. -#}
{% macro listed(entity_kind, name) -%}
select entity_id as {{ name }}
    from worklist
    where entity_kind = '{{ entity_kind }}'
{%- endmacro %}

{#- history_of: query of the committed versions of the keys that the CTE `keys` names: the columns,
    valid_from, valid_to, is_deleted. As the staging history of the stream, which would order the
    versions of all keys before anybody could say which ones are wanted. The keys should be rows of a
    table, or of a union: DuckDB hashes the side that it estimates smaller, and takes keys that a
    condition picks from a raw table for as many as that table has. -#}
{% macro history_of(stream, key, keys, columns) -%}
select
        {{ key }},
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        _as_of as valid_from,
        lead(_as_of) over (partition by {{ key }} order by _as_of) as valid_to,
        _is_deleted as is_deleted,
    from {{ raw_table(stream) }}
    where
        {{ key }} in (select {{ keys }}.{{ key }} from {{ keys }})
        and {{ is_committed(stream) }}
{%- endmacro %}

{#- ope_history_of: history_of the OPEs that the CTE `keys` names, with what stated_opes reads. -#}
{% macro ope_history_of(keys) -%}
{{ history_of('engine.subs_object_products_element', 'ope_id', keys, [
        'object_product_id', 'component', 'kind', 'value_phases', 'license_source_id', 'workflow_id',
        'deleted_date', 'updated_at',
    ]) }}
{%- endmacro %}

{#- last_objects_of: query of the last that was known of each object that the CTE `keys` names, also of
    one that is gone. -#}
{% macro last_objects_of(keys, columns) -%}
select
        object_product_id,
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
    from (
        {{ history_of('engine.subs_object_products', 'object_product_id', keys, columns) }}
    ) as versions_of_objects
    where not is_deleted
    qualify row_number() over (partition by object_product_id order by valid_from desc) = 1
{%- endmacro %}

{#- raw_table: the raw table of a stream. Never through a CTE where all of it is read: DuckDB would
    write the whole table down. -#}
{% macro raw_table(stream) -%}
  {{ source('raw', stream | replace('.', '__')) }}
{%- endmacro %}

{#- is_committed: condition that a raw row of the stream came with a load that the ledger holds. -#}
{% macro is_committed(stream) -%}
  _load_id in (
            select load_ledger.load_id
            from {{ source('ops', 'load_ledger') }} as load_ledger
            where load_ledger.stream = '{{ stream }}'
        )
{%- endmacro %}
