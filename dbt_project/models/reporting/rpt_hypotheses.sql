-- grain: one row a hypothesis: what it predicts, its verdict and its age
with hypotheses as (
    select * from {{ ref('fct_hypotheses') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

nodes as (
    select * from {{ ref('stg_knowledge__nodes') }}
),

final as (
    select
        hypotheses.*,
        metric_catalogue.title as metric_title,
        metric_catalogue.unit as metric_unit,
        workstreams.title as workstream,
    from hypotheses
    left join metric_catalogue on hypotheses.metric_id = metric_catalogue.metric_id
    left join nodes as workstreams on hypotheses.workstream_node_id = workstreams.node_id
)

select * from final
