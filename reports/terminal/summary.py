"""The main results of a warehouse, read from the marts as values."""

from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pandas as pd

from valuescope.warehouse.errors import ValuescopeError


@dataclass(frozen=True)
class Design:
    """One model under one prompt design, with the mean r of `agg_model_summary`.

    `compared_country_count` countries of `country_count` that the model was asked about have an r,
    and `blind_country_count` of them that of the predictor that knows nothing about the country.
    `compared_with` is another model's design where two are compared.
    """

    model_id: str
    model_name: str
    quantization: str | None
    prompt_id: str
    prompt_description: str
    coding_id: str
    choice_order: str
    order_family_id: str
    population_id: str | None
    country_count: int
    compared_country_count: int
    blind_country_count: int
    mean_pearson_r: float | None
    mean_blind_baseline_r: float | None
    compared_with: "Design | None" = None

    @property
    def key(self) -> str:
        """Return what identifies this design: beginnings of its ids, the model's name first."""
        survey_id = (self.population_id or "no-survey").split(":")[0]
        return f"{self.model_name}-{self.model_id[:8]}--{self.prompt_id}--{survey_id}"

    @property
    def parameters(self) -> dict[str, str | None]:
        """Return the parameters of a query for this design's rows."""
        return {
            "model_id": self.model_id,
            "prompt_id": self.prompt_id,
            "population_id": self.population_id,
            "other_model_id": self.compared_with.model_id if self.compared_with else None,
            "other_prompt_id": self.compared_with.prompt_id if self.compared_with else None,
        }


def designs(
    connection: duckdb.DuckDBPyConnection, model: str | None = None, prompt_id: str | None = None
) -> list[Design]:
    """Return every scored model and prompt that is compared with human answers.

    `model` (name or id) and `prompt_id` (or their beginnings) select. Without a prompt,
    designs that are already averaged are left out. Raises ValuescopeError when nothing is
    built or nothing fits.
    """
    rows = query(
        connection,
        """
        select
            agg.model_id,
            dim_models.model_name,
            dim_models.quantization,
            agg.prompt_id,
            dim_prompts.template_id || ' template, ' || dim_prompts.answer_style || ' answers, '
                || dim_prompts.coding_id || ' coding, chat ' || dim_prompts.chat_mode
                || case
                    when dim_prompts.elicitation = 'likelihood' then ''
                    else ', ' || dim_prompts.elicitation
                end,
            dim_prompts.coding_id,
            dim_prompts.choice_order,
            dim_prompts.order_family_id,
            agg.population_id,
            agg.scored_country_count,
            agg.country_count,
            agg.blind_country_count,
            agg.mean_pearson_r,
            agg.mean_blind_baseline_r,
        from marts.agg_model_summary as agg
        inner join marts.dim_models on agg.model_id = dim_models.model_id
        inner join marts.dim_prompts on agg.prompt_id = dim_prompts.prompt_id
        order by dim_models.model_name, agg.model_id, agg.prompt_id, agg.population_id
        """,
    )
    found = [Design(*row) for row in rows]
    if not found:
        raise ValuescopeError(
            "Nothing to report: no model has been scored on questions that a loaded survey "
            "answers. See `valuescope status`."
        )
    chosen = [
        design
        for design in found
        if (model is None or design.model_name == model or design.model_id.startswith(model))
        and (prompt_id is None or design.prompt_id.startswith(prompt_id))
    ]
    if not chosen:
        known = ", ".join(f"{design.model_name} ({design.prompt_id})" for design in found)
        raise ValuescopeError(
            f"No result for model {model or 'any'} and prompt {prompt_id or 'any'}. Built: {known}."
        )
    return chosen if prompt_id else _without_averaged_orders(chosen)


def compared(
    connection: duckdb.DuckDBPyConnection, one: str, other: str, prompt_id: str | None = None
) -> list[Design]:
    """Return designs in which two models were asked alike, each with the other model's.

    Raises ValuescopeError where a model is unknown, both are one, or nothing was asked of both.
    """
    of_one = designs(connection, one, prompt_id)
    of_other = designs(connection, other, prompt_id)
    pairs = [
        (left, right)
        for left in of_one
        for right in of_other
        if left.model_id != right.model_id
        and (left.prompt_id, left.population_id) == (right.prompt_id, right.population_id)
    ]
    if not pairs:
        asked = "; ".join(
            f"{design.model_name} ({design.prompt_id}: {design.prompt_description})"
            for design in (*of_one, *of_other)
        )
        raise ValuescopeError(
            f"{one} and {other} cannot be compared: they are not two models that were asked the "
            f"same prompt design. Built: {asked}. Base and chat models are asked alike with "
            "`valuescope score --chat raw`."
        )
    return [
        design
        for left, right in pairs
        for design in (
            replace(left, compared_with=right),
            replace(right, compared_with=left),
        )
    ]


def _without_averaged_orders(found: list[Design]) -> list[Design]:
    averaged = {
        (design.model_id, design.population_id, design.order_family_id)
        for design in found
        if design.choice_order == "averaged"
    }
    return [
        design
        for design in found
        if design.choice_order == "averaged"
        or (design.model_id, design.population_id, design.order_family_id) not in averaged
    ]


def query(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Return the rows of one statement. Raises ValuescopeError when its tables are not built."""
    return _executed(connection, statement, parameters).fetchall()


def query_table(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, Any] | None = None
) -> pd.DataFrame:
    """Return the rows of one statement as a table, for many rows."""
    return _executed(connection, statement, parameters).df()


def _executed(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, Any] | None
) -> duckdb.DuckDBPyConnection:
    try:
        return connection.execute(statement, parameters or {})
    except duckdb.CatalogException as error:
        raise ValuescopeError(
            "The tables are not built yet (or by another version of valuescope); run "
            "`valuescope build`."
        ) from error
