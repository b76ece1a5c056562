"""The user's own rows of the model registry: `instrument/models.csv` in the home.

Its columns are those of the seed `models` that describe a model; `model_name` and `is_chat` must be
there, the others may. dbt reads the same file.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.written_rows import written_rows

Row = Mapping[str, str]

_REQUIRED = ("model_name", "is_chat")
COLUMNS = (
    "model_name",
    "display_name",
    "family",
    "parameter_count",
    "training_tokens",
    "corpus_kind",
    "release_month",
    "training_cutoff_month",
    "is_chat",
    "partner_model_name",
    "hub_repository",
    "hub_file",
    "hub_revision",
    "file_sha256",
    "licence",
)
_MONTH = r"((19|20)[0-9]{2}-(0[1-9]|1[0-2]))?"
CORPUS_KINDS = ("synthetic", "english", "multilingual")
_FORMS = {
    "model_name": (r"[a-z0-9][a-z0-9._:-]*", "lower-case letters, digits, . _ : and -"),
    "is_chat": (r"true|false", "true or false"),
    "parameter_count": (r"([1-9][0-9]{0,14})?", "a whole number without signs between digits"),
    "training_tokens": (r"([1-9][0-9]{0,17})?", "a whole number without signs between digits"),
    "corpus_kind": (rf"({'|'.join(CORPUS_KINDS)})?", f"one of {', '.join(CORPUS_KINDS)}"),
    "release_month": (_MONTH, "a month as YYYY-MM"),
    "training_cutoff_month": (_MONTH, "a month as YYYY-MM"),
    "hub_repository": (r"([\w.-]+/[\w.-]+)?", "OWNER/NAME"),
    "hub_file": (r"([\w./+-]+\.gguf)?", "the name of a .gguf file in the repository"),
    "hub_revision": (r"[\w.-]*", "a commit, tag or branch"),
    "file_sha256": (r"([0-9a-f]{64})?", "64 hexadecimal digits in lower case"),
}
# A base and a chat model are of one size and were trained on the same text first.
_SHARED_BY_PARTNERS = ("family", "parameter_count", "training_tokens")


def own_models_file(home: Home) -> Path:
    """Return the path of the user's models; the file may not exist."""
    return home.instrument / "models.csv"


def read_own_models(home: Home, registry: Mapping[str, Row]) -> list[dict[str, str]]:
    """Return the user's rows, columns that are left out empty; `registry` are the seed's rows.

    Raises ValuescopeError with the file and line of what is wrong.
    """
    path = own_models_file(home)
    if not path.is_file():
        return []
    written = list(written_rows(path, _REQUIRED))
    rows: dict[str, Row] = dict(registry)
    for remedy, row in written:
        for fault in (*_unknown_columns(row), *_faults(row, rows)):
            raise ValuescopeError(f"{path} {fault}. {remedy}")
        rows[row["model_name"]] = row
    for remedy, row in written:
        for fault in _partner_faults(row, rows):
            raise ValuescopeError(f"{path} {fault}. {remedy}")
    return [_whole(row) for _, row in written]


def _whole(written: Row) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "") | dict(written)
    row["display_name"] = row["display_name"] or row["model_name"]
    return row


def _unknown_columns(row: Row) -> Iterator[str]:
    for column in row:
        if column not in COLUMNS:
            near = get_close_matches(column, COLUMNS, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"has the unknown column '{column}'{hint}; columns: {', '.join(COLUMNS)}"


def _faults(row: Row, others: Mapping[str, Row]) -> Iterator[str]:
    name = row["model_name"]
    for column, (form, meaning) in _FORMS.items():
        value = row.get(column, "")
        if not re.fullmatch(form, value):
            yield f"has the {column} '{value}' for '{name}'; it must be {meaning}"
    if name in others:
        yield f"has the model '{name}', which is listed already; choose another name"
    if bool(row.get("hub_repository")) != bool(row.get("hub_file")):
        yield f"has only one of hub_repository and hub_file for {name}; give both or none"
    shown = row.get("display_name") or name
    for other in others.values():
        if shown == (other.get("display_name") or other["model_name"]):
            yield f"has the display_name '{shown}' for {name}, which is that of another model"


def _partner_faults(row: Row, rows: Mapping[str, Row]) -> Iterator[str]:
    """Yield faults of a partner: chat models may share a base; a base has one chat partner."""
    name, partner_name = row["model_name"], row.get("partner_model_name", "")
    if not partner_name:
        return
    partner = rows.get(partner_name)
    if partner is None:
        near = get_close_matches(partner_name, list(rows), n=3, cutoff=0.5)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        yield f"has the unknown partner '{partner_name}' for {name}{hint}"
        return
    if partner["is_chat"] == row["is_chat"]:
        kind = "chat" if row["is_chat"] == "true" else "base"
        yield f"has the partner {partner_name} for {name}, but both are {kind} models"
    if row["is_chat"] == "false" and partner.get("partner_model_name") != name:
        yield (
            f"has the chat partner {partner_name} for {name}, but that of {partner_name} is "
            f"'{partner.get('partner_model_name', '')}'; a chat model names the base model that it "
            "was tuned from"
        )
    for column in _SHARED_BY_PARTNERS:
        own, other = row.get(column, ""), partner.get(column, "")
        if own and other and own != other:
            yield f"has the {column} {own} for {name}, but {other} for its partner {partner_name}"
