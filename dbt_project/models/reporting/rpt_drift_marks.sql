-- grain: one row a detector, kind and mark that any discrepancy of the kind carries
-- A view, as the marks are. Marked discrepancies stay open and stay counted: this says how many of
-- them somebody has judged, and how.
with drift_current as (
    select * from {{ ref('rpt_drift_current') }}
    where mark is not null
),

final as (
    select
        detector,
        kind,
        mark,
        count(*) as marked,
        count(case when state <> 'resolved' then 1 end) as alive,
        count(case when is_back_since_mark then 1 end) as back_since_mark,
        max(marked_at) as last_marked_at,
    from drift_current
    group by detector, kind, mark
)

select * from final
