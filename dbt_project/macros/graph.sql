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

{#- closure: the body of the recursive CTE `name`: which node leads to which, in one step or many,
    along `links` (upstream_node_id, downstream_node_id). Columns: origin_node_id, node_id, steps. -#}
{% macro closure(name, links) -%}
  select
        upstream_node_id as origin_node_id,
        downstream_node_id as node_id,
        1 as steps,
    from {{ links }}
    {{ union_reached() }}
    select
        {{ name }}.origin_node_id,
        {{ links }}.downstream_node_id as node_id,
        {{ name }}.steps + 1 as steps,
    from {{ name }}
    inner join {{ links }} on {{ name }}.node_id = {{ links }}.upstream_node_id
    where
        {{ name }}.steps < {{ longest_chain() }}
        and {{ name }}.origin_node_id <> {{ links }}.downstream_node_id
{%- endmacro %}
