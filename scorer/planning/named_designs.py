"""Prompt designs: as options choose them, or read back from the landing zone."""

import pyarrow.parquet as pq

from valuescope.scorer.planning.design import DEFAULT_DRAWS, PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.wordings import load_wording_set


def chosen_design(
    home: Home,
    instrument: Instrument,
    *,
    wording_set: str,
    template_id: str,
    coding_id: str,
    answer_style: str,
    chat_mode: str,
    choice_order: str = "forward",
    elicitation: str = "likelihood",
    draws: int = DEFAULT_DRAWS,
    temperature: float = 1.0,
) -> PromptDesign:
    """Return the design of these names. Raises ValuescopeError for one that does not exist."""
    wordings = load_wording_set(home, wording_set, instrument)
    return PromptDesign(
        template=named_template(template_id, wordings),
        coding_id=instrument.coding(coding_id),
        answer_style=answer_style,
        choice_order=choice_order,
        chat_mode=chat_mode,
        wordings=wordings,
        elicitation=elicitation,
        draws=draws,
        temperature=temperature,
    )


def landed_design(home: Home, instrument: Instrument, prompt_id: str) -> PromptDesign:
    """Return the design of that id (or its unique beginning).

    Raises ValuescopeError when none was scored under it or its template or wording set has
    changed since.
    """
    shards = {path.stem: path for path in (home.landing / "prompts").glob("[!_]*.parquet")}
    fitting = [known for known in shards if known.startswith(prompt_id)]
    if len(fitting) != 1:
        raise unknown_name(
            "prompt", prompt_id, shards, "`valuescope status` lists the prompts that were scored."
        )
    row = pq.read_table(shards[fitting[0]], partitioning=None).to_pylist()[0]
    names = ("wording_set", "template_id", "coding_id", "answer_style", "chat_mode", "choice_order")
    elicitation = row.get("elicitation") or "likelihood"
    named = {name: row[name] for name in names}
    design = chosen_design(
        home,
        instrument,
        **named,
        elicitation=elicitation,
        temperature=row.get("temperature") or 1.0,
    )
    if design.prompt_id != fitting[0]:
        raise ValuescopeError(
            f"The template '{row['template_id']}' or the language of the wording set "
            f"'{row['wording_set']}' has changed since prompt {fitting[0]} was scored; what was "
            "asked then is in prompt_text of staging.stg_choice_log_likelihoods."
        )
    return design
