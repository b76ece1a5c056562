"""A survey of one's own: a folder with its questions, their choices and what people answered.

The format is described in docs/own-surveys.md.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.surveys import OwnInstrument, faults
from valuescope.warehouse.instruments.written_rows import WrittenRow, written_rows
from valuescope.warehouse.problems import Problems, listed

QUESTIONS, CHOICES, MARGINALS, FACTS = (
    "questions.csv",
    "choices.csv",
    "marginals.csv",
    "survey.toml",
)
_QUESTION_COLUMNS = ("question_id", "wording", "short_label", "scale_kind", "category")
_MORE_QUESTION_COLUMNS = ("battery", "polarity", "pole", "caution")
_CHOICE_COLUMNS = ("question_id", "choice_index", "choice_text", "survey_codes")
_MORE_CHOICE_COLUMNS = ("is_on_scale", "coding")
_FACT_NAMES = ("survey_id", "survey_name", "default_wave", "citation", "doi")
_TRUTHS = {"yes": "true", "1": "true", "no": "false", "0": "false"}


@dataclass(frozen=True)
class OwnSurvey:
    """A survey that has been read: its instrument, and the file of what people answered.

    `files` are all that define it, the marginals among them.
    """

    instrument: OwnInstrument
    marginals: Path
    files: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """Return a hash of all files: a survey with a corrected wording is another survey."""
        parts = [f"{path.name}\0".encode() + path.read_bytes() for path in self.files]
        hashes = [hashlib.sha256(part).hexdigest() for part in parts]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def is_own_survey(folder: Path) -> bool:
    """Return whether a folder looks like a user's own survey, complete or not."""
    return any((folder / name).is_file() for name in (QUESTIONS, CHOICES))


def read_own_survey(
    folder: Path,
    taken: Collection[str],
    problems: Problems,
    *,
    survey_id: str | None = None,
    survey_name: str | None = None,
) -> OwnSurvey | None:
    """Read the questions and choices of a survey, None when they are refused.

    `taken` are the ids of the surveys of the seeds. The survey is called what the arguments say,
    else what its survey.toml says, else by the folder's name.
    """
    files = tuple(folder / name for name in (QUESTIONS, CHOICES, MARGINALS))
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        problems.refuse(
            f"is a survey of your own without {' and '.join(missing)}",
            f"A survey is a folder with {QUESTIONS}, {CHOICES} and {MARGINALS} "
            "(docs/own-surveys.md).",
        )
        return None
    before = len(problems.refusals)
    facts = _facts(folder, problems)
    named = survey_id or facts.get("survey_id") or _short_name(folder.resolve().name)
    remedy = f"Write it into {folder / FACTS}, or name the survey with --survey."
    questions = _rows(folder / QUESTIONS, _QUESTION_COLUMNS, _MORE_QUESTION_COLUMNS, problems)
    choices = _rows(folder / CHOICES, _CHOICE_COLUMNS, _MORE_CHOICE_COLUMNS, problems)
    if len(problems.refusals) > before:
        return None
    own = OwnInstrument(
        survey=(
            remedy,
            {
                "survey_id": named,
                "survey_name": survey_name or facts.get("survey_name") or folder.resolve().name,
                "default_wave": facts.get("default_wave") or "1",
                "citation": facts.get("citation", ""),
                "doi": facts.get("doi", ""),
            },
        ),
        categories=tuple(_categories(named, questions)),
        questions=tuple(_questions(named, questions)),
        choices=tuple(_choices(named, choices)),
    )
    for fault in faults(own, taken):
        problems.refuse(*fault)
    if len(problems.refusals) > before:
        return None
    has_facts = (folder / FACTS).is_file()
    return OwnSurvey(own, files[-1], (*files, folder / FACTS) if has_facts else files)


def category_id(survey_id: str, name: str) -> str:
    """Return the id of a category by its name.

    >>> category_id("ess", "Trust & politics")
    'ess:trust_politics'
    """
    return f"{survey_id}:{_short_name(name)}" if name else ""


def _short_name(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_")


def _facts(folder: Path, problems: Problems) -> dict[str, str]:
    path = folder / FACTS
    if not path.is_file():
        return {}
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:  # TOML or UTF-8 that is none
        problems.refuse(f"has a {FACTS} that cannot be read: {error}", "Correct it.")
        return {}
    for key, value in facts.items():
        if key not in _FACT_NAMES:
            problems.refuse(
                f"has the unknown key '{key}' in {FACTS}", f"Keys: {', '.join(_FACT_NAMES)}."
            )
        elif not isinstance(value, str | int) or isinstance(value, bool):
            problems.refuse(f"has the {key} {value!r} in {FACTS}", "Write a text.")
    return {key: str(value) for key, value in facts.items()}


def _rows(
    path: Path, needed: tuple[str, ...], more: tuple[str, ...], problems: Problems
) -> list[WrittenRow]:
    """Return the rows with all columns, blank where the file lacks one that it may lack."""
    try:
        rows = list(written_rows(path, needed))
    except ValuescopeError as error:
        what, _, remedy = str(error).rpartition(". ")
        problems.refuse(f"cannot be read: {what}", remedy)
        return []
    known = {*needed, *more}
    unused = [column for column in (rows[0][1] if rows else ()) if column not in known]
    if unused:
        problems.warn(f"Columns of {path.name} that play no part: {listed(unused)}.")
    return [(remedy, dict.fromkeys(more, "") | row) for remedy, row in rows]


def _own_id(survey_id: str, name: str) -> str:
    return name if name.startswith(f"{survey_id}:") else f"{survey_id}:{name}"


def _categories(survey_id: str, questions: Iterable[WrittenRow]) -> Iterable[WrittenRow]:
    """Yield categories in the order of their first question.

    Empty names are reported later, with their question.
    """
    first: dict[str, WrittenRow] = {}
    for remedy, row in questions:
        if row["category"]:
            first.setdefault(category_id(survey_id, row["category"]), (remedy, row))
    for order, (name, (remedy, row)) in enumerate(first.items(), start=1):
        yield (
            remedy,
            {
                "category_id": name,
                "survey_id": survey_id,
                "category_name": row["category"],
                "category_order": str(order),
                "in_paper": "false",
                "question_range": "",
            },
        )


def _questions(survey_id: str, questions: Iterable[WrittenRow]) -> Iterable[WrittenRow]:
    for order, (remedy, row) in enumerate(questions, start=1):
        question_id = _own_id(survey_id, row["question_id"])
        yield (
            remedy,
            {
                "question_id": question_id,
                "survey_id": survey_id,
                "question_order": str(order),
                "category_id": category_id(survey_id, row["category"]),
                "battery_id": _own_id(survey_id, row["battery"]) if row["battery"] else question_id,
                "short_label": row["short_label"],
                "wording": row["wording"],
                "scale_kind": row["scale_kind"].lower(),
                "polarity": row["polarity"].removeprefix("+"),
                "pole": row["pole"],
                "in_paper_set": "false",
                "paper_set_confidence": "",
                "correct_choice_index": "",
                "caution": row["caution"],
            },
        )


def _choices(survey_id: str, choices: Iterable[WrittenRow]) -> Iterable[WrittenRow]:
    for remedy, row in choices:
        coding_id = row["coding"] or "native"
        is_on_scale = row["is_on_scale"].lower() or ("true" if row["choice_index"] else "false")
        yield (
            remedy,
            {
                "coding_id": coding_id,
                "question_id": _own_id(survey_id, row["question_id"]),
                "choice_index": row["choice_index"],
                "choice_text": row["choice_text"],
                "survey_codes": row["survey_codes"],
                "is_on_scale": _TRUTHS.get(is_on_scale, is_on_scale),
                "is_dont_know": (
                    "true" if coding_id == "paper" and row["survey_codes"] == "-1" else "false"
                ),
            },
        )
