{#- job_labels: what a statement says of itself, in a comment and (BigQuery) as labels of its job, so
    that a bill can be read by pipeline, model and run: the one that the ledger names. -#}
{% macro job_labels(node) -%}
  {{ return(tojson({
    'pipeline': 'paygo',
    'model': (node.name if node else 'none')[:63],
    'run': run_name() if var('as_of', none) else 'none',
  })) }}
{%- endmacro %}
