"""GlobalOpinionQA: shares of answers by country as Anthropic published them (llm_global_opinions).

The file holds questions of Pew's Global Attitudes surveys and of the World Values Survey with the
shares that each country gave to each option, as texts of Python literals. They become one survey
of their own, with the two sources as its categories.
"""

import ast
import csv
import hashlib
import io
import json
import math
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from token import ENDMARKER, NEWLINE, NL, NUMBER, STRING
from tokenize import TokenError, generate_tokens

import duckdb
import pyarrow as pa

from valuescope.ingest.formats.sources import Source
from valuescope.ingest.marginals.own_survey import category_id
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.surveys import MOST_CHOICES, OwnInstrument
from valuescope.warehouse.instruments.written_rows import WrittenRow
from valuescope.warehouse.problems import Problems, listed

SURVEY_ID = "globalopinionqa"
FORMAT_ID = "globalopinionqa"
# The file has no waves: its questions are of many years.
WAVE = 1
_COLUMNS = ("question", "selections", "options", "source")
_SCALES = Path(__file__).with_name("ordered_scales.csv")
_SOURCES = {"GAS": "Global Attitudes Survey", "WVS": "World Values Survey"}
_SURVEY = {
    "survey_id": SURVEY_ID,
    "survey_name": "GlobalOpinionQA",
    "default_wave": str(WAVE),
    "citation": (
        "Durmus, E. et al. (2023). Towards Measuring the Representation of Subjective Global "
        "Opinions in Language Models. arXiv:2306.16388. Questions and answers are those of the "
        "Pew Research Center's Global Attitudes surveys and of the World Values Survey."
    ),
    "doi": "10.48550/arXiv.2306.16388",
}
# `defaultdict(<class 'list'>, {..})` is not Python: only its dictionary is read.
_DEFAULTDICT = re.compile(r"defaultdict\(\s*<class '\w+'>\s*,")
_WRAPPERS = frozenset(
    {"defaultdict", "dict", "list", "array", "float16", "float32", "float64", "int64", "str_"}
)
_CURRENT = " (current national sample)"
_LEFT_OUT = (" (non-national sample)", " (old national sample)")
# Options that are not answers to the question, by their text and nothing else.
_MISSING = {
    "don't know": -1,
    "dont know": -1,
    "do not know": -1,
    "dk": -1,
    "dk/refused": -1,
    "don't know/refused": -1,
    "don't know/no answer": -1,
    "don't know/no response": -1,
    "don't know / no answer": -1,
    "dk/na": -1,
    "dk/no answer": -1,
    "no answer": -2,
    "no answer/refused": -2,
    "no answer/refuse": -2,
    "no response": -2,
    "refused": -2,
    "refused to answer": -2,
    "refuse": -2,
    "not applicable": -5,
    "inap": -5,
    "question not asked": -5,
}
_OTHER_MISSING = re.compile(r"missing(\s*[;:,/(-].*)?|not asked( in .*)?|not available")
_LARGEST_TOLERANCE = 0.02
_SMALLEST_TOLERANCE = 1e-6
_NO_ORDER = "The file does not show for certain in which order its options belong."

Shares = list[float]


@dataclass(frozen=True)
class _Item:
    """One row of the file: a question, its options as texts, and what each country said."""

    line: int
    question: str
    options: tuple[str, ...]
    source: str
    selections: dict[str, Shares]

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """Return the code of each option: its position in the list, negative if not an answer."""
        return tuple(
            _missing_code(option) or position
            for position, option in enumerate(self.options, start=1)
        )

    @cached_property
    def answers(self) -> tuple[tuple[int, str], ...]:
        """Return code and text of the options that are answers."""
        pairs = zip(self.codes, self.options, strict=True)
        return tuple((code, option) for code, option in pairs if code > 0)

    @cached_property
    def question_id(self) -> str:
        """Return a readable id, the same in every order and selection of the file's rows."""
        content = json.dumps([self.question, self.options, self.source], ensure_ascii=False)
        words = re.sub(r"\W+", "_", self.question.casefold()).strip("_").split("_")
        return f"{SURVEY_ID}:{'_'.join(words[:5])[:40]}_{_short_hash(content)}"


@dataclass
class _Notes:
    """Warnings about what is left out or unusual, grouped by message."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, example: str) -> None:
        self.found[what].append(example)

    def tell(self, problems: Problems) -> None:
        for what, examples in self.found.items():
            distinct = list(dict.fromkeys(examples))
            problems.warn(f"{what} ({len(distinct)}): {listed(distinct)}.")


def is_globalopinionqa(columns: Iterable[str]) -> bool:
    """Return whether a file has the columns of GlobalOpinionQA."""
    return {column.strip().casefold() for column in columns} >= set(_COLUMNS)


def read_globalopinionqa(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    problems: Problems,
    instrument: Instrument,
    wave: int = WAVE,
) -> OwnInstrument | None:
    """Fill `marginals` with the shares of every country and give the instrument that they need.

    Options that say that somebody gave no answer become missing codes, whose shares stay beside
    the others. None when the file is refused: for rows that cannot be read and for countries that
    `instrument` does not know.
    """
    notes = _Notes()
    items = list(_usable(_items(connection, source, problems, notes), notes))
    countries = _countries(items, instrument, problems, notes)
    if not items and not problems.refusals:
        why = "; ".join(f"{what}: {listed(examples)}" for what, examples in notes.found.items())
        problems.refuse(
            f"has no question that can be asked ({why or 'no rows'})",
            "Correct these rows, or download the file again from its page (docs/own-surveys.md). A "
            "missing share is not 0: write 0 where nobody chose the option.",
        )
    if problems.refusals:
        return None
    marginals = _marginals(items, countries, notes)
    _store(connection, wave, marginals)
    nominal = sum(_scale_kind(item) == "nominal" for item in items)
    if nominal:
        notes.add(
            "Questions whose options have no known order are nominal and get no mean scores; "
            "edit scale_kind in the home's questions.csv where you know better",
            f"{nominal} of {len({item.question_id for item in items})} questions",
        )
    notes.tell(problems)
    return _instrument(items)


def _items(
    connection: duckdb.DuckDBPyConnection, source: Source, problems: Problems, notes: _Notes
) -> Iterator[_Item]:
    rows = _csv_rows(source) if source.kind == "csv" else _table_rows(connection, source)
    for line, values in rows:
        try:
            if isinstance(values, str):
                raise ValueError(values)
            yield _item(line, notes, *values)
        except ValueError as error:
            problems.refuse(
                f"cannot be read in line {line}: it {error}",
                "Download the file again or remove the row.",
            )


def _csv_rows(source: Source) -> Iterator[tuple[int, list[str] | str]]:
    """Yield each row's last line and its values of `_COLUMNS`, or what is wrong with it."""
    positions = [source.columns.index(source.find(name) or "") for name in _COLUMNS]
    # Answers of a hundred countries in one cell are longer than csv expects.
    earlier_limit = csv.field_size_limit(sys.maxsize)
    try:
        with source.file.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            next(reader, None)
            for values in reader:
                if len(values) == len(source.columns):
                    yield reader.line_num, [values[position] for position in positions]
                elif values:
                    what = f"has {len(values)} values for {len(source.columns)} columns"
                    yield reader.line_num, what
    finally:
        csv.field_size_limit(earlier_limit)


def _table_rows(
    connection: duckdb.DuckDBPyConnection, source: Source
) -> Iterator[tuple[int, list[str]]]:
    """Yield the same for a file that is not a text; its header counts as the first line."""
    columns = [column for name in _COLUMNS if (column := source.find(name)) is not None]
    chosen = ", ".join(source.raw(column) for column in columns)
    rows = connection.execute(f"select {chosen} from {source.rows(columns)}").fetchall()
    for line, row in enumerate(rows, start=2):
        yield line, [value if isinstance(value, str) else repr(value) for value in row]


def _item(
    line: int, notes: _Notes, question: str, selections: str, options: str, source: str
) -> _Item:
    """Read one row of the file. Raises ValueError, which says what is wrong with the row."""
    wording = " ".join(question.split())
    if not wording:
        raise ValueError("has no question")
    texts = _literal("options", options)
    if not isinstance(texts, list | tuple) or not all(
        isinstance(t, str | int | float) for t in texts
    ):
        raise ValueError(
            f"has options that are not a list of texts: {textwrap.shorten(options, 60)}"
        )
    by_country = _literal("selections", selections)
    if not isinstance(by_country, dict) or not all(isinstance(c, str) for c in by_country):
        raise ValueError("has selections that map no countries to shares")
    for country, shares in by_country.items():
        if not isinstance(shares, list | tuple) or len(shares) != len(texts):
            raise ValueError(f"has another number of shares for {country} than options")
        if not all(_is_share(share) for share in shares if share is not None):
            raise ValueError(f"has shares outside 0 to 1 for {country}: {list(shares)}")
        if None in shares:
            what = "Countries with missing shares were left out"
            notes.add(what, f"line {line}, {country}")
    return _Item(
        line,
        wording,
        tuple(_text(option) for option in texts),
        source.strip(),
        {
            country: list(map(float, shares))
            for country, shares in by_country.items()
            if None not in shares
        },
    )


def _literal(what: str, text: str) -> object:
    """Return a Python literal, as Python and NumPy print it; never code that is run."""
    try:
        python = _with_commas(_DEFAULTDICT.sub("dict(", text.strip()))
        return _value(ast.parse(python, mode="eval").body)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, TokenError):
        raise ValueError(f"has {what} that cannot be read: {textwrap.shorten(text, 60)}") from None


def _with_commas(text: str) -> str:
    """Put commas between the items of arrays, which NumPy prints without them.

    >>> _with_commas("['Yes' 'No']")
    "['Yes','No']"
    """
    if not re.search(r"['\"\d.]\s+['\"\d.-]", text):
        return text
    parts: list[str] = []
    before = 0
    for token in generate_tokens(io.StringIO(f"({text})").readline):
        if token.type in (STRING, NUMBER) and before in (STRING, NUMBER):
            parts.append(",")
        if token.type not in (NL, NEWLINE, ENDMARKER):
            parts.append(token.string)
            before = token.type
    return "".join(parts)[1:-1]


def _value(node: ast.expr) -> object:
    """Return the value of a literal without the calls that NumPy and `defaultdict` print around it.

    Missing numbers (nan) are None.
    """
    match node:
        case ast.Call(func=function, args=[inner]) if _called(function) in _WRAPPERS:
            return _value(inner)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {
                str(_value(key)): _value(value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.Name(id="nan" | "NaN"):
            return None
        case ast.Attribute(attr="nan"):
            return None
    value: object = ast.literal_eval(node)
    return None if isinstance(value, float) and math.isnan(value) else value


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_share(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # The sum of shares that were computed may end a digit beyond 1.
    return 0 <= value <= 1 + 1e-9


def _text(option: str | int | float) -> str:
    """Return an option as a text; whole numbers without the decimals that pandas gives them."""
    if isinstance(option, float) and option.is_integer():
        option = int(option)
    return " ".join(str(option).split())


def _usable(items: Iterable[_Item], notes: _Notes) -> Iterator[_Item]:
    """Yield the questions that can be asked as they are."""
    for item in items:
        example = f"line {item.line}, {textwrap.shorten(item.question, 50)}"
        texts = [text for _, text in item.answers]
        if not 2 <= len(texts) <= MOST_CHOICES:
            notes.add(f"Questions without 2 to {MOST_CHOICES} answers were left out", example)
        elif len({text.casefold() for text in texts}) < len(texts) or "" in texts:
            notes.add("Questions with empty or repeated options were left out", example)
        elif not item.selections:
            notes.add("Questions that no country answered were left out", example)
        else:
            yield item


def _countries(
    items: Iterable[_Item], instrument: Instrument, problems: Problems, notes: _Notes
) -> dict[str, str]:
    """Return the country of each key of the selections; keys that are left out are not in it."""
    keys = dict.fromkeys(key for item in items for key in item.selections)
    found, unknown = {}, []
    for key in keys:
        folded = key.strip().casefold()
        if folded.endswith(_LEFT_OUT):
            notes.add("Samples that do not represent the whole country now were left out", key)
            continue
        name = key.strip()[: -len(_CURRENT)] if folded.endswith(_CURRENT) else key
        try:
            found[key] = instrument.country(name).country_id
        except ValuescopeError:
            unknown.append(key)
    if unknown:
        names = [n for c in instrument.countries.values() for n in (c.name, *c.other_names)]
        described = []
        for key in sorted(unknown):
            nearest = get_close_matches(key, names, n=1, cutoff=0.5)
            described.append(f"'{key}' (nearest: {nearest[0]})" if nearest else f"'{key}'")
        problems.refuse(
            f"names countries that are not known: {', '.join(described)}",
            "Write their names as dbt_project/seeds/countries.csv has them, or add them to the "
            "column survey_names there.",
        )
    return found


def _marginals(
    items: Iterable[_Item], countries: dict[str, str], notes: _Notes
) -> dict[tuple[str, str, int], float]:
    """Return the share of each country, question and code.

    A question's two answers for one country are left out: either may be meant.
    """
    said: dict[tuple[str, str], list[tuple[str, _Item]]] = defaultdict(list)
    for item in items:
        for key in item.selections:
            if key in countries:
                said[countries[key], item.question_id].append((key, item))
    marginals: dict[tuple[str, str, int], float] = {}
    for (country_id, question_id), sources in said.items():
        example = f"{country_id} {question_id}"
        if len({tuple(item.selections[key]) for key, item in sources}) > 1:
            keys = " and ".join(sorted({key for key, _ in sources}))
            what = "Countries that a question has twice, with other shares, were left out"
            notes.add(what, f"{example} ({keys})")
            continue
        key, item = sources[0]
        shares = item.selections[key]
        if not any(shares):
            notes.add("Countries where nobody answered a question were left out", example)
            continue
        if abs(sum(shares) - 1) > _tolerance(shares):
            what = "Shares that do not sum to 1 were loaded as they are"
            notes.add(what, f"{example} sum {sum(shares):.4g}")
        for code, share in zip(item.codes, shares, strict=True):
            total = marginals.get((country_id, question_id, code), 0.0)
            marginals[country_id, question_id, code] = total + share
    return marginals


def _store(
    connection: duckdb.DuckDBPyConnection, wave: int, marginals: dict[tuple[str, str, int], float]
) -> None:
    country_ids, question_ids, codes = zip(*marginals, strict=True) if marginals else ((), (), ())
    rows = pa.table(
        {
            "country_id": pa.array(country_ids, pa.string()),
            "question_id": pa.array(question_ids, pa.string()),
            "code": pa.array(codes, pa.int32()),
            "sum_of_weights": pa.array(marginals.values(), pa.float64()),
        }
    )
    connection.register("shares_of_countries", rows)
    connection.execute(
        f"insert into marginals by name select {wave} as wave, * from shares_of_countries"
    )
    connection.unregister("shares_of_countries")


def _tolerance(shares: Shares) -> float:
    """Return how far rounding to the decimals of the longest share can move the sum."""
    decimals = max(len(repr(share).partition(".")[2]) for share in shares)
    rounding = len(shares) * 0.5 * 10.0**-decimals
    return max(min(rounding, _LARGEST_TOLERANCE), _SMALLEST_TOLERANCE) + 1e-9


def _instrument(items: Sequence[_Item]) -> OwnInstrument:
    distinct = {item.question_id: item for item in items}
    sources = dict.fromkeys(item.source for item in distinct.values())
    categories = [
        {
            "category_id": category_id(SURVEY_ID, source or "unknown"),
            "survey_id": SURVEY_ID,
            "category_name": _SOURCES.get(source, source or "Unknown source"),
            "category_order": str(order),
            "in_paper": "false",
            "question_range": "",
        }
        for order, source in enumerate(sorted(sources), start=1)
    ]
    questions = [
        {
            "question_id": question_id,
            "survey_id": SURVEY_ID,
            "question_order": str(order),
            "category_id": category_id(SURVEY_ID, item.source or "unknown"),
            "battery_id": question_id,
            "short_label": textwrap.shorten(item.question, 70, placeholder=" .."),
            "wording": item.question,
            "scale_kind": (kind := _scale_kind(item)),
            "polarity": "",
            "pole": "",
            "in_paper_set": "false",
            "paper_set_confidence": "",
            "correct_choice_index": "",
            "caution": _NO_ORDER if kind == "nominal" else "",
        }
        for order, (question_id, item) in enumerate(distinct.items(), start=1)
    ]
    choices = [
        {
            "coding_id": "native",
            "question_id": question_id,
            "choice_index": str(index),
            "choice_text": text,
            "survey_codes": str(code),
            "is_on_scale": "true",
            "is_dont_know": "false",
        }
        for question_id, item in distinct.items()
        for index, (code, text) in enumerate(item.answers, start=1)
    ]
    return OwnInstrument(
        survey=("", dict(_SURVEY)),
        categories=_with_remedy(categories),
        questions=_with_remedy(questions),
        choices=_with_remedy(choices),
        keeps_edits=True,
    )


def _with_remedy(rows: Iterable[dict[str, str]]) -> tuple[WrittenRow, ...]:
    return tuple(("", row) for row in rows)


def _scale_kind(item: _Item) -> str:
    texts = [text for _, text in item.answers]
    if len(texts) == 2:
        return "binary"
    is_known = tuple(map(_normal, texts)) in _ordered_scales()
    return "ordinal" if is_known or _counts_up(texts) else "nominal"


def _counts_up(texts: Sequence[str]) -> bool:
    """Return whether the options are ascending whole numbers.

    The ends may be texts where what is between them numbers its position: Never, 2, 3, .., Always.
    """
    if all(re.fullmatch(r"-?\d{1,9}", text) for text in texts):
        numbers = [int(text) for text in texts]
        return all(a < b for a, b in pairwise(numbers))
    inner = texts[1:-1]
    return len(inner) >= 2 and list(inner) == [str(n) for n in range(2, len(texts))]


@cache
def _ordered_scales() -> frozenset[tuple[str, ...]]:
    """Return the label sequences of ordered_scales.csv, each in its order and reversed."""
    with _SCALES.open(encoding="utf-8", newline="") as file:
        scales = [tuple(map(_normal, row["labels"].split("|"))) for row in csv.DictReader(file)]
    return frozenset(scales) | {scale[::-1] for scale in scales}


def _normal(text: str) -> str:
    """Normalise a text for comparison: case, white space, apostrophes and a last full stop."""
    return " ".join(re.sub("[’‘´`]", "'", text).casefold().split()).removesuffix(".").rstrip()


def _missing_code(option: str) -> int | None:
    """Return the missing code of an option that is not an answer; None if it is an answer.

    >>> _missing_code("Don’t know"), _missing_code("Missing; Unknown"), _missing_code("Neither")
    (-1, -5, None)
    """
    text = _normal(option).removesuffix("(vol)").removesuffix("(volunteered)").strip()
    if text in _MISSING:
        return _MISSING[text]
    return -5 if _OTHER_MISSING.fullmatch(text) else None


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
