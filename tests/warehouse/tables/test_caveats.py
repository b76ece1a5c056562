"""What reports say of the surveys comes from those that are loaded."""

import duckdb

from valuescope.warehouse.tables.caveats import caveats, compared_surveys


def test_the_surveys_wave_years_and_weighting_are_those_of_the_reference_populations() -> None:
    with duckdb.connect() as connection:
        assert compared_surveys(connection) == "no survey"
        connection.execute(
            """
            create schema marts;
            create table marts.dim_surveys as
            from (values ('wvs', 'World Values Survey'), ('mine', 'Mine'))
                as t(survey_id, survey_name);
            create table marts.dim_populations as
            from (values
                ('wvs', '7', 'unweighted', true, 2017, 2022),
                ('wvs', '6', 'unweighted', false, 2010, 2014),
                ('mine', 'latest', 'within_country', true, 2024, 2024),
                ('mine', 'since-3', 'unstated', true, null, null),
            ) as t(survey_id, wave_selection, weighting, is_reference, first_year, last_year);
            """
        )
        assert compared_surveys(connection).split("; ") == [
            "Mine, newest wave of each question, 2024, weighted within countries",
            "Mine, waves since 3, years not stated, weighting not stated",
            "World Values Survey wave 7, 2017-2022, unweighted",
        ]
        assert "2017-2022, unweighted), not its values" in caveats(connection)
