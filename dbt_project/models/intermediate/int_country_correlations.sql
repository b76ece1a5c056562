{{ by_design() }}

with

cells as (

    select compared.*
    from {{ ref('int_comparable_cells') }} as compared
    where {{ is_changed_design('compared') }}

),

question_sets as (

    select * from {{ ref('int_question_sets') }}

),

baselines as (

    select * from {{ ref('int_human_baselines') }}

),

shuffled_countries as (

    select * from {{ ref('int_shuffled_countries') }}

),

prepared as (

    select
        *,
        case when is_common_question then llm_mean_score end as common_llm_score,
        case when is_common_question then human_mean_score end as common_human_score
    from cells

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        source_fingerprint,
        count(*) as question_count,
        count(distinct battery_id) as battery_count,
        max(compared_country_count) as compared_country_count,
        {{ r_and_reason(
            'llm_mean_score', 'human_mean_score', var_number('minimum_questions'), 'too_few_questions'
        ) }},
        {{ r_and_reason(
            'common_llm_score',
            'common_human_score',
            var_number('minimum_questions'),
            'too_few_common_questions',
            r='common_pearson_r',
            reason='common_null_reason',
        ) }},
        {{ pearson_r('llm_rank', 'human_rank', var_number('minimum_questions')) }} as spearman_rho,
        {{ rho0_and_reason() }},
        count(demeaned_llm_score) as demeaned_question_count,
        {{ pearson_r(
            'demeaned_llm_score', 'demeaned_human_score', var_number('minimum_questions')
        ) }} as demeaned_pearson_r,
        stddev_pop(demeaned_human_score) >= 1e-12 as has_variance_between_countries,
        sum(power(llm_mean_score - human_mean_score, 2)) as squared_error,
        count(other_countries_llm_score) = count(*) as has_answers_of_others,
        {{ pearson_r(
            'other_countries_llm_score', 'human_mean_score', var_number('minimum_questions')
        ) }} as other_countries_llm_r,
        {{ r_and_reason(
            'option_position_score',
            'human_mean_score',
            var_number('minimum_questions'),
            'too_few_questions',
            r='option_position_r',
            reason='option_position_null_reason',
        ) }},
        count(country_free_llm_score) as country_free_question_count,
        {{ r_and_reason(
            'country_free_llm_score',
            'human_mean_score',
            var_number('minimum_questions'),
            'question_without_country_free_prompt',
            r='country_free_r',
            reason='measured_country_free_null_reason',
        ) }},
        avg(absolute_error) as mean_absolute_error,
        avg(wasserstein_1) as mean_wasserstein_1,
        avg(total_variation) as mean_total_variation,
        avg(jensen_shannon_distance) as mean_jensen_shannon_distance,
        avg(cast(modal_agreement as integer)) as modal_agreement_share,
        avg(llm_entropy) as mean_llm_entropy,
        avg(off_choice_mass) as mean_off_choice_mass
    from prepared
    group by all

),

joined as (

    select
        measured.*,
        question_sets.question_set_id,
        question_sets.common_question_count,
        baselines.blind_baseline_r,
        baselines.blind_rho0,
        baselines.blind_squared_error,
        baselines.blind_null_reason,
        baselines.best_other_country_id,
        baselines.best_other_country_r,
        baselines.other_country_count,
        baselines.best_other_country_null_reason,
        baselines.noise_ceiling,
        baselines.human_error_basis,
        baselines.noise_ceiling_null_reason,
        baselines.split_count,
        baselines.split_half_r,
        baselines.split_half_reliability,
        baselines.split_half_ceiling,
        baselines.split_half_null_reason,
        baselines.mean_human_entropy,
        baselines.uniform_mean_absolute_error,
        baselines.uniform_mean_wasserstein_1,
        baselines.uniform_mean_total_variation,
        baselines.uniform_mean_jensen_shannon_distance,
        common_baselines.blind_baseline_r as common_blind_baseline_r,
        common_baselines.blind_null_reason as common_blind_null_reason,
        common_baselines.best_other_country_id as common_best_other_country_id,
        common_baselines.best_other_country_r as common_best_other_country_r,
        common_baselines.best_other_country_null_reason as common_best_other_country_null_reason,
        shuffled_countries.shuffled_countries_r,
        shuffled_countries.shuffled_countries_p,
        shuffled_countries.shuffled_country_count
    from measured
    inner join question_sets
        on
            measured.model_id = question_sets.model_id
            and measured.prompt_id = question_sets.prompt_id
            and measured.survey_id = question_sets.survey_id
            and measured.country_id = question_sets.country_id
    inner join baselines
        on
            question_sets.population_id = baselines.population_id
            and question_sets.coding_id = baselines.coding_id
            and question_sets.country_id = baselines.country_id
            and question_sets.question_set_id = baselines.question_set_id
    left outer join baselines as common_baselines
        on
            question_sets.population_id = common_baselines.population_id
            and question_sets.coding_id = common_baselines.coding_id
            and question_sets.country_id = common_baselines.country_id
            and question_sets.common_question_set_id = common_baselines.question_set_id
    inner join shuffled_countries
        on
            measured.model_id = shuffled_countries.model_id
            and measured.prompt_id = shuffled_countries.prompt_id
            and measured.survey_id = shuffled_countries.survey_id
            and measured.country_id = shuffled_countries.country_id

),

explained as (

    select
        *,
        case
            when question_count < {{ var_number('minimum_questions') }} then 'too_few_questions'
            when demeaned_question_count < {{ var_number('minimum_questions') }}
                then 'too_few_reference_countries'
            when not has_variance_between_countries then 'no_variance_in_survey'
            when demeaned_pearson_r is null then 'no_country_variation'
        end as demeaned_null_reason,
        case
            when question_count < {{ var_number('minimum_questions') }} then 'too_few_questions'
            when blind_squared_error is null then 'question_without_other_countries'
            when sqrt(blind_squared_error / question_count) < 1e-12 then 'blind_baseline_is_exact'
        end as skill_null_reason,
        case
            when null_reason is not null then null_reason
            when compared_country_count = 1 then 'one_country'
            when not has_answers_of_others then 'question_without_other_countries'
            when other_countries_llm_r is null then 'no_variance_in_mean_answers'
        end as country_gain_null_reason,
        case
            when null_reason is not null then null_reason
            when shuffled_countries_r is null then 'no_other_country_with_all_questions'
        end as shuffled_countries_null_reason,
        case
            when question_count < {{ var_number('minimum_questions') }} then 'too_few_questions'
            when country_free_question_count < question_count
                then 'question_without_country_free_prompt'
            else measured_country_free_null_reason
        end as country_free_null_reason
    from joined

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        question_set_id,
        question_count,
        battery_count,
        compared_country_count,
        pearson_r,
        null_reason,
        spearman_rho,
        common_question_count,
        common_pearson_r,
        common_null_reason,
        common_blind_baseline_r,
        common_best_other_country_id,
        common_best_other_country_r,
        case
            when common_question_count < {{ var_number('minimum_questions') }}
                then 'too_few_common_questions'
            when common_blind_baseline_r is null then common_blind_null_reason
            else common_best_other_country_null_reason
        end as common_baselines_null_reason,
        demeaned_question_count,
        demeaned_pearson_r,
        demeaned_null_reason,
        blind_baseline_r,
        blind_null_reason,
        case
            when skill_null_reason is null then 1 - squared_error / blind_squared_error
        end as skill,
        skill_null_reason,
        case
            when country_gain_null_reason is null then pearson_r - other_countries_llm_r
        end as country_gain,
        country_gain_null_reason,
        best_other_country_id,
        best_other_country_r,
        other_country_count,
        best_other_country_null_reason,
        option_position_r,
        option_position_null_reason,
        shuffled_countries_r,
        shuffled_countries_p,
        shuffled_country_count,
        shuffled_countries_null_reason,
        case when country_free_null_reason is null then country_free_r end as country_free_r,
        country_free_null_reason,
        rho0,
        blind_rho0,
        rho0 - blind_rho0 as rho0_above_blind,
        rho0_null_reason,
        noise_ceiling,
        human_error_basis,
        noise_ceiling_null_reason,
        split_count,
        split_half_r,
        split_half_reliability,
        split_half_ceiling,
        split_half_null_reason,
        mean_absolute_error,
        mean_wasserstein_1,
        mean_total_variation,
        mean_jensen_shannon_distance,
        uniform_mean_absolute_error,
        uniform_mean_wasserstein_1,
        uniform_mean_total_variation,
        uniform_mean_jensen_shannon_distance,
        modal_agreement_share,
        mean_llm_entropy,
        mean_human_entropy,
        mean_off_choice_mass,
        source_fingerprint
    from explained

)

select * from final
