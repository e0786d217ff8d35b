-- grain: one row a check, with what it said when it last ran
-- A view: a verdict stands here as soon as the check has written it.
with check_results as (
    select * from {{ source('ops', 'check_results') }}
),

ranked as (
    select
        *,
        row_number() over (partition by check_id order by evaluated_at desc, run_id desc) as recency,
    from check_results
),

final as (
    select
        check_id,
        subject_kind,
        subject,
        rule,
        expectation,
        observed,
        verdict,
        message,
        evaluated_at,
    from ranked
    where recency = 1
)

select * from final
