{#- Types that are not self-serve: no detector judges their accounts. -#}
{% macro is_unsupported_account_type(account_type) -%}
  {{ account_type }} in ('enterprise', 'msp', 'partners_pay_go', 'partner_s')
{%- endmacro %}
