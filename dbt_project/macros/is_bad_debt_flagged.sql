{#- Bit 15 of an account's flags says bad debt; null where the flags are. -#}
{% macro is_bad_debt_flagged(flags) -%}
  (({{ flags }} & 32768) <> 0)
{%- endmacro %}
