-- Which scheduled downgrades should have happened by now?
select
    sslc_id,
    account_id,
    component,
    from_value,
    to_value,
    overdue_hours,
from {{ ref('fct_service_level_changes') }}
where is_overdue
order by overdue_hours desc, sslc_id
