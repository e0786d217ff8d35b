-- Every account that any store knows has one row in the unified accounts and in the facade's view.
with known as (
    select account_id from {{ ref('stg_engine__accounts') }}
    union distinct
    select account_id from {{ ref('stg_core__accounts') }}
    union distinct
    select account_id from {{ ref('stg_engine__customers') }}
),

counted as (
    select
        known.account_id,
        count(accounts.account_id) as accounts,
        count(account_views.account_id) as account_views,
    from known
    left join {{ ref('dim_accounts') }} as accounts on known.account_id = accounts.account_id
    left join {{ ref('fct_account_views') }} as account_views
        on known.account_id = account_views.account_id
    group by known.account_id
)

select * from counted
where accounts <> 1 or account_views <> 1
