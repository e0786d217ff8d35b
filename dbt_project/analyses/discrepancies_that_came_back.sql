-- Which discrepancies were gone and came back?
select
    detector,
    kind,
    entity_id,
    reopened,
    first_seen,
    last_seen,
from {{ ref('fct_discrepancies') }}
where reopened > 0
order by reopened desc, detector, entity_id, kind
