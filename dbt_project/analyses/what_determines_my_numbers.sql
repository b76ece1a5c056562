{% set facts_of = [
    ('model', 'models', 'model_id', {
        'name': 'model_name',
        'file': 'file_name',
        'sha256': 'model_id',
        'bytes': 'file_bytes',
        'quantization': 'quantization',
        'chat template sha256': 'chat_template_sha256',
    }),
    ('prompt', 'prompts', 'prompt_id', {
        'name': 'prompt_name',
        'template': 'template_text',
        'language': 'language',
        'translator': 'translator',
        'source of wordings': 'source',
    }),
    ('run', 'runs', 'run_id', {
        'model': 'model_id',
        'prompt': 'prompt_id',
        'status': 'status',
        'study': 'study_name',
        'study sha256': 'study_sha256',
        'numerics': 'numerics_id',
        'scoring path': 'scoring_path',
        'compute type': 'compute_type',
        'cache type': 'kv_cache_type',
        'flash attention': 'flash_attention',
        'engine version': 'engine_version',
        'valuescope version': 'valuescope_version',
        'cells scored': 'cells_scored',
    }),
    ('survey file', 'survey_files', 'load_id', {
        'population': 'population_id',
        'file': 'file_name',
        'sha256': 'file_sha256',
        'release': 'release',
        'doi': 'doi',
    }),
] %}
{% set build_variables = [
    'question_selection',
    'question_set',
    'reference_populations',
    'reference_countries',
    'deff',
    'assumed_respondents',
    'minimum_questions',
    'minimum_ranked',
    'minimum_countries',
    'minimum_interval_countries',
    'minimum_reference_countries',
    'minimum_batteries',
    'random_answers',
    'random_answers_seed',
] %}

{{ imports('dim_models', 'dim_prompts', 'dim_runs', 'dim_populations', 'dim_fieldwork') }}

survey_files as (

    select distinct
        fieldwork.load_id,
        fieldwork.population_id,
        fieldwork.file_name,
        fieldwork.file_sha256,
        fieldwork.release,
        fieldwork.doi
    from fieldwork
    inner join populations on fieldwork.population_id = populations.population_id
    where populations.is_reference

),

facts as (

    {% for part, table, key, columns in facts_of %}
        {% for fact, column in columns.items() %}
            select
                '{{ part }}' as part,
                {{ key }} as part_id,
                '{{ fact }}' as fact,
                cast({{ column }} as varchar) as fact_value
            from {{ table }}
            union all
        {% endfor %}
    {% endfor %}
    {% for name in build_variables %}
        select
            'build' as part,
            'variables' as part_id,
            '{{ name }}' as fact,
            {{ sql_text(var(name)) }} as fact_value
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        part,
        part_id,
        fact,
        fact_value
    from facts
    where fact_value is not null

)

select * from final
order by part asc, part_id asc, fact asc
