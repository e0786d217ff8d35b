{#- as_of_timestamp: the run's moment, handed in by the caller's clock; never the engine's own.
    Parsing needs no moment; building or compiling without one is an error that says so. -#}
{% macro as_of_timestamp() -%}
  {%- set as_of = var('as_of', none) -%}
  {%- if execute and not as_of -%}
    {{ exceptions.raise_compiler_error(
      "var `as_of` is missing: pass the run's moment, --vars '{as_of: \"2026-03-24T06:00:00Z\"}'"
    ) }}
  {%- endif -%}
  cast('{{ as_of }}' as timestamp)
{%- endmacro %}
