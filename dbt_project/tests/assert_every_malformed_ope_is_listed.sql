-- An OPE from which no state can be read is listed with a rule that says why.
with opes as (
    select * from {{ ref('fct_opes') }}
    where state = 'malformed'
),

malformed_rows as (
    select * from {{ ref('fct_malformed_rows') }}
    where store = 'subs_object_products_element'
)

select opes.ope_id
from opes
left join malformed_rows on opes.ope_id = malformed_rows.entity_id
where malformed_rows.entity_id is null
