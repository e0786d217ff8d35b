{#- JSON, arrays, regular expressions, moments and exact numbers: what DuckDB and BigQuery spell
    differently. Models call these and no engine's own function. -#}

{#- json_text: the scalar at a JSON path ('$.a.b') as text; null when absent or JSON null. -#}
{% macro json_text(json_expr, path) -%}
  {{ return(adapter.dispatch('json_text', 'paygo')(json_expr, path)) }}
{%- endmacro %}

{% macro duckdb__json_text(json_expr, path) -%}
  json_extract_string({{ json_expr }}, '{{ path }}')
{%- endmacro %}

{% macro bigquery__json_text(json_expr, path) -%}
  json_value({{ json_expr }}, '{{ path }}')
{%- endmacro %}

{#- array_element: element at a 0-based position; null when the array ends before it. -#}
{% macro array_element(array_expr, position) -%}
  {{ return(adapter.dispatch('array_element', 'paygo')(array_expr, position)) }}
{%- endmacro %}

{% macro duckdb__array_element(array_expr, position) -%}
  {{ array_expr }}[{{ position }} + 1]
{%- endmacro %}

{% macro bigquery__array_element(array_expr, position) -%}
  {{ array_expr }}[safe_offset({{ position }})]
{%- endmacro %}

{#- regex_matches: true when the pattern (RE2, written raw) is found anywhere in the text. -#}
{% macro regex_matches(text_expr, pattern) -%}
  {{ return(adapter.dispatch('regex_matches', 'paygo')(text_expr, pattern)) }}
{%- endmacro %}

{% macro duckdb__regex_matches(text_expr, pattern) -%}
  regexp_matches({{ text_expr }}, '{{ pattern }}')
{%- endmacro %}

{% macro bigquery__regex_matches(text_expr, pattern) -%}
  regexp_contains({{ text_expr }}, r'{{ pattern }}')
{%- endmacro %}

{#- regex_capture: what the pattern's one group holds; null when the pattern is not found. -#}
{% macro regex_capture(text_expr, pattern) -%}
  {{ return(adapter.dispatch('regex_capture', 'paygo')(text_expr, pattern)) }}
{%- endmacro %}

{% macro duckdb__regex_capture(text_expr, pattern) -%}
  nullif(regexp_extract({{ text_expr }}, '{{ pattern }}', 1), '')
{%- endmacro %}

{% macro bigquery__regex_capture(text_expr, pattern) -%}
  nullif(regexp_extract({{ text_expr }}, r'{{ pattern }}'), '')
{%- endmacro %}

{#- date_of: the UTC calendar day that holds a timestamp. -#}
{% macro date_of(timestamp_expr) -%}
  {{ return(adapter.dispatch('date_of', 'paygo')(timestamp_expr)) }}
{%- endmacro %}

{% macro duckdb__date_of(timestamp_expr) -%}
  cast({{ timestamp_expr }} as date)
{%- endmacro %}

{% macro bigquery__date_of(timestamp_expr) -%}
  date({{ timestamp_expr }}, 'UTC')
{%- endmacro %}

{#- start_of_day: 00:00 UTC of a date, as a timestamp. -#}
{% macro start_of_day(date_expr) -%}
  {{ return(adapter.dispatch('start_of_day', 'paygo')(date_expr)) }}
{%- endmacro %}

{% macro duckdb__start_of_day(date_expr) -%}
  cast({{ date_expr }} as timestamp)
{%- endmacro %}

{% macro bigquery__start_of_day(date_expr) -%}
  timestamp({{ date_expr }}, 'UTC')
{%- endmacro %}

{#- end_of_day: 00:00 UTC of the day after a date: the first moment no longer in it. -#}
{% macro end_of_day(date_expr) -%}
  {{ return(adapter.dispatch('end_of_day', 'paygo')(date_expr)) }}
{%- endmacro %}

{% macro duckdb__end_of_day(date_expr) -%}
  (cast({{ date_expr }} as timestamp) + interval 1 day)
{%- endmacro %}

{% macro bigquery__end_of_day(date_expr) -%}
  timestamp_add(timestamp({{ date_expr }}, 'UTC'), interval 1 day)
{%- endmacro %}

{#- moment_text: a timestamp as text in UTC to the second, such as 2026-03-24 06:00:00. A cast to text
    adds the zone on BigQuery and none on DuckDB. -#}
{% macro moment_text(timestamp_expr) -%}
  {{ return(adapter.dispatch('moment_text', 'paygo')(timestamp_expr)) }}
{%- endmacro %}

{% macro duckdb__moment_text(timestamp_expr) -%}
  strftime({{ timestamp_expr }}, '%Y-%m-%d %H:%M:%S')
{%- endmacro %}

{% macro bigquery__moment_text(timestamp_expr) -%}
  format_timestamp('%Y-%m-%d %H:%M:%S', {{ timestamp_expr }}, 'UTC')
{%- endmacro %}

{#- days_between: whole days from the first date to the second; negative when it is earlier. -#}
{% macro days_between(from_date, to_date) -%}
  {{ return(adapter.dispatch('days_between', 'paygo')(from_date, to_date)) }}
{%- endmacro %}

{% macro duckdb__days_between(from_date, to_date) -%}
  date_diff('day', {{ from_date }}, {{ to_date }})
{%- endmacro %}

{% macro bigquery__days_between(from_date, to_date) -%}
  date_diff({{ to_date }}, {{ from_date }}, day)
{%- endmacro %}

{#- timestamp_plus_seconds: a timestamp plus whole seconds (an integer expression). -#}
{% macro timestamp_plus_seconds(timestamp_expr, seconds) -%}
  {{ return(adapter.dispatch('timestamp_plus_seconds', 'paygo')(timestamp_expr, seconds)) }}
{%- endmacro %}

{% macro duckdb__timestamp_plus_seconds(timestamp_expr, seconds) -%}
  ({{ timestamp_expr }} + to_seconds({{ seconds }}))
{%- endmacro %}

{% macro bigquery__timestamp_plus_seconds(timestamp_expr, seconds) -%}
  timestamp_add({{ timestamp_expr }}, interval ({{ seconds }}) second)
{%- endmacro %}

{#- seconds_between: seconds from the first timestamp to the second, exact to the microsecond. -#}
{% macro seconds_between(from_expr, to_expr) -%}
  {{ return(adapter.dispatch('seconds_between', 'paygo')(from_expr, to_expr)) }}
{%- endmacro %}

{% macro duckdb__seconds_between(from_expr, to_expr) -%}
  cast(
    cast(date_diff('microsecond', {{ from_expr }}, {{ to_expr }}) as decimal(18, 0))
    * cast('0.000001' as decimal(7, 6)) as decimal(38, 9)
  )
{%- endmacro %}

{% macro bigquery__seconds_between(from_expr, to_expr) -%}
  (cast(timestamp_diff({{ to_expr }}, {{ from_expr }}, microsecond) as numeric) / 1000000)
{%- endmacro %}

{#- hours_between: complete hours from the first timestamp to the second. -#}
{% macro hours_between(from_expr, to_expr) -%}
  {{ return(adapter.dispatch('hours_between', 'paygo')(from_expr, to_expr)) }}
{%- endmacro %}

{% macro duckdb__hours_between(from_expr, to_expr) -%}
  date_sub('hour', {{ from_expr }}, {{ to_expr }})
{%- endmacro %}

{% macro bigquery__hours_between(from_expr, to_expr) -%}
  timestamp_diff({{ to_expr }}, {{ from_expr }}, hour)
{%- endmacro %}

{#- numeric_type: the exact decimal type with nine decimals. -#}
{% macro numeric_type() -%}
  {{ return(adapter.dispatch('numeric_type', 'paygo')()) }}
{%- endmacro %}

{% macro duckdb__numeric_type() -%}
  decimal(38, 9)
{%- endmacro %}

{% macro bigquery__numeric_type() -%}
  numeric
{%- endmacro %}

{#- nearest_rank: aggregate; the smallest value that at least `percent` (1-100, whole) of the
    values do not exceed. Nulls do not count; null when there is no value. -#}
{% macro nearest_rank(expr, percent) -%}
  {{ return(adapter.dispatch('nearest_rank', 'paygo')(expr, percent)) }}
{%- endmacro %}

{% macro duckdb__nearest_rank(expr, percent) -%}
  (list({{ expr }} order by {{ expr }}) filter (where {{ expr }} is not null))[
    (count({{ expr }}) * {{ percent }} + 99) // 100
  ]
{%- endmacro %}

{% macro bigquery__nearest_rank(expr, percent) -%}
  array_agg({{ expr }} ignore nulls order by {{ expr }})[
    safe_ordinal(div(count({{ expr }}) * {{ percent }} + 99, 100))
  ]
{%- endmacro %}

{#- text_list: aggregate; the distinct texts in alphabetical order, with a separator between. -#}
{% macro text_list(expr, separator) -%}
  {{ return(adapter.dispatch('text_list', 'paygo')(expr, separator)) }}
{%- endmacro %}

{% macro duckdb__text_list(expr, separator) -%}
  string_agg(distinct {{ expr }}, '{{ separator }}' order by {{ expr }})
{%- endmacro %}

{% macro bigquery__text_list(expr, separator) -%}
  string_agg(distinct {{ expr }}, '{{ separator }}' order by {{ expr }})
{%- endmacro %}
