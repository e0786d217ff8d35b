-- grain: one row a discrepancy of any detector, as of the detector's last complete day
with discrepancies as (
    select * from {{ ref('fct_discrepancies') }}
),

final as (
    select
        detector,
        discrepancy_id,
        entity_id,
        account_id,
        kind,
        state,
        first_seen,
        last_seen,
        days_open,
        reopened,
        amount_minor,
        currency,
        value_date,
    from discrepancies
)

select * from final
