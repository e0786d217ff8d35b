{#- The access that billing expects, defined once for the detector and for the current state. -#}

{#- expected_access_rank: 2 granted, 1 held, 0 none, from one OPE. `opes` is the alias of its row
    (value_now, kind, state, is_live_billed); a free value gives nothing, a grant without bill gives
    access, a billed one as its subscription stands, and nothing while the account is flagged. -#}
{% macro expected_access_rank(opes, is_flagged, subscription_status) -%}
  case
    when
      {{ opes }}.value_now = 'free'
      or (
        {{ opes }}.kind = 'sum'
        and coalesce({{ safe_cast_as(opes ~ '.value_now', 'bigint') }}, 0) <= 0
      )
      then 0
    when {{ opes }}.state in ('contract', 'unbilled_grant') then 2
    when {{ opes }}.state = 'pending' then 1
    when not {{ opes }}.is_live_billed or {{ is_flagged }} then 0
    when {{ subscription_status }} in ('active', 'trialing') then 2
    when {{ subscription_status }} = 'incomplete' then 1
    else 0
  end
{%- endmacro %}

{#- access_drift_kind: the verdict on expected rank and actual access; null when both agree. -#}
{% macro access_drift_kind(expected_rank, is_granted, is_flagged) -%}
  case
    when {{ expected_rank }} = 0 and {{ is_granted }} and {{ is_flagged }} then 'kept_after_bad_debt'
    when {{ expected_rank }} < 2 and {{ is_granted }} then 'granted_but_unpaid'
    when {{ expected_rank }} = 2 and not ({{ is_granted }}) then 'paid_but_not_granted'
  end
{%- endmacro %}
