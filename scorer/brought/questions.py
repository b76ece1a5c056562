"""The questions for asking with another tool: prompts, choices and their ids."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from valuescope.scorer.planning.chosen_plan import chosen_plan
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.named_designs import chosen_design
from valuescope.scorer.planning.prompts import Prompt, render_prompt
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.planning.templates import DEFAULT_TEMPLATE, PERCENTAGES
from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS
from valuescope.warehouse.status.loaded import looking_at

FORMATS = ("csv", "jsonl")
# The parts of a design's name, each with the value that is meant where the name lacks it.
DEFAULTS = {
    "template": DEFAULT_TEMPLATE,
    "coding": "native",
    "wordings": OUR_WORDINGS.name,
    "answer": "label_text",
    "chat": "template",
}
DEFAULT_NAME = "default"


@dataclass(frozen=True)
class AskedChoice:
    """A choice as it is shown: `choice` is the instrument's index, `answer` the whole answer."""

    choice: int
    position: int
    label: str
    choice_text: str
    answer: str


@dataclass(frozen=True)
class AskedCell:
    """One prompt that is to be asked. `id` names design, order, question and country.

    A country may be an invented one, or be followed by a group of its people (`JPN:sex=female`).
    """

    id: str
    question: str
    country: str
    order: str
    design: str
    text: str
    text_sha256: str
    choices: tuple[AskedChoice, ...]


def asked_questions(home: Home, **options: Any) -> tuple[Iterator[AskedCell], str | None]:
    """Return the prompts that options of `chosen_plan` ask for, and what to say of them.

    Raises ValuescopeError for a name that does not exist.
    """
    if isinstance(by := options.get("by"), str):
        options["by"] = (by,)
    plan, notice = chosen_plan(home, load_instrument(home), loaded=looking_at(home), **options)
    return asked_cells(plan), notice and notice.replace("Models are asked", "Asked is")


def asked_cells(plan: Plan) -> Iterator[AskedCell]:
    """Yield every prompt of a plan, as models that are scored here are asked it.

    Raises ValuescopeError for a design that asks none of the questions.
    """
    for design in plan.designs:
        name = design_name(design)
        for question, subjects in design.asked(plan.questions, plan.subjects):
            for subject in subjects:
                prompt = render_prompt(question, subject, design)
                yield AskedCell(
                    id=cell_id(prompt, design),
                    question=prompt.question_id,
                    country=prompt.subject_key,
                    order=design.choice_order,
                    design=name,
                    text=prompt.text,
                    text_sha256=text_sha256(prompt, prompt.text),
                    choices=tuple(
                        AskedChoice(a.choice_index, a.position, a.label, a.choice_text, a.text)
                        for a in prompt.answers
                    ),
                )


def write_cells(cells: Iterator[AskedCell], format_name: str, file: TextIO) -> int:
    """Write cells, `csv` one row per choice, `jsonl` one line per cell; return their number."""
    of_cell = [name for name in AskedCell.__dataclass_fields__ if name != "choices"]
    rows = csv.DictWriter(file, [*of_cell, *AskedChoice.__dataclass_fields__], lineterminator="\n")
    if format_name == "csv":
        rows.writeheader()
    written = 0
    for cell in cells:
        written += 1
        if format_name == "csv":
            own = {name: getattr(cell, name) for name in of_cell}
            rows.writerows(own | asdict(choice) for choice in cell.choices)
        else:
            file.write(json.dumps(asdict(cell), ensure_ascii=False) + "\n")
    return written


def text_sha256(prompt: Prompt, text: str) -> str:
    """Return the SHA-256 of the text that was asked and of the answers in the order shown."""
    content = [text, [[answer.choice_index, answer.text] for answer in prompt.answers]]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def cell_id(prompt: Prompt, design: PromptDesign) -> str:
    """Return the name of a cell, such as `Q182/JPN/forward/answer=label`."""
    parts = (prompt.question_id, prompt.subject_key, design.choice_order, design_name(design))
    return "/".join(parts)


def parse_cell_id(text: str) -> tuple[str, str, str, str]:
    """Return question, country, order and design of a cell's name.

    Raises ValuescopeError for another text.

    >>> parse_cell_id("Q182/JPN/forward/answer=label")
    ('Q182', 'JPN', 'forward', 'answer=label')
    """
    question, *rest = text.split("/", 3)
    if len(rest) != 3:
        raise ValuescopeError(
            f"'{text}' is not an id of `valuescope questions`, such as Q182/JPN/forward/default."
        )
    country, order, design = rest
    return question, country, order, design


def design_name(design: PromptDesign) -> str:
    """Return the parts of a design that are not the usual ones, such as `answer=label`."""
    parts = {
        "template": design.template.template_id,
        "coding": design.coding_id,
        "wordings": design.wordings.name,
        "answer": design.answer_style,
        "chat": design.chat_mode,
    }
    unusual = [f"{name}={value}" for name, value in parts.items() if value != DEFAULTS[name]]
    return ";".join(unusual) or DEFAULT_NAME


def named_design(
    home: Home, instrument: Instrument, name: str | None, order: str | None, elicitation: str
) -> PromptDesign:
    """Return the design of that name; None is the usual design, shown forward.

    Probabilities that answer the template which asks for percentages are verbalised.
    Raises ValuescopeError for a part or value that does not exist.
    """
    parts = dict(DEFAULTS)
    written = (name or DEFAULT_NAME).strip()
    for part in written.split(";") if written != DEFAULT_NAME else ():
        key, _, value = (text.strip() for text in part.partition("="))
        if key not in parts:
            known = f"Write it as part=value;part=value, of {', '.join(parts)}."
            raise unknown_name("part of a design", key, parts, known)
        parts[key] = value
    if parts["template"] == PERCENTAGES and elicitation == "probability":
        elicitation = "verbalised"
    return chosen_design(
        home,
        instrument,
        wording_set=parts["wordings"],
        template_id=parts["template"],
        coding_id=parts["coding"],
        answer_style=parts["answer"],
        chat_mode=parts["chat"],
        choice_order=(order or "forward").strip(),
        elicitation=elicitation,
    )
