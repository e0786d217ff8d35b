{#- Walking the knowledge graph on both engines. -#}

{#- longest_chain: steps of `grounds` that count; the compiler of the graph refuses longer chains. -#}
{% macro longest_chain() -%}
  100
{%- endmacro %}

{#- union_reached: joins the steps of a recursion over a graph. DuckDB keeps each row once, so that
    the work grows with the graph; BigQuery knows only `union all` here and walks every path, which
    ends because chains have no circles and a longest length. -#}
{% macro union_reached() -%}
  {{ return(adapter.dispatch('union_reached', 'paygo')()) }}
{%- endmacro %}

{% macro duckdb__union_reached() -%}
  union
{%- endmacro %}

{% macro bigquery__union_reached() -%}
  union all
{%- endmacro %}
