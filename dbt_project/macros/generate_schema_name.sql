{#- A model's schema is the plain name of its layer (`staging`, `marts`, ...), with no prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
