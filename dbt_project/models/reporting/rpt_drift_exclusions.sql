-- grain: one row a detector, complete UTC day and entity that is excluded from a verdict, with why
with exclusions as (
    select * from {{ ref('fct_drift_exclusions') }}
),

final as (
    select
        detector,
        observation_date,
        entity_id,
        account_id,
        would_be_kind,
        reason,
    from exclusions
)

select * from final
