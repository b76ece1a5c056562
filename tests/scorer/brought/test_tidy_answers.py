"""Tidy files of answers: what they may say, what is refused, and what lands."""

import csv
import io
import json
import math
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from valuescope.scorer.brought.landing import Brought, land_answers
from valuescope.scorer.brought.questions import asked_cells, design_name, named_design, write_cells
from valuescope.scorer.planning.chosen_plan import chosen_plan
from valuescope.scorer.planning.design import PromptDesign
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.landing_zone.download import land_shards
from valuescope.warehouse.landing_zone.shards import SCHEMAS, ensure_landing_zone
from valuescope.warehouse.landing_zone.stores import open_store
from valuescope.warehouse.landing_zone.upload import Sender

Rows = list[dict[str, Any]]


def answers(value: str, values: Iterable[Any], **others: Any) -> Rows:
    """Rows of one cell, Q1 in Japan, with these values of its choices."""
    cell = {"model": "gpt", "question": "Q1", "country": "JPN"}
    return [
        {**cell, "choice": str(index), value: given, **others}
        for index, given in enumerate(values, start=1)
    ]


def csv_file(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def land(home: Home, instrument: Instrument, tmp_path: Path) -> Any:
    def land(rows: Rows | Path, name: str = "answers.csv", **settings: Any) -> Brought:
        path = rows if isinstance(rows, Path) else csv_file(tmp_path / name, rows)
        return land_answers(home, path, instrument, **settings)

    return land


def landed(home: Home, columns: str = "*", table: str = "choice_log_likelihoods") -> list[Any]:
    files = f"{home.landing / table}/*.parquet"
    return duckdb.execute(
        f"select {columns} from read_parquet('{files}', hive_partitioning = false) order by all"
    ).fetchall()


def refusal(land: Any, rows: Rows, **settings: Any) -> str:
    with pytest.raises(ValuescopeError) as refused:
        land(rows, **settings)
    return str(refused.value)


def test_counts_are_shares_with_draws_and_what_is_outside_the_choices(
    land: Any, home: Home
) -> None:
    refusals = {"model": "gpt", "question": "Q1", "country": "JPN", "choice": "", "count": 2}
    brought = land([*answers("count", [6, 0, 2, 0]), refusals])

    assert (brought.elicitation, brought.cells, brought.rows) == ("sampled", 1, 4)
    assert landed(home, "choice_index, log_likelihood, off_choice_mass, draws") == [
        (1, math.log(6 / 8), 0.2, 8),
        (2, -math.inf, 0.2, 8),
        (3, math.log(2 / 8), 0.2, 8),
        (4, -math.inf, 0.2, 8),
    ]
    assert landed(home, "elicitation", "prompts") == [("sampled",)]


def test_all_draws_say_how_many_were_outside_and_choices_that_nobody_gave_need_no_row(
    land: Any, home: Home
) -> None:
    land(answers("count", [6, 2], draws=10))
    assert landed(home, "choice_index, round(exp(log_likelihood), 9), off_choice_mass, draws") == [
        (1, 0.75, pytest.approx(0.2), 8),
        (2, 0.25, pytest.approx(0.2), 8),
        (3, 0, pytest.approx(0.2), 8),
        (4, 0, pytest.approx(0.2), 8),
    ]


def test_probabilities_below_one_keep_the_rest_as_off_choice_mass(land: Any, home: Home) -> None:
    brought = land(answers("probability", [0.5, 0.25, 0.125, 0]))
    assert brought.elicitation == "probability"
    assert landed(home, "round(exp(log_likelihood), 9), off_choice_mass, draws")[::3] == [
        (0, 0.125, None),
        (0.5, 0.125, None),
    ]


def test_probabilities_with_draws_are_sampled(land: Any, home: Home) -> None:
    brought = land(answers("probability", [0.5, 0.25, 0.05, 0], draws=20))
    assert brought.elicitation == "sampled"
    assert {draws for (draws,) in landed(home, "draws")} == {16}


def test_the_three_elicitations_of_one_design_are_three_designs(land: Any, home: Home) -> None:
    land(answers("log_likelihood", [-1, -2, -3, -4]), "a.csv")
    land(answers("probability", [0.1, 0.2, 0.3, 0.4]), "b.csv")
    land(answers("count", [1, 2, 3, 4]), "c.csv")
    found = landed(home, "prompt_id, order_family_id, elicitation", "prompts")
    assert len({prompt for prompt, *_ in found}) == len({family for _, family, _ in found}) == 3
    assert {elicitation for *_, elicitation in found} == {"likelihood", "probability", "sampled"}


def test_designs_of_earlier_versions_keep_their_ids(home: Home, instrument: Instrument) -> None:
    """The id that the paper's design has had since the first version."""
    design = named_design(home, instrument, None, None, "likelihood")
    assert design.prompt_id == "0b9c6cf8b15a87e9"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (answers("probability", [0.5, 0.6, 0, 0]), "sum to more than 1 for: gpt Q1 JPN 1.1"),
        (answers("probability", [50, 25, 25, 0]), "not numbers from 0 to 1: gpt Q1 JPN 1 50"),
        (answers("probability", [0.5, 0.5]), "lacks choices of: gpt Q1 JPN 2 of 4 choices"),
        (answers("probability", [0.5, 0.2, 0, 0], off_choice_mass=0.2), "sum neither to 1 nor"),
        (answers("log_likelihood", [-1, -2, 0.5, -3]), "not numbers at most 0: gpt Q1 JPN 3 0.5"),
        (answers("log_likelihood", [-1, -2, "-inf", -3]), "at most 0: gpt Q1 JPN 3 -inf"),
        (answers("log_likelihood", [-1, -2, "nan", -3]), "at most 0: gpt Q1 JPN 3 nan"),
        (answers("log_likelihood", [-1, -2, "", -3]), "at most 0: gpt Q1 JPN 3 (blank)"),
        (answers("count", [1, 2.5, -1, 0]), "whole numbers of at least 0: gpt Q1 JPN 2 2.5, "),
        (answers("count", ["1e30", 1]), "whole numbers of at least 0: gpt Q1 JPN 1 1e30"),
        (answers("count", [0, 0, 0, 0]), "no answer at all for: gpt Q1 JPN"),
        (answers("count", [5, 6], draws=10), "do not fit the column 'draws' for: gpt Q1 JPN 11"),
        (answers("count", [5, 6], draws="many"), "in column 'draws' that are not whole"),
        (answers("count", [1, 2]) * 2, "has more than one row for: gpt Q1 JPN 1, gpt Q1 JPN 2"),
        (answers("log_likelihood", [-1] * 4, draws=4), "has draws of log-likelihoods"),
        (answers("count", [1, 2], probability=0.5), "has probability and count in one file"),
        (answers("count", [1, 2], text_sha256="0" * 64), "another text than"),
        (answers("count", [1, 2], order="rotate_7"), "too few for the order rotate_7"),
        (answers("count", [1, 2], design="answr=label"), "did you mean answer?"),
        (answers("count", [1, 2], design="template=papr"), "did you mean paper?"),
        (answers("count", [1, 2], is_chat="perhaps"), "neither true nor false: gpt perhaps"),
        (answers("counts", [1, 2]), "('counts' looks like count)"),
    ],
)
def test_what_cannot_be_is_refused(land: Any, home: Home, rows: Rows, message: str) -> None:
    assert message in refusal(land, rows)
    assert not home.landing.exists()


def test_all_faults_are_told_at_once_with_the_nearest_names(land: Any, home: Home) -> None:
    rows = [
        {**row, **change}
        for row, change in zip(
            answers("count", [1, 2, 3, -4]) * 2,
            [
                *({"question": "Q1x"}, {"country": "JAP"}, {"choice": "Very importnat"}, {}),
                *({"model": "a\x07b"}, {"model": "x" * 101}, {"choice": "9"}, {"model": "other"}),
            ],
            strict=True,
        )
    ]
    message = refusal(land, rows)
    assert "faults; nothing of it has landed" in message
    for told in (
        "Unknown question 'Q1x'; did you mean",
        "Unknown country 'JAP'; did you mean JPN",
        "Q1 'Very importnat' 1 time, nearest 'Very important'",
        "Q1 '9' 1 time, nearest",
        "names of models that cannot be used: 'a\\x07b' (1 row)",
        "whole numbers of at least 0: gpt Q1 JPN 4 -4, other Q1 JPN 4 -4",
    ):
        assert told in message
    assert not home.landing.exists()


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a'; drop table runs; --", "<script>alert(1)</script>", "名前 $x {y}"],
)
def test_names_of_models_are_values(land: Any, home: Home, name: str) -> None:
    land([{**row, "model": name} for row in answers("count", [1, 2])])
    assert landed(home, "model_name, file_name", "models") == [(name, name)]
    assert {path.name for path in home.path.parent.iterdir()} == {"home", "answers.csv"}


def test_choices_are_named_by_index_words_label_or_the_whole_answer(land: Any, home: Home) -> None:
    named = ("A", "b) rather important", "NOT VERY IMPORTANT", "1")
    rows = [
        {**row, "choice": choice, "order": "reverse"}
        for row, choice in zip(answers("count", [1, 2, 4, 8]), named, strict=True)
    ]
    # In reverse A is the last choice; its words are the instrument's wherever they are shown.
    rows[1]["choice"] = "c) rather important"
    land(rows)
    found = landed(home, "choice_index, choice_label, round(exp(log_likelihood) * 15, 6)")
    assert found == [(1, "D", 8), (2, "C", 2), (3, "B", 4), (4, "A", 1)]


def test_a_file_of_questions_with_values_added_is_tidy(
    land: Any, home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    plan, _ = chosen_plan(
        home,
        instrument,
        countries=["JPN"],
        questions=["Q1", "Q182"],
        orders=["forward", "reverse"],
        answer="label",
    )
    written = io.StringIO()
    assert write_cells(asked_cells(plan), "csv", written) == 8
    dice = random.Random(3)
    rows = [
        {**row, "model": "m", "count": dice.randint(1, 9)}
        for row in csv.DictReader(io.StringIO(written.getvalue()))
    ]
    brought = land(rows)
    assert (brought.cells, len(brought.runs)) == (8, 2)
    # Nothing but the names of what was asked: ids alone do as well, and no text.
    asked = ("id", "choice", "model", "count")
    again = land([{name: row[name] for name in asked} for row in rows], "answers.csv")
    assert (again.kept, again.replaced) == (2, 0)
    assert {tuple(row) for row in landed(home, "prompt_text, text_sha256")} == {
        (row["text"], row["text_sha256"]) for row in rows
    }


def test_another_text_is_kept_with_a_hash_of_its_own(land: Any, home: Home) -> None:
    land(answers("count", [1, 2]), "today.csv")
    brought = land(answers("count", [1, 2], text="How important is family?"), "other.csv")
    assert any("1 of 1 cells were asked with another text" in note for note in brought.notes)
    assert len(set(landed(home, "prompt_text, text_sha256"))) == 2


def test_the_same_answers_change_nothing_and_corrected_ones_replace_their_own(
    land: Any, home: Home, tmp_path: Path
) -> None:
    rows = answers("count", [1, 2, 3, 4])
    other = [{**row, "model": "other"} for row in rows]
    land([*rows, *other])
    before = landed(home)

    table = pa.Table.from_pylist([*other[::-1], *rows])
    pq.write_table(table, tmp_path / "answers.parquet")
    (tmp_path / "moved").mkdir()
    shuffled = csv_file(tmp_path / "moved" / "answers.csv", [*other[::-1], *rows])
    assert land(shuffled).kept == 2
    assert landed(home) == before

    rows[0]["count"] = 5
    corrected = land(rows)
    assert (corrected.kept, corrected.replaced, corrected.left) == (0, 1, ("other",))
    assert len(landed(home)) == len(before)
    assert [row for row in landed(home) if row in before] == [
        row for row in before if row[1] != corrected.runs[0].model_id
    ]
    assert len(landed(home, "run_id", "runs")) == 2

    # A file of another name brings runs of its own; which cell counts is for staging to say.
    land(tmp_path / "answers.parquet")
    assert len(landed(home, "run_id", "runs")) == 4


def test_csv_parquet_and_json_lines_are_alike(land: Any, home: Home, tmp_path: Path) -> None:
    rows = answers("probability", [0.1, 0.2, 0.30000000000000004, 1 / 3])
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for file in (csv_file(tmp_path / "a.csv", rows), tmp_path / "a.parquet", tmp_path / "a.jsonl"):
        land(file)
    columns = "choice_index, log_likelihood, off_choice_mass, text_sha256"
    assert len(landed(home)) == 12
    assert len(set(landed(home, columns))) == 4


def test_what_lands_is_sent_and_fetched_as_any_shard(land: Any, home: Home, tmp_path: Path) -> None:
    land(answers("count", [3, 0, 2], draws=9))
    for table, schema in SCHEMAS.items():
        for shard in (home.landing / table).glob("[!_]*.parquet"):
            assert pq.read_schema(shard).equals(schema)
    ensure_landing_zone(home)
    store = open_store(str(tmp_path / "shared"))
    Sender(home, store).send()
    elsewhere = Home(tmp_path / "elsewhere")
    assert land_shards(elsewhere, store).refused == ()
    assert landed(elsewhere) == landed(home)


def test_a_damaged_file_is_told(land: Any, tmp_path: Path) -> None:
    damaged = tmp_path / "a.parquet"
    damaged.write_bytes(b"PAR1" + b"\x00" * 40)
    with pytest.raises(ValuescopeError, match=r"Cannot read .*a\.parquet"):
        land(damaged)
    with pytest.raises(ValuescopeError, match="an ending that is not known"):
        land(csv_file(tmp_path / "answers.xyz", answers("count", [1])))
    with pytest.raises(ValuescopeError, match="has a header but no rows"):
        land(_header_only(tmp_path))


def _header_only(folder: Path) -> Path:
    path = folder / "header.csv"
    path.write_text("model,question,country,choice,count\n")
    return path


def test_a_designs_name_has_what_is_not_usual(home: Home, instrument: Instrument) -> None:
    def name(design: PromptDesign) -> str:
        return design_name(design)

    usual = named_design(home, instrument, None, None, "sampled")
    other = named_design(home, instrument, "answer=label; chat=raw", "reverse", "sampled")
    assert (name(usual), name(other)) == ("default", "answer=label;chat=raw")
    assert (other.answer_style, other.chat_mode, other.choice_order) == ("label", "raw", "reverse")
