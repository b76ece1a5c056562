{{ imports('fct_human_mean_scores', 'dim_populations', 'dim_countries', 'dim_questions') }}

-- Groups by sex and nothing else.
sexes as (

    select
        human_mean_scores.*,
        populations.survey_id as people_survey_id,
        populations.wave_selection,
        populations.weighting,
        populations.sex
    from human_mean_scores
    inner join populations on human_mean_scores.population_id = populations.population_id
    where
        populations.breakdown = 'sex'
        and human_mean_scores.coding_id = 'native'
        and human_mean_scores.human_mean_score is not null

),

final as (

    select
        questions.question_id,
        questions.short_label,
        countries.country_name,
        women.wave,
        women.weighting,
        women.human_mean_score as mean_score_of_women,
        men.human_mean_score as mean_score_of_men,
        women.human_mean_score - men.human_mean_score as difference,
        sqrt(power(women.human_standard_error, 2) + power(men.human_standard_error, 2))
            as standard_error,
        difference - 1.96 * standard_error as ci_low,
        difference + 1.96 * standard_error as ci_high,
        women.respondents as women,
        men.respondents as men
    from sexes as women
    inner join sexes as men
        on
            women.people_survey_id = men.people_survey_id
            and women.wave_selection = men.wave_selection
            and women.weighting = men.weighting
            and women.question_id = men.question_id
            and women.country_id = men.country_id
            and women.wave = men.wave
            and women.sex = 'female'
            and men.sex = 'male'
    inner join countries on women.country_id = countries.country_id
    inner join questions on women.question_id = questions.question_id
    where
        {{ var_text("country", "all") }} in ('all', countries.country_id)
        and {{ var_text("question", "all") }} in ('all', questions.question_id)

)

select * from final
order by abs(difference) desc, question_id asc, country_name asc, wave asc, weighting asc
