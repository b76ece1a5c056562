from typing import Any

import numpy as np
import pyarrow as pa
from valuescope_statistics.cultural_axes import AXES, RESULT, cultural_axes, null_reason


def model(dbt: Any, session: Any) -> pa.Table:
    indicators = dbt.ref("indicators").order("indicator_order").df()
    correlations = (
        dbt.ref("int_indicator_correlations").order("indicator_id, other_indicator_id").df()
    )
    names = list(indicators["indicator_id"])
    reason = null_reason(correlations, len(names), int(dbt.config.get("minimum_map_countries")))
    loadings = coefficients = np.full((len(names), len(AXES)), np.nan)
    if reason is None:
        matrix = correlations.pivot(
            index="indicator_id", columns="other_indicator_id", values="pearson_r"
        ).loc[names, names]
        is_marker = indicators["axis_id"].to_numpy()[:, None] == np.array(AXES)
        loadings, coefficients = cultural_axes(
            matrix.to_numpy(dtype=np.float64), is_marker.astype(np.float64)
        )
    explained = (loadings**2).mean(axis=0)
    rows = [
        {
            "indicator_id": name,
            "axis_id": axis,
            "loading": None if reason else float(loadings[row, column]),
            "score_coefficient": None if reason else float(coefficients[row, column]),
            "explained_variance": None if reason else float(explained[column]),
            "null_reason": reason,
        }
        for row, name in enumerate(names)
        for column, axis in enumerate(AXES)
    ]
    return pa.Table.from_pylist(rows, schema=RESULT)
