-- grain: one row a Stripe customer or account that may be shared and is looked at in this run, a customer row it reads for that, or a load
{{ config(materialized='table') }}
-- As int_drift__stripe_worklist: of the first load, what two rows hold; of the later ones, what a
-- touched row holds or ever held. What one row alone holds is shared with nobody.
{% set kept = ['int_drift__merged_accounts'] %}
{% set customer_rows = 'engine.subs_customer' %}
{#- what rows may share, and the column that says it -#}
{% set things = {'customer': 'stripe_customer_id', 'account': 'account_id'} %}
{% set since = unjudged_since([customer_rows], kept) %}
with loads as (
    {{ loads_to_judge([customer_rows], kept, rule_version_of(kept), are_standing(kept)) }}
),

touched_rows as (
    {{ touched(customer_rows, 'customer_row_id', since) }}
),

touched_versions as (
    select
        account_id,
        stripe_customer_id,
    from {{ raw_table(customer_rows) }}
    where customer_row_id in (select touched_rows.customer_row_id from touched_rows)
),

{% for thing, column in things.items() -%}
worked_{{ thing }}s as (
    select {{ column }}
    from {{ raw_table(customer_rows) }}
    where {{ came_with('first', customer_rows, since) }}
    group by {{ column }}
    having count(*) > 1
    union distinct
    select {{ column }}
    from touched_versions
),

{% endfor -%}
-- every row that ever held one of them
worked_rows as (
    {% for thing, column in things.items() -%}
    {{ keys_with(customer_rows, 'customer_row_id', column, 'worked_' ~ thing ~ 's') }}
    {{ 'union distinct' if not loop.last }}
    {% endfor -%}
),

worked_things as (
    {% for thing, column in things.items() -%}
    select '{{ thing }} ' || {{ column }} as shared_thing
    from worked_{{ thing }}s
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

final as (
    {{ worklist_of({
        'thing': 'worked_things.shared_thing',
        'customer_row': 'worked_rows.customer_row_id',
    }, rule_version_of(kept), since) }}
)

select * from final
