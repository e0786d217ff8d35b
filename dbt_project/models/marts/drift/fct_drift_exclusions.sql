-- grain: one row a detector, day and entity that would be a discrepancy and is excluded, with why
{{ config(materialized='table') }}
with candidates as (
    select * from {{ ref('int_drift__candidates') }}
),

final as (
    select
        detector,
        observation_date,
        entity_id,
        account_id,
        kind as would_be_kind,
        exclusion_reason as reason,
    from candidates
    where exclusion_reason is not null
)

select * from final
