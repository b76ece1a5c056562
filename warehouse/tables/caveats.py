"""The caveats of every report."""

import duckdb

_SURVEYS = """
    select
        concat_ws(
            ', ',
            surveys.survey_name
            || case
                when regexp_full_match(populations.wave_selection, '[0-9]+')
                    then ' wave ' || populations.wave_selection
                when populations.wave_selection = 'latest' then ', newest wave of each question'
                else ', waves since ' || replace(populations.wave_selection, 'since-', '')
            end,
            case
                when populations.first_year is null then 'years not stated'
                when populations.first_year = populations.last_year
                    then cast(populations.first_year as varchar)
                else populations.first_year || '-' || populations.last_year
            end,
            case populations.weighting
                when 'within_country' then 'weighted within countries'
                when 'unweighted' then 'unweighted'
                else 'weighting not stated'
            end
        )
    from marts.dim_populations as populations
    inner join marts.dim_surveys as surveys on populations.survey_id = surveys.survey_id
    where populations.is_reference
    order by all
"""


def compared_surveys(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the populations that models are compared with: survey, wave, years and weighting.

    "no survey" where none is loaded or nothing is built.
    """
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'marts'"
    ).fetchall()
    if not {("dim_populations",), ("dim_surveys",)} <= set(tables):
        return "no survey"
    named = [name for (name,) in connection.execute(_SURVEYS).fetchall()]
    return "; ".join(named) or "no survey"


def caveats(connection: duckdb.DuckDBPyConnection) -> str:
    """Return what a reader of any number must know, with the surveys that are loaded."""
    return (
        f"Measured is a model's match to survey marginals ({compared_surveys(connection)}), not "
        "its values; asked in English wordings of our own unless a design says otherwise. The "
        "published tables are probably in its training data. The paper's 209 questions and the "
        "paper coding are reconstructions."
    )
