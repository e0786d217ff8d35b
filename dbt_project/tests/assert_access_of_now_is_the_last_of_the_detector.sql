-- Current access and the detector's open intervals say the same: one rule, read twice.
with detector as (
    select
        account_id,
        service,
        would_be_kind as drift_kind,
    from {{ ref('int_drift__entitlement_states') }}
    where valid_to = {{ end_of_time() }}
),

now as (
    select
        account_id,
        service,
        drift_kind,
    from {{ ref('fct_entitlements') }}
    where drift_kind is not null and component is not null
)

select
    coalesce(detector.account_id, now.account_id) as account_id,
    coalesce(detector.service, now.service) as service,
    detector.drift_kind as by_detector,
    now.drift_kind as by_mart,
from detector
full outer join now
    on
        detector.account_id = now.account_id
        and detector.service = now.service
where detector.drift_kind is distinct from now.drift_kind
