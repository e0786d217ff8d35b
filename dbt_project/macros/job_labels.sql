{#- job_labels: what a statement says of itself, in a comment and (BigQuery) as labels of its job, so
    that a bill can be read by pipeline, model and run. -#}
{% macro job_labels(node) -%}
  {{ return(tojson({
    'pipeline': 'paygo',
    'model': (node.name if node else 'none')[:63],
    'run': var('as_of', none) or 'none',
  })) }}
{%- endmacro %}
