{{ imports('fct_human_mean_scores', 'dim_populations', 'dim_countries', 'dim_questions') }}

-- One figure a wave: where several populations hold it, the first by name.
waves as (

    select
        human_mean_scores.*,
        populations.survey_id as people_survey_id,
        populations.weighting,
        populations.subgroup_id
    from human_mean_scores
    inner join populations on human_mean_scores.population_id = populations.population_id
    where human_mean_scores.coding_id = 'native' and human_mean_scores.human_mean_score is not null
    qualify
        row_number() over (
            partition by
                populations.survey_id,
                populations.weighting,
                populations.subgroup_id,
                human_mean_scores.question_id,
                human_mean_scores.country_id,
                human_mean_scores.wave
            order by human_mean_scores.population_id
        ) = 1

),

final as (

    select
        questions.question_id,
        questions.short_label,
        countries.country_name,
        later.weighting,
        later.subgroup_id,
        earlier.wave as earlier_wave,
        later.wave as later_wave,
        earlier.human_mean_score as earlier_mean_score,
        later.human_mean_score as later_mean_score,
        later.human_mean_score - earlier.human_mean_score as difference,
        sqrt(power(later.human_standard_error, 2) + power(earlier.human_standard_error, 2))
            as standard_error,
        difference - 1.96 * standard_error as ci_low,
        difference + 1.96 * standard_error as ci_high
    from waves as later
    inner join waves as earlier
        on
            later.people_survey_id = earlier.people_survey_id
            and later.weighting = earlier.weighting
            and later.subgroup_id = earlier.subgroup_id
            and later.question_id = earlier.question_id
            and later.country_id = earlier.country_id
            and later.wave > earlier.wave
    inner join countries on later.country_id = countries.country_id
    inner join questions on later.question_id = questions.question_id
    where
        {{ var_text("country", "all") }} in ('all', countries.country_id)
        and {{ var_text("question", "all") }} in ('all', questions.question_id)

)

select * from final
order by
    abs(difference) desc,
    question_id asc,
    country_name asc,
    earlier_wave asc,
    later_wave asc,
    weighting asc,
    subgroup_id asc
