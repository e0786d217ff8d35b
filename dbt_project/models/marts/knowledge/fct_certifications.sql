-- grain: one row a certified claim: whether its certificate still holds, and what ended it
-- A certificate expires on evidence: a definition changed, an input is stale, drift is open on what
-- an input reads, or a live contradiction stands against the claim.
{{ config(materialized='table') }}
with certified as (
    select * from {{ ref('stg_knowledge__nodes') }}
    where kind = 'claim' and certified_definition is not null
),

graph_nodes as (
    select * from {{ ref('fct_graph_nodes') }}
),

dependencies as (
    select * from {{ ref('fct_graph_dependencies') }}
    where is_grounding
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

detector_streams as (
    select * from {{ ref('detector_streams') }}
),

discrepancies as (
    select * from {{ ref('fct_discrepancies') }}
    where state in ('new', 'persistent')
),

inputs as (
    select
        certified.node_id,
        graph_nodes.node_id as metric_node_id,
        {{ array_element(split_text('graph_nodes.metric_id', ':'), 0) }} as metric_id,
        graph_nodes.status,
    from certified
    inner join dependencies on certified.node_id = dependencies.node_id
    inner join graph_nodes on dependencies.origin_node_id = graph_nodes.node_id
    where graph_nodes.kind = 'metric'
),

input_tally as (
    select
        node_id,
        count(*) as inputs,
        {{ text_list("case when status <> 'measured' then metric_node_id end", ', ') }} as stale_inputs,
    from inputs
    group by node_id
),

input_streams as (
    select distinct
        inputs.node_id,
        stream,
    from inputs
    inner join metric_catalogue on inputs.metric_id = metric_catalogue.metric_id,
        {{ unnest_array(split_text('metric_catalogue.streams', ';'), 'stream') }}
),

input_detectors as (
    select distinct
        input_streams.node_id,
        detector_streams.detector,
    from input_streams
    inner join detector_streams on input_streams.stream = detector_streams.stream
),

open_drift as (
    select
        input_detectors.node_id,
        count(*) as discrepancies,
        {{ text_list('discrepancies.detector', ', ') }} as detectors,
    from input_detectors
    inner join discrepancies on input_detectors.detector = discrepancies.detector
    group by input_detectors.node_id
),

judged as (
    select
        certified.node_id,
        certified.certified_by,
        cast(certified.certified_on as date) as certified_on,
        certified.certified_definition <> certified.evidence_hash as is_definition_changed,
        cast(coalesce(input_tally.inputs, 0) as bigint) as inputs,
        input_tally.stale_inputs,
        cast(coalesce(open_drift.discrepancies, 0) as bigint) as open_discrepancies,
        open_drift.detectors as drift_detectors,
        graph_nodes.contradicted_by,
    from certified
    inner join graph_nodes on certified.node_id = graph_nodes.node_id
    left join input_tally on certified.node_id = input_tally.node_id
    left join open_drift on certified.node_id = open_drift.node_id
),

final as (
    select
        *,
        case
            when
                is_definition_changed or inputs = 0 or stale_inputs is not null
                or open_discrepancies > 0 or contradicted_by is not null
                then 'expired'
            else 'certified'
        end as certification,
        -- the first cause; the other columns hold the rest
        case
            when is_definition_changed then 'definition changed'
            when contradicted_by is not null then 'contradicted by ' || contradicted_by
            when inputs = 0 then 'no measured input'
            when stale_inputs is not null then 'stale: ' || stale_inputs
            when open_discrepancies > 0 then 'drift open: ' || drift_detectors
        end as reason,
    from judged
)

select * from final
