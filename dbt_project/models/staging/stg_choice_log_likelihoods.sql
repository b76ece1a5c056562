-- The one place where groups and invented countries leave the way to the marts about countries.
select * exclude (group_id, placebo_id)
from {{ ref('stg_subject_log_likelihoods') }}
where
    group_id is null
    and placebo_id is null
