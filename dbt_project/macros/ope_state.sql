{#- The state of an OPE, defined once for its current row and for every version of it. -#}

{#- ope_rank: rank of a value among the values of its kind, as a whole number; null when the kind
    or the value is unknown. enum: free 0, pro 1, biz 2, ent 3; sum: the count itself;
    usage: metered 1. -#}
{% macro ope_rank(kind, value) -%}
  case
    when {{ kind }} = 'enum' then
      case {{ value }} when 'free' then 0 when 'pro' then 1 when 'biz' then 2 when 'ent' then 3 end
    when {{ kind }} = 'sum' and {{ regex_matches(value, '^[0-9]+$') }}
      then {{ safe_cast_as(value, 'bigint') }}
    when {{ kind }} = 'usage' and {{ value }} = 'metered' then 1
  end
{%- endmacro %}

{#- ope_catalogue_value: value under which the price catalogue lists what an OPE has: each unit of a
    count costs the same, and so does what is metered; null for no value. -#}
{% macro ope_catalogue_value(kind, value_now) -%}
  case {{ kind }} when 'sum' then 'unit' when 'usage' then 'metered' else {{ value_now }} end
{%- endmacro %}

{#- ope_license_form: stripe, admin, user, contract or pending; null for any other form. -#}
{% macro ope_license_form(license_source_id) -%}
  case
    when {{ license_source_id }} = 'PENDING:PENDING' then 'pending'
    when {{ license_source_id }} = 'CONTRACT:CONTRACT' then 'contract'
    when {{ regex_matches(license_source_id, '^ADMIN:.+$') }} then 'admin'
    when {{ regex_matches(license_source_id, '^USER:.+$') }} then 'user'
    when {{ regex_matches(license_source_id, '^sub_[A-Za-z0-9_]+:si_[A-Za-z0-9_]+$') }}
      then 'stripe'
  end
{%- endmacro %}

{#- ope_state: the first rule that matches names the state. Reads the columns deleted_date,
    value_now, value_next (both null when empty), rank_now, rank_next, license_form and
    workflow_id of the relation `alias`. A next value that cannot be ranked is as malformed as a
    current one: none of the rules after it could place the element. -#}
{% macro ope_state(alias) -%}
  case
    when {{ alias }}.deleted_date is not null then 'cancelled'
    when {{ alias }}.value_now is null then 'malformed'
    when {{ alias }}.rank_now is null then 'malformed'
    when {{ alias }}.license_form is null then 'malformed'
    when {{ alias }}.rank_next is null
      and coalesce({{ alias }}.value_next, 'free') not in ('free', '-1') then 'malformed'
    when coalesce({{ alias }}.workflow_id, '') <> '' then 'in_flight'
    when {{ alias }}.license_form = 'pending' then 'pending'
    when {{ alias }}.license_form = 'contract' then 'contract'
    when {{ alias }}.license_form in ('admin', 'user') then 'unbilled_grant'
    when {{ alias }}.value_next in ('free', '-1') then 'scheduled_cancel'
    when {{ alias }}.rank_next < {{ alias }}.rank_now then 'scheduled_downgrade'
    when {{ alias }}.rank_next > {{ alias }}.rank_now then 'delayed_upgrade'
    else 'active_billed'
  end
{%- endmacro %}

{#- ope_is_live_billed: true for the four states in which Stripe bills the element. -#}
{% macro ope_is_live_billed(state) -%}
  {{ state }} in ('active_billed', 'scheduled_cancel', 'scheduled_downgrade', 'delayed_upgrade')
{%- endmacro %}

{#- stated_opes: query of every column of `relation` (versions of OPEs as they landed) with value_now,
    value_next, license_form, subscription_id and subscription_item_id (of a Stripe licence),
    rank_now, rank_next and state. A Stripe licence has one colon. -#}
{% macro stated_opes(relation) -%}
select
        *,
        {{ ope_state('ranked') }} as state,
    from (
        select
            *,
            {{ ope_rank('kind', 'value_now') }} as rank_now,
            {{ ope_rank('kind', 'value_next') }} as rank_next,
            case
                when license_form = 'stripe' then {{ ope_licensed_subscription('license_source_id') }}
            end as subscription_id,
            case
                when license_form = 'stripe' then {{ ope_licensed_item('license_source_id') }}
            end as subscription_item_id,
        from (
            select
                *,
                nullif({{ array_element('value_phases', 0) }}, '') as value_now,
                nullif({{ array_element('value_phases', 1) }}, '') as value_next,
                {{ ope_license_form('license_source_id') }} as license_form,
            from {{ relation }}
        ) as phased
    ) as ranked
{%- endmacro %}

{#- ope_licensed_subscription: what stands before the colon of a licence; empty without a colon. -#}
{% macro ope_licensed_subscription(license_source_id) -%}
  substr({{ license_source_id }}, 1, greatest(strpos({{ license_source_id }}, ':') - 1, 0))
{%- endmacro %}

{#- ope_licensed_item: what stands after the colon of a licence; all of it without a colon. -#}
{% macro ope_licensed_item(license_source_id) -%}
  substr({{ license_source_id }}, strpos({{ license_source_id }}, ':') + 1)
{%- endmacro %}
