"""Find what the names in a file of answers mean, and the prompts that were answered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import duckdb
import pyarrow as pa

from valuescope.scorer.brought.questions import named_design, text_sha256
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import Prompt, render_prompt
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.subjects import parse_subject, subject_key
from valuescope.warehouse.problems import Problems, listed

_LONGEST_NAME = 100
_Meant = TypeVar("_Meant")


@dataclass(frozen=True)
class Resolved:
    """The models and designs of a file, by their numbers in its tables, and its prompts."""

    models: tuple[str, ...]
    designs: tuple[PromptDesign, ...]
    prompts: dict[tuple[int, str, str], Prompt]


def resolve_names(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    instrument: Instrument,
    survey_id: str,
    elicitation: str,
    problems: Problems,
) -> Resolved:
    """Create the tables `models`, `designs`, `questions`, `countries`, `prompts` and `shown`.

    A `country_id` of theirs may name a group or an invented country (`subjects.subject_key`).

    Each name that means nothing is refused with the nearest that do.
    """
    models = _models(connection, problems)
    designs = _distinct(
        connection,
        "designs",
        'design, "order"',
        lambda design, order: named_design(home, instrument, design, order, elicitation),
        problems,
    )
    questions = _distinct(
        connection,
        "questions",
        "question",
        lambda name: instrument.question(_required(name, "question"), survey_id),
        problems,
    )
    countries = _distinct(
        connection,
        "countries",
        "country",
        lambda name: parse_subject(_required(name, "country"), instrument),
        problems,
    )
    unlike = tuple({design.prompt_id: design for design in designs.values()}.values())
    number_of = {design.prompt_id: number for number, design in enumerate(unlike)}
    _name_table(
        connection,
        "designs",
        [(*names, number_of[design.prompt_id]) for names, design in designs.items()],
        (("design", pa.string()), ("order", pa.string()), ("design_number", pa.int32())),
    )
    for table, column, meant in (
        ("questions", "question", {k: q.question_id for k, q in questions.items()}),
        ("countries", "country", {k: subject_key(c) for k, c in countries.items()}),
    ):
        _name_table(
            connection,
            table,
            [(*names, key) for names, key in meant.items()],
            ((column, pa.string()), (f"{column}_id", pa.string())),
        )
    asked = connection.execute(
        """
        select distinct designs.design_number, questions.question_id, countries.country_id
        from given
        inner join designs on given.design is not distinct from designs.design
            and given."order" is not distinct from designs."order"
        inner join questions on given.question = questions.question
        inner join countries on given.country = countries.country
        order by all
        """
    ).fetchall()
    prompts = _rendered(asked, unlike, instrument, problems)
    _prompt_tables(connection, prompts)
    return Resolved(models, unlike, prompts)


def _models(connection: duckdb.DuckDBPyConnection, problems: Problems) -> tuple[str, ...]:
    found = connection.execute(
        "select model, count(*) from given group by model order by model nulls first"
    ).fetchall()
    wrong = [
        f"{name!r} ({counted(rows, 'row')})"
        for name, rows in found
        if name is None or not name.isprintable() or len(name) > _LONGEST_NAME
    ]
    if wrong:
        problems.refuse(
            f"has names of models that cannot be used: {listed(wrong)}",
            f"A model's name has 1 to {_LONGEST_NAME} printable characters.",
        )
    names = tuple(name for name, _ in found if name is not None)
    _name_table(
        connection,
        "models",
        [(name, number) for number, name in enumerate(names)],
        (("model", pa.string()), ("model_number", pa.int32())),
    )
    return names


def _distinct(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: str,
    find: Callable[..., _Meant],
    problems: Problems,
) -> dict[tuple[str | None, ...], _Meant]:
    """Return what each combination of names in `given` means."""
    found = connection.execute(
        f"select {columns}, count(*) from given group by all order by all nulls first"
    ).fetchall()
    meant, unknown = {}, []
    for *names, rows in found:
        try:
            meant[tuple(names)] = find(*names)
        except ValuescopeError as error:
            unknown.append((str(error), rows))
    if unknown:
        messages = [f"{message} ({counted(rows, 'row')})" for message, rows in unknown]
        problems.refuse(
            f"has {table} that are not known: {listed(messages)}",
            "`valuescope questions` writes the names.",
        )
    return meant


def _required(name: str | None, thing: str) -> str:
    if name is None:
        raise ValuescopeError(f"A blank {thing}.")
    return name


def _rendered(
    asked: Iterable[tuple[int, str, str]],
    designs: tuple[PromptDesign, ...],
    instrument: Instrument,
    problems: Problems,
) -> dict[tuple[int, str, str], Prompt]:
    """Return the prompts that were answered; those that a design does not ask are refused."""
    prompts, refused = {}, []
    for number, question_id, country_id in asked:
        try:
            prompts[number, question_id, country_id] = render_prompt(
                instrument.questions[question_id],
                parse_subject(country_id, instrument),
                designs[number],
            )
        except ValuescopeError as error:
            refused.append(str(error))
    if refused:
        problems.refuse(
            f"has answers to what its designs do not ask: {listed(refused, shown=3)}",
            "Leave these rows out, or correct their order and design.",
        )
    return prompts


def _prompt_tables(
    connection: duckdb.DuckDBPyConnection, prompts: dict[tuple[int, str, str], Prompt]
) -> None:
    keys = (
        ("design_number", pa.int32()),
        ("question_id", pa.string()),
        ("country_id", pa.string()),
    )
    _name_table(
        connection,
        "prompts",
        [(*key, prompt.text, text_sha256(prompt, prompt.text)) for key, prompt in prompts.items()],
        (*keys, ("prompt_text", pa.string()), ("prompt_sha256", pa.string())),
    )
    _name_table(
        connection,
        "shown",
        [
            (*key, a.choice_index, a.position, a.label, a.choice_text, a.text)
            for key, prompt in prompts.items()
            for a in prompt.answers
        ],
        (
            *keys,
            ("choice_index", pa.int32()),
            ("choice_position", pa.int32()),
            ("choice_label", pa.string()),
            ("choice_text", pa.string()),
            ("answer_text", pa.string()),
        ),
    )


def _name_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: list[tuple[object, ...]],
    columns: tuple[tuple[str, pa.DataType], ...],
) -> None:
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    content = pa.table(
        [pa.array(column, kind) for column, (_, kind) in zip(values, columns, strict=True)],
        names=[column for column, _ in columns],
    )
    connection.register("content", content)
    connection.execute(f"create table {name} as select * from content")
    connection.unregister("content")
