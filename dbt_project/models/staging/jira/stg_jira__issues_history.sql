-- Grain: one row a committed version of a Jira issue: (issue_id, valid_from).
with

source as (

    select * from {{ source('raw', 'jira__issues') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'jira.issues'

)

select
    source.issue_id,
    source.issue_key,
    source.project_key,
    source.issue_type,
    source.status,
    source.status_category,
    source.priority,
    source.summary,
    source.description_text,
    source.labels,
    source.components,
    source.reporter_role,
    source.escalated_at,
    source.support_case_count,
    source.created_at,
    source.updated_at,
    source.resolved_at,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.issue_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
