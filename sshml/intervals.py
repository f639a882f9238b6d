"""95 % confidence intervals."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit


def of_share(part: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share, ``part`` of ``n``; n >= 1."""
    from scipy.stats import binomtest  # noqa: PLC0415  # takes a second, and means need none of it

    interval = binomtest(part, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def of_mean(values: Sequence[float], largest: float = 1.0) -> tuple[float, float]:
    """Student's interval of a mean, within [0, largest]; NaN for a single value."""
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return float("nan"), float("nan")
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
    return max(mean - half, 0.0), min(mean + half, largest)
