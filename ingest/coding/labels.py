"""Answer labels, as SPSS, Stata and Excel files have them, turned into the survey's codes."""

import csv
import difflib
import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from valuescope.warehouse.home import SEEDS
from valuescope.warehouse.instruments.seeds import Question

# The seed of labels in the survey's files that say the same as a choice in other words.
LABELS = SEEDS / "choice_labels.csv"
# Unknown labels are listed all at once, so that one look is enough to correct them.
MOST_LABELS = 100
_MISSING = {
    "dont know": -1,
    "do not know": -1,
    "dk": -1,
    "no answer": -2,
    "no answer refused": -2,
    "refused": -2,
    "not applicable": -3,
    "not applicable filter": -3,
    "inappropriate": -3,
    "not asked": -4,
    "not asked in this country": -4,
    "not asked in survey": -4,
    "not asked by the interviewer": -4,
    "missing": -5,
    "missing not available": -5,
    "missing unknown": -5,
    "missing other": -5,
    "other missing": -5,
    "not available": -5,
    "unknown": -5,
    "inappropriate response": -5,
    "no internet": -5,
    "inap no internet no social media": -5,
    "no second answer": -2,
    "not applicable no first answer": -3,
}
# `1 (Never justifiable)`: the survey writes either the number or the words.
_NUMBERED = re.compile(r"(\d+) \((.+)\)")
_DIRT = re.compile(r"(?:[\s.,;:*#_|/\\-]+|\s*[(\[{][^()\[\]{}]*[)\]}]|_\d+)$")
# `2. Rather important`, `[2] Rather important`, `2Rather important`, `Rather important2`.
_NUMBERED_LABEL = re.compile(
    r"[(\[{]?\s*(?P<before>-?\d+)\s*[-.:)=\]}]*\s*(?P<label>[^\W\d_].*)"
    r"|(?P<labelled>.*[^\W\d_])\s*(?P<after>\d+)",
    re.DOTALL,
)


def normal(label: str) -> str:
    """Return a label without case, accents of apostrophes, punctuation and invisible characters.

    >>> normal("Don´t\u200b  know ")
    'dont know'
    """
    text = unicodedata.normalize("NFKD", label.replace("´", "'")).casefold()
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn"))
    text = re.sub(r"['’‘`]", "", text)
    return " ".join(re.sub(r"[^\w]+|_", " ", text).split())


def codes_of_labels(question: Question) -> Mapping[str, int]:
    """Return the normal form of every label of the question's codes, missing codes too."""
    found: dict[str, int] = dict(_MISSING)
    for choice in question.choices["native"]:
        if len(choice.survey_codes) != 1:
            continue
        code = choice.survey_codes[0]
        found[normal(choice.text)] = code
        numbered = _NUMBERED.fullmatch(choice.text)
        if numbered:
            found[numbered.group(1)] = code
            found[normal(numbered.group(2))] = code
    for code in question.codes_outside_scale["native"]:
        found.setdefault(str(code), code)
    found.update(_labels().get(question.question_id, {}))
    return found


def code_of_label(label: str, codes: Mapping[str, int]) -> int | None:
    """Return the code of a cell's label, None when no option has it.

    What files append to a label (a note in brackets, an asterisk, a full stop, `_1`) is dropped
    only if the whole text is not a label. A number right before or after it must be its code.
    """
    text = label
    while True:
        code = codes.get(normal(text))
        if code is not None:
            return code
        numbered = _NUMBERED_LABEL.fullmatch(text)
        if numbered:
            code = codes.get(normal(numbered["label"] or numbered["labelled"]))
            if code is not None:
                return code if code == int(numbered["before"] or numbered["after"]) else None
        shorter = _DIRT.sub("", text)
        if shorter in (text, ""):
            return None
        text = shorter


def missing_code(label: str) -> int | None:
    """Return the code of the missing answer that a label means, None when it means none."""
    return code_of_label(label, _MISSING)


def nearest_label(label: str, question: Question) -> str:
    """Return the choice whose text is most like a label that no option has, and its code."""
    texts = {normal(choice.text): choice for choice in question.choices["native"]}
    near = difflib.get_close_matches(normal(label), texts, n=1, cutoff=0.0)
    if not near:
        return "none"
    choice = texts[near[0]]
    return f"{choice.text!r} (code {choice.survey_codes[0]})"


@cache
def _labels() -> dict[str, dict[str, int]]:
    """Return labels that are not a choice's text, and answers off the scale, by question."""
    found: dict[str, dict[str, int]] = {}
    with LABELS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["question_id"], {})[normal(row["label"])] = int(row["code"])
    with (SEEDS / "choices.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["coding_id"] == "native" and row["is_on_scale"] == "false":
                labels = found.setdefault(row["question_id"], {})
                labels[normal(row["choice_text"])] = int(row["survey_codes"])
    return found
