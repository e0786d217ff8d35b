{#- Versions are half-open intervals [valid_from, valid_to); an open end is `end_of_time`. -#}

{% macro end_of_time() -%}
  timestamp '9999-12-31 00:00:00'
{%- endmacro %}

{#- is_valid_at: true when version `alias` is the one in force at `moment`. -#}
{% macro is_valid_at(alias, moment) -%}
  {{ alias }}.valid_from <= {{ moment }}
  and {{ moment }} < coalesce({{ alias }}.valid_to, {{ end_of_time() }})
{%- endmacro %}
