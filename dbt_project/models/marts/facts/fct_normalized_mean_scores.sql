{{ by_design() }}
{%- set normalizations = normalizations() %}

with

distributions as not materialized (

    select asked_distributions.*
    from {{ ref('int_asked_distributions') }} as asked_distributions
    where {{ is_changed_design('asked_distributions') }}

),

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

temperatures as (

    select * from {{ ref('int_temperatures') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

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
        distributions.choice_count,
        distributions.is_whole,
        temperatures.temperature,
        temperatures.null_reason as temperature_null_reason,
        prompts.elicitation,
        case
            when distributions.is_whole
                then {{ impossible_as_minus_infinity('distributions.log_likelihood') }}
            else distributions.log_likelihood
        end as sum_value,
        distributions.log_likelihood / distributions.token_count as per_token_value,
        distributions.log_likelihood / distributions.byte_count as per_byte_value,
        distributions.label_log_likelihood as label_value,
        case
            when distributions.country_id != 'ZZZ' and {{ is_likelihood('prompts.elicitation') }}
                then distributions.log_likelihood - country_free.log_likelihood
        end as pmi_value,
        distributions.log_likelihood / temperatures.temperature as temperature_value
    from distributions
    left outer join prompts on distributions.prompt_id = prompts.prompt_id
    left outer join country_free
        on
            distributions.model_id = country_free.model_id
            and distributions.prompt_id = country_free.prompt_id
            and distributions.question_id = country_free.question_id
            and distributions.choice_index = country_free.choice_index
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
        {%- for normalization in normalizations %}
            max({{ normalization }}_value) as {{ normalization }}_largest,
        {%- endfor %}
        model_id,
        prompt_id,
        question_id,
        country_id
    from valued
    group by all

),

asked_cells as (

    select
        {%- for normalization in normalizations %}
            {{ softmax_mean_score(
                'valued.' ~ normalization ~ '_value',
                'largest.' ~ normalization ~ '_largest',
                'valued.choice_score',
            ) }} as {{ normalization }}_mean_score,
        {%- endfor %}
        valued.model_id,
        valued.prompt_id,
        valued.question_id,
        valued.country_id,
        max(valued.choice_count) as choice_count,
        bool_and(valued.is_whole) as is_whole,
        any_value(valued.elicitation) as elicitation,
        any_value(valued.temperature) as temperature,
        any_value(valued.temperature_null_reason) as temperature_null_reason
    from valued
    inner join largest
        on
            valued.model_id = largest.model_id
            and valued.prompt_id = largest.prompt_id
            and valued.question_id = largest.question_id
            and valued.country_id = largest.country_id
    group by all

),

-- The mean over orders of probabilities has the mean over orders of their mean scores.
ordered as (

    select
        asked_cells.*,
        averaged_prompts.prompt_id as averaged_prompt_id,
        {{ is_balanced_order('prompts.choice_order', 'asked_cells.choice_count', 'cell') }}
            as is_averaged
    from asked_cells
    inner join prompts on asked_cells.prompt_id = prompts.prompt_id
    inner join prompts as averaged_prompts
        on
            prompts.order_family_id = averaged_prompts.order_family_id
            and averaged_prompts.is_derived
    where asked_cells.is_whole
    window cell as (
        partition by
            asked_cells.model_id,
            averaged_prompts.prompt_id,
            asked_cells.question_id,
            asked_cells.country_id
    )

),

averaged_cells as (

    select
        {%- for normalization in normalizations %}
            case
                when count({{ normalization }}_mean_score) = count(*)
                    then avg({{ normalization }}_mean_score)
            end as {{ normalization }}_mean_score,
        {%- endfor %}
        model_id,
        averaged_prompt_id as prompt_id,
        question_id,
        country_id,
        true as is_whole,
        min(elicitation) as elicitation,
        cast(null as double) as temperature,
        min(temperature_null_reason) as temperature_null_reason
    from ordered
    where is_averaged
    group by all

),

cells as (

    select * exclude (choice_count) from asked_cells
    union all by name
    select * from averaged_cells

),

explained as (

    select
        cells.* exclude (temperature_null_reason),
        mean_scores.survey_id,
        mean_scores.population_id,
        mean_scores.question_selection,
        mean_scores.human_mean_score,
        mean_scores.source_fingerprint,
        case
            when questions.unscaled_reason is not null then questions.unscaled_reason
            when not cells.is_whole then 'incomplete_choices'
        end as cell_null_reason,
        cast(null as varchar) as sum_null_reason,
        case
            when not {{ is_likelihood('cells.elicitation') }} then 'no_log_likelihoods'
            when cells.per_token_mean_score is null then 'no_token_count'
        end as per_token_null_reason,
        case
            when not {{ is_likelihood('cells.elicitation') }} then 'no_log_likelihoods'
            when cells.per_byte_mean_score is null then 'no_byte_count'
        end as per_byte_null_reason,
        case
            when not {{ is_likelihood('cells.elicitation') }} then 'no_log_likelihoods'
            when cells.label_mean_score is null then 'no_label_log_likelihood'
        end as label_null_reason,
        case
            when not {{ is_likelihood('cells.elicitation') }} then 'no_log_likelihoods'
            when cells.country_id = 'ZZZ' then 'country_free'
            when cells.pmi_mean_score is null then 'no_country_free_prompt'
        end as pmi_null_reason,
        case
            when not {{ is_likelihood('cells.elicitation') }} then 'no_log_likelihoods'
            when cells.temperature_mean_score is not null then null
            when cells.country_id = 'ZZZ' then 'country_free'
            when mean_scores.population_id is null then 'no_survey_loaded'
            else coalesce(cells.temperature_null_reason, 'no_human_shares')
        end as temperature_null_reason
    from cells
    inner join mean_scores
        on
            cells.model_id = mean_scores.model_id
            and cells.prompt_id = mean_scores.prompt_id
            and cells.question_id = mean_scores.question_id
            and cells.country_id = mean_scores.country_id
    inner join questions on cells.question_id = questions.question_id

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
        coalesce(cell_null_reason, normalization_null_reason) as null_reason,
        source_fingerprint
    from side_by_side

)

select * from final
