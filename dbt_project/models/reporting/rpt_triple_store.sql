-- grain: one row a combination of the three bad-debt marks, and one for accounts in lifting
with account_states as (
    select * from {{ ref('fct_triple_store') }}
),

combinations as (
    select combination
    from {{ unnest_array(split_text("'000,001,010,011,100,101,110,111,lifting'", ','), 'combination') }}
),

counted as (
    select
        case when is_lifting then 'lifting' else combination end as combination,
        count(*) as accounts,
    from account_states
    group by 1
),

final as (
    select
        combinations.combination,
        coalesce(counted.accounts, 0) as accounts,
        combinations.combination in ('000', '111', 'lifting') as is_consistent,
    from combinations
    left join counted on combinations.combination = counted.combination
)

select * from final
