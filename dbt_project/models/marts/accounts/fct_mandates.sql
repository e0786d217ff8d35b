-- Grain: one row a mandate (mandate_id).
with

mandates as (

    select * from {{ ref('stg_engine__mandates') }}

),

payment_methods as (

    select * from {{ ref('stg_stripe__payment_methods') }}

)

select
    mandates.mandate_id,
    mandates.account_id,
    mandates.payment_method_id,
    payment_methods.type as payment_method_type,
    payment_methods.payment_method_id is not null as is_method_in_stripe,
    mandates.status,
    mandates.status = 'active' and payment_methods.payment_method_id is null as is_dangling,
    mandates.created_at,
    mandates.updated_at,
from mandates
left join payment_methods on mandates.payment_method_id = payment_methods.payment_method_id
