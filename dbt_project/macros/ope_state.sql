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
