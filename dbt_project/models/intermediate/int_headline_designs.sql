with

summaries as (

    select * from {{ ref('agg_model_summary') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

-- Files that share name and quantization are distinguished by the beginning of their ids.
named as (

    select
        model_id,
        concat_ws(' ', display_name, quantization) as full_name,
        full_name || if(
            count(*) over (partition by full_name) > 1, ' (' || left(model_id, 8) || ')', ''
        ) as model
    from models

),

final as (

    select
        summaries.model_id,
        summaries.prompt_id,
        summaries.survey_id,
        named.model,
        prompts.prompt_name as design,
        prompts.is_order_controlled
    from summaries
    inner join prompts on summaries.prompt_id = prompts.prompt_id
    inner join named on summaries.model_id = named.model_id
    qualify
        row_number() over (
            partition by summaries.model_id, summaries.survey_id
            order by
                prompts.is_order_controlled desc,
                prompts.template_id = 'paper' desc,
                prompts.wording_set = 'valuescope' desc,
                prompts.elicitation = 'likelihood' desc,
                prompts.coding_id = 'native' desc,
                prompts.answer_style = 'label_text' desc,
                prompts.choice_order = 'forward' desc,
                prompts.chat_mode = 'template' desc,
                summaries.country_count desc,
                summaries.prompt_id asc
        ) = 1

)

select * from final
