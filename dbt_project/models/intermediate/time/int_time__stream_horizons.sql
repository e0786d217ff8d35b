-- grain: one row a stream that has ever been loaded; its first and last completeness horizon
{{ config(materialized='table') }}
with load_ledger as (
    select * from {{ source('ops', 'load_ledger') }}
),

final as (
    select
        stream,
        min(source) as source,
        min(as_of) as first_as_of,
        max(as_of) as last_as_of,
        count(*) as loads,
    from load_ledger
    group by stream
)

select * from final
