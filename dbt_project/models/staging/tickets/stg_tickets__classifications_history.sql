-- Grain: one row a committed version of a classified ticket: (issue_id, valid_from).
with

source as (

    select * from {{ source('raw', 'tickets__classifications') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'tickets.classifications'

)

select
    source.issue_id,
    source.issue_key,
    source.category,
    source.rule,
    source.matched_text,
    source.matched_place,
    source.matched_offset,
    source.confidence,
    source.is_sure,
    source.runner_up,
    source.runner_up_confidence,
    source.is_engineering_blocked,
    source.blocked_reason,
    source.pattern_id,
    source.pattern_matched_text,
    source.candidate_id,
    source.candidate_terms,
    source.content_hash,
    source.rules_version,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.issue_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
