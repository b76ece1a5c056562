-- Marts with the columns that have values here, with two models, three countries and two questions.
create schema marts;

create table marts.dim_models (model_id varchar, model_name varchar, quantization varchar);
insert into marts.dim_models values ('aaa111', 'small', 'Q8_0'), ('bbb222', 'large', 'Q8_0');

create table marts.dim_prompts (
    prompt_id varchar,
    order_family_id varchar,
    template_id varchar,
    coding_id varchar,
    answer_style varchar,
    choice_order varchar,
    chat_mode varchar,
    elicitation varchar,
);
insert into marts.dim_prompts values
    ('p1', 'a1', 'paper', 'native', 'label', 'forward', 'template', 'likelihood'),
    ('p2', 'p2', 'paper', 'native', 'label_text', 'averaged', 'raw', 'sampled');

create table marts.dim_countries (country_id varchar, country_name varchar);
insert into marts.dim_countries values ('JPN', 'Japan'), ('NGA', 'Nigeria'), ('USA', 'United States');

create table marts.dim_categories (category_id varchar, category_name varchar);
insert into marts.dim_categories values
    ('ethical', 'Ethical values'), ('trust', 'Trust'), ('few', 'Few questions'), ('none', 'No scale');

create table marts.dim_questions (question_id varchar, question_order integer, short_label varchar);
insert into marts.dim_questions values ('Q1', 1, 'Family'), ('Q2', 2, 'Friends');

create table marts.dim_choices (
    coding_id varchar,
    question_id varchar,
    choice_index integer,
    choice_text varchar,
);
insert into marts.dim_choices values
    ('native', 'Q1', 2, 'Rather'),
    ('native', 'Q1', 1, 'Very'),
    ('native', 'Q1', 3, 'Not at all'),
    ('native', 'Q1', null, 'It depends');

create table marts.agg_country_correlations (
    model_id varchar,
    prompt_id varchar,
    population_id varchar,
    country_id varchar,
    pearson_r double,
    blind_baseline_r double,
    question_count bigint,
    null_reason varchar,
    ci_low double,
    ci_high double,
    r_rank_low bigint,
    r_rank_high bigint,
    r_ranking_reliability double,
);
insert into marts.agg_country_correlations values
    ('aaa111', 'p1', 'wvs', 'JPN', 0.2, 0.8, 10, null, 0.1, 0.3, 1, 2, 0.25),
    ('aaa111', 'p1', 'wvs', 'NGA', null, null, 3, 'too_few_questions', null, null, null, null, null),
    ('aaa111', 'p1', 'wvs', 'USA', 0.6, 0.9, 12, null, 0.5, 0.7, 1, 2, 0.25),
    ('aaa111', 'p1', 'other survey', 'USA', -0.4, null, 6, null, null, null, null, null, null),
    ('aaa111', 'p2', 'wvs', 'USA', 0.5, 0.9, 12, null, null, null, null, null, null),
    ('bbb222', 'p1', null, 'USA', null, null, 0, 'no_survey', null, null, null, null, null);

create table marts.agg_model_summary (
    model_id varchar,
    prompt_id varchar,
    population_id varchar,
    scored_country_count bigint,
    country_count bigint,
    blind_country_count bigint,
    mean_pearson_r double,
    mean_blind_baseline_r double,
);
insert into marts.agg_model_summary values
    ('aaa111', 'p1', 'wvs', 3, 2, 2, 0.4, 0.85),
    ('aaa111', 'p1', 'other survey', 1, 1, 0, -0.4, null),
    ('aaa111', 'p2', 'wvs', 1, 1, 1, 0.5, 0.9),
    ('bbb222', 'p1', null, 1, 0, 0, null, null);

create table marts.agg_continent_correlations (
    model_id varchar,
    prompt_id varchar,
    population_id varchar,
    continent varchar,
    pearson_r double,
    blind_baseline_r double,
    country_count bigint,
    null_reason varchar,
    ci_low double,
    ci_high double,
);
insert into marts.agg_continent_correlations values
    ('aaa111', 'p1', 'wvs', 'Africa', null, null, 0, 'no_country_r', null, null),
    ('aaa111', 'p1', 'wvs', 'Asia', 0.2, 0.8, 1, null, null, null),
    ('aaa111', 'p1', 'wvs', 'North America', 0.6, 0.9, 1, null, null, null);

create table marts.agg_category_correlations (
    model_id varchar,
    prompt_id varchar,
    population_id varchar,
    category_id varchar,
    rho0 double,
    blind_rho0 double,
    rho0_above_blind double,
    category_rank bigint,
    category_rank_low bigint,
    category_rank_high bigint,
    category_ranking_reliability double,
    question_count bigint,
    null_reason varchar,
    rho0_null_reason varchar,
);
insert into marts.agg_category_correlations values
    ('aaa111', 'p1', 'wvs', 'none', null, null, null, null, null, null, null, 0, 'too_few_questions', 'nominal_scale'),
    ('aaa111', 'p1', 'wvs', 'few', 0.9, 0.8, 0.1, null, null, null, null, 6, null, null),
    ('aaa111', 'p1', 'wvs', 'trust', 0.7, 0.9, -0.2, 2, 1, 2, null, 11, null, null),
    ('aaa111', 'p1', 'wvs', 'ethical', 0.6, 0.7, -0.1, 1, 1, 2, null, 20, null, null);

create table marts.agg_question_correlations (
    model_id varchar,
    prompt_id varchar,
    population_id varchar,
    question_id varchar,
    category_id varchar,
    pearson_r double,
    country_count bigint,
    null_reason varchar,
);
insert into marts.agg_question_correlations values
    ('aaa111', 'p1', 'wvs', 'Q1', 'trust', -0.3, 3, null),
    ('aaa111', 'p1', 'wvs', 'Q2', 'trust', 0.3, 3, null);

create table marts.fct_mean_scores (
    model_id varchar,
    prompt_id varchar,
    population_id varchar,
    coding_id varchar,
    question_id varchar,
    country_id varchar,
    llm_mean_score double,
    human_mean_score double,
    absolute_error double,
);
insert into marts.fct_mean_scores values
    ('aaa111', 'p1', 'wvs', 'native', 'Q1', 'USA', 0.5, -0.5, 1.0),
    ('aaa111', 'p1', 'wvs', 'native', 'Q1', 'JPN', 0.5, 0.25, 0.25),
    ('aaa111', 'p1', 'wvs', 'native', 'Q1', 'NGA', 0.5, null, null),
    ('aaa111', 'p1', 'other survey', 'native', 'Q1', 'USA', 0.5, 0.5, 0.0);
