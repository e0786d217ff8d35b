-- Grain: one row a changed field of a Jira issue (changelog_item_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_jira__changelog_items_history') }}

)

select
    changelog_item_id,
    issue_id,
    author_id,
    field,
    from_value,
    to_value,
    created_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
