-- grain: one row a committed version of an OPE that the Stripe detector needs in this run
{{ config(materialized='table') }}
-- Those on the worklist, and all that in any version named an item on it.
{% set opes = 'engine.subs_object_products_element' %}
{#- Not CTEs: DuckDB would write down each whole table that is read twice. #}
{% set raw_opes = source('raw', 'engine__subs_object_products_element') %}
with worklist as (
    select * from {{ ref('int_drift__stripe_worklist') }}
),

keys as (
    select entity_id as ope_id
    from worklist
    where entity_kind = 'ope'
    union distinct
    select ope_id
    from {{ raw_opes }} as raw_opes
    where
        license_source_id like 'sub%'
        and {{ ope_licensed_item('license_source_id') }} in (
            select worklist.entity_id
            from worklist
            where worklist.entity_kind = 'item'
        )
),

versions as (
    {{ history_of(opes, 'ope_id', 'keys', [
        'object_product_id', 'component', 'kind', 'value_phases', 'license_source_id', 'workflow_id',
        'deleted_date', 'updated_at',
    ]) }}
),

stated as (
    {{ stated_opes('versions') }}
),

object_keys as (
    select distinct object_product_id
    from versions
    where object_product_id is not null
),

objects as (
    {{ history_of('engine.subs_object_products', 'object_product_id', 'object_keys', ['account_id']) }}
),

-- the last that was known of each object, also of one that is gone
last_objects as (
    select
        object_product_id,
        account_id,
    from objects
    where not is_deleted
    qualify row_number() over (partition by object_product_id order by valid_from desc) = 1
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
