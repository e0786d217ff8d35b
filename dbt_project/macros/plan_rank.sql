{#- plan_rank: place of a zone plan in free < pro < biz < ent; null for a name that is none. -#}
{% macro plan_rank(expr) -%}
  case {{ expr }} when 'free' then 0 when 'pro' then 1 when 'biz' then 2 when 'ent' then 3 end
{%- endmacro %}
