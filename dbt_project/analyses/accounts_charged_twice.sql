-- Who paid the same debt twice, and how much do we owe them back?
select
    account_id,
    currency,
    count(*) as double_payments,
    sum(amount_charged_twice_minor) as to_give_back_minor,
    min(charged_twice_at) as since,
from {{ ref('fct_double_charges') }}
group by account_id, currency
order by to_give_back_minor desc, account_id
