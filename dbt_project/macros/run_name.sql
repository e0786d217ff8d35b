{#- run_name: name of the run, after the moment that it reads; the same as in the ledger. -#}
{% macro run_name() -%}
  {%- set at = var('as_of', '') | string -%}
  run-{{ modules.re.sub('[-:]|\\.[0-9]+', '', at) }}
{%- endmacro %}
