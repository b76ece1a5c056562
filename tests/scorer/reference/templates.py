"""What transformers renders of llama.cpp's collection of chat templates, as hashes.

    .venv-reference/bin/python tests/scorer/reference/templates.py FOLDER

FOLDER is `models/templates` in llama.cpp's source. Of each template the conversation of a question
and an answer is rendered, up to the answer, with each switch of thinking. Writes
`tests/scorer/models/llama_cpp_templates.json`; imports nothing of valuescope.
"""

import datetime
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from transformers.utils import chat_template_utils  # type: ignore[import-not-found]

QUESTION = "Question: Is tea good?\nChoices: A) Yes, B) No\nIn Kenya, Answer:"
ANSWER = "A) Yes, as everybody knows."
SWITCHES: tuple[dict[str, Any], ...] = (
    {},
    {"enable_thinking": False},
    {"thinking": False},
    {"thinking_mode": "disabled"},
)
TARGET = Path(__file__).resolve().parents[1] / "models" / "llama_cpp_templates.json"


class FixedDate(datetime.datetime):
    """The day that valuescope tells templates."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "FixedDate":
        """Return it."""
        return cls(2024, 7, 26, tzinfo=tz)


def rendered(template: str, switches: dict[str, Any]) -> str | None:
    """Return the hash of what stands before the answer, None where the template fails."""
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    try:
        texts, _ = chat_template_utils.render_jinja_template(
            [turns], chat_template=template, bos_token="<s>", eos_token="</s>", **switches
        )
    except Exception:
        return None
    before, answer, _ = texts[0].rpartition(ANSWER)
    return sha256(before.encode()).hexdigest() if answer else None


def main() -> None:
    """Write the file."""
    chat_template_utils.datetime = FixedDate
    found = {}
    for path in sorted(Path(sys.argv[1]).glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        found[path.stem] = {
            "template_sha256": sha256(template.encode()).hexdigest(),
            "text_sha256": {json.dumps(s): rendered(template, s) for s in SWITCHES},
        }
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
