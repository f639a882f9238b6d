"""What a set of runs varies: the settings that differ between them, those that go together as one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sshml.study.runs import Run, Value

# Places and looks: nothing that a result depends on.
_IGNORED = re.compile(
    r"(paths|logger|figures|trust|callbacks\.maps)(\.|$)|ckpt_path$|trainer\.default_root_dir$|.*\.dirpath$"
)
_TARGET = "._target_"
# None where a run has no such key.
Column = list[Value | None]


@dataclass
class Axis:
    """A setting that differs between runs.

    Attributes:
        name: short, of its column in the table.
        key: of the configuration.
        values: of each run; of a ``_target_`` the class' name, ``none`` without one.
        together: keys that change with it and with nothing else, such as those that a choice of
            ``model`` sets.
    """

    name: str
    key: str
    values: Column
    together: list[str] = field(default_factory=list)

    @property
    def numeric(self) -> bool:
        """Whether all its values are numbers."""
        return all(isinstance(value, int | float) for value in self.values if value is not None)

    @property
    def levels(self) -> list[Value]:
        """Its values, each once, sorted."""
        return sorted({value for value in self.values if value is not None})


def as_text(value: Value) -> str:
    """A value, exactly."""
    return value if isinstance(value, str) else f"{value:.12g}"


def differing(configs: Sequence[Mapping[str, Value]]) -> dict[str, Column]:
    """The keys whose values are not the same in all configurations, in their order there.

    Args:
        configs: settings by dotted keys.

    Returns:
        The values by key, one a configuration; None where it has no such key.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    columns = {key: [config.get(key) for config in configs] for key in keys}
    return {key: column for key, column in columns.items() if len(set(column)) > 1}


def find_axes(runs: Sequence[Run], reserved: Sequence[str]) -> list[Axis]:
    """The axes of a set of runs. The seed is none of them.

    Args:
        runs: at least one.
        reserved: names of columns that an axis must not take.
    """
    columns = differing([run.config for run in runs])
    parents = {key.rpartition(".")[0] for key in columns}  # such as `scheduler`, null in some runs
    seeds = [run.config["seed"] for run in runs]
    columns = {
        key: column
        for key, column in columns.items()
        if not _IGNORED.match(key)
        and key not in parents
        and not (key.endswith("seed") and column == seeds)  # also data.seed: ${seed}
    }
    axes = _merged(columns, _typed(runs))
    for axis in axes:
        if axis.key.endswith(_TARGET):
            axis.values = _class_names(axis.values)
        elif not axis.numeric:
            axis.values = [v if v is None else as_text(v) for v in axis.values]
    _name(axes, reserved)
    return axes


def _typed(runs: Sequence[Run]) -> set[str]:
    """Keys that command lines set, rather than what follows from them."""
    overrides = {override for run in runs for override in run.manifest["overrides"]}
    return {override.split("=", maxsplit=1)[0].lstrip("+~") for override in overrides}


def _merged(columns: Mapping[str, Column], typed: set[str]) -> list[Axis]:
    configurations = len(set(zip(*columns.values(), strict=True)))
    axes: list[Axis] = []
    # An axis is named by a class where there is one, else by what was typed.
    for key in sorted(columns, key=lambda k: (not k.endswith(_TARGET), k not in typed)):
        column = columns[key]
        for axis in axes:
            if _goes_with(column, axis, configurations):
                axis.together.append(key)
                break
        else:
            axes.append(Axis(key, key, column))
    order = list(columns)
    return sorted(axes, key=lambda axis: order.index(axis.key))


def _goes_with(column: Column, axis: Axis, configurations: int) -> bool:
    """Whether a key only ever changes together with an axis.

    In a random search every run has values of its own, so that any two keys seem to; numbers go
    together there only if one also rises, or falls, with the other.
    """
    pairs = set(zip(axis.values, column, strict=True))
    levels = len(set(axis.values))
    if axis.key.endswith(_TARGET):
        return len(pairs) == levels
    if all(other is None or other == value for value, other in pairs):  # T_max: ${trainer.max_epochs}
        return True
    if not len(pairs) == levels == len(set(column)):
        return False
    numbers = [(a, b) for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]
    if levels < configurations or len(numbers) < len(pairs):
        return True
    rises = [before[1] < after[1] for before, after in pairwise(sorted(numbers))]
    return all(rises) or not any(rises)


def _class_names(paths: Column) -> Column:
    names = {path: str(path).rpartition(".")[2] if path else "none" for path in paths}
    if len(set(names.values())) < len(names):  # two of the same name
        return [path or "none" for path in paths]
    return [names[path] for path in paths]


def _name(axes: Sequence[Axis], reserved: Sequence[str]) -> None:
    keys = [axis.key.removesuffix(_TARGET) for axis in axes]
    short = [key.rpartition(".")[2] for key in keys]
    for axis, key, name in zip(axes, keys, short, strict=True):
        unique = key if short.count(name) > 1 or name in reserved else name
        axis.name = f"config.{unique}" if unique in reserved else unique
