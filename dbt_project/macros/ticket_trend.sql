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

{#- ticket_trend_columns: a slope with its margin as readers get it: rounded, with its bounds, and
    named only when the margin leaves no doubt of its sign. `of`: a relation with trend, margin. -#}
{% macro ticket_trend_columns(of) -%}
  {%- set trend, margin, number = of ~ '.trend', of ~ '.margin', numeric_type() -%}
  cast(round({{ trend }}, 3) as {{ number }}) as trend_per_week,
        cast(round({{ trend }} - {{ margin }}, 3) as {{ number }}) as trend_low,
        cast(round({{ trend }} + {{ margin }}, 3) as {{ number }}) as trend_high,
        case
            when {{ margin }} is null then 'unknown'
            when {{ trend }} > {{ margin }} then 'rising'
            when {{ trend }} < -{{ margin }} then 'falling'
            else 'no_clear_trend'
        end as trend_direction
{%- endmacro %}
