-- grain: one row a discrepancy of any detector, as of the detector's last complete day
-- A view: a mark shows as soon as it is set. A mark speaks of what was open when it was set: when the
-- discrepancy has come back since, the mark says so.
with discrepancies as (
    select * from {{ ref('fct_discrepancies') }}
),

marks as (
    select * from {{ ref('int_drift__marks') }}
),

final as (
    select
        discrepancies.detector,
        discrepancies.discrepancy_id,
        discrepancies.entity_id,
        discrepancies.account_id,
        discrepancies.kind,
        discrepancies.state,
        discrepancies.first_seen,
        discrepancies.last_seen,
        discrepancies.days_open,
        discrepancies.reopened,
        discrepancies.is_opening_stock,
        discrepancies.amount_minor,
        discrepancies.currency,
        discrepancies.value_date,
        marks.mark,
        marks.reason as mark_reason,
        marks.marked_by,
        marks.marked_at,
        coalesce(
            discrepancies.last_opened_on > {{ date_of('marks.marked_at') }}, false
        ) as is_back_since_mark,
    from discrepancies
    left join marks on discrepancies.discrepancy_id = marks.discrepancy_id
)

select * from final
