{{ imports('fct_human_mean_scores', 'dim_populations', 'dim_countries', 'dim_questions') }}

final as (

    select
        questions.question_id,
        questions.short_label,
        countries.country_name,
        human_mean_scores.population_id,
        human_mean_scores.coding_id,
        human_mean_scores.human_mean_score,
        human_mean_scores.human_standard_error,
        human_mean_scores.human_mean_score - 1.96 * human_mean_scores.human_standard_error
            as ci_low,
        human_mean_scores.human_mean_score + 1.96 * human_mean_scores.human_standard_error
            as ci_high,
        human_mean_scores.standard_error_basis,
        human_mean_scores.respondents,
        human_mean_scores.effective_sample_size,
        human_mean_scores.outside_scale_share
    from human_mean_scores
    inner join populations on human_mean_scores.population_id = populations.population_id
    inner join countries on human_mean_scores.country_id = countries.country_id
    inner join questions on human_mean_scores.question_id = questions.question_id
    where
        populations.is_reference
        and human_mean_scores.human_mean_score is not null
        and {{ var_text("country", "all") }} in ('all', countries.country_id)
        and {{ var_text("question", "all") }} in ('all', questions.question_id)

)

select * from final
order by human_standard_error desc, question_id asc, country_name asc, coding_id asc
