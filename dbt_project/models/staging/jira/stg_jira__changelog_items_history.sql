-- Grain: one row a committed version of a changed field of a Jira issue: (changelog_item_id, valid_from).
with

source as (

    select * from {{ source('raw', 'jira__changelog_items') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'jira.changelog_items'

)

select
    source.changelog_item_id,
    source.issue_id,
    source.author_id,
    source.field,
    source.from_value,
    source.to_value,
    source.created_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.changelog_item_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
