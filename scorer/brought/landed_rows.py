"""The rows of a checked file of answers as the landing zone has them."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import duckdb
import pyarrow as pa

from valuescope.scorer.brought.questions import text_sha256
from valuescope.scorer.brought.resolving import Resolved
from valuescope.warehouse.instruments.seeds import COUNTRY_FREE
from valuescope.warehouse.landing_zone.shards import ANSWERS, SCHEMAS

_ROWS_A_BATCH = 100_000


def create_landed_rows(connection: duckdb.DuckDBPyConnection, value: str, found: Resolved) -> None:
    """Create `landed`: every choice of every cell with its log-likelihood, ready to be written."""
    _create_texts(connection, found)
    on_choices = "cells.on_choices"
    probability, off_choice_mass, draws = "null", "cells.off_choice_mass", "cast(null as bigint)"
    if value == "probability":
        probability = "answers.value"
        # The last bits of a sum change with its order; the same answers must give the same rows.
        off_choice_mass = f"coalesce({off_choice_mass}, greatest(0, 1 - round({on_choices}, 12)))"
        # Shares of draws are of those that gave a choice.
        draws = f"cast(round(cells.asked * (1 - {off_choice_mass})) as bigint)"
    elif value == "count":
        probability = f"coalesce(answers.value, 0) / nullif({on_choices}, 0)"
        total = "coalesce(cells.asked, cells.on_choices + cells.off_choices)"
        off_choice_mass = f"({total} - {on_choices}) / {total}"
        draws = f"cast({on_choices} as bigint)"
    log_likelihood = f"""
        case when coalesce({probability}, 0) > 0 then ln({probability}) else '-infinity' end
    """
    label = "answers.label_log_likelihood"
    if value == "log_likelihood":
        log_likelihood = "answers.value"
        label = f"coalesce({label}, case when designs_styles.is_label then answers.value end)"
    connection.register(
        "designs_styles",
        pa.table(
            {
                "design_number": pa.array(range(len(found.designs)), pa.int32()),
                "is_label": [design.answer_style == "label" for design in found.designs],
            }
        ),
    )
    connection.execute(
        f"""
        create table landed as
        select
            cells.model_number,
            cells.design_number,
            cells.question_id,
            cells.country_id,
            shown.choice_index,
            texts.text_number,
            cast({log_likelihood} as double) as log_likelihood,
            {label} as label_log_likelihood,
            cast(answers.token_count as integer) as token_count,
            cast(answers.byte_count as integer) as byte_count,
            cast({off_choice_mass} as double) as off_choice_mass,
            cells.boundary_merged,
            {draws} as draws
        from cells
        inner join shown using (design_number, question_id, country_id)
        inner join prompts using (design_number, question_id, country_id)
        inner join texts on prompts.design_number = texts.design_number
            and prompts.question_id = texts.question_id
            and prompts.country_id = texts.country_id
            and coalesce(cells.text, prompts.prompt_text) = texts.text
        inner join designs_styles on cells.design_number = designs_styles.design_number
        left join answers on cells.model_number = answers.model_number
            and cells.design_number = answers.design_number
            and cells.question_id = answers.question_id
            and cells.country_id = answers.country_id
            and shown.choice_index = answers.choice_index
        order by cells.model_number, cells.design_number
        """
    )
    connection.unregister("designs_styles")
    connection.execute("drop table answers")


def _create_texts(connection: duckdb.DuckDBPyConnection, found: Resolved) -> None:
    """Create `texts`: the texts that each prompt was asked with, and their hashes."""
    keys = "design_number, question_id, country_id"
    own = connection.execute(
        f"""
        select distinct {keys}, cells.text from cells inner join prompts using ({keys})
        where cells.text <> prompts.prompt_text order by all
        """
    ).fetchall()
    hashes = pa.table(
        {
            "design_number": pa.array([number for number, *_ in own], pa.int32()),
            "question_id": pa.array([question for _, question, *_ in own], pa.string()),
            "country_id": pa.array([country for _, _, country, _ in own], pa.string()),
            "text": pa.array([text for *_, text in own], pa.string()),
            "text_sha256": pa.array(
                [text_sha256(found.prompts[tuple(key)], text) for *key, text in own], pa.string()
            ),
        }
    )
    connection.register("hashes", hashes)
    connection.execute(
        f"""
        create table texts as
        select *, row_number() over () as text_number from (
            select {keys}, prompt_text as text, prompt_sha256 as text_sha256 from prompts
            union all
            select {keys}, text, text_sha256 from hashes
        )
        """
    )
    connection.unregister("hashes")


def landed_rows(
    connection: duckdb.DuckDBPyConnection,
    model_number: int,
    design_number: int,
    ids: Mapping[str, str],
    scored_at: datetime,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one model and design; `ids` are their values in every row."""
    schema = SCHEMAS[ANSWERS]
    # What the tables call a country may name a group of it, or an invented one.
    country, rest = "split_part(country_id, ':', 1)", "nullif(split_part(country_id, ':', 2), '')"
    computed = {
        **{name: f"${name}" for name in ids},
        "prompt_text": "texts.text",
        "token_log_likelihoods": "cast([] as double[])",
        "label_token_count": "cast(null as integer)",
        "scored_at": "$scored_at",
        "country_id": country,
        "group_id": f"case when {country} <> '{COUNTRY_FREE}' then {rest} end",
        "placebo_id": f"case when {country} = '{COUNTRY_FREE}' then {rest} end",
        "stated_sum": "cast(null as double)",
    }
    columns = ", ".join(f"{computed.get(name, name)} as {name}" for name in schema.names)
    result = connection.sql(
        f"""
        select {columns}
        from landed
        inner join shown using (design_number, question_id, country_id, choice_index)
        inner join texts using (design_number, question_id, country_id, text_number)
        where model_number = $model_number and design_number = $design_number
        """,
        params={
            **ids,
            "scored_at": scored_at,
            "model_number": model_number,
            "design_number": design_number,
        },
    )
    for batch in result.to_arrow_reader(_ROWS_A_BATCH):
        yield batch.cast(schema)
