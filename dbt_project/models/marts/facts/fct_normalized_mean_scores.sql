{%- set normalizations = normalizations() -%}

with

distributions as (

    select * from {{ ref('int_choice_distributions') }}

),

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

temperatures as (

    select * from {{ ref('int_temperatures') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

country_free as (

    select
        model_id,
        prompt_id,
        question_id,
        choice_index,
        log_likelihood
    from distributions
    where country_id = 'ZZZ'

),

-- One column a normalisation, whose softmax is the probability under it.
valued as (

    select
        distributions.model_id,
        distributions.prompt_id,
        distributions.question_id,
        distributions.country_id,
        distributions.choice_score,
        distributions.is_whole,
        distributions.log_likelihood as sum_value,
        distributions.log_likelihood / distributions.token_count as per_token_value,
        distributions.log_likelihood / distributions.byte_count as per_byte_value,
        distributions.label_log_likelihood as label_value,
        distributions.log_likelihood - country_free.log_likelihood as pmi_value,
        distributions.log_likelihood / temperatures.temperature as temperature_value
    from distributions
    left outer join country_free
        on
            distributions.model_id = country_free.model_id
            and distributions.prompt_id = country_free.prompt_id
            and distributions.question_id = country_free.question_id
            and distributions.choice_index = country_free.choice_index
            and distributions.country_id != 'ZZZ'
    left outer join temperatures
        on
            distributions.model_id = temperatures.model_id
            and distributions.prompt_id = temperatures.prompt_id
            and distributions.survey_id = temperatures.survey_id
            and distributions.country_id = temperatures.country_id

),

-- Aggregated twice rather than by a window, which would sort all choices.
largest as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        {%- for normalization in normalizations %}
        max({{ normalization }}_value) as {{ normalization }}_largest,
        {%- endfor %}
    from valued
    group by all

),

cells as (

    select
        valued.model_id,
        valued.prompt_id,
        valued.question_id,
        valued.country_id,
        bool_and(valued.is_whole) as is_whole,
        {%- for normalization in normalizations %}
        {{ softmax_mean_score(
            'valued.' ~ normalization ~ '_value',
            'largest.' ~ normalization ~ '_largest',
            'valued.choice_score',
        ) }} as {{ normalization }}_mean_score,
        {%- endfor %}
    from valued
    inner join largest
        on
            valued.model_id = largest.model_id
            and valued.prompt_id = largest.prompt_id
            and valued.question_id = largest.question_id
            and valued.country_id = largest.country_id
    group by all

),

explained as (

    select
        cells.*,
        mean_scores.survey_id,
        mean_scores.population_id,
        mean_scores.question_selection,
        mean_scores.human_mean_score,
        temperatures.temperature,
        case
            when questions.unscaled_reason is not null then questions.unscaled_reason
            when not cells.is_whole then 'incomplete_choices'
        end as cell_null_reason,
        cast(null as varchar) as sum_null_reason,
        cast(null as varchar) as per_token_null_reason,
        cast(null as varchar) as per_byte_null_reason,
        case when cells.label_mean_score is null then 'no_label_log_likelihood' end
            as label_null_reason,
        case
            when cells.country_id = 'ZZZ' then 'country_free'
            when cells.pmi_mean_score is null then 'no_country_free_prompt'
        end as pmi_null_reason,
        case
            when cells.temperature_mean_score is not null then null
            when cells.country_id = 'ZZZ' then 'country_free'
            when mean_scores.population_id is null then 'no_survey_loaded'
            else coalesce(temperatures.null_reason, 'no_human_shares')
        end as temperature_null_reason
    from cells
    inner join mean_scores
        on
            cells.model_id = mean_scores.model_id
            and cells.prompt_id = mean_scores.prompt_id
            and cells.question_id = mean_scores.question_id
            and cells.country_id = mean_scores.country_id
    inner join questions on cells.question_id = questions.question_id
    left outer join temperatures
        on
            cells.model_id = temperatures.model_id
            and cells.prompt_id = temperatures.prompt_id
            and mean_scores.survey_id = temperatures.survey_id
            and cells.country_id = temperatures.country_id

),

-- One row a normalisation.
side_by_side as (

    select
        *,
        unnest({{ normalizations }}) as normalization,
        unnest([
            {%- for normalization in normalizations %}
            {{ normalization }}_mean_score,
            {%- endfor %}
        ]) as normalized_mean_score,
        unnest([
            {%- for normalization in normalizations %}
            {{ normalization }}_null_reason,
            {%- endfor %}
        ]) as normalization_null_reason
    from explained

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        normalization,
        survey_id,
        population_id,
        question_selection,
        case
            when coalesce(cell_null_reason, normalization_null_reason) is null
                then normalized_mean_score
        end as llm_mean_score,
        human_mean_score,
        case when normalization = 'temperature' then temperature end as temperature,
        coalesce(cell_null_reason, normalization_null_reason) as null_reason
    from side_by_side

)

select * from final
