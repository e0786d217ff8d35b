-- Grain: one row an OPE that the engine holds (ope_id), in its derived state.
{{ config(materialized='table') }}

with

opes as (

    select * from {{ ref('int_engine__ope_states') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

subscriptions as (

    select * from {{ ref('stg_stripe__subscriptions') }}

),

subscription_items as (

    select * from {{ ref('stg_stripe__subscription_items') }}

)

select
    opes.ope_id,
    opes.account_id,
    accounts.account_type,
    coalesce(accounts.is_merged, false) as is_merged_account,
    opes.object_product_id,
    opes.object_type,
    opes.object_id,
    opes.component,
    opes.kind,
    opes.value_now,
    opes.value_next,
    opes.rank_now,
    opes.rank_next,
    opes.license_source_id,
    opes.license_form,
    opes.subscription_id,
    opes.subscription_item_id,
    opes.state,
    opes.is_live_billed,
    subscriptions.status as subscription_status,
    subscription_items.subscription_item_id is not null as is_item_in_stripe,
    subscription_items.recurring_interval as billing_period,
    subscription_items.current_period_end_at,
    opes.workflow_id,
    opes.deleted_date as deleted_at,
    opes.created_at,
    opes.updated_at,
from opes
left join accounts on opes.account_id = accounts.account_id
left join subscriptions on opes.subscription_id = subscriptions.subscription_id
left join subscription_items on opes.subscription_item_id = subscription_items.subscription_item_id
