"""Which of the settings of a search matter."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sshml.study.table import Study

_TREES = 50
_REPEATS = 10
_AT_LEAST = 10


@dataclass(frozen=True)
class Importance:
    """What a random forest makes of a search.

    Attributes:
        names: of the axes, the most important first.
        shares: of the variance of the metric that go with each, interactions included; of each
            a mean over folds.
        spreads: standard deviations of these over folds.
        predicted: share of the variance of configurations the forest has not seen that it predicts
            (R²); importances mean nothing where it is about 0 or below.
        n: number of configurations.
    """

    names: list[str]
    shares: list[float]
    spreads: list[float]
    predicted: float
    n: int


def importance(study: Study) -> Importance | None:
    """Permutation importance in configurations that the forest was not fitted to.

    Shuffling an axis adds twice the variance that goes with it to the squared error of a perfect
    prediction, so half of what is added, in units of the whole variance, is its total Sobol index
    (L. Breiman, Mach. Learn. 45, 5 (2001); B. Gregorutti et al., Stat. Comput. 27, 659 (2017)).

    Args:
        study: the metric is the mean over the seeds of a configuration.

    Returns:
        None for less than 10 configurations, or if all have the same value.
    """
    # scikit-learn takes seconds to import, which a grid need not wait for.
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415
    from sklearn.inspection import permutation_importance  # noqa: PLC0415
    from sklearn.model_selection import KFold  # noqa: PLC0415

    names = [axis.name for axis in study.axes]
    columns = {
        axis.name: axis.values if axis.numeric else pd.factorize(pd.Series(axis.values), sort=True)[0]
        for axis in study.axes
    }
    data = pd.DataFrame(columns, dtype=float).assign(value=study.values)
    data = data.groupby(study.configurations).mean().dropna(subset="value")
    x, y = data[names].to_numpy(), data["value"].to_numpy()
    if len(y) < _AT_LEAST or y.var() == 0:
        return None
    folds = KFold(min(5, len(y) // 4), shuffle=True, random_state=0)
    unseen, added = np.empty_like(y), []
    for fitted, tested in folds.split(x):
        forest = RandomForestRegressor(_TREES, random_state=0).fit(x[fitted], y[fitted])
        unseen[tested] = forest.predict(x[tested])
        error = permutation_importance(
            forest, x[tested], y[tested],
            scoring="neg_mean_squared_error", n_repeats=_REPEATS, random_state=0,
        )  # fmt: skip
        added.append(error.importances_mean / (2 * y.var()))
    mean, spread = np.mean(added, axis=0), np.std(added, axis=0)
    order = np.argsort(mean)[::-1]
    return Importance(
        [names[i] for i in order],
        mean[order].tolist(),
        spread[order].tolist(),
        float(1 - ((y - unseen) ** 2).mean() / y.var()),
        len(y),
    )
