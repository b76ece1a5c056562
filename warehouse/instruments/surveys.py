"""Other surveys than the seeds': instruments of their own as files of the home.

A survey is a folder of four CSV files under `Home.surveys`, in the columns of the seeds of the same
names (docs/own-surveys.md). dbt reads the same files.
"""

import csv
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.written_rows import WrittenRow, written_rows

COLUMNS = {
    "survey": ("survey_id", "survey_name", "default_wave", "citation", "doi"),
    "categories": (
        "category_id",
        "survey_id",
        "category_name",
        "category_order",
        "in_paper",
        "question_range",
    ),
    "questions": (
        "question_id",
        "survey_id",
        "question_order",
        "category_id",
        "battery_id",
        "short_label",
        "wording",
        "scale_kind",
        "polarity",
        "pole",
        "in_paper_set",
        "paper_set_confidence",
        "correct_choice_index",
        "caution",
    ),
    "choices": (
        "coding_id",
        "question_id",
        "choice_index",
        "choice_text",
        "survey_codes",
        "is_on_scale",
        "is_dont_know",
    ),
}
SCALE_KINDS = ("ordinal", "binary", "nominal")
CODINGS = ("native", "paper")
# One letter a choice.
MOST_CHOICES = 26
_SURVEY_ID = re.compile(r"[a-z][a-z0-9_]*")
_NAME = re.compile(r"\w[\w.-]*")
_DONT_KNOW = -1


class Fault(NamedTuple):
    """A fault in a survey's files, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True)
class OwnInstrument:
    """The files of one survey as rows in the columns of the seeds, each with its remedy.

    Ids of questions and categories begin with the survey's and a colon. With `keeps_edits`, what
    the home says of a question that it has already wins when the survey is stored again.
    """

    survey: WrittenRow
    categories: tuple[WrittenRow, ...]
    questions: tuple[WrittenRow, ...]
    choices: tuple[WrittenRow, ...]
    keeps_edits: bool = False

    @property
    def survey_id(self) -> str:
        """Return the short name of the survey."""
        return self.survey[1]["survey_id"]

    @property
    def tables(self) -> dict[str, tuple[WrittenRow, ...]]:
        """Return the rows of each file, by its name."""
        return {
            "survey": (self.survey,),
            "categories": self.categories,
            "questions": self.questions,
            "choices": self.choices,
        }


def read_own_instruments(home: Home, taken: Collection[str]) -> list[OwnInstrument]:
    """Return the home's other surveys in alphabetical order; `taken` are the seeds' survey ids.

    Raises ValuescopeError with file and line for anything wrong with a survey's files.
    """
    if not home.surveys.is_dir():
        return []
    folders = sorted(f for f in home.surveys.iterdir() if f.is_dir() and f.name[0] != ".")
    return [_read(folder, taken) for folder in folders]


def store_instrument(home: Home, own: OwnInstrument) -> Path:
    """Write the survey's files into the home, all at once; they replace an earlier version.

    Raises ValuescopeError when the folder cannot be written; the earlier version stays then.
    """
    folder = home.surveys / own.survey_id
    if own.keeps_edits and folder.is_dir():
        own = _with_edits(own, _rows_of(folder))
    # Outside of `surveys`, so that it is never read as a survey.
    staged = home.surveys.parent / f".{own.survey_id}.next"
    retired = home.surveys.parent / f".{own.survey_id}.earlier"
    try:
        home.surveys.mkdir(parents=True, exist_ok=True)
        for left_over in (staged, retired):
            shutil.rmtree(left_over, ignore_errors=True)
        staged.mkdir()
        for name, rows in own.tables.items():
            _write(staged / f"{name}.csv", COLUMNS[name], (values for _, values in rows))
        if folder.exists():
            folder.rename(retired)
        try:
            staged.rename(folder)
        except OSError:
            retired.rename(folder)
            raise
        shutil.rmtree(retired, ignore_errors=True)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot write {folder}: {error.strerror}. Make room or fix the permissions and repeat."
        ) from error
    return folder


def faults(own: OwnInstrument, taken: Collection[str]) -> Iterator[Fault]:
    """Yield what keeps `own` from being an instrument; `taken` are the seeds' survey ids."""
    yield from _survey_faults(own, taken)
    yield from _category_faults(own)
    yield from _question_faults(own)
    yield from _choice_faults(own)


def _read(folder: Path, taken: Collection[str]) -> OwnInstrument:
    own = _rows_of(folder)
    found = list(faults(own, taken))
    remedy, survey = own.survey
    if survey["survey_id"] != folder.name:
        what = f"has the survey_id '{survey['survey_id']}', not the folder's name"
        found.insert(0, Fault(what, remedy))
    if len(found) == 1:
        raise ValuescopeError(f"The survey in {folder} {found[0].what}. {found[0].remedy}")
    if found:
        lines = "\n".join(f"  - {fault.what}. {fault.remedy}" for fault in found)
        raise ValuescopeError(
            f"The survey in {folder} has {counted(len(found), 'fault')}.\n{lines}"
        )
    return own


def _rows_of(folder: Path) -> OwnInstrument:
    rows = {
        name: tuple(written_rows(folder / f"{name}.csv", columns))
        for name, columns in COLUMNS.items()
    }
    if len(rows["survey"]) != 1:
        raise ValuescopeError(
            f"{folder / 'survey.csv'} has {len(rows['survey'])} rows; write one row into it."
        )
    return OwnInstrument(rows["survey"][0], rows["categories"], rows["questions"], rows["choices"])


def _with_edits(own: OwnInstrument, earlier: OwnInstrument) -> OwnInstrument:
    """Merge `own` and `earlier`, which wins for questions that both have."""
    known = {values["question_id"] for _, values in earlier.questions}
    categories = {row[1]["category_id"]: row for row in (*own.categories, *earlier.categories)}
    added = [row for row in own.questions if row[1]["question_id"] not in known]
    last = max((int(row["question_order"]) for _, row in earlier.questions), default=0)
    numbered = (
        (remedy, values | {"question_order": str(order)})
        for order, (remedy, values) in enumerate(added, start=last + 1)
    )
    added_choices = [row for row in own.choices if row[1]["question_id"] not in known]
    return replace(
        own,
        survey=earlier.survey,
        categories=tuple(categories.values()),
        questions=(*earlier.questions, *numbered),
        choices=(*earlier.choices, *added_choices),
    )


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def _survey_faults(own: OwnInstrument, taken: Collection[str]) -> Iterator[Fault]:
    remedy, survey = own.survey
    survey_id = survey["survey_id"]
    if not _SURVEY_ID.fullmatch(survey_id):
        yield Fault(
            f"has the survey_id '{survey_id}', which is not a short name",
            f"Use small letters, digits and _, a letter first. {remedy}",
        )
    if survey_id in taken:
        yield Fault(
            f"has the survey_id '{survey_id}' of a survey that valuescope brings itself",
            f"Give it another name. {remedy}",
        )
    if not survey["survey_name"]:
        yield Fault("has no survey_name", remedy)
    if not _is_whole(survey["default_wave"]):
        yield Fault(
            f"has the default_wave '{survey['default_wave']}', which is not a whole number", remedy
        )


def _category_faults(own: OwnInstrument) -> Iterator[Fault]:
    for remedy, row in own.categories:
        if not _is_own_id(row["category_id"], own.survey_id):
            yield Fault(f"has the category '{row['category_id']}', {_form(own.survey_id)}", remedy)
        if row["survey_id"] != own.survey_id:
            yield Fault(f"has a category of the survey '{row['survey_id']}'", remedy)
        if not row["category_name"]:
            yield Fault(f"has no name for the category '{row['category_id']}'", remedy)
        if not _is_whole(row["category_order"]):
            yield Fault(
                f"has the category_order '{row['category_order']}', which is not a whole number",
                remedy,
            )
        if row["in_paper"] != "false":
            yield Fault(f"has in_paper '{row['in_paper']}' instead of false", remedy)
    yield from _repeated("category", own.categories, "category_id")


def _question_faults(own: OwnInstrument) -> Iterator[Fault]:
    if not own.questions:
        yield Fault("has no questions", "Write them into questions.csv.")
    known_categories = [row["category_id"] for _, row in own.categories]
    for remedy, row in own.questions:
        question_id = row["question_id"]
        if not _is_own_id(question_id, own.survey_id):
            yield Fault(f"has the question_id '{question_id}', {_form(own.survey_id)}", remedy)
        if row["survey_id"] != own.survey_id:
            yield Fault(f"has {question_id} of the survey '{row['survey_id']}'", remedy)
        for column in ("category_id", "battery_id", "short_label", "wording"):
            if not row[column]:
                yield Fault(f"has no {column.removesuffix('_id')} for {question_id}", remedy)
        if row["category_id"] and row["category_id"] not in known_categories:
            yield Fault(f"has the unknown category '{row['category_id']}'", remedy)
        if not _is_whole(row["question_order"]):
            yield Fault(
                f"has the question_order '{row['question_order']}', which is not a whole number",
                remedy,
            )
        if row["scale_kind"] not in SCALE_KINDS:
            yield Fault(
                f"has the unknown scale_kind '{row['scale_kind']}' for {question_id}"
                + _nearest(row["scale_kind"], SCALE_KINDS),
                f"Scale kinds: {', '.join(SCALE_KINDS)}. {remedy}",
            )
        yield from _polarity_faults(remedy, row)
        for column, value in (
            ("in_paper_set", "false"),
            ("paper_set_confidence", ""),
            ("correct_choice_index", ""),
        ):
            if row[column] != value:
                yield Fault(
                    f"has the {column} '{row[column]}' for {question_id}",
                    f"Only the seeds' questions have one; write {value or 'nothing'}. {remedy}",
                )
    yield from _repeated("question", own.questions, "question_id")


def _polarity_faults(remedy: str, row: dict[str, str]) -> Iterator[Fault]:
    question_id, polarity = row["question_id"], row["polarity"]
    if polarity not in ("", "1", "-1"):
        yield Fault(
            f"has the polarity '{polarity}' for {question_id}",
            f"Write 1 if the last choice is at the pole, -1 if the first is. {remedy}",
        )
    elif polarity and not row["pole"]:
        yield Fault(f"has a polarity but no pole for {question_id}", remedy)
    elif row["pole"] and not polarity:
        yield Fault(f"has a pole but no polarity for {question_id}", remedy)
    elif polarity and row["scale_kind"] == "nominal":
        yield Fault(f"has a polarity for {question_id}, whose choices have no order", remedy)


def _choice_faults(own: OwnInstrument) -> Iterator[Fault]:
    question_ids = {row["question_id"]: row for _, row in own.questions}
    groups: dict[tuple[str, str], list[WrittenRow]] = defaultdict(list)
    for remedy, row in own.choices:
        if row["question_id"] not in question_ids:
            yield Fault(
                f"has choices of the unknown question '{row['question_id']}'"
                + _nearest(row["question_id"], question_ids),
                remedy,
            )
        elif row["coding_id"] not in CODINGS:
            yield Fault(
                f"has the unknown coding '{row['coding_id']}'"
                + _nearest(row["coding_id"], CODINGS),
                f"Codings: {', '.join(CODINGS)}. {remedy}",
            )
        else:
            groups[row["question_id"], row["coding_id"]].append((remedy, row))
    for question_id, question in question_ids.items():
        if (question_id, "native") not in groups:
            yield Fault(f"has no choices of {question_id}", "Write them into choices.csv.")
        for coding_id in CODINGS:
            if choices := groups.get((question_id, coding_id)):
                where = question_id if coding_id == "native" else f"{question_id} ({coding_id})"
                yield from _scale_faults(where, question["scale_kind"], coding_id, choices)


def _scale_faults(
    where: str, scale_kind: str, coding_id: str, choices: list[WrittenRow]
) -> Iterator[Fault]:
    """Yield the faults of one question's choices in one coding."""
    last_remedy = choices[-1][0]
    indexes: list[int] = []
    texts: Counter[str] = Counter()
    seen_codes: set[int] = set()
    is_readable = True
    for remedy, row in choices:
        if not row["choice_text"]:
            yield Fault(f"has a choice of {where} without a text", remedy)
        if {row["is_on_scale"], row["is_dont_know"]} - {"true", "false"}:
            yield Fault(f"has a choice of {where} that is neither on the scale nor off it", remedy)
            is_readable = False
            continue
        is_on_scale = row["is_on_scale"] == "true"
        if is_on_scale and _is_whole(row["choice_index"]):
            indexes.append(int(row["choice_index"]))
            texts[row["choice_text"]] += 1
        elif is_on_scale or row["choice_index"]:
            kind = "which is not a whole number" if is_on_scale else "but is not on the scale"
            yield Fault(f"has the choice_index '{row['choice_index']}' for {where}, {kind}", remedy)
            is_readable = False
        codes = row["survey_codes"].split("|")
        if not all(map(_is_whole, codes)):
            yield Fault(
                f"has the survey_codes '{row['survey_codes']}' for {where}",
                f"Write whole numbers with | between them. {remedy}",
            )
            continue
        for code in map(int, codes):
            if code in seen_codes:
                yield Fault(f"has the code {code} of {where} twice", remedy)
            if code < 0 and not (coding_id == "paper" and code == _DONT_KNOW and is_on_scale):
                yield Fault(
                    f"has the code {code} of {where} as an answer",
                    f"Negative codes are missing answers and no choices. {remedy}",
                )
            seen_codes.add(code)
    for text, times in texts.items():
        if text and times > 1:
            yield Fault(f"has the choice '{text}' of {where} {times} times", last_remedy)
    if not is_readable:
        return
    if sorted(indexes) != list(range(1, len(indexes) + 1)):
        listed = ", ".join(map(str, sorted(indexes)))
        yield Fault(
            f"has the indexes {listed} for the choices of {where}",
            f"Number them from 1 without gaps. {last_remedy}",
        )
    elif not 2 <= len(indexes) <= MOST_CHOICES:
        yield Fault(
            f"has {len(indexes)} choices of {where} on the scale; it must be 2 to {MOST_CHOICES}",
            last_remedy,
        )
    elif scale_kind == "binary" and coding_id == "native" and len(indexes) != 2:
        yield Fault(
            f"has {len(indexes)} choices of {where}, which is binary",
            f"Leave two on the scale or make it ordinal or nominal. {last_remedy}",
        )


def _repeated(thing: str, rows: Iterable[WrittenRow], column: str) -> Iterator[Fault]:
    """Yield repeated ids; ids that differ only in case are the same, as any case finds them."""
    seen: set[str] = set()
    for remedy, row in rows:
        name = row[column].casefold()
        if name in seen:
            yield Fault(f"has the {thing} '{row[column]}' twice", remedy)
        seen.add(name)


def _is_own_id(value: str, survey_id: str) -> bool:
    return bool(_NAME.fullmatch(value.removeprefix(f"{survey_id}:"))) and ":" in value


def _form(survey_id: str) -> str:
    return f"which is not {survey_id}:NAME with a name of letters, digits, _ . and -"


def _nearest(value: str, known: Iterable[str]) -> str:
    found = get_close_matches(value, list(known), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def _is_whole(value: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,9}", value) is not None
