-- Grain: one row a component, form of licence and derived state (component, license_form, state).
with

opes as (

    select * from {{ ref('fct_opes') }}

)

select
    component,
    coalesce(license_form, 'unknown') as license_form,
    state,
    count(*) as opes,
    count(distinct account_id) as accounts,
from opes
group by component, coalesce(license_form, 'unknown'), state
