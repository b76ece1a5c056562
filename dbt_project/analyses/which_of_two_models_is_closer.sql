{{ imports('fct_mean_scores', 'dim_models', 'dim_prompts', 'dim_countries') }}

-- Without the variables, the first two models by name.
in_order as (

    select
        model_id,
        display_name,
        quantization,
        model_name,
        row_number() over (order by model_name, quantization, model_id) as model_number
    from models

),

chosen_first as (

    select *
    from in_order
    where
        case
            when {{ var_text("model", "all") }} = 'all' then model_number = 1
            else model_name = {{ var_text("model", "all") }}
        end

),

chosen_second as (

    select *
    from in_order
    where
        case
            when {{ var_text("other_model", "all") }} = 'all' then model_number = 2
            else model_name = {{ var_text("other_model", "all") }}
        end

),

-- Cells that both have, under the same prompt.
common_cells as (

    select
        concat_ws(' ', chosen_first.display_name, chosen_first.quantization) as first_model,
        concat_ws(' ', chosen_second.display_name, chosen_second.quantization) as second_model,
        first_scores.prompt_id,
        first_scores.country_id,
        first_scores.llm_mean_score as first_score,
        second_scores.llm_mean_score as second_score,
        first_scores.human_mean_score
    from mean_scores as first_scores
    inner join chosen_first on first_scores.model_id = chosen_first.model_id
    inner join mean_scores as second_scores
        on
            first_scores.prompt_id = second_scores.prompt_id
            and first_scores.question_id = second_scores.question_id
            and first_scores.country_id = second_scores.country_id
    inner join chosen_second
        on
            second_scores.model_id = chosen_second.model_id
            and chosen_first.model_id != chosen_second.model_id
    where first_scores.null_reason is null and second_scores.null_reason is null

),

compared as (

    select
        first_model,
        second_model,
        prompt_id,
        country_id,
        count(*) as question_count,
        {{ pearson_r('first_score', 'human_mean_score', var_number('minimum_questions')) }}
            as first_pearson_r,
        {{ pearson_r('second_score', 'human_mean_score', var_number('minimum_questions')) }}
            as second_pearson_r,
        avg(abs(first_score - human_mean_score)) as first_mean_absolute_error,
        avg(abs(second_score - human_mean_score)) as second_mean_absolute_error,
        {{ pearson_r('first_score', 'second_score', var_number('minimum_questions')) }}
            as r_between_models
    from common_cells
    group by all

),

final as (

    select
        compared.first_model,
        compared.second_model,
        prompts.prompt_name,
        countries.country_name,
        compared.question_count,
        compared.first_pearson_r,
        compared.second_pearson_r,
        compared.first_pearson_r - compared.second_pearson_r as difference_in_r,
        compared.first_mean_absolute_error,
        compared.second_mean_absolute_error,
        compared.r_between_models
    from compared
    inner join prompts on compared.prompt_id = prompts.prompt_id
    inner join countries on compared.country_id = countries.country_id
    where {{ var_text("country", "all") }} in ('all', countries.country_id)

)

select * from final
order by
    first_model asc,
    second_model asc,
    prompt_name asc,
    difference_in_r desc nulls last,
    country_name asc
