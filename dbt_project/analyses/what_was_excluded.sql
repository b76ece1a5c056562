{{ imports('dim_questions', 'fct_human_mean_scores', 'dim_populations', 'fct_mean_scores') }}

asked as (

    select
        human_mean_scores.question_id,
        count(distinct human_mean_scores.country_id) as countries_asked,
        max(human_mean_scores.outside_scale_share) as largest_outside_scale_share
    from human_mean_scores
    inner join populations on human_mean_scores.population_id = populations.population_id
    where populations.is_reference
    group by all

),

scored as (

    select distinct question_id from mean_scores

),

final as (

    select
        questions.survey_id,
        questions.question_id,
        questions.short_label,
        questions.scale_kind,
        case
            when not questions.is_selected then 'not in the question selection'
            when questions.unscaled_reason is not null then questions.unscaled_reason
            when asked.question_id is null then 'no people''s answers loaded'
            when scored.question_id is null then 'no model was asked'
        end as excluded_because,
        questions.polarity is null as is_left_out_of_category_scores,
        questions.outside_scale_codes,
        asked.largest_outside_scale_share,
        coalesce(asked.countries_asked, 0) as countries_asked,
        questions.caution
    from questions
    left outer join asked on questions.question_id = asked.question_id
    left outer join scored on questions.question_id = scored.question_id
    where
        not questions.is_selected
        or questions.unscaled_reason is not null
        or asked.question_id is null
        or scored.question_id is null
        or questions.outside_scale_codes is not null
        or questions.caution is not null

)

select * from final
order by excluded_because asc nulls last, survey_id asc, question_id asc
