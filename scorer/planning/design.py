"""The design of a prompt: how a question is put, the same for every model and country."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.scorer.planning.templates import PERCENTAGES, Template
from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.instruments.subjects import Subject, country_id_of
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS, WordingSet

ANSWER_STYLES = ("label", "label_text", "text")
CHAT_MODES = ("template", "raw")
# Log-likelihoods of answers, probabilities that somebody brought, counts of sampled answers, and
# percentages of people that the model names.
ELICITATIONS = ("likelihood", "probability", "sampled", "verbalised")
# Those that are asked here; probabilities are only brought.
ASKED_HERE = ("likelihood", "sampled", "verbalised")
DEFAULT_DRAWS = 200
_MOST_DRAWS, _HIGHEST_TEMPERATURE = 1_000_000, 10.0
_ROTATION = re.compile(r"rotate_([1-9][0-9]?)")


@dataclass(frozen=True)
class PromptDesign:
    """All settings of a prompt other than the model, the question and the country.

    `chat_mode` "template" asks chat models through their own chat template and base models,
    which have no template, raw; "raw" asks every model raw. `elicitation` is how the answers become
    probabilities: those that are sampled are `draws` of a cell, at a `temperature`. More draws of a
    design can be taken later: their number does not belong to its identity.
    `choice_order` is "forward" (the instrument's), "reverse" or "rotate_N": the list starts with
    choice N+1 and wraps round. Of two choices, rotate_1 shows the same text as reverse and is a
    design of its own all the same.
    Raises ValuescopeError for a style, order or mode that does not exist, and for parts that do not
    fit together.
    """

    template: Template
    coding_id: str = "native"
    answer_style: str = "label_text"
    choice_order: str = "forward"
    chat_mode: str = "template"
    wordings: WordingSet = OUR_WORDINGS
    elicitation: str = "likelihood"
    draws: int = DEFAULT_DRAWS
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for thing, value, known in (
            ("answer style", self.answer_style, ANSWER_STYLES),
            ("chat mode", self.chat_mode, CHAT_MODES),
            ("elicitation", self.elicitation, ELICITATIONS),
        ):
            if value not in known:
                raise unknown_name(thing, value, known, f"Known: {', '.join(known)}.")
        if self.choice_order not in ("forward", "reverse") and not self.rotation:
            raise _unknown_order(self.choice_order, ("forward", "reverse", "rotate_N"))
        self._require_what_fits()

    def _require_what_fits(self) -> None:
        asks_percentages = self.template.template_id == PERCENTAGES
        if asks_percentages != (self.elicitation == "verbalised"):
            raise ValuescopeError(
                f"Percentages are asked for with the template '{PERCENTAGES}', and nothing else: "
                f"the elicitation {self.elicitation} does not go with the template "
                f"'{self.template.template_id}'. Leave the template out."
            )
        if asks_percentages and self.answer_style != "label":
            raise ValuescopeError(
                f"Percentages are named beside labels, not {self.answer_style}. Leave the answer "
                "style out."
            )
        if not 1 <= self.draws <= _MOST_DRAWS:
            raise ValuescopeError(f"Draws are from 1 to {_MOST_DRAWS:,}, not {self.draws}.")
        # NaN is in no range.
        if not 0 < self.temperature <= _HIGHEST_TEMPERATURE:
            raise ValuescopeError(
                f"A temperature is above 0 and at most {_HIGHEST_TEMPERATURE:g}, not "
                f"{self.temperature:g}. Near 0 every draw is the likeliest answer."
            )

    @property
    def rotation(self) -> int:
        """Return how many choices move from the beginning of the list to its end."""
        rotated = _ROTATION.fullmatch(self.choice_order)
        return int(rotated[1]) if rotated else 0

    def allows(self, question: Question) -> bool:
        """Return whether the question can be shown in this order: rotate_N needs K > N."""
        return not self.rotation or len(question.choices.get(self.coding_id, ())) > self.rotation

    def asks(self, question: Question, subject: Subject) -> bool:
        """Return whether the order and the wording set allow the question about the subject."""
        return self.allows(question) and self.wordings.covers(
            question, self.coding_id, country_id_of(subject)
        )

    def asked_subjects(self, question: Question, subjects: Iterable[Subject]) -> list[Subject]:
        """Return the subjects that the question is asked about, first nobody in particular."""
        return [subject for subject in (None, *subjects) if self.asks(question, subject)]

    def asked(
        self, questions: Iterable[Question], subjects: Iterable[Subject]
    ) -> list[tuple[Question, list[Subject]]]:
        """Return the questions that the design asks, each with the subjects it is asked about.

        Raises ValuescopeError when it asks none of them.
        """
        all_subjects = tuple(subjects)
        asked = [
            (question, asked_about)
            for question in questions
            if (asked_about := self.asked_subjects(question, all_subjects))
        ]
        if not asked:
            raise ValuescopeError(
                f"The design {self.prompt_id} asks none of the questions that were named: its "
                f"order is {self.choice_order}, its wording set {self.wordings.name}. Name other "
                "--questions."
            )
        return asked

    @property
    def prompt_id(self) -> str:
        """Return the identity of the design: 16 hex digits of the SHA-256 of its canonical JSON.

        Of a wording set its name and language: questions, countries and their templates can be
        added without a new identity, because each cell keeps the hash of its own text.
        """
        return self._identity(self.choice_order)

    @property
    def order_family_id(self) -> str:
        """Return the identity of the design averaged over choice orders.

        The same for designs that differ in their order only.
        """
        return self._identity("averaged")

    def _identity(self, choice_order: str) -> str:
        identity: dict[str, Any] = {
            "template": {
                "text": self.template.text,
                "country_free_text": self.template.country_free_text,
                "choice_separator": self.template.choice_separator,
            },
            "coding_id": self.coding_id,
            "wording_set": self.wordings.name,
            "language": self.wordings.language,
            "answer_style": self.answer_style,
            "choice_order": choice_order,
            "chat_mode": self.chat_mode,
        }
        # Designs of earlier versions, which are of likelihoods, keep their identity.
        if self.elicitation != "likelihood":
            identity["elicitation"] = self.elicitation
        if self.is_sampled and self.temperature != 1:
            identity["temperature"] = self.temperature
        return canonical_hash(identity)[:16]

    @property
    def is_sampled(self) -> bool:
        """Return whether probabilities are shares of sampled answers."""
        return self.elicitation == "sampled"

    def as_row(self) -> dict[str, Any]:
        """Return the design as a row of the landing zone's `prompts`."""
        return {
            "prompt_id": self.prompt_id,
            "order_family_id": self.order_family_id,
            "template_id": self.template.template_id,
            "template_text": self.template.text,
            "coding_id": self.coding_id,
            "wording_set": self.wordings.name,
            "language": self.wordings.language,
            "translator": self.wordings.translator,
            "source": self.wordings.source,
            "answer_style": self.answer_style,
            "choice_order": self.choice_order,
            "chat_mode": self.chat_mode,
            "elicitation": self.elicitation,
            "temperature": self.temperature if self.is_sampled else None,
        }


def expand_orders(names: Sequence[str], largest_choice_count: int) -> tuple[str, ...]:
    """Return the choice orders that `names` mean, each once, in the order of first mention.

    `cyclic` means every rotation that a list of `largest_choice_count` has besides forward.
    Raises ValuescopeError for a name that is not an order.

    >>> expand_orders(["forward", "cyclic", "rotate_2"], 4)
    ('forward', 'rotate_1', 'rotate_2', 'rotate_3')
    """
    orders: dict[str, None] = {}
    for name in names:
        if name == "cyclic":
            orders |= dict.fromkeys(f"rotate_{n}" for n in range(1, largest_choice_count))
        elif name in ("forward", "reverse") or _ROTATION.fullmatch(name):
            orders[name] = None
        else:
            raise _unknown_order(name, ("forward", "reverse", "cyclic", "rotate_N"))
    return tuple(orders)


def _unknown_order(name: str, known: Sequence[str]) -> ValuescopeError:
    return unknown_name(
        "choice order",
        name,
        known,
        f"Known: {', '.join(known)}; rotate_1 starts the list with the second choice.",
    )


def canonical_hash(value: Any) -> str:
    """Return the SHA-256 in hex of `value` as JSON with sorted keys and no white space.

    >>> canonical_hash({"b": 1, "a": "é"}) == canonical_hash({"a": "é", "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
