"""The design of a prompt: how a question is put, the same for every model and country."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from scorer.templates import Template
from warehouse.errors import unknown_name

ANSWER_STYLES = ("label", "label_text", "text")
CHOICE_ORDERS = ("forward", "reverse")
CHAT_MODES = ("template", "raw")


@dataclass(frozen=True)
class PromptDesign:
    """Everything about the questioning that is not the model, the question or the country.

    `chat_mode` "template" asks chat models through their own chat template and base models,
    which have none, raw; "raw" asks every model raw.
    Raises ValuescopeError for a style, order or mode that does not exist.
    """

    template: Template
    coding_id: str = "native"
    answer_style: str = "label_text"
    choice_order: str = "forward"
    chat_mode: str = "template"
    wording_set: str = "valuescope"
    language: str = "en"

    def __post_init__(self) -> None:
        for thing, value, known in (
            ("answer style", self.answer_style, ANSWER_STYLES),
            ("choice order", self.choice_order, CHOICE_ORDERS),
            ("chat mode", self.chat_mode, CHAT_MODES),
        ):
            if value not in known:
                raise unknown_name(thing, value, known, f"Known: {', '.join(known)}.")

    @property
    def prompt_id(self) -> str:
        """Identity of the design: 16 hex digits of the SHA-256 of its canonical JSON."""
        return canonical_hash(
            {
                "template": {
                    "text": self.template.text,
                    "country_free_text": self.template.country_free_text,
                    "choice_separator": self.template.choice_separator,
                },
                "coding_id": self.coding_id,
                "wording_set": self.wording_set,
                "language": self.language,
                "answer_style": self.answer_style,
                "choice_order": self.choice_order,
                "chat_mode": self.chat_mode,
            }
        )[:16]

    def as_row(self) -> dict[str, str]:
        """The design as a row of the landing zone's `prompts`."""
        return {
            "prompt_id": self.prompt_id,
            "template_id": self.template.template_id,
            "template_text": self.template.text,
            "coding_id": self.coding_id,
            "wording_set": self.wording_set,
            "language": self.language,
            "answer_style": self.answer_style,
            "choice_order": self.choice_order,
            "chat_mode": self.chat_mode,
        }


def canonical_hash(value: Any) -> str:
    """SHA-256 in hex of `value` as JSON with sorted keys and no white space.

    >>> canonical_hash({"b": 1, "a": "é"}) == canonical_hash({"a": "é", "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
