from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from valuescope_statistics.relations import batches, kept_rows, table
from valuescope_statistics.temperatures import DESIGN, RESULT, temperatures_of


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    designs = dbt.ref("int_design_fingerprints").filter("not is_derived").df()
    prompts = dbt.ref("stg_prompts").df().set_index("prompt_id")
    # Probabilities and counts are not log-likelihoods that a temperature could divide.
    elicitation = designs["prompt_id"].map(prompts["elicitation"]).fillna("likelihood")
    designs = designs[elicitation == "likelihood"]
    kept = kept_rows(session, dbt.this, RESULT, designs["source_fingerprint"])
    is_new = ~designs["source_fingerprint"].isin(kept["source_fingerprint"].to_pylist())
    choices = dbt.ref("int_asked_distributions").filter(
        "country_id != 'ZZZ' and human_share is not null"
    )
    new = designs[is_new]
    wanted = pa.array(new["source_fingerprint"], pa.string())
    tables = [kept]
    for own in batches(choices, new["model_id"].unique()):
        # Ordered, because results would otherwise differ between builds.
        cells = (
            own.aggregate(
                f"{', '.join(DESIGN)}, country_id, question_id, count(*) as choice_count, "
                "list(log_likelihood order by choice_index) as log_likelihoods, "
                "list(human_share order by choice_index) as human_shares"
            )
            .order(f"{', '.join(DESIGN)}, country_id, question_id")
            .to_arrow_table()
        )
        cells = cells.filter(pc.is_in(cells["source_fingerprint"], wanted))
        tables.append(table(temperatures_of(cells), RESULT))
    return pa.concat_tables(tables)
