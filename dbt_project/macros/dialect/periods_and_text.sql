{#- Date, text and array functions whose spelling differs between DuckDB and BigQuery. -#}

{#- date_plus_days: `date_expr` plus `days` whole days (an integer expression), as a date. -#}
{% macro date_plus_days(date_expr, days) -%}
  {{ return(adapter.dispatch('date_plus_days')(date_expr, days)) }}
{%- endmacro %}

{% macro duckdb__date_plus_days(date_expr, days) -%}
  ({{ date_expr }} + ({{ days }}))
{%- endmacro %}

{% macro bigquery__date_plus_days(date_expr, days) -%}
  date_add({{ date_expr }}, interval ({{ days }}) day)
{%- endmacro %}

{#- timestamp_plus_hours: `timestamp_expr` plus `hours` whole hours, as a timestamp. -#}
{% macro timestamp_plus_hours(timestamp_expr, hours) -%}
  {{ return(adapter.dispatch('timestamp_plus_hours')(timestamp_expr, hours)) }}
{%- endmacro %}

{% macro duckdb__timestamp_plus_hours(timestamp_expr, hours) -%}
  ({{ timestamp_expr }} + to_hours({{ hours }}))
{%- endmacro %}

{% macro bigquery__timestamp_plus_hours(timestamp_expr, hours) -%}
  timestamp_add({{ timestamp_expr }}, interval ({{ hours }}) hour)
{%- endmacro %}

{#- microseconds_between: microseconds from the first to the second timestamp, exact. -#}
{% macro microseconds_between(from_expr, to_expr) -%}
  {{ return(adapter.dispatch('microseconds_between')(from_expr, to_expr)) }}
{%- endmacro %}

{% macro duckdb__microseconds_between(from_expr, to_expr) -%}
  date_diff('microsecond', {{ from_expr }}, {{ to_expr }})
{%- endmacro %}

{% macro bigquery__microseconds_between(from_expr, to_expr) -%}
  timestamp_diff({{ to_expr }}, {{ from_expr }}, microsecond)
{%- endmacro %}

{#- iso_week_start: the Monday of the ISO week that holds `date_expr`, as a date. -#}
{% macro iso_week_start(date_expr) -%}
  {{ return(adapter.dispatch('iso_week_start')(date_expr)) }}
{%- endmacro %}

{% macro duckdb__iso_week_start(date_expr) -%}
  cast(date_trunc('week', {{ date_expr }}) as date)
{%- endmacro %}

{% macro bigquery__iso_week_start(date_expr) -%}
  date_trunc({{ date_expr }}, isoweek)
{%- endmacro %}

{#- iso_week_label: ISO year and week of a date, such as 2026-W03. -#}
{% macro iso_week_label(date_expr) -%}
  {{ return(adapter.dispatch('iso_week_label')(date_expr)) }}
{%- endmacro %}

{% macro duckdb__iso_week_label(date_expr) -%}
  strftime({{ date_expr }}, '%G-W%V')
{%- endmacro %}

{% macro bigquery__iso_week_label(date_expr) -%}
  format_date('%G-W%V', {{ date_expr }})
{%- endmacro %}

{#- days_between_array: array of timestamps at 00:00, one a day, both ends included. -#}
{% macro days_between_array(from_date, to_date) -%}
  {{ return(adapter.dispatch('days_between_array')(from_date, to_date)) }}
{%- endmacro %}

{% macro duckdb__days_between_array(from_date, to_date) -%}
  generate_series(cast({{ from_date }} as timestamp), cast({{ to_date }} as timestamp), interval 1 day)
{%- endmacro %}

{% macro bigquery__days_between_array(from_date, to_date) -%}
  generate_timestamp_array(cast({{ from_date }} as timestamp), cast({{ to_date }} as timestamp), interval 1 day)
{%- endmacro %}

{#- unnest_array: rows of an array as a column named `alias`, after a comma or cross join. -#}
{% macro unnest_array(array_expr, alias) -%}
  {{ return(adapter.dispatch('unnest_array')(array_expr, alias)) }}
{%- endmacro %}

{% macro duckdb__unnest_array(array_expr, alias) -%}
  unnest({{ array_expr }}) as {{ alias }}_rows({{ alias }})
{%- endmacro %}

{% macro bigquery__unnest_array(array_expr, alias) -%}
  unnest({{ array_expr }}) as {{ alias }}
{%- endmacro %}

{#- split_text: array of the parts of a text between separators. -#}
{% macro split_text(text_expr, separator) -%}
  {{ return(adapter.dispatch('split_text')(text_expr, separator)) }}
{%- endmacro %}

{% macro duckdb__split_text(text_expr, separator) -%}
  string_split({{ text_expr }}, '{{ separator }}')
{%- endmacro %}

{% macro bigquery__split_text(text_expr, separator) -%}
  split({{ text_expr }}, '{{ separator }}')
{%- endmacro %}

{#- stable_hash: 32 hexadecimal digits that depend on the text alone. -#}
{% macro stable_hash(text_expr) -%}
  {{ return(adapter.dispatch('stable_hash')(text_expr)) }}
{%- endmacro %}

{% macro duckdb__stable_hash(text_expr) -%}
  md5({{ text_expr }})
{%- endmacro %}

{% macro bigquery__stable_hash(text_expr) -%}
  to_hex(md5({{ text_expr }}))
{%- endmacro %}

{#- safe_cast_as: the value in another type, null where it has no meaning in it. -#}
{% macro safe_cast_as(expr, type_name) -%}
  {{ return(adapter.dispatch('safe_cast_as')(expr, type_name)) }}
{%- endmacro %}

{% macro duckdb__safe_cast_as(expr, type_name) -%}
  try_cast({{ expr }} as {{ type_name }})
{%- endmacro %}

{% macro bigquery__safe_cast_as(expr, type_name) -%}
  safe_cast({{ expr }} as {{ type_name }})
{%- endmacro %}
