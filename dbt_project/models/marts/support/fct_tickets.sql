-- Grain: one row a Jira issue (issue_id), with what the classifier says of it.
with

issues as (

    select * from {{ ref('stg_jira__issues') }}

),

classifications as (

    select * from {{ ref('stg_tickets__classifications') }}

),

histories as (

    select * from {{ ref('int_support__issue_histories') }}

)

select
    issues.issue_id,
    issues.issue_key,
    issues.project_key,
    issues.issue_type,
    issues.status,
    issues.status_category,
    issues.priority,
    issues.reporter_role,
    coalesce(issues.support_case_count, 0) as support_cases,
    classifications.category,
    classifications.rule,
    classifications.matched_text,
    classifications.matched_place,
    classifications.matched_offset,
    classifications.confidence,
    classifications.is_sure,
    classifications.runner_up,
    classifications.runner_up_confidence,
    classifications.pattern_id,
    classifications.pattern_matched_text,
    classifications.candidate_id,
    classifications.candidate_terms,
    classifications.issue_id is not null as is_classified,
    coalesce(classifications.is_engineering_blocked, false) as is_engineering_blocked,
    classifications.blocked_reason,
    -- Escalated to engineering's queue at all.
    issues.escalated_at is not null as is_engineering,
    {{ date_of('issues.escalated_at') }} as escalated_date,
    {{ iso_week_label(date_of('issues.escalated_at')) }} as iso_week,
    {{ iso_week_start(date_of('issues.escalated_at')) }} as week_start_date,
    issues.escalated_at,
    issues.created_at,
    issues.updated_at,
    issues.resolved_at,
    coalesce(histories.status_changes, 0) as status_changes,
    histories.first_status_change_at,
from issues
left join classifications on issues.issue_id = classifications.issue_id
left join histories on issues.issue_id = histories.issue_id
