-- Grain: one row a Jira issue (issue_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_jira__issues_history') }}

)

select
    issue_id,
    issue_key,
    project_key,
    issue_type,
    status,
    status_category,
    priority,
    summary,
    description_text,
    labels,
    components,
    reporter_role,
    escalated_at,
    support_case_count,
    created_at,
    updated_at,
    resolved_at,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
