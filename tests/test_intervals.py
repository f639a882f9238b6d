"""Intervals against their formulas."""

import math

import pytest

from sshml import intervals


@pytest.mark.parametrize(("part", "n"), [(0, 7), (3, 10), (98, 100), (2000, 2000)])
def test_wilson(part, n):
    z, share = 1.959964, part / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert intervals.of_share(part, n) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_student():
    # Standard deviation 0.1 of three values, and t = 4.3027 for two degrees of freedom.
    half = 4.3027 * 0.1 / math.sqrt(3)
    assert intervals.of_mean([0.4, 0.5, 0.6]) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)
    assert intervals.of_mean([0.1, 0.2, 0.3])[0] == 0
    assert intervals.of_mean([1.8, 1.9, 2.0], largest=2.0)[1] == 2
    assert all(math.isnan(end) for end in intervals.of_mean([0.5]))
