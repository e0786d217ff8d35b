{#- known_values: a column holds the listed values only; null is not one of them. -#}
{% test known_values(model, column, values) %}

select
    {{ column }} as unknown_value,
    count(*) as rows_of_value,
from {{ model }}
where
    {{ column }} is null
    or {{ column }} not in ('{{ values | join("', '") }}')
group by {{ column }}

{% endtest %}
