-- Grain: one row a classified ticket (issue_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_tickets__classifications_history') }}

)

select
    issue_id,
    issue_key,
    category,
    rule,
    matched_text,
    matched_place,
    matched_offset,
    confidence,
    is_sure,
    runner_up,
    runner_up_confidence,
    is_engineering_blocked,
    blocked_reason,
    pattern_id,
    pattern_matched_text,
    candidate_id,
    candidate_terms,
    content_hash,
    rules_version,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
