-- An OPE that the engine holds has one current row, and that row one of the ten states.
with opes as (
    select * from {{ ref('stg_engine__object_products_elements') }}
),

states as (
    select * from {{ ref('int_ope__state_history') }}
    where valid_to is null and not is_deleted
)

select
    opes.ope_id,
    count(states.state) as states_of_ope,
from opes
left join states
    on
        opes.ope_id = states.ope_id
        and states.state in (
            'cancelled', 'malformed', 'in_flight', 'pending', 'contract', 'unbilled_grant',
            'scheduled_cancel', 'scheduled_downgrade', 'delayed_upgrade', 'active_billed'
        )
group by opes.ope_id
having count(states.state) <> 1
