{#-
  The table keeps what its yml says of it in `meta`, and no number in it is NaN or infinite. For a
  table, `grain: [..]`: no two rows agree in all of these columns. For a column, nulls aside:

  - `range: [low, high]`, to the 1e-12 that sums of doubles lose; null where an end is open
  - `values: [..]`: one of these
  - `not_null: true`, or the condition under which it is never null
  - `null_reason: other`: null exactly where the other column is not
  - `unique: true`

  The table is read once for all of them, and once more for what is unique.
-#}
{% test columns_hold(model) %}

{%- if execute -%}
{%- set node = graph.nodes.values() | selectattr('relation_name', 'equalto', model | string) | first -%}
{%- set numbers = run_query(
    "select column_name from (describe " ~ model ~ ") where column_type in ('DOUBLE', 'FLOAT')"
).columns[0].values() -%}
{%- set rows = unchecked_rows(model) -%}
{%- set grain = node.config.meta.get('grain', []) -%}
{%- set rules = [] -%}
{%- set unique = [grain] if grain else [] -%}
{%- for name in numbers -%}
    {%- do rules.append((name ~ ' is NaN or infinite', [name], 'not isfinite(' ~ name ~ ')')) -%}
{%- endfor -%}
{%- for column in node.columns.values() -%}
    {%- set name = column.name -%}
    {%- for kind, value in column.config.meta.items() -%}
        {%- if kind == 'range' -%}
            {%- set outside = [] -%}
            {%- if value[0] is not none -%}
                {%- do outside.append(name ~ ' < ' ~ value[0] ~ ' - 1e-12') -%}
            {%- endif -%}
            {%- if value[1] is not none -%}
                {%- do outside.append(name ~ ' > ' ~ value[1] ~ ' + 1e-12') -%}
            {%- endif -%}
            {%- set told = 'below ' ~ value[0] if value[1] is none else 'above ' ~ value[1]
                if value[0] is none else 'outside ' ~ value | join(' to ') -%}
            {%- do rules.append((name ~ ' is ' ~ told, [name], outside | join(' or '))) -%}
        {%- elif kind == 'values' -%}
            {%- set listed = [] -%}
            {%- for one in value -%}
                {%- do listed.append(sql_text(one) if one is string else one) -%}
            {%- endfor -%}
            {%- do rules.append((
                name ~ ' is not one of ' ~ value | join(', '),
                [name],
                name ~ ' not in (' ~ listed | join(', ') ~ ')',
            )) -%}
        {%- elif kind == 'not_null' and value is string -%}
            {%- do rules.append(
                (name ~ ' is null though ' ~ value, [name], '(' ~ value ~ ') and ' ~ name ~ ' is null')
            ) -%}
        {%- elif kind == 'not_null' -%}
            {%- do rules.append((name ~ ' is null', [name], name ~ ' is null')) -%}
        {%- elif kind == 'null_reason' -%}
            {%- do rules.append((
                name ~ ' and ' ~ value ~ ' are both null, or neither is',
                [name, value],
                '(' ~ name ~ ' is null) = (' ~ value ~ ' is null)',
            )) -%}
        {%- elif kind == 'unique' -%}
            {%- do unique.append([name]) -%}
        {%- else -%}
            {%- do exceptions.raise_compiler_error(
                node.name ~ '.' ~ name ~ ' has the rule `' ~ kind
                ~ '`, which columns_hold does not know. Known: range, values, not_null,'
                ~ ' null_reason, unique.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endfor -%}

{%- set broken -%}
    {%- if rules %}
    select {'rule': found.rule, 'row_count': count(*), 'example': min(found.example)} as broken
    from (
        select unnest([
            {%- for rule, columns, condition in rules %}
            case when {{ condition }} then {
                'rule': {{ sql_text(rule) }},
                'example': cast({{ struct_of(columns + grain) }} as varchar)
            } end{{ ',' if not loop.last }}
            {%- endfor %}
        ]) as found
        from {{ rows }}
        where
            {%- for rule, columns, condition in rules %}
            {{ 'or ' if not loop.first }}({{ condition }})
            {%- endfor %}
    )
    where found is not null
    group by found.rule
    {%- endif %}
    {%- for columns in unique %}
    {{ 'union all' if rules or not loop.first }}
    select {
        'rule': {{ sql_text(columns | join(', ') ~ ' is not unique') }},
        'row_count': sum(row_count),
        'example': cast(min({{ struct_of(columns) }}) as varchar)
    } as broken
    from (
        select {{ columns | join(', ') }}, count(*) as row_count
        from {{ rows }}
        {%- if columns != grain %}
        where {{ columns[0] }} is not null
        {%- endif %}
        group by all
        having count(*) > 1
    )
    {%- endfor %}
{%- endset -%}
{{ fail_naming(model.schema ~ '.' ~ model.identifier, broken) }}
{%- endif -%}

{% endtest %}
