"""What ``data.W`` may be: a number, a list of numbers or an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from sshml.physics.numbers import Array, Floats

#: Larger hoppings are no chain anybody has, and their squares overflow.
LARGEST = 1e6
# What YAML makes of 0:1:0.5 without quotes, as of minutes and seconds, is this or more.
_BASE_60 = 60
EXPECTED = "a number >= 0, a list such as [0.25,0.5] or an interval such as 0.25..0.75"


@dataclass(frozen=True)
class DisorderStrength:
    """A set of disorder strengths that chains draw theirs from.

    Args:
        values: strengths of a list, one that is given k times for k times the chains; or the two
            ends of an interval.
        is_interval: whether ``values`` are the ends of an interval.
    """

    values: tuple[float, ...]
    is_interval: bool = False

    @classmethod
    def parse(cls, W: float | str | Sequence[float]) -> "DisorderStrength":
        """Read ``data.W``.

        Args:
            W: ``0.5``, ``[0.25, 0.5]`` or ``"0.25..0.75"``.

        Returns:
            The strengths it stands for.

        Raises:
            ValueError: for anything else, negative or not finite numbers, an empty list, an empty or
                reversed interval.
        """
        if isinstance(W, str):
            if ".." not in W:
                raise ValueError(f"expected {EXPECTED}")
            low, high = map(_strength, W.split("..", maxsplit=1))
            if low >= high:
                raise ValueError("expected an interval low..high with low < high")
            return cls((low, high), is_interval=True)
        values = tuple(map(_strength, W if isinstance(W, Sequence) else [W]))
        if not values:
            raise ValueError("expected a list of at least one strength")
        return cls(values)

    def of_samples(
        self, index: Int[Array, " n"], uniform: Float64[Floats, " n"]
    ) -> Float64[Floats, " n"]:
        """Strengths of samples: the values of a list in turn, or uniform on the interval.

        Args:
            index: the samples' numbers.
            uniform: random numbers in [0, 1).

        Example:
            >>> index, uniform = np.arange(3), np.array([0.0, 0.5, 0.9])
            >>> DisorderStrength.parse([0.25, 0.5]).of_samples(index, uniform).tolist()
            [0.25, 0.5, 0.25]
            >>> DisorderStrength.parse("0..2").of_samples(index, uniform).tolist()
            [0.0, 1.0, 1.8]
        """
        if self.is_interval:
            low, high = self.values
            return low + (high - low) * uniform
        values: Floats = np.asarray(self.values)
        return values.take(index % len(values))


def check_no_time(value: float | str) -> None:
    """Check that a number is not what YAML makes of a range without quotes.

    Raises:
        ValueError: for a number, not text, of 60 and more.
    """
    if not isinstance(value, str) and _BASE_60 <= value < float("inf"):
        raise ValueError(
            f"got {value:g}, expected a number below {_BASE_60}; in a YAML file, put a range in "
            "quotes, '0:1:0.5', since YAML reads it as a time of day"
        )


def _strength(value: object) -> float:
    """One finite number >= 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected {EXPECTED}")
    check_no_time(value)
    try:
        strength = float(value)
    except ValueError:
        raise ValueError(f"expected {EXPECTED}") from None
    if not (np.isfinite(strength) and strength >= 0):
        raise ValueError(f"expected {EXPECTED}")
    if strength > LARGEST:
        raise ValueError(f"expected at most {LARGEST:g}")
    return strength
