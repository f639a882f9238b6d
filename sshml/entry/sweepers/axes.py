"""The axes of a search: what Optuna draws each key from."""

import math
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sshml.errors import ConfigError, reason_of


def distribution_of(axis: Override) -> BaseDistribution:
    """What Optuna draws the values of an axis from.

    ``interval(LOW,HIGH)`` is a range of real numbers, ``int(interval(LOW,HIGH))`` one of whole numbers,
    both with their ends; ``tag(log,interval(LOW,HIGH))`` is drawn uniformly in the logarithm.
    ``range(START,STOP,STEP)`` is ordered and, as in a grid, without its STOP. All else is a choice.

    Args:
        axis: an override with several values.

    Raises:
        ConfigError: if there are none, as in an interval whose ends are exchanged.
    """
    value: Any = axis.value()
    try:
        if isinstance(value, IntervalSweep):
            return _of_interval(value)
        # Lists are text, for Optuna keeps numbers, text and truth values only.
        values: Any = list(axis.sweep_iterator(transformer=Transformer.encode))
        if isinstance(value, RangeSweep) and values:
            whole = all(isinstance(number, int) for number in values)
            kind: Any = IntDistribution if whole else FloatDistribution
            drawn: BaseDistribution = kind(min(values), max(values), step=abs(value.step))
            return drawn
        return CategoricalDistribution(values)
    except ValueError as error:
        raise ConfigError(f"{axis.input_line}: {reason_of(error)}") from error


def _of_interval(value: Any) -> BaseDistribution:
    low, high = value.start, value.end
    if other := value.tags - {"log"}:
        raise ConfigError(f"tag {min(other)}: no such tag; expected tag(log,interval(LOW,HIGH))")
    if not (low < high and math.isfinite(high - low)):
        raise ConfigError("expected interval(LOW,HIGH), LOW < HIGH")
    kind = IntDistribution if isinstance(low, int) and isinstance(high, int) else FloatDistribution
    return kind(low, high, log="log" in value.tags)


def values_of(axis: Override) -> list[str]:
    """Every value of an axis, or the ends of its interval, as they are written in an override."""
    value: Any = axis.value()
    if isinstance(value, IntervalSweep):
        return [str(value.start), str(value.end)]
    return list(axis.sweep_string_iterator())
