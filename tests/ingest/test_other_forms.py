"""The same respondents as other programs save them: the same marginals, and what is told of it."""

import bz2
import gzip
import lzma
import os
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyreadstat
import pytest

from tests.ingest.conftest import Query
from valuescope.ingest import LoadOptions, load_file
from valuescope.ingest.readers import DEFAULT_OPTIONS
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument

PEOPLE = pd.DataFrame(
    {
        "A_WAVE": [7] * 6,
        "A_YEAR": [2022] * 6,
        "B_COUNTRY": [528] * 6,
        "B_COUNTRY_ALPHA": ["NLD"] * 6,
        "D_INTERVIEW": range(528070001, 528070007),
        "W_WEIGHT": [0.5, 1.5, 1.25, 1.0, 2.0, 0.0],
        "Q7": [1, 2, 2, 1, 2, 1],
        "Q46": [1, 2, 4, -1, -5, 3],
        "Q107": [1, 10, 5, 2, -2, 1],
        "Q254": [1, 4, 5, 2, 3, -5],
    }
)
LABELS: dict[str, dict[int, str]] = {
    "Q7": {1: "Important", 2: "Not mentioned"},
    "Q46": {
        **{1: "Very happy", 2: "Quite  happy", 3: "Not very happy", 4: "Not at all happy"},
        **{-1: "Don´t know", -5: "Missing; Unknown"},
    },
    "Q107": {1: "1Private ownership of business should be increased", -2: "No answer"},
    "Q254": {1: "Very proud", 5: "I am not [nationality] {5}"},
}
HEADERS = {"Q7": "Q7: Important: good manners", "W_WEIGHT": "W_WEIGHT: Weight, within"}
Write = Callable[[pd.DataFrame, Path], Path]


def labelled(people: pd.DataFrame) -> pd.DataFrame:
    """Labels where there is one, else the code, as `haven::as_factor` writes them."""
    words = {
        name: [labels.get(code, str(code)) for code in people[name]]
        for name, labels in LABELS.items()
        if name in people
    }
    return people.assign(**words)


def save(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text(people: pd.DataFrame, **style: object) -> str:
    return people.to_csv(index=False, **style)  # type: ignore[call-overload, no-any-return]


def zstd(people: pd.DataFrame, path: Path) -> Path:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(text(people).encode())
    return path


def write_table(people: pd.DataFrame, path: Path) -> Path:
    """R's write.table heads no column of row names."""
    lines = text(people).splitlines()
    rows = [f"{number},{line}" for number, line in enumerate(lines[1:], start=1)]
    return save(path, "\n".join([lines[0], *rows]) + "\n")


def excel(people: pd.DataFrame, path: Path, *above: list[str]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    for heading in (*above, [HEADERS.get(str(name), f"{name}: {name}") for name in people]):
        sheet.append(heading)
    for row in people.itertuples(index=False):
        sheet.append([None if pd.isna(value) else value for value in row])
    # A note far from the data, and formatting below it.
    sheet["XX20"] = "checked"
    book.save(path)
    return path


def open_document(people: pd.DataFrame, path: Path) -> Path:
    """As LibreOffice ends a sheet: with a million empty rows."""
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p>'
            "</table:table-cell>"
            for value in row
        )
        + '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        for row in [list(people), *people.itertuples(index=False)]
    )
    name = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{name}:office:1.0" '
        f'xmlns:table="{name}:table:1.0" xmlns:text="{name}:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="Data">{rows}'
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row></table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{name}:manifest:1.0"/>')
    return path


def feather(people: pd.DataFrame, path: Path) -> Path:
    pyarrow.feather.write_feather(people.astype({"B_COUNTRY_ALPHA": "category"}), path)
    return path


def arrow_stream(people: pd.DataFrame, path: Path) -> Path:
    table = pa.Table.from_pandas(people)
    with pa.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)
    return path


def parquet(people: pd.DataFrame, path: Path) -> Path:
    people.astype({"Q46": "float64", "B_COUNTRY": "float64"}).to_parquet(path)
    return path


def inverted_sav(people: pd.DataFrame, path: Path) -> Path:
    """The survey's own file with inverted scales, whose labels say what its codes mean."""
    turned = people.drop(columns=["Q7", "Q46", "Q254"]).assign(
        Q7P=people["Q7"].map({1: 1, 2: 0}),
        Q46P=people["Q46"].map(lambda code: 5 - code if code > 0 else code),
        Q254P=people["Q254"].map(lambda code: 5 - code if 0 < code < 5 else code),
    )
    pyreadstat.write_sav(
        turned.astype({"B_COUNTRY_ALPHA": object}),
        path,
        variable_value_labels={
            "Q7P": {0: "Not mentioned", 1: "Important"},
            "Q46P": {4: "Very happy", 1: "Not at all happy"},
            "Q254P": {4: "Very proud", 5: "I am not of this nationality"},
        },
    )
    return path


def stata_with_twins(people: pd.DataFrame, path: Path) -> Path:
    """After `gen q46 = 5 - Q46` and `gen w_weight = 1`."""
    twins = people.assign(q46=5 - people["Q46"], w_weight=9.0)
    pyreadstat.write_dta(twins.astype({"B_COUNTRY_ALPHA": object}), path)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def with_label_row(people: pd.DataFrame, path: Path) -> Path:
    header, *rows = text(people).splitlines()
    names = ",".join(f"label of {name}" for name in header.split(","))
    return save(path, "\n".join([header, names, *rows]) + "\n")


def loaded(home: Home) -> list[tuple[object, ...]]:
    with open_for_reading(home) as connection:
        return connection.execute(
            "select country_id, question_id, code, respondents, sum_of_weights "
            "from raw.human_marginals order by all"
        ).fetchall()


@pytest.fixture(scope="module")
def marginals(
    tmp_path_factory: pytest.TempPathFactory, instrument: Instrument
) -> list[tuple[object, ...]]:
    folder = tmp_path_factory.mktemp("plain")
    load_file(save(folder / "plain.csv", text(PEOPLE)), Home(folder), instrument)
    return loaded(Home(folder))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda p, f: save(f, gzip.compress(text(p).encode())), id="gzip"),
        pytest.param(lambda p, f: save(f, bz2.compress(text(p).encode())), id="bzip2"),
        pytest.param(lambda p, f: save(f, lzma.compress(text(p).encode())), id="xz"),
        pytest.param(zstd, id="zstd"),
        pytest.param(lambda p, f: save(f, "sep=;\r\n" + text(p, sep=";")), id="Excel's sep="),
        pytest.param(write_table, id="R's write.table"),
        pytest.param(lambda p, f: save(f, text(p.rename(columns=HEADERS))), id="headers"),
        pytest.param(lambda p, f: save(f, text(labelled(p))), id="labels in CSV"),
        pytest.param(lambda p, f: parquet(labelled(p).drop(columns="Q46").assign(Q46=p["Q46"]), f),
                     id="labels in Parquet"),
        pytest.param(
            lambda p, f: excel(labelled(p), f, ["A survey"], []), id="labels in Excel with a title"
        ),
        pytest.param(lambda p, f: save(f, text(p.assign(B_COUNTRY="528.0"))), id="528.0"),
        pytest.param(
            lambda p, f: save(f, text(p.assign(q46=5 - p["Q46"], w_weight=9))), id="twins in CSV"
        ),
        pytest.param(stata_with_twins, id="twins in Stata"),
        pytest.param(
            lambda p, f: save(
                f,
                pd.concat([p[["W_WEIGHT"]].rename(columns=str.lower) * 0 + 9, p], axis=1).to_json(
                    orient="records", lines=True
                ),
            ),
            id="twins in JSON",
        ),
        pytest.param(feather, id="Feather"),
        pytest.param(arrow_stream, id="Arrow stream"),
        pytest.param(
            lambda p, f: save(f, p.to_json(orient="records", lines=True)), id="JSON lines"
        ),
        pytest.param(open_document, id="OpenDocument"),
        pytest.param(inverted_sav, id="inverted SPSS"),
        pytest.param(with_label_row, id="labels below the header"),
        pytest.param(lambda p, f: save(f, text(p.drop(columns="A_WAVE"))), id="no wave"),
        pytest.param(lambda p, f: save(f, text(p.drop(columns="A_YEAR"))), id="no year"),
        pytest.param(
            lambda p, f: save(f, text(p.assign(Q223="NLD: a party"))), id="what nobody reads"
        ),
    ],
)  # fmt: skip
def test_the_same_people_have_the_same_marginals(
    write: Write,
    tmp_path: Path,
    home: Home,
    instrument: Instrument,
    marginals: list[tuple[object, ...]],
) -> None:
    load_file(write(PEOPLE, tmp_path / "people"), home, instrument)

    assert loaded(home) == marginals


@pytest.mark.parametrize("orient", ["columns", "index", "split", "values", "table"])
def test_json_that_has_no_object_per_row_is_refused_with_what_writes_it(
    orient: Any, home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    file = save(tmp_path / "people.json", PEOPLE.to_json(orient=orient))
    with pytest.raises(ValuescopeError, match=r"one object per row.*lines=True"):
        load_file(file, home, instrument)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_number_with_something_appended_is_not_another_number(
    line_end: str, home: Home, instrument: Instrument, query: Query, tmp_path: Path
) -> None:
    people = PEOPLE.assign(Q241=["5_1", "5", "10_1", "1", "9", "9"])
    file = save(tmp_path / "dirty.csv", text(people, lineterminator=line_end))
    load_file(file, home, instrument)
    counts = query(
        "select code, respondents from raw.human_marginals where question_id = 'Q241' order by all"
    )
    assert counts == [(1, 1), (5, 2), (9, 2), (10, 1)]


@pytest.mark.parametrize("count", ["1_000", "1_0.5", "_5"])
def test_a_count_in_groups_of_digits_is_refused(
    count: str, home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    rows = f"country,question,code,count\nJPN,Q46,1,{count}\nJPN,Q46,2,30\n"
    with pytest.raises(ValuescopeError, match=count):
        load_file(save(tmp_path / "counts.csv", rows), home, instrument)


def test_labels_in_all_questions_need_no_more_memory_than_codes(
    instrument: Instrument, tmp_path: Path
) -> None:
    people = pd.concat([PEOPLE.filter(regex="_")] * 20, ignore_index=True)
    people["D_INTERVIEW"] = range(120)
    choices = {
        question.question_id: [c for c in question.choices["native"] if c.survey_codes[0] >= 0]
        for question in instrument.questions_of_survey("wvs")
    }
    chosen = {
        name: [options[number % len(options)] for number in range(120)]
        for name, options in choices.items()
    }
    coded = {name: [choice.survey_codes[0] for choice in own] for name, own in chosen.items()}
    words = {name: [choice.text for choice in own] for name, own in chosen.items()}
    homes = []
    for name, answers in (("codes", coded), ("labels", words)):
        file = save(tmp_path / f"{name}.csv", text(people.join(pd.DataFrame(answers))))
        homes.append(Home(tmp_path / name))
        load_file(file, homes[-1], instrument)

    assert len(choices) > 250
    assert loaded(homes[0]) == loaded(homes[1])


@pytest.mark.parametrize("text_of_missing", [".", "nan", "NaN", "#NULL!", "#N/A", "None", "NULL"])
def test_what_programs_write_for_a_missing_value_is_missing(
    text_of_missing: str, tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    people = PEOPLE.assign(Q46=[1, 2, 4, text_of_missing, text_of_missing, 3])

    report = load_file(save(tmp_path / "people.csv", text(people)), home, instrument)

    assert query(
        "select code, respondents from raw.human_marginals where question_id = 'Q46' order by all"
    ) == [(-5, 2), (1, 1), (2, 1), (3, 1), (4, 1)]
    assert any("2 answers are blank or missing" in warning for warning in report.file.warnings)


def test_stata_s_missing_values_are_what_their_labels_say(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    people = PEOPLE.astype({"Q46": object, "B_COUNTRY_ALPHA": object})
    people["Q46"] = [1, "d", "d", "r", "z", None]
    labels: dict[Any, str] = {1: "Very happy", "d": "Don't know", "r": "Routed"}
    pyreadstat.write_dta(
        people,
        tmp_path / "people.dta",
        variable_value_labels={"Q46": labels},
        missing_user_values={"Q46": ["d", "r", "z"]},
    )

    report = load_file(tmp_path / "people.dta", home, instrument)

    assert query(
        "select code, respondents from raw.human_marginals where question_id = 'Q46' order by all"
    ) == [(-5, 3), (-1, 2), (1, 1)]
    assert any("3 answers are blank or missing" in warning for warning in report.file.warnings)


def test_an_edition_s_question_with_other_codes_is_left_out(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    people = PEOPLE.rename(columns={"Q7": "Q7P", "Q46": "Q46P"})

    report = load_file(save(tmp_path / "people.csv", text(people)), home, instrument)

    found = query("select distinct question_id from raw.human_marginals order by all")
    assert found == [("Q107",), ("Q254",), ("Q46",)]
    assert any("Q7P were left out" in warning for warning in report.file.warnings)


def test_who_has_no_weight_is_left_out_and_told_or_counts_as_one(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    total = "select sum(respondents), sum(sum_of_weights) from raw.human_marginals "
    people = PEOPLE.assign(W_WEIGHT=[float("nan"), 1.5, 1.25, 1.0, 2.0, 0.0])
    file = save(tmp_path / "people.csv", text(people))

    report = load_file(file, home, instrument)
    assert query(total + "where question_id = 'Q46'") == [(5, 5.75)]
    assert any("1 respondents without a W_WEIGHT (NLD 1)" in w for w in report.file.warnings)

    load_file(file, home, instrument, LoadOptions(weighs_missing_as_one=True))
    assert query(total + "where question_id = 'Q46'") == [(6, 6.75)]


def test_what_a_file_leaves_out_can_be_stated(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    bare = PEOPLE.drop(columns=["A_WAVE", "A_YEAR", "B_COUNTRY", "B_COUNTRY_ALPHA"])
    file = save(tmp_path / "people.csv", text(bare))

    with pytest.raises(ValuescopeError, match="name the country with --country"):
        load_file(file, home, instrument)
    load_file(file, home, instrument, LoadOptions(country="Netherlands", wave=7, year=2022))

    assert query("select country_id, first_year from raw.survey_fieldwork") == [("NLD", 2022)]


def test_rounded_interview_numbers_are_no_repeated_people(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    people = PEOPLE.assign(D_INTERVIEW="5.28E+08", Q46=1, Q7=1, Q107=1, Q254=1, W_WEIGHT=1)

    report = load_file(save(tmp_path / "people.csv", text(people)), home, instrument)

    assert report.file.rows_read == 6
    assert any(
        "because a program rounded them (5.28E+08 6 times)" in w for w in report.file.warnings
    )


MERGED = {
    "by study": (
        "S001,S002VS,S002EVS,S003,S007,S017,S020,A165,E037,E001\n2,7,-4,528,1,1,2022,1,1,1\n"
        "2,6,-4,528,2,1,2012,1,1,1\n1,-4,5,528,3,1,2017,2,1,1\n1,-4,4,528,4,1,2008,2,2,1\n"
    ),
    "by wave": (
        "S002VS,S002EVS,S003,S007,S017,S020,A165,E037,E001\n7,,528,1,1,2022,1,1,1\n"
        "6,,528,2,1,2012,1,1,1\n,5,528,3,1,2017,2,1,1\n,4,528,4,1,2008,2,2,1\n"
    ),
    "joint": (
        "study,wave,cntry,uniqid,gwght,year,A165,E037,E001\n2,7,528,1,1,2022,1,1,1\n"
        "1,5,528,3,1,2017,2,1,1\n"
    ),
    "joint in words": (
        "study,wave,cntry,uniqid,gwght,year,A165,E037,E001\nWVS,2017-2022,528,1,1,2022,1,1,1\n"
        "EVS,2017-2021,528,3,1,2017,2,1,1\n"
    ),
    "joint by wave": (
        "wave,cntry,uniqid,gwght,year,A165,E037,E001\n7,528,1,1,2022,1,1,1\n5,528,3,1,2017,2,1,1\n"
    ),
}


@pytest.mark.parametrize("name", MERGED)
def test_the_two_surveys_of_a_merged_file_stay_apart(
    name: str, tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = save(tmp_path / "merged.csv", MERGED[name])

    report = load_file(file, home, instrument, LoadOptions(wave=7))
    load_file(file, home, instrument, LoadOptions(survey_id="evs"), refuse)

    assert query(
        "select survey_id, wave, question_id, code, respondents from raw.human_marginals "
        "order by 1, 3"
    ) == [
        # E001 was not asked in the European Values Study; E037 runs the other way than Q108.
        *[("evs", 5, "Q108", 10, 1), ("evs", 5, "Q57", 2, 1)],
        *[("wvs", 7, "Q108", 10, 1), ("wvs", 7, "Q152", 1, 1), ("wvs", 7, "Q57", 1, 1)],
    ]
    assert any("--survey evs loads those of 2017" in warning for warning in report.file.warnings)


def refuse(effects: Sequence[str]) -> None:
    raise AssertionError(effects)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        pytest.param(
            lambda f: save(f, gzip.compress(b"X\n\0\0\0\3")), "an R file.*readRDS", id="R"
        ),
        pytest.param(pipe, "not a file but a pipe", id="pipe"),
        pytest.param(
            lambda f: save(
                f, "iso3,variable,code,count," + ",".join(map(str, range(30000))) + "\n"
            ),
            "more than 20000",
            id="too many columns",
        ),
        pytest.param(
            lambda f: save(f, "PK\3\4" + "\xff" * 50), "cannot be read.*damaged", id="damaged ZIP"
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    write: Callable[[Path], Path], says: str, tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    with pytest.raises(ValuescopeError, match=says):
        load_file(write(tmp_path / "file"), home, instrument)


def cases() -> list[Path]:
    folder = CLONE.parent / "shared" / "cases"
    return sorted(f for f in folder.glob("f*/*") if f.suffix != ".gguf")


# The collected files that are refused, with the remedy; all others have the shares of `base.csv`.
REFUSED = {
    "file.por": "name the country with --country; W_WEIGHT: load it with --weighting unweighted",
    "file.rds": "readRDS",
    "official_rds.zip": "write.csv",
    "goqa_nan.csv": "A missing share is not 0",
    "imputed_big.csv": "Load a file whose answers were not imputed",
    "imputed_small.csv": "Load a file whose answers were not imputed",
    "joint_evs_wvs.csv": "--wave 7 for the World Values Survey's, --survey evs",
    "tidy_percent.csv": "Divide percentages by 100",
    "tidy_percent_sign.csv": "Divide percentages by 100",
    **dict.fromkeys(
        ("bad_utf8_name.zip", "corrupt_deflate.zip", "footer.parquet", "page.parquet"),
        "Download or export it again",
    ),
    "huge_count.csv": "Correct these rows",
    "huge_number.sav": "Correct them",
    "nan_count.csv": "fill or remove these rows",
    "thousands_point.csv": "Write them as digits only",
}
# Remedies that are options of the command.
REMEDIES = (
    ("file.por", LoadOptions(country="NLD", weighting="unweighted")),
    ("joint_evs_wvs.csv", LoadOptions(wave=7)),
    ("joint_evs_wvs.csv", LoadOptions(survey_id="evs")),
    ("ivs_merged.csv", LoadOptions(survey_id="evs")),
)
# Some of their answers or weights were changed or left out.
CHANGED = {"weight_zero.csv", "weight_na.csv", "id_scientific.csv"}
OTHER_SHARES: dict[str, list[tuple[str, str, int, float]]] = {
    "tidy": [("NLD", "Q46", n, s) for n, s in enumerate((0.25, 0.55, 0.15, 0.05), start=1)],
    "goqa": [("FRA", "", 1, 0.6), ("FRA", "", 2, 0.4)],
    "timeseries": [("NLD", q, n, 0.5) for q in ("Q46", "Q57") for n in (1, 2)],
    "ivs": [("NLD", q, n, 0.5) for q in ("Q46", "Q57") for n in (1, 2)],
}


@pytest.mark.skipif(not cases(), reason="the collected survey files (../shared/cases) are not here")
def test_collected_files_load_to_the_same_shares_or_are_refused_with_a_remedy(
    tmp_path: Path, instrument: Instrument
) -> None:
    valid = (
        "select country_id, question_id, code, sum_of_weights / sum(sum_of_weights) over "
        "(partition by country_id, question_id) from raw.human_marginals where code >= 0 "
        "and sum_of_weights > 0 order by all"
    )
    outcomes: dict[str, str] = {}
    shares: dict[str, list[tuple[str, str, int, float]]] = {}
    for file in cases():
        home = Home(tmp_path / file.name)
        try:
            load_file(file, home, instrument, DEFAULT_OPTIONS)
        except ValuescopeError as error:
            outcomes[file.name] = str(error)
            continue
        with open_for_reading(home) as connection:
            shares[file.name] = connection.execute(valid).fetchall()
    for name, remedy in REFUSED.items():
        assert remedy in outcomes.pop(name, remedy), name
    assert outcomes == {}

    base = {row[:3]: row[3] for row in shares["base.csv"]}
    for name, rows in shares.items():
        kind = re.split(r"[_.]", name)[0]
        if kind in OTHER_SHARES:
            rows = [(c, q if kind != "goqa" else "", n, share) for c, q, n, share in rows]
            assert rows == [(*cell, pytest.approx(share)) for *cell, share in OTHER_SHARES[kind]], (
                name
            )
        elif len({row[0] for row in rows}) == 3 and name not in CHANGED:
            asked = {row[:2] for row in rows} & {cell[:2] for cell in base}
            expected = {cell: share for cell, share in base.items() if cell[:2] in asked}
            found = {row[:3]: row[3] for row in rows if row[:2] in asked}
            assert found == pytest.approx(expected, abs=1e-12), name

    by_name = {file.name: file for file in cases()}
    for number, (name, options) in enumerate(REMEDIES):
        load_file(by_name[name], Home(tmp_path / f"remedy-{number}"), instrument, options)
