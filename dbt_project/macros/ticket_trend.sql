{#- Slope of weekly counts by least squares, and the half-width of its 95 % interval from the
    classifier's measured error alone: the weeks are counted whole, so nothing else is uncertain.
    `distance` is the week's number minus the mean number. -#}
{% macro ticket_trend(distance, tickets) -%}
  sum({{ distance }} * {{ tickets }}) / sum({{ distance }} * {{ distance }})
{%- endmacro %}

{% macro ticket_trend_margin(distance, tickets, error_variance) -%}
  1.96 * sqrt(max({{ error_variance }}) * sum({{ distance }} * {{ distance }} * {{ tickets }}))
  / sum({{ distance }} * {{ distance }})
{%- endmacro %}
