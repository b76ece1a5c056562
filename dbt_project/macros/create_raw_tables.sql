{#- Plain DDL: `valuescope ingest` runs the same statements, read from this file. -#}
{%- macro raw_table_statements() %}
create schema if not exists raw;

create table if not exists raw.survey_loads (
    load_id varchar not null,
    survey_id varchar not null,
    wave_selection varchar not null,
    weighting varchar not null,
    breakdown varchar not null default 'all',
    subgroup_id varchar not null,
    file_name varchar not null,
    file_sha256 varchar not null,
    file_bytes bigint not null,
    format_id varchar not null,
    options varchar not null,
    has_counts boolean not null,
    has_dont_know_codes boolean not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    loaded_at timestamp with time zone not null,
    valuescope_version varchar not null,
);

create table if not exists raw.human_marginals (
    survey_id varchar not null,
    wave integer not null,
    country_id varchar not null,
    question_id varchar not null,
    code integer not null,
    respondents bigint,
    sum_of_weights double not null,
    sum_of_squared_weights double,
    load_id varchar not null,
);

-- Sums over respondents who answered both indicators (`pairwise`) or all of them (`listwise`).
create table if not exists raw.indicator_moments (
    load_id varchar not null,
    wave integer not null,
    country_id varchar not null,
    deletion varchar not null,
    indicator_id varchar not null,
    other_indicator_id varchar not null,
    respondents bigint not null,
    sum_of_weights double not null,
    sum_of_values double not null,
    sum_of_squares double not null,
    sum_of_products double not null,
    sum_of_squared_weights double not null,
    squared_weight_values double not null,
    squared_weight_products double not null,
);

create table if not exists raw.survey_fieldwork (
    load_id varchar not null,
    wave integer not null,
    country_id varchar not null,
    first_year integer,
    last_year integer,
    mode varchar,
    release varchar,
    doi varchar,
);

-- Databases of earlier versions.
alter table raw.survey_loads add column if not exists breakdown varchar default 'all';
alter table raw.survey_fieldwork drop column if exists question_id;
alter table raw.survey_fieldwork add column if not exists mode varchar;
alter table raw.survey_fieldwork add column if not exists release varchar;
alter table raw.survey_fieldwork add column if not exists doi varchar;
{% endmacro -%}

{%- macro create_raw_tables() %}
    {%- do run_query(raw_table_statements()) %}
{%- endmacro %}
