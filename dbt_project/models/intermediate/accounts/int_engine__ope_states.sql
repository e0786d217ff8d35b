-- Grain: one row an OPE (ope_id) that the engine still holds, as last read; soft-deleted included.
with

history as (

    select * from {{ ref('int_ope__state_history') }}

)

select
    ope_id,
    account_id,
    object_product_id,
    object_type,
    object_id,
    component,
    kind,
    value_now,
    value_next,
    rank_now,
    rank_next,
    license_source_id,
    license_form,
    subscription_id,
    subscription_item_id,
    workflow_id,
    deleted_date,
    state,
    is_live_billed,
    created_at,
    updated_at,
    valid_from as _as_of,
from history
where
    valid_to is null
    and not is_deleted
