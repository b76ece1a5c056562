from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from valuescope_statistics.relations import batches, table
from valuescope_statistics.temperatures import DESIGN, RESULT, temperatures_of


def kept_rows(session: Any, built: Any, fingerprints: pd.Series) -> pa.Table:
    """Return the last build's rows of unchanged designs; no rows if there is no table.

    dbt-duckdb cannot append to tables of Python models, so that they are carried over instead.
    """
    exists = session.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [built.schema, built.identifier],
    ).fetchall()[0][0]
    if not exists:
        return RESULT.empty_table()
    rows = session.execute(f"select * from {built}").to_arrow_table()
    is_current = pc.is_in(rows["source_fingerprint"], pa.array(fingerprints, pa.string()))
    return rows.filter(is_current).select(RESULT.names).cast(RESULT)


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    designs = dbt.ref("int_design_fingerprints").filter("not is_derived").df()
    prompts = dbt.ref("stg_prompts").df().set_index("prompt_id")
    # Probabilities and counts are not log-likelihoods that a temperature could divide.
    elicitation = designs["prompt_id"].map(prompts["elicitation"]).fillna("likelihood")
    designs = designs[elicitation == "likelihood"]
    kept = kept_rows(session, dbt.this, designs["source_fingerprint"])
    is_new = ~designs["source_fingerprint"].isin(kept["source_fingerprint"].to_pylist())
    choices = dbt.ref("int_asked_distributions").filter(
        "country_id != 'ZZZ' and human_share is not null"
    )
    new = designs.loc[is_new, "source_fingerprint"].tolist()
    tables = [kept]
    for own in batches(choices, designs.loc[is_new, "model_id"].unique()):
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
        cells = cells.filter(pc.is_in(cells["source_fingerprint"], pa.array(new, pa.string())))
        tables.append(table(temperatures_of(cells), RESULT))
    return pa.concat_tables(tables)
