"""The cells that are scored twice, by valuescope and by transformers, and their token ids.

`python -m tests.scorer.reference.cells FILE` writes them for `generate.py`, which runs where
valuescope is not installed.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.planning.design import ANSWER_STYLES, PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument

# A chat model asked through its template, and a base model with BOS and a sliding window.
MODELS = ("smollm2-135m-instruct", "gemma-3-270m")
# Ordinal, binary and nominal questions with 4, 2, 5, 10, 4 and 10 choices.
QUESTIONS = ("Q1", "Q57", "Q33", "Q106", "Q152", "Q182")
COUNTRIES = (None, "JPN", "USA")


def question_cells(
    model: Model, instrument: Instrument, question_id: str, style: str
) -> list[TokenisedCell]:
    """One question without a country and for each of the countries."""
    design = PromptDesign(named_template("paper"), answer_style=style)
    question = instrument.question(question_id)
    countries = [instrument.country(country) if country else None for country in COUNTRIES]
    return [
        tokenise_cell(
            model, render_prompt(question, country, design), design.chat_mode, with_label=False
        )
        for country in countries
    ]


def as_row(model_name: str, style: str, cell: TokenisedCell) -> dict[str, Any]:
    """A cell as it stands in the fixture; answers start right after the prompt's token ids."""
    (prompt,) = {answer.token_ids[: answer.start] for answer in cell.answers}
    return {
        "model": model_name,
        "style": style,
        "question": cell.prompt.question_id,
        "country": cell.prompt.country_id,
        "prompt": list(prompt),
        "answers": [list(answer.token_ids[answer.start :]) for answer in cell.answers],
    }


def all_rows(model: Model, instrument: Instrument) -> Iterator[dict[str, Any]]:
    """Every cell of a model, those of one question and style together."""
    for style in ANSWER_STYLES:
        for question_id in QUESTIONS:
            for cell in question_cells(model, instrument, question_id, style):
                yield as_row(model.name, style, cell)


def main(target: Path) -> None:
    """Write the models' files and the rows of all cells as JSON."""
    instrument = load_instrument()
    models: dict[str, dict[str, str]] = {}
    rows: list[dict[str, Any]] = []
    for name in MODELS:
        model_file = resolve_model(name, current_home(), instrument)
        models[name] = {"path": str(model_file.path), "sha256": model_file.model_id}
        is_chat = instrument.models[name].is_chat
        with Model(model_file.path, name, is_chat, vocabulary_only=True) as model:
            rows += all_rows(model, instrument)
    target.write_text(json.dumps({"models": models, "cells": rows}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
