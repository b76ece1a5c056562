"""Damage or rearrange survey files of every kind and see that each is refused or loaded right.

    python -m tests.benchmarks.survey_file_fuzzer --files 10000 --seed 1

Half of the files are damaged: bytes are changed, cut and repeated. What of them still loads is
counted again by another reader of the format (pandas, pyreadstat), where that one can read it. The
other half is rearranged as people do it: labels for codes, other spellings of missing values, twins
of columns, missing weights. They must load, with the shares of the table that they were written
from. Files are read in batches, each in a process of its own, so that an abort is counted and named
by seed. Exits with 1 where there was a traceback, a hang, an abort or a wrong share.
"""

import argparse
import gzip
import multiprocessing
import random
import signal
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pyarrow.feather
import pyreadstat

from valuescope.ingest.readers import DEFAULT_OPTIONS, _prepared
from valuescope.ingest.tables import FILLED_BY_READERS
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.problems import Problems

QUESTIONS = ("Q1", "Q46", "Q57", "Q182")
# By country, question and code.
Shares = dict[tuple[str, str, int], float]
LONGEST_SECONDS = 20
BATCH = 50
TEXTS = ["NaN", "inf", "1e400", "-", "", "1,5", "1.000", "9" * 30, "\x00", "é", '"', "Very happy"]


def people(dice: random.Random) -> pd.DataFrame:
    count = dice.randint(1, 60)
    columns: dict[str, list[Any]] = {
        "A_WAVE": [7] * count,
        "A_YEAR": [2022] * count,
        "B_COUNTRY_ALPHA": [dice.choice(["NLD", "JPN", "USA"]) for _ in range(count)],
        "D_INTERVIEW": list(range(1, count + 1)),
        "W_WEIGHT": [dice.randint(1, 40) / 8 for _ in range(count)],
    }
    for question in QUESTIONS:
        columns[question] = [dice.choice([1, 2, 3, 4, -1, -2]) for _ in range(count)]
    return pd.DataFrame(columns)


def _csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


def _gzip(frame: pd.DataFrame, path: Path) -> None:
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


def _zip(frame: pd.DataFrame, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", frame.to_csv(index=False))


def _lzma_zip(frame: pd.DataFrame, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("people.csv", frame.to_csv(index=False))


def _excel(frame: pd.DataFrame, path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Data"
    for row in [list(frame), *frame.values.tolist()]:
        book.active.append(row)
    book.save(path)


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path)


def _feather(frame: pd.DataFrame, path: Path) -> None:
    pyarrow.feather.write_feather(frame, path)


def _sav(frame: pd.DataFrame, path: Path) -> None:
    pyreadstat.write_sav(
        frame.astype({n: object for n in map(str, frame) if n.upper() == "B_COUNTRY_ALPHA"}), path
    )


def _dta(frame: pd.DataFrame, path: Path) -> None:
    pyreadstat.write_dta(
        frame.astype({n: object for n in map(str, frame) if n.upper() == "B_COUNTRY_ALPHA"}), path
    )


def _json(frame: pd.DataFrame, path: Path) -> None:
    frame.to_json(path, orient="records", lines=True)


def _tidy(frame: pd.DataFrame, path: Path) -> None:
    rows = [
        f"{country},{question},{code},{count}"
        for question in QUESTIONS
        for (country, code), count in Counter(
            zip(frame["B_COUNTRY_ALPHA"], frame[question], strict=True)
        ).items()
    ]
    path.write_text("\n".join(["country,question,code,count", *rows]) + "\n")


def _globalopinionqa(frame: pd.DataFrame, path: Path) -> None:
    share = len(frame) / 100
    path.write_text(
        "question,selections,options,source\n"
        f"Is life good?,\"{{'France': [{share}, {1 - share}]}}\",\"['Yes', 'No']\",GAS\n"
    )


# A file of people as somebody has it, and what it says: the same table with codes and weights.
Rearranged = tuple[pd.DataFrame, pd.DataFrame]
HAPPINESS = {1: "Very happy", 2: "Quite happy", 3: "Not very happy", 4: "Not at all happy"}
MISSING = ["NA", "", ".", "NaN", "nan", "#NULL!", "#N/A", "None", "NULL", " "]


def _words(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    marks = dice.choice(["", ".", " {}", "_1", "  "])
    words = {
        code: f"{text}{marks.format(code).replace('{}', '{' + str(code) + '}')}"
        for code, text in HAPPINESS.items()
    }
    words |= {-1: "Don´t know", -2: "No answer", -5: "Missing; Unknown"}
    return people.assign(Q46=people["Q46"].map(words)), people


def _missing(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    is_missing = [dice.random() < 0.3 for _ in range(len(people))]
    text = dice.choice(MISSING)
    codes = [
        text if gone else str(code) for gone, code in zip(is_missing, people["Q57"], strict=True)
    ]
    true = [-5 if gone else code for gone, code in zip(is_missing, people["Q57"], strict=True)]
    return people.assign(Q57=codes), people.assign(Q57=true)


def _twins(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    twins = people.assign(q46=5 - people["Q46"], w_weight=9.5)
    return twins[dice.sample(list(twins), len(list(twins)))], people


def _shuffled(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    rows = dice.sample(range(len(people)), len(people))
    return people.iloc[rows][dice.sample(list(people), len(list(people)))], people


def _fractions(people: pd.DataFrame, _: random.Random) -> Rearranged:
    return people.assign(**{name: people[name].astype(float) for name in QUESTIONS}), people


def _headers(people: pd.DataFrame, _: random.Random) -> Rearranged:
    return people.rename(columns={"Q46": "Q46: Feeling of happiness", "Q1": "Q1:  Family"}), people


def _small_letters(people: pd.DataFrame, _: random.Random) -> Rearranged:
    return people.rename(columns=str.lower), people


def _beside(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    notes = [dice.choice(['said "no", twice', "a\nb", "1,5", "é", ""]) for _ in range(len(people))]
    return people.assign(Q223="a party", NOTE=notes, Q33_3=1), people


def _bare(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    return people.drop(columns=dice.sample(["A_WAVE", "A_YEAR", "D_INTERVIEW"], 2)), people


def _weights(people: pd.DataFrame, dice: random.Random) -> Rearranged:
    weights = [dice.choice([w, w, 0.0, None]) for w in people["W_WEIGHT"]]
    # Countries of zero weights are refused.
    weights[:] = weights if all(weights) else [w if w is None else w or 0.5 for w in weights]
    changed = people.assign(W_WEIGHT=pd.array(weights, "Float64").astype(float))
    return changed, changed.dropna(subset="W_WEIGHT")


# By name; those whose cells hold text where others have numbers need a format for it.
REARRANGED: dict[str, Callable[[pd.DataFrame, random.Random], Rearranged]] = {
    "words": _words,
    "missing": _missing,
    "twins": _twins,
    "shuffled": _shuffled,
    "fractions": _fractions,
    "headers": _headers,
    "small letters": _small_letters,
    "beside": _beside,
    "bare": _bare,
    "weights": _weights,
}
# SPSS and Stata have no such names.
NOT_STORED = {("headers", "spss"), ("headers", "stata"), ("twins", "spss")}


# Another reader of the format, where there is one.
FORMATS: dict[str, tuple[Callable[[pd.DataFrame, Path], None], Callable[[Path], Any] | None]] = {
    "csv": (_csv, lambda path: pd.read_csv(path)),
    "gzip": (_gzip, lambda path: pd.read_csv(path, compression="gzip")),
    "zip": (_zip, lambda path: pd.read_csv(path, compression="zip")),
    "lzma in zip": (_lzma_zip, None),
    "excel": (_excel, lambda path: pd.read_excel(path, engine="openpyxl")),
    "parquet": (_parquet, lambda path: pd.read_parquet(path)),
    "feather": (_feather, lambda path: pd.read_feather(path)),
    "spss": (_sav, lambda path: pyreadstat.read_sav(str(path), user_missing=True)[0]),
    "stata": (_dta, lambda path: pd.read_stata(path, convert_categoricals=False)),
    "json": (_json, lambda path: pd.read_json(path, lines=True)),
    "tidy": (_tidy, None),
    "globalopinionqa": (_globalopinionqa, None),
}


def damage(content: bytes, dice: random.Random) -> bytes:
    """One to four changes: bytes, cuts, repeats, and texts that programs trip over."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        if not changed:
            break
        place = dice.randrange(len(changed))
        match dice.randrange(6):
            case 0:
                changed[place] = dice.randrange(256)
            case 1:
                changed[place] ^= 1 << dice.randrange(8)
            case 2:
                del changed[place:]
            case 3:
                changed[place:place] = changed[place : place + dice.randint(1, 40)]
            case 4:
                del changed[place : place + dice.randint(1, 8)]
            case _:
                text = dice.choice(TEXTS).encode()
                end = place + len(text) if dice.random() < 0.5 else place
                changed[place:end] = text
    return bytes(changed)


def one(seed: int, folder: Path) -> tuple[str, str, str]:
    """The format, the outcome and what there is to say of one file."""
    dice = random.Random(seed)
    name = dice.choice(list(FORMATS))
    write, read_again = FORMATS[name]
    path = folder / f"file-{seed}"
    table = people(dice)
    said: pd.DataFrame | None = None
    if dice.random() < 0.5 and name not in ("tidy", "globalopinionqa"):
        how = dice.choice([h for h in REARRANGED if (h, name) not in NOT_STORED])
        table, said = REARRANGED[how](table, dice)
        write(table, path)
        name = f"{name}, {how}"
    else:
        write(table, path)
        path.write_bytes(damage(path.read_bytes(), dice))
    signal.alarm(LONGEST_SECONDS)
    try:
        found = shares(path)
    except ValuescopeError as error:
        # DuckDB makes an error of its own of what the alarm raises.
        if "Query interrupted" in str(error):
            return name, "hang", ""
        return name, "refused" if said is None else "wrongly refused", str(error)
    except _TooLong:
        return name, "hang", ""
    except BaseException:
        return name, "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)
    if said is not None:
        return name, *_compared(found, recounted(said))
    if read_again is None:
        return name, "loaded, not counted again", ""
    try:
        expected = recounted(read_again(path))
    except Exception as error:
        return name, "loaded, not counted again", repr(error)
    return name, *_compared(found, expected)


def _compared(found: Shares, expected: Shares) -> tuple[str, str]:
    differing = {
        key for key in found | expected if abs(found.get(key, 0) - expected.get(key, 0)) > 1e-9
    }
    if differing:
        return "wrong", f"{sorted(differing)[:4]} {found} {expected}"
    return "loaded as counted again", ""


def shares(path: Path) -> Shares:
    """The weighted shares of the valid answers that the file is loaded with."""
    problems = Problems(path)
    with (
        _prepared(path, load_instrument(), DEFAULT_OPTIONS, problems) as (_, read),
        duckdb.connect() as connection,
    ):
        for table in FILLED_BY_READERS:
            table.create(connection)
        read(connection, problems)
        problems.raise_refusals()
        rows = connection.execute(
            "select country_id, question_id, code, sum_of_weights / sum(sum_of_weights) over "
            "(partition by country_id, question_id) from marginals where code >= 0 "
            "qualify sum(sum_of_weights) over (partition by country_id, question_id) > 0"
        ).fetchall()
    return {tuple(row[:3]): row[3] for row in rows if row[3] > 0}


def recounted(frame: pd.DataFrame) -> Shares:
    """The same in pandas, of a table with the survey's column names."""
    # As when a file is loaded: a name in another case does, where there is no exact one.
    exact = set(frame.columns)
    frame = frame.rename(columns={n: str(n).upper() for n in frame if str(n).upper() not in exact})
    instrument = load_instrument()
    weights = pd.to_numeric(frame["W_WEIGHT"])
    # Damage can turn a code into that of another country (`PN`, Pitcairn), and a name into that of
    # another question.
    countries = {
        name.casefold(): country.country_id
        for country in reversed(instrument.countries.values())
        for name in country.known_as
    }
    names = frame["B_COUNTRY_ALPHA"].dropna().astype(str).str.strip()
    names = names.str.casefold().map(countries).fillna(names)
    found: dict[tuple[str, str, int], float] = {}
    for question in (name for name in instrument.questions if name in frame):
        # The last bits of a number are no other code.
        codes = pd.to_numeric(frame[question])
        codes = codes.where((codes - codes.round()).abs() > 1e-7, codes.round())
        sums = weights[codes >= 0].groupby([names, codes]).sum()
        weighted: dict[Any, float] = sums.to_dict()
        for (country, code), weight in weighted.items():
            total = sum(w for (other, _), w in weighted.items() if other == country)
            if weight > 0:
                found[country, question, int(code)] = weight / total
    return found


class _TooLong(BaseException):
    """A file takes too long. No `Exception`, since reading makes refusals of those."""


def batch(seeds: list[int], results: Any) -> None:
    def stop(*_: object) -> None:
        raise _TooLong

    signal.signal(signal.SIGALRM, stop)
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            results.put((seed, None))
            results.put((seed, one(seed, Path(folder))))


def outcomes(first: int, count: int) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """The outcome of every seed; a process that dies is the abort of the file it was reading."""
    context = multiprocessing.get_context("fork")
    waiting = list(range(first, first + count))
    while waiting:
        results = context.SimpleQueue()
        process = context.Process(target=batch, args=(waiting[:BATCH], results))
        process.start()
        begun: int | None = None
        done = set()
        while process.is_alive() or not results.empty():
            if results.empty():
                process.join(0.02)
                continue
            begun, outcome = results.get()
            if outcome is not None:
                done.add(begun)
                yield begun, outcome
        if begun is not None and begun not in done:
            yield begun, ("", "abort", f"exit status {process.exitcode}")
            done.add(begun)
        waiting = [seed for seed in waiting if seed not in done]


def main() -> None:
    """Print how many files of each format ended how, and each failure with its seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    failures = 0
    for seed, (name, outcome, text) in outcomes(options.seed, options.files):
        counts[name, outcome] += 1
        if outcome in ("traceback", "hang", "abort", "wrong", "wrongly refused"):
            failures += 1
            sys.stdout.write(f"seed {seed}, {name}: {outcome}\n{text}\n")
    for (name, outcome), number in sorted(counts.items()):
        sys.stdout.write(f"{number:6} {name}: {outcome}\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
