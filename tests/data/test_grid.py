"""Grids of disorder strengths as one writes them."""

import pytest
import yaml

from sshml.data.grid import strength_grid
from sshml.data.strength import DisorderStrength


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (0.5, [0.5]),
        (0, [0.0]),
        ("0.25:0.75:0.05", [0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75]),
        ("0:1:0.3", [0, 0.3, 0.6, 0.9]),
        ([0, "0.5:1:0.25", 3], [0, 0.5, 0.75, 1, 3]),
        ([0.3, 0.1], [0.3, 0.1]),
    ],
)
def test_grids(written, expected):
    assert strength_grid(written) == expected


@pytest.mark.parametrize(
    "written",
    [-0.1, [], [0.5, 0.5], [0, -0.0], [0.5, "0:1:0.5"], "1:0:0.1", "0:1:0", "0:1", "0:1:-0.1",
     "a:b:c", "nan", float("nan"), float("inf"), True, None, "0:1:0.0001", [0.1, None], "-1:1:1",
     "0:1e999999:1e-999999", "0:1:1e-999999", "-1e999999:1:1"],
)  # fmt: skip
def test_mistakes(written):
    with pytest.raises(ValueError, match="expected"):
        strength_grid(written)


def test_a_range_that_yaml_has_read_in_base_60():
    read = yaml.safe_load("W: 0:1:0.5")["W"]
    assert read == 60.5
    with pytest.raises(ValueError, match="quotes"):
        strength_grid([0, read])
    with pytest.raises(ValueError, match="quotes"):
        DisorderStrength.parse(read)
    assert strength_grid("60.5") == [60.5]
