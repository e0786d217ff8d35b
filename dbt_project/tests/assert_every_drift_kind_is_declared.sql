with discrepancies as (
    select * from {{ ref('fct_discrepancies') }}
),

drift_kinds as (
    select * from {{ ref('drift_kinds') }}
)

select
    discrepancies.detector,
    discrepancies.kind,
    count(*) as rows_of_kind,
from discrepancies
left join drift_kinds
    on
        discrepancies.detector = drift_kinds.detector
        and discrepancies.kind = drift_kinds.kind
where drift_kinds.kind is null
group by discrepancies.detector, discrepancies.kind
