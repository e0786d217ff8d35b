-- grain: one row a stream and UTC day whose end a committed load describes
{{ config(materialized='table') }}
-- A load whose as_of lies in (00:00, next 00:00] describes the state at the end of that day.
with load_ledger as (
    select * from {{ source('ops', 'load_ledger') }}
),

loads as (
    select distinct
        stream,
        as_of,
        cast(as_of as date) as as_of_date,
    from load_ledger
),

final as (
    select
        stream,
        case
            when as_of = cast(as_of_date as timestamp) then {{ date_plus_days('as_of_date', -1) }}
            else as_of_date
        end as observation_date,
        max(as_of) as described_at,
    from loads
    group by stream, observation_date
)

select * from final
