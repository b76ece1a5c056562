with

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

quantization_pairs as (

    select * from {{ ref('int_quantization_pairs') }}

),

elicitation_pairs as (

    select * from {{ ref('int_elicitation_pairs') }}

),

scored as (

    select distinct
        survey_id,
        model_id,
        prompt_id
    from cells

),

-- Like is compared with like: whatever differs between two designs is in what is compared.
designs as (

    select
        scored.survey_id,
        scored.model_id,
        scored.prompt_id,
        models.model_name,
        models.partner_model_name,
        models.family,
        models.parameter_count,
        models.is_chat,
        models.quantization,
        models.file_bytes,
        prompts.chat_mode,
        prompts.choice_order,
        {
            'template_id': prompts.template_id,
            'template_text': prompts.template_text,
            'coding_id': prompts.coding_id,
            'wording_set': prompts.wording_set,
            'language': prompts.language,
            'answer_style': prompts.answer_style,
            'elicitation': prompts.elicitation,
            'temperature': prompts.temperature
        } as question_design
    from scored
    inner join models on scored.model_id = models.model_id
    inner join prompts on scored.prompt_id = prompts.prompt_id

),

sized as (

    select
        *,
        dense_rank() over (size_class order by parameter_count) as size_rank
    from designs
    window size_class as (
        partition by
            survey_id, question_design, chat_mode, family, is_chat, parameter_count is not null
    )

),

sizes as (

    select
        *,
        max(size_rank) over (
            partition by
                survey_id, question_design, chat_mode, family, is_chat, parameter_count is not null
        ) as largest_rank
    from sized

),

candidates as (

    select
        sizes.survey_id,
        sizes.model_id,
        sizes.prompt_id,
        other_sizes.model_id as other_model_id,
        other_sizes.prompt_id as other_prompt_id,
        sizes.model_name,
        other_sizes.model_name as other_model_name,
        sizes.question_design,
        sizes.chat_mode,
        sizes.choice_order,
        sizes.file_bytes,
        other_sizes.file_bytes as other_file_bytes,
        sizes.quantization = other_sizes.quantization as has_same_quantization,
        sizes.prompt_id = other_sizes.prompt_id as has_same_prompt,
        sizes.size_rank = other_sizes.size_rank + 1 as is_next_size,
        sizes.size_rank = sizes.largest_rank and other_sizes.size_rank = 1
            as is_largest_with_smallest,
        case
            when
                sizes.is_chat
                and not other_sizes.is_chat
                and sizes.partner_model_name = other_sizes.model_name
                then if(sizes.chat_mode = 'raw', 'base_chat_weights', 'base_chat_total')
            when
                sizes.model_id = other_sizes.model_id
                and sizes.is_chat
                and sizes.chat_mode = 'template'
                and other_sizes.chat_mode = 'raw'
                then 'base_chat_template'
            when
                quantization_pairs.model_id is not null
                and sizes.prompt_id = other_sizes.prompt_id
                then 'quantization'
            when
                sizes.family = other_sizes.family
                and sizes.is_chat = other_sizes.is_chat
                and sizes.prompt_id = other_sizes.prompt_id
                and sizes.parameter_count > other_sizes.parameter_count
                and (
                    sizes.size_rank = other_sizes.size_rank + 1
                    or (sizes.size_rank = sizes.largest_rank and other_sizes.size_rank = 1)
                )
                then 'model_size'
        end as comparison
    from sizes
    inner join sizes as other_sizes
        on
            sizes.survey_id = other_sizes.survey_id
            and sizes.question_design = other_sizes.question_design
            and sizes.choice_order = other_sizes.choice_order
    left outer join quantization_pairs
        on
            sizes.model_id = quantization_pairs.model_id
            and other_sizes.model_id = quantization_pairs.other_model_id

),

chosen as (

    select
        comparison,
        survey_id,
        model_id,
        prompt_id,
        other_model_id,
        other_prompt_id,
        case when comparison = 'model_size' then is_next_size end as is_next_size,
        case when comparison = 'model_size' then is_largest_with_smallest end
            as is_largest_with_smallest
    from candidates
    where comparison is not null
    -- One order: averaged where both have it. Of several files of a model those of one
    -- quantization, then the largest; precisions of one model are all compared.
    qualify
        row_number() over (
            partition by
                comparison,
                survey_id,
                model_name,
                other_model_name,
                question_design,
                chat_mode,
                case when comparison = 'quantization' then model_id end,
                case when comparison = 'quantization' then other_model_id end
            order by
                choice_order = 'averaged' desc,
                choice_order = 'forward' desc,
                choice_order asc,
                has_same_quantization desc nulls last,
                has_same_prompt desc,
                file_bytes desc,
                other_file_bytes desc,
                model_id asc,
                other_model_id asc,
                other_prompt_id asc
        ) = 1

),

final as (

    select * from chosen
    union all
    select
        'elicitation' as comparison,
        elicitation_pairs.survey_id,
        elicitation_pairs.model_id,
        elicitation_pairs.prompt_id,
        elicitation_pairs.model_id as other_model_id,
        elicitation_pairs.other_prompt_id,
        cast(null as boolean) as is_next_size,
        cast(null as boolean) as is_largest_with_smallest
    from elicitation_pairs
    inner join scored
        on
            elicitation_pairs.survey_id = scored.survey_id
            and elicitation_pairs.model_id = scored.model_id
            and elicitation_pairs.prompt_id = scored.prompt_id
    inner join scored as other_scored
        on
            elicitation_pairs.survey_id = other_scored.survey_id
            and elicitation_pairs.model_id = other_scored.model_id
            and elicitation_pairs.other_prompt_id = other_scored.prompt_id

)

select * from final
