import numpy as np
import pytest

from sshml.data.strength import DisorderStrength


@pytest.mark.parametrize(
    ("W", "values", "is_interval"),
    [
        (0.5, (0.5,), False),
        (0, (0.0,), False),
        ([0.25, 0.5], (0.25, 0.5), False),
        ("0.25..0.75", (0.25, 0.75), True),
        ("0..1", (0.0, 1.0), True),
        ("1e-2 .. 2.", (0.01, 2.0), True),
    ],
)
def test_parse(W: object, values: tuple[float, ...], is_interval: bool) -> None:
    assert DisorderStrength.parse(W) == DisorderStrength(values, is_interval)


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    "W",
    [-1, float("nan"), float("inf"), [], [0.1, -0.1], True, None, {"low": 0},
     "0.5", "abc", "0.75..0.25", "0.5..0.5", "..1", "0..", "0..nan", "-1..1", [[0.5]]],
)  # fmt: skip
def test_parse_refuses(W: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        DisorderStrength.parse(W)


def test_a_list_is_used_evenly_and_an_interval_uniformly() -> None:
    index, uniform = np.arange(9), np.linspace(0, 0.999, 9)
    in_turn = DisorderStrength.parse([0.1, 0.2, 0.3]).of_samples(index, uniform)
    assert np.unique(in_turn, return_counts=True)[1].tolist() == [3, 3, 3]
    inside = DisorderStrength.parse("1..3").of_samples(index, uniform)
    np.testing.assert_allclose(inside, 1 + 2 * uniform)
