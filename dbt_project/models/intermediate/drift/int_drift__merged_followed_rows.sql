-- grain: one row a committed version of a subs_customer row that int_drift__merged_accounts needs in this run
{{ config(materialized='table') }}
with worklist as (
    select * from {{ ref('int_drift__merged_worklist') }}
),

keys as (
    {{ listed('customer_row', 'customer_row_id') }}
),

final as (
    {{ history_of('engine.subs_customer', 'customer_row_id', 'keys', ['account_id', 'stripe_customer_id']) }}
)

select * from final
