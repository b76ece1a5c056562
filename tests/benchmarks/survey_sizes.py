"""Files of the official sizes and layouts with made-up respondents, to measure reading them.

Rows are built as arrays of bytes, since CSV writers take minutes for the larger file. A file is
written once for its size and seed and found again later; nothing here is data of the survey.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openpyxl
import pandas as pd
import pyreadstat

from valuescope.warehouse.home import CLONE, SEEDS
from valuescope.warehouse.instruments.seeds import load_instrument

FOLDER = CLONE / ".benchmarks"
WAVE7_RESPONDENTS, WAVE7_COLUMNS = 97_220, 600
TIME_SERIES_RESPONDENTS, TIME_SERIES_COLUMNS = 450_000, 1_040
COUNTRY_RESPONDENTS = 2_000
# Part of the names, with the layout: a file that was made in another way has another one.
_EDITION = 1
_CHUNK = 5_000
_COUNTRIES = 66
_NOT_ASKED = -4
# What 13 of 256 people say to any question.
_MISSING = (-1,) * 8 + (-2,) * 4 + (-5,)
_LOWEST, _HIGHEST = -99, 999

Codes = npt.NDArray[np.int16]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Sample:
    """The respondents of one country in one wave."""

    number: int
    country_id: str
    numeric_code: int
    wave: int
    size: int


@dataclass(frozen=True)
class _Layout:
    """Columns of a file: what `texts` writes, then codes, then `fractions` with six decimals.

    `answers` maps a column of codes to those that people give; columns of codes that are not
    among them were not asked anywhere but in one country each.
    """

    name: str
    texts: Callable[[_Sample, np.random.Generator], dict[str, Sequence[str]]]
    text_names: tuple[str, ...]
    code_names: tuple[str, ...]
    answers: Mapping[str, Sequence[int]]
    fraction_names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """A few letters that change with the layout."""
        described = (_EDITION, self.header, sorted((k, [*v]) for k, v in self.answers.items()))
        return hashlib.sha256(repr(described).encode()).hexdigest()[:8]

    @property
    def header(self) -> tuple[str, ...]:
        return (*self.text_names, *self.code_names, *self.fraction_names)


def wave7_csv(
    respondents: int = WAVE7_RESPONDENTS, *, seed: int = 7, folder: Path = FOLDER
) -> Path:
    """The country-pooled CSV of wave 7: at full size 600 columns."""
    path = _path(folder, _wave7_layout(), respondents, seed, "csv")
    samples = _samples(respondents, [7] * _COUNTRIES, seed)
    return _once(path, lambda part: _write_csv(part, _wave7_layout(), samples, seed))


def wave7_sav(
    respondents: int = WAVE7_RESPONDENTS, *, seed: int = 7, folder: Path = FOLDER
) -> Path:
    """The same respondents for SPSS, with -5 to -1 declared as missing."""

    def write(part: Path) -> None:
        frame, coded = _wave7_frame(respondents, seed)
        pyreadstat.write_sav(
            frame,
            part,
            row_compress=True,
            missing_ranges={name: [{"lo": -5, "hi": -1}] for name in coded},
        )

    return _once(_path(folder, _wave7_layout(), respondents, seed, "sav"), write)


def wave7_dta(
    respondents: int = WAVE7_RESPONDENTS, *, seed: int = 7, folder: Path = FOLDER
) -> Path:
    """The same respondents for Stata, with negative codes for missing answers."""

    def write(part: Path) -> None:
        pyreadstat.write_dta(_wave7_frame(respondents, seed)[0], part)

    return _once(_path(folder, _wave7_layout(), respondents, seed, "dta"), write)


def time_series_csv(
    respondents: int = TIME_SERIES_RESPONDENTS, *, seed: int = 7, folder: Path = FOLDER
) -> Path:
    """The CSV of all waves: 1,040 columns, of which each wave fills a few hundred."""
    path = _path(folder, _time_series_layout(), respondents, seed, "csv")
    waves = [wave for wave in range(1, 8) for _ in range(12 + 7 * wave)]
    samples = _samples(respondents, waves, seed)
    return _once(path, lambda part: _write_csv(part, _time_series_layout(), samples, seed))


def country_workbook(
    respondents: int = COUNTRY_RESPONDENTS, *, seed: int = 7, folder: Path = FOLDER
) -> Path:
    """One country's Excel edition: labels for codes, no wave, `No weighting`."""
    path = folder / f"country-{respondents}-{seed}-{_EDITION}.xlsx"
    return _once(path, lambda part: _write_workbook(part, respondents, seed))


def _write_workbook(path: Path, respondents: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    questions = load_instrument().questions_of_survey("wvs")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    facts = {
        "A_YEAR: Year": ["2022"] * respondents,
        "B_COUNTRY_ALPHA: Country": ["NLD"] * respondents,
        "D_INTERVIEW: Interview": [str(528_070_000 + person) for person in range(respondents)],
        "W_WEIGHT: Weight": ["No weighting"] * respondents,
    }
    labels = {
        f"{question.question_id}: {question.wording}": random.choice(
            [*(choice.text for choice in question.choices["native"]), "Don't know"], respondents
        ).tolist()
        for question in questions
    }
    others = {f"N{n}: Not read": ["Some other label"] * respondents for n in range(80)}
    columns = facts | labels | others
    sheet.append(list(columns))
    for row in zip(*columns.values(), strict=True):
        sheet.append(row)
    book.save(path)


def _path(folder: Path, layout: _Layout, respondents: int, seed: int, ending: str) -> Path:
    return folder / f"{layout.name}-{respondents}-{seed}-{layout.fingerprint}.{ending}"


def _once(path: Path, write: Callable[[Path], None]) -> Path:
    """`path`, written first if it is not there; a half-written file never has its name."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name("part-" + path.name)
        write(part)
        part.replace(path)
    return path


def _samples(respondents: int, waves: Sequence[int], seed: int) -> tuple[_Sample, ...]:
    """Samples of at least 1,000 at full size, most between 1,000 and 2,000, some far larger."""
    random = np.random.default_rng(seed)
    shares = 1_000 + random.gamma(1, 480, len(waves))
    ends = np.floor(respondents * np.cumsum(shares) / shares.sum() + 0.5).astype(int)
    sizes = np.diff(ends, prepend=0)
    countries = [c for c in load_instrument().countries.values() if c.in_wvs7]
    # The countries of one wave differ.
    places = [waves[:number].count(wave) for number, wave in enumerate(waves)]
    return tuple(
        _Sample(number, country.country_id, country.numeric_codes[0], wave, int(size))
        for number, (wave, size, place) in enumerate(zip(waves, sizes, places, strict=True))
        for country in [countries[place % len(countries)]]
        if size
    )


@cache
def _wave7_layout() -> _Layout:
    instrument = load_instrument()
    answers: dict[str, Sequence[int]] = {
        "A_STUDY": [2],
        "Q_MODE": [1, 2, 4],
        "G_TOWNSIZE": range(1, 9),
        "H_SETTLEMENT": range(1, 6),
        "H_URBRURAL": [1, 2],
        "E_RESPINT": [1, 2, 3],
        "F_INTPRIVACY": [1, 2, 3],
        "E1_LITERACY": [1, 2],
    }
    variants = {33: "Q33_3", 34: "Q34_3", 35: "Q35_3", 82: "Q82_EU", 172: "Q172R", 234: "Q234A"}
    variants |= {number: f"Q{number}R" for number in range(94, 106)}
    for number in range(1, 291):
        known = instrument.questions.get(f"Q{number}")
        answers[f"Q{number}"] = sorted(known.known_codes) if known else range(1, 9)
        if number in variants:
            answers[variants[number]] = [0, 1]
    answers |= {"Q260": [1, 2], "Q262": range(18, 90), "Q275R": [1, 2, 3]}
    fractions = tuple(f"I_INDEX{number}" for number in range(1, 41))
    rest = WAVE7_COLUMNS - len(_wave7_texts(_PROBE, _random(0, 0))) - len(answers) - len(fractions)
    return _Layout(
        name="wave7",
        texts=_wave7_texts,
        text_names=tuple(_wave7_texts(_PROBE, _random(0, 0))),
        code_names=(*answers, *(f"CS_NATIONAL{number}" for number in range(1, rest + 1))),
        answers=answers,
        fraction_names=fractions,
    )


@cache
def _time_series_layout() -> _Layout:
    instrument = load_instrument()
    families = {"A": 222, "B": 31, "C": 64, "D": 87, "E": 262, "F": 199, "G": 63, "H": 11}
    names = [f"{letter}{n:03d}" for letter, last in families.items() for n in range(1, last + 1)]
    with (SEEDS / "trend_items.csv").open(encoding="utf-8", newline="") as file:
        answers: dict[str, Sequence[int]] = {
            item["trend_variable"]: [int(pair.split(">")[0]) for pair in item["recodes"].split("|")]
            if item["recodes"]
            else sorted(instrument.questions[item["question_id"]].known_codes)
            for item in csv.DictReader(file)
        }
    answers |= {"X001": [1, 2], "X003": range(18, 90), "X025R": [1, 2, 3], "X050C": [1, 2]}
    fractions = tuple(f"Y{number:03d}" for number in range(1, 21))
    texts = tuple(_time_series_texts(_PROBE, _random(0, 0)))
    rest = TIME_SERIES_COLUMNS - len(texts) - len(answers) - len(fractions)
    others = [name for name in names if name not in answers]
    return _Layout(
        name="time-series",
        texts=_time_series_texts,
        text_names=texts,
        code_names=tuple(sorted((*answers, *others[:rest]))),
        answers=answers,
        fraction_names=fractions,
    )


_PROBE = _Sample(0, "USA", 840, 7, 1)
_TOWNS = ("Zürich", '"Washington, D.C."', "São Paulo", "Đà Nẵng", "Bukhara", "Köln", "-4")


def _wave7_texts(sample: _Sample, random: np.random.Generator) -> dict[str, Sequence[str]]:
    size, code = sample.size, sample.numeric_code
    year = 2017 + sample.number % 7
    days = random.integers(1, 29, size)
    return {
        "version": ["6-0-0 (2024-04-30)"] * size,
        "doi": ["doi.org/10.14281/18241.24"] * size,
        "A_WAVE": ["7"] * size,
        "A_YEAR": [str(year)] * size,
        "B_COUNTRY": [str(code)] * size,
        "B_COUNTRY_ALPHA": [sample.country_id] * size,
        "C_COW_NUM": [str(code + 1)] * size,
        "C_COW_ALPHA": [sample.country_id] * size,
        "D_INTERVIEW": [str(code * 1_000_000 + 70_001 + person) for person in range(size)],
        "J_INTDATE": [f"{year}05{day:02d}" for day in days],
        "K_DURATION": [str(minutes) for minutes in random.integers(20, 130, size)],
        "N_REGION_ISO": [str(code * 1000 + region) for region in random.integers(1, 20, size)],
        "N_TOWN": [_TOWNS[place] for place in random.integers(0, len(_TOWNS), size)],
        "O1_LONGITUDE": [f"{place / 100:.2f}" for place in random.integers(-9000, 9000, size)],
        "O2_LATITUDE": [f"{place / 100:.2f}" for place in random.integers(-5000, 7000, size)],
        "S_INTLANGUAGE": [str(1000 + code)] * size,
        "LNGE_ISO": ["en"] * size,
        "W_WEIGHT": _weights(sample, random),
        "S018": [repr(1000 / size)] * size,
        "PWGHT": [repr(0.25 + code / 100)] * size,
        "S025": [f"{code}{year}"] * size,
    }


def _time_series_texts(sample: _Sample, random: np.random.Generator) -> dict[str, Sequence[str]]:
    size, code = sample.size, sample.numeric_code
    year = 1976 + 6 * sample.wave
    return {
        "version": ["5-0-0 (2024-11-11)"] * size,
        "doi": ["doi.org/10.14281/18241.27"] * size,
        "S002VS": [str(sample.wave)] * size,
        "S003": [str(code)] * size,
        "COUNTRY_ALPHA": [sample.country_id] * size,
        "COW_NUM": [str(code + 1)] * size,
        "S007": [
            str(code * 1_000_000 + sample.wave * 10_000 + person + 1) for person in range(size)
        ],
        "S017": _weights(sample, random),
        "S018": [repr(1000 / size)] * size,
        "S020": [str(year)] * size,
        "S025": [f"{code}{year}"] * size,
    }


def _weights(sample: _Sample, random: np.random.Generator) -> Sequence[str]:
    """1 in every other country, else cells of a raking: some hundred values of mean 1."""
    if sample.number % 2:
        return ["1"] * sample.size
    values = random.gamma(4, 1 / 4, 400) + 0.05
    drawn = values[random.integers(0, len(values), sample.size)]
    return [repr(float(weight)) for weight in drawn / drawn.mean()]


def _codes(layout: _Layout, sample: _Sample, seed: int) -> Codes:
    """The codes of a sample, each column by shares of its own, about 5% of them missing."""
    random = _random(seed, sample.number)
    table = np.full((256, len(layout.code_names)), _NOT_ASKED, np.int16)
    for place, name in enumerate(layout.code_names):
        codes = layout.answers.get(name)
        is_national = codes is None and place % _COUNTRIES == sample.number
        # Every country leaves some questions out, and early waves left many.
        is_asked = random.random() < min(0.97, 0.2 + 0.11 * sample.wave)
        if is_national or (codes is not None and (is_asked or name in _ALWAYS)):
            answers = np.array(codes or range(1, 5))
            shares = random.dirichlet(np.full(len(answers), 1.5))
            drawn = np.searchsorted(np.cumsum(shares)[:-1], random.random(256))
            table[:, place] = answers[drawn]
            if len(answers) > 1:
                table[: len(_MISSING), place] = _MISSING
    draws = random.integers(0, 256, (sample.size, len(layout.code_names)), dtype=np.uint8)
    return np.take_along_axis(table, draws, axis=0)


_ALWAYS = frozenset({"A_STUDY", "Q260", "Q262", "Q275R", "X001", "X003", "X025R", "X050C"})


def _fractions(layout: _Layout, sample: _Sample, seed: int) -> npt.NDArray[np.intp]:
    """Places in `_FRACTIONS`, one a respondent and column."""
    random = _random(seed, 1_000 + sample.number)
    return random.integers(0, len(_FRACTIONS), (sample.size, len(layout.fraction_names)))


_FRACTIONS = tuple(f"{place / 1009:.6f}" for place in range(1009))


def _write_csv(path: Path, layout: _Layout, samples: Sequence[_Sample], seed: int) -> None:
    with path.open("wb") as file:
        file.write((",".join(layout.header) + "\n").encode())
        for sample in samples:
            for rows in _rows(layout, sample, seed):
                file.write(rows)


def _rows(layout: _Layout, sample: _Sample, seed: int) -> Iterator[bytes]:
    """The rows of a sample as text, chunk by chunk: cells padded with zero bytes, then squeezed."""
    texts = layout.texts(sample, _random(seed, 2_000 + sample.number))
    parts = [_padded(values) for values in texts.values()]
    cells = _code_texts()[_codes(layout, sample, seed) - _LOWEST].view(np.uint8)
    parts.append(cells.reshape(sample.size, -1))
    fractions = _padded(_FRACTIONS)[_fractions(layout, sample, seed)]
    parts.append(fractions.reshape(sample.size, -1))
    for start in range(0, sample.size, _CHUNK):
        rows = np.hstack([part[start : start + _CHUNK] for part in parts])
        rows[:, -1] = ord("\n")
        yield rows[rows != 0].tobytes()


@cache
def _code_texts() -> npt.NDArray[np.uint32]:
    """Every code with a comma behind it, four bytes each."""
    texts = [f"{code},".encode().ljust(4, b"\0") for code in range(_LOWEST, _HIGHEST + 1)]
    return np.frombuffer(b"".join(texts), np.uint32)


def _padded(texts: Sequence[str]) -> Bytes:
    """One row of bytes a text, with zero bytes behind it and a comma at the end."""
    fixed = np.array([text.encode() for text in texts])
    cells = fixed.view(np.uint8).reshape(len(texts), -1)
    return np.hstack([cells, np.full((len(texts), 1), ord(","), np.uint8)])


def _wave7_frame(respondents: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """The CSV's respondents as a frame, and its columns with missing codes."""
    layout = _wave7_layout()
    samples = _samples(respondents, [7] * _COUNTRIES, seed)
    columns: dict[str, list[str]] = {name: [] for name in layout.text_names}
    for sample in samples:
        for name, values in layout.texts(sample, _random(seed, 2_000 + sample.number)).items():
            columns[name].extend(text.strip('"') for text in values)
    frame = pd.DataFrame(columns)
    texts = {"version", "doi", "B_COUNTRY_ALPHA", "C_COW_ALPHA", "N_TOWN", "LNGE_ISO"}
    numbers = [name for name in columns if name not in texts]
    frame[numbers] = frame[numbers].astype("float64")
    codes = np.vstack([_codes(layout, sample, seed) for sample in samples])
    numbered = np.array(_FRACTIONS, "float64")
    fractions = np.vstack([_fractions(layout, sample, seed) for sample in samples])
    return pd.concat(
        [
            frame,
            pd.DataFrame(codes, columns=list(layout.code_names)),
            pd.DataFrame(numbered[fractions], columns=list(layout.fraction_names)),
        ],
        axis="columns",
    ), [*layout.code_names]


def _random(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])
