-- grain: one row a group of alike tickets that no pattern catches
with tickets as (
    select * from {{ ref('fct_tickets') }}
    where candidate_id is not null
),

final as (
    select
        candidate_id,
        max(category) as category,
        max(candidate_terms) as terms,
        count(*) as tickets,
        cast(sum(case when is_engineering then 1 else 0 end) as bigint) as escalated_tickets,
        min(iso_week) as first_week,
        max(iso_week) as last_week,
        {{ text_list('issue_key', ',') }} as ticket_keys,
    from tickets
    group by candidate_id
)

select * from final
