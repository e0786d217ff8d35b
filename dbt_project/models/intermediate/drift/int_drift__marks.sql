-- grain: one row a discrepancy that carries a mark: the last one set on it
-- A view: a mark shows as soon as it is set.
with marks as (
    select * from {{ source('ops', 'drift_marks') }}
),

ranked as (
    select
        *,
        row_number() over (partition by discrepancy_id order by mark_number desc) as recency,
    from marks
),

final as (
    select
        discrepancy_id,
        detector,
        entity_id,
        kind,
        mark,
        reason,
        marked_by,
        marked_at,
        mark_number,
    from ranked
    where recency = 1 and mark <> 'cleared'
)

select * from final
