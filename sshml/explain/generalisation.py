"""Whether a map score at the lowest strength tells how well a network carries over."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap, rankdata, spearmanr

from sshml.explain.measures import ACCURACY, Row, measure_name
from sshml.physics.numbers import Floats

#: Columns of ``generalisation.csv``.
COLUMNS = ("group", "explanation", "measure", "W", "networks", "spearman", "low", "high")
# Fewer points have no rank correlation worth the name.
FEWEST = 5
_RESAMPLES = 2000


def correlations(rows: Sequence[Row], phase: str) -> list[dict[str, Any]]:
    """Rank correlations, over networks, of map scores with accuracies elsewhere.

    Args:
        rows: of networks (:data:`sshml.explain.measures.COLUMNS`).
        phase: whose chains' maps are looked at.

    Returns:
        Rows of :data:`COLUMNS`: Spearman's correlation of a score of the maps of a phase at
        the lowest strength with the accuracy at another, within each group of five networks or more
        and, if there are several groups, over all; its interval is 95 % of a bootstrap over networks.
    """
    strengths = sorted({row["W"] for row in rows})
    groups = list(dict.fromkeys(row["group"] for row in rows))
    of_group = {group: [row for row in rows if row["group"] == group] for group in groups}
    if len(groups) > 1:
        of_group["all groups"] = list(rows)
    found = []
    for group, own in of_group.items():
        accuracy = {(r["checkpoint"], r["W"]): r["value"] for r in own if r["measure"] == ACCURACY}
        for explanation in dict.fromkeys(row["explanation"] for row in own if row["explanation"]):
            for measure in (
                measure_name(name, "edge pair") for name in ("share", "pointing", "overlap")
            ):
                scores = {
                    row["checkpoint"]: row["value"]
                    for row in own
                    if (row["W"], row["chains"]) == (strengths[0], phase)
                    and (row["explanation"], row["measure"]) == (explanation, measure)
                    and math.isfinite(row["value"])
                }
                if len(scores) < FEWEST:
                    continue
                for W in strengths[1:]:
                    pairs = np.array([(value, accuracy[name, W]) for name, value in scores.items()])
                    coefficient, low, high = _spearman(pairs)
                    values = (group, explanation, measure, W, len(pairs), coefficient, low, high)
                    found.append(dict(zip(COLUMNS, values, strict=True)))
    return found


def _spearman(pairs: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """The coefficient of (n, 2) pairs with its interval; NaN where all values are the same."""

    def statistic(x: Floats, y: Floats, axis: int) -> Floats:
        """Of many resamples at once, which spearmanr takes one by one."""
        x, y = (rankdata(values, axis=axis) for values in (x, y))
        x, y = (ranks - ranks.mean(axis=axis, keepdims=True) for ranks in (x, y))
        norm = np.sqrt((x * x).sum(axis=axis) * (y * y).sum(axis=axis))
        # A resample whose values are all the same shows no correlation.
        found: Floats = np.divide((x * y).sum(axis=axis), norm, out=np.zeros_like(norm), where=norm > 0)
        return found

    with warnings.catch_warnings():  # of values that are all the same
        warnings.simplefilter("ignore")
        coefficient = float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
        if math.isnan(coefficient):
            return coefficient, math.nan, math.nan
        interval = bootstrap(
            (pairs[:, 0], pairs[:, 1]), statistic, paired=True, vectorized=True,
            n_resamples=_RESAMPLES, method="percentile", rng=0,
        ).confidence_interval  # fmt: skip
    return coefficient, float(interval.low), float(interval.high)
