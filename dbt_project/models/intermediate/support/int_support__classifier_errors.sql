-- Grain: one row a category of tickets (category): how often the classifier errs, as measured.
-- Shares are (right + 1) / (all + 2): a small sample without an error does not prove perfection.
with

measures as (

    select * from {{ ref('stg_tickets__measures') }}

),

shares as (

    select
        category,
        tested_tickets,
        counted_tickets,
        correct_tickets,
        (correct_tickets + 1.0) / (counted_tickets + 2.0) as right_share,
        (correct_tickets + 1.0) / (tested_tickets + 2.0) as found_share,
    from measures

)

select
    category,
    tested_tickets,
    counted_tickets,
    correct_tickets,
    right_share,
    found_share,
    -- Of one counted ticket: it is right or not; and of the right ones, some were not found.
    right_share * (1 - right_share)
    + right_share * (1 - found_share) / found_share as error_variance,
from shares
