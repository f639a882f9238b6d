"""A grid of disorder strengths to test at."""

from collections.abc import Sequence
from decimal import Decimal, DecimalException

from sshml.data.strength import LARGEST, check_no_time

EXPECTED = "a number >= 0, a list such as [0.25,0.5] or a range start:stop:step such as 0.25:0.75:0.05"
# More tests than this are a slip of the step.
_MOST = 1000


def strength_grid(W: float | str | Sequence[float | str]) -> list[float]:
    """Read a grid of disorder strengths.

    Args:
        W: a number; a range ``"start:stop:step"``, the stop included if a step ends there; or a list
            of numbers and ranges.

    Returns:
        The strengths in the order given.

    Raises:
        ValueError: for anything else, a negative or not finite number, an empty list or range, a value
            twice, in the six digits that tables show, and a number >= 60 that is not a string.

    Example:
        >>> strength_grid("0.25:0.75:0.25"), strength_grid([0, "0.5:1:0.5"])
        ([0.25, 0.5, 0.75], [0.0, 0.5, 1.0])
    """
    parts = W if isinstance(W, Sequence) and not isinstance(W, str) else [W]
    grid = [value for part in parts for value in _values(part)]
    if not grid or len(grid) > _MOST:
        raise ValueError(f"expected {EXPECTED}, of 1 to {_MOST} values")
    shown = [f"{value:g}" for value in grid]  # as tables and files have them
    for value in shown:
        if shown.count(value) > 1:
            raise ValueError(f"expected each value once (to six digits), got {value} twice")
    return grid


def _values(part: object) -> list[float]:
    """One number, or the numbers of one range."""
    if isinstance(part, bool) or not isinstance(part, int | float | str):
        raise ValueError(f"expected {EXPECTED}")
    check_no_time(part)
    try:  # decimals: 0.25 + 5 · 0.05 is to be 0.5
        numbers = [Decimal(number) for number in str(part).split(":")]
    except DecimalException:
        raise ValueError(f"expected {EXPECTED}") from None
    if len(numbers) not in (1, 3) or not all(number.is_finite() for number in numbers):
        raise ValueError(f"expected {EXPECTED}")
    if min(numbers) < 0:
        raise ValueError(f"expected {EXPECTED}, got {min(numbers):g}")
    values = [_finite(number) for number in numbers]
    if len(values) == 1:
        return values
    start, stop, step = numbers
    if step > 0 and (stop - start) / step > _MOST:
        raise ValueError(f"expected {EXPECTED}, of 1 to {_MOST} values")
    if step == 0 or stop < start:
        raise ValueError(f"expected start:stop:step with start <= stop and a step > 0, got {part}")
    return [_finite(start + k * step) for k in range(int((stop - start) / step) + 1)]


def _finite(number: Decimal) -> float:
    value = float(number)
    if value == float("inf"):
        raise ValueError(f"expected {EXPECTED}")
    if value > LARGEST:
        raise ValueError(f"expected at most {LARGEST:g}")
    return value + 0.0  # -0 is 0
