with

intervals as (

    select * from {{ ref('int_correlation_intervals') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

files as (

    select
        intervals.survey_id,
        intervals.prompt_id,
        models.corpus_kind,
        models.family,
        models.is_chat,
        models.model_name,
        models.parameter_count,
        intervals.model_id,
        {{ of_measure('intervals.country_count', 'pearson_r') }} as country_count,
        {{ of_measure('intervals.estimate', 'pearson_r') }} as pearson_r,
        {{ of_measure('intervals.estimate', 'r_above_blind') }} as r_above_blind,
        {{ of_measure('intervals.estimate', 'demeaned_pearson_r') }} as demeaned_pearson_r
    from intervals
    inner join models on intervals.model_id = models.model_id
    where intervals.area_kind = 'world' and models.corpus_kind is not null
    group by all

),

-- A model counts once, however many of its precisions were scored.
scored_models as (

    select
        survey_id,
        prompt_id,
        corpus_kind,
        family,
        is_chat,
        model_name,
        parameter_count,
        min(country_count) as country_count,
        avg(pearson_r) as pearson_r,
        avg(r_above_blind) as r_above_blind,
        avg(demeaned_pearson_r) as demeaned_pearson_r
    from files
    group by all

),

families as (

    select
        survey_id,
        prompt_id,
        corpus_kind,
        family,
        is_chat,
        count(*) as model_count,
        min(parameter_count) as smallest_parameter_count,
        max(parameter_count) as largest_parameter_count,
        min(country_count) as least_country_count,
        max(country_count) as most_country_count,
        avg(pearson_r) as mean_pearson_r,
        min(pearson_r) as lowest_pearson_r,
        max(pearson_r) as highest_pearson_r,
        avg(r_above_blind) as mean_r_above_blind,
        avg(demeaned_pearson_r) as mean_demeaned_pearson_r
    from scored_models
    group by all

),

corpora as (

    select
        survey_id,
        prompt_id,
        corpus_kind,
        is_chat,
        count(*) as family_count,
        cast(sum(model_count) as bigint) as model_count,
        min(smallest_parameter_count) as smallest_parameter_count,
        max(largest_parameter_count) as largest_parameter_count,
        min(least_country_count) as least_country_count,
        max(most_country_count) as most_country_count,
        avg(mean_pearson_r) as mean_pearson_r,
        min(lowest_pearson_r) as lowest_pearson_r,
        max(highest_pearson_r) as highest_pearson_r,
        avg(mean_r_above_blind) as mean_r_above_blind,
        avg(mean_demeaned_pearson_r) as mean_demeaned_pearson_r
    from families
    group by all

),

described as (

    select
        'family' as group_kind,
        1 as family_count,
        families.*
    from families
    union all by name
    select
        'corpus_kind' as group_kind,
        corpora.*
    from corpora

),

final as (

    select
        described.group_kind,
        described.survey_id,
        described.prompt_id,
        described.corpus_kind,
        described.family as model_family,
        described.is_chat,
        prompts.coding_id,
        prompts.is_order_controlled,
        cast(described.family_count as bigint) as family_count,
        described.model_count,
        described.smallest_parameter_count,
        described.largest_parameter_count,
        described.least_country_count,
        described.most_country_count,
        described.mean_pearson_r,
        described.lowest_pearson_r,
        described.highest_pearson_r,
        described.mean_r_above_blind,
        described.mean_demeaned_pearson_r
    from described
    inner join prompts on described.prompt_id = prompts.prompt_id

)

select * from final
