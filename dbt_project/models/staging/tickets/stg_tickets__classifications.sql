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
    confidence,
    is_sure,
    is_engineering_blocked,
    blocked_reason,
    content_hash,
    rules_version,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
