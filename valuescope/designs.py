"""Designs that were scored before, read back from the landing zone."""

import pyarrow.parquet as pq

from scorer.design import PromptDesign
from scorer.templates import named_template
from warehouse.errors import ValuescopeError, unknown_name
from warehouse.home import Home


def landed_design(home: Home, prompt_id: str) -> PromptDesign:
    """The design of that id (or its unique beginning).

    Raises ValuescopeError when none was scored under it or its template has changed since.
    """
    shards = {path.stem: path for path in (home.landing / "prompts").glob("[!_]*.parquet")}
    fitting = [known for known in shards if known.startswith(prompt_id)]
    if len(fitting) != 1:
        raise unknown_name(
            "prompt", prompt_id, shards, "`valuescope status` lists the prompts that were scored."
        )
    row = pq.read_table(shards[fitting[0]], partitioning=None).to_pylist()[0]
    design = PromptDesign(
        template=named_template(row["template_id"]),
        coding_id=row["coding_id"],
        answer_style=row["answer_style"],
        chat_mode=row["chat_mode"],
        choice_order=row["choice_order"],
        wording_set=row["wording_set"],
        language=row["language"],
    )
    if design.prompt_id != fitting[0]:
        raise ValuescopeError(
            f"The template '{row['template_id']}' has changed since prompt {fitting[0]} was "
            "scored; what was asked then stands in prompt_text of "
            "staging.stg_choice_log_likelihoods."
        )
    return design
