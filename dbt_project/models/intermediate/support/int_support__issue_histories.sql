-- Grain: one row an issue with a recorded change (issue_id): how often and when it moved.
with

changelog_items as (

    select * from {{ ref('stg_jira__changelog_items') }}

)

select
    issue_id,
    count(*) as changes,
    count(case when field = 'status' then 1 end) as status_changes,
    min(case when field = 'status' then created_at end) as first_status_change_at,
from changelog_items
group by issue_id
