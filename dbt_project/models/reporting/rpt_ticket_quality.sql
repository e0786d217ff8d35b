-- grain: one row a ticket category: how the classifier did on tickets it never learned from
with classifier_errors as (
    select * from {{ ref('int_support__classifier_errors') }}
),

final as (
    select
        category,
        tested_tickets,
        counted_tickets,
        correct_tickets,
        cast(
            round(1.0 * correct_tickets / nullif(counted_tickets, 0), 4) as {{ numeric_type() }}
        ) as precision_share,
        cast(
            round(1.0 * correct_tickets / nullif(tested_tickets, 0), 4) as {{ numeric_type() }}
        ) as recall_share,
        cast(
            round(
                2.0 * correct_tickets / nullif(counted_tickets + tested_tickets, 0), 4
            ) as {{ numeric_type() }}
        ) as f1,
    from classifier_errors
)

select * from final
