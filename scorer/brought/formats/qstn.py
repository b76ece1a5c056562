"""QSTN: the frame of `create_one_dataframe(raw_responses(results))` as CSV, Parquet or JSON lines.

`questionnaire_item_id` is the id of `valuescope questions`; every row is one more answer to it.
Frames of `parse_json` have their answers in `answer`.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.columns import tidy_source
from valuescope.scorer.brought.formats.completions import Completions, completion_rows
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import Problems

_ITEM = "questionnaire_item_id"
# QSTN writes this in place of an answer where a request failed for good.
_FAILED = "Error: "


def qstn_rows(path: Path, asked: AskedPrompts, problems: Problems) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame; `completion_rows` says which.

    Raises ValuescopeError for a file without the columns of a frame.
    """
    for row in completion_rows(_completions(path), asked, problems):
        # The frame does not say which model was asked.
        del row["model"]
        yield row


def _completions(path: Path) -> Iterator[Completions]:
    with duckdb.connect() as connection:
        try:
            answers = connection.execute(f"select * from {tidy_source(path)}").fetchall()
            columns = [name for name, *_ in connection.description or ()]
        except duckdb.Error as error:
            raise ValuescopeError(f"Cannot read {path}: {str(error).splitlines()[0]}") from error
    if _ITEM not in columns or not {"llm_response", "answer"} & set(columns):
        raise ValuescopeError(
            f"{path} has no columns {_ITEM} and llm_response (or answer). Save the frame of "
            "create_one_dataframe(raw_responses(results)), which keeps what models said."
        )
    for number, answer in enumerate(answers, start=1):
        row = dict(zip(columns, answer, strict=True))
        said = row.get("llm_response")
        said = str(row.get("answer") or "") if said is None else str(said)
        question = row.get("question")
        yield Completions(
            where=f"row {number}",
            cell_id=str(row[_ITEM]),
            model="",
            choices=[]
            if said.startswith(_FAILED)
            else [{"text": said, "logprobs": _logprobs(row.get("logprobs"))}],
            text=None if question is None else str(question),
        )


def _logprobs(given: object) -> Mapping[str, Any] | None:
    """Return log-probabilities as OpenAI's API writes them; None without any.

    QSTN has of an API a list of tokens for each position, and of vLLM a mapping from tokens of one
    position. A CSV file holds their Python text.
    """
    if isinstance(given, str):
        given = ast.literal_eval(given)
    if isinstance(given, list):
        return {"content": [{"top_logprobs": tokens} for tokens in given]} if given else None
    if isinstance(given, Mapping):
        # Parquet gives each row the tokens of all rows.
        tokens = {token: value for token, value in given.items() if value is not None}
        return {"top_logprobs": [tokens]} if tokens else None
    return None
