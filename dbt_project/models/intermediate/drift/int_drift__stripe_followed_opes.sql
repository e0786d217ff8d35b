-- grain: one row a committed version of an OPE that the Stripe detector needs in this run
{{ config(materialized='table') }}
with worklist as (
    select * from {{ ref('int_drift__stripe_worklist') }}
),

keys as (
    {{ listed('ope', 'ope_id') }}
),

versions as (
    {{ ope_history_of('keys') }}
),

stated as (
    {{ stated_opes('versions') }}
),

object_keys as (
    select distinct object_product_id
    from versions
    where object_product_id is not null
),

last_objects as (
    {{ last_objects_of('object_keys', ['account_id']) }}
),

final as (
    select
        stated.ope_id,
        last_objects.account_id,
        stated.component,
        stated.kind,
        stated.value_now,
        stated.state,
        {{ ope_is_live_billed('stated.state') }} and not stated.is_deleted as is_live_billed,
        stated.subscription_id,
        stated.subscription_item_id,
        stated.updated_at,
        stated.valid_from,
        stated.valid_to,
        stated.is_deleted,
    from stated
    left join last_objects on stated.object_product_id = last_objects.object_product_id
)

select * from final
