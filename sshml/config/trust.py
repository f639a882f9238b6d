"""What a file may name of code.

Whatever a configuration names by ``_target_`` is imported and called. A run folder or a checkpoint may
come from a stranger, so a file may only name classes of the packages below, each where a class of its
kind belongs. Anything else needs the user's own word, on the command line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from sshml.errors import ConfigError, printable

TARGET = "_target_"
#: Where the classes that a file may name are defined, but for those that the user trusts.
PACKAGES = (
    "sshml", "torch.optim", "torchvision.models", "pytorch_lightning.Trainer",
    "pytorch_lightning.trainer", "pytorch_lightning.callbacks", "pytorch_lightning.loggers",
    "pytorch_lightning.profilers",
)  # fmt: skip
# What the class of a node is derived from; * is a name that the configuration chooses.
_KINDS = {
    "data": "sshml.data.base.PhaseDataModule",
    "data.hamiltonian": "sshml.physics.hamiltonians.Hamiltonian",
    "data.representation": "sshml.data.representations.Representation",
    "augmentation.*": "sshml.augmentation.Augmentation",
    "model": "torch.nn.Module",
    "loss": "torch.nn.Module",
    "optimizer": "torch.optim.Optimizer",
    "scheduler": "torch.optim.lr_scheduler.LRScheduler",
    "explanation": "sshml.explanations.Explanation",
    "callbacks.*": "pytorch_lightning.callbacks.Callback",
    "logger.*": "pytorch_lightning.loggers.Logger",
    "trainer": "pytorch_lightning.Trainer",
    "trainer.profiler": "pytorch_lightning.profilers.Profiler",
    "transfer": "sshml.transfer.methods.TransferMethod",
}
# Nodes that name a function of the user's own.
_FUNCTIONS = ("data.hamiltonian.function",)
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def targets(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The nodes within plain data that name a target, in lists too, and what each names.

    Args:
        value: mappings, lists and values.
        path: of the value in the configuration.

    Yields:
        Path of the node, and its ``_target_``.
    """
    if isinstance(value, Mapping):
        if TARGET in value:
            yield path, value[TARGET]
        for name, item in value.items():
            yield from targets(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from targets(item, f"{path}.{number}")


def trusted(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What the user trusts: the packages of ``trust``, and whatever the present settings name."""
    named = (target for _, target in targets(settings) if isinstance(target, str))
    return (*settings.get("trust", ()), *named)


def own_trust(settings: Mapping[str, Any]) -> str:
    """The override by which a run's own file may name the user's own code, to be typed again; or ''."""
    named = {target for _, target in targets(settings) if not _is_within(str(target), PACKAGES)}
    packages = sorted({str(target).partition(".")[0] for target in named})
    return f" 'trust=[{','.join(packages)}]'" if packages else ""


def check_name(path: str, target: Any, trust: Sequence[str] = ()) -> None:
    """Check, without importing anything, that a file may name a target.

    Args:
        path: of the node.
        target: its ``_target_``, whatever the file has there.
        trust: packages, modules or single classes that the user trusts.

    Raises:
        ConfigError: if it may not.
    """
    if not (isinstance(target, str) and _DOTTED_NAME.fullmatch(target)):
        raise _refused(path, target, "expected the dotted name of a class")
    if not _is_within(target, (*PACKAGES, *trust)):
        package = target.partition(".")[0]
        raise _refused(
            path,
            target,
            "is not in sshml, torch.optim, torchvision.models or Lightning, and a file may use "
            f"nothing else; if it is your own code, add {_way(package)}",
        )


def check_class(path: str, target: Any, trust: Sequence[str] = ()) -> None:
    """Check that a file may name a target, and that it is a class of the kind that belongs there.

    Imports the module that defines it, if :func:`check_name` lets it pass.

    Args:
        path: of the node.
        target: its ``_target_``.
        trust: packages or modules that the user trusts; of a single class it is the last word.

    Raises:
        ConfigError: if it is not.
    """
    check_name(path, target, trust)
    if target in trust or (path in _FUNCTIONS and _is_within(target, trust)):
        return
    if path in _FUNCTIONS:
        package = str(target).partition(".")[0]
        raise _refused(
            path, target, f"would be called for each chain; if it is your own code, add {_way(package)}"
        )
    of_method = re.sub(r"^methods\.[^.]+\.", "", path)
    kind = _KINDS.get(of_method) or _KINDS.get(re.sub(r"\.[^.]+$", ".*", of_method))
    if kind is None:
        raise _refused(path, target, "no class is expected there")
    named = _class(path, target)
    if not (isinstance(named, type) and issubclass(named, _class(path, kind))):
        raise _refused(path, target, f"expected a class derived from {kind}")
    if not _is_within(f"{named.__module__}.", (*PACKAGES, *trust)):
        raise _refused(
            path,
            target,
            f"is defined in {named.__module__}; if it is your own code, add {_way(target)}",
        )


def check_classes(value: Any, trust: Sequence[str] = (), path: str = "") -> None:
    """:func:`check_class` for every node within plain data.

    Raises:
        ConfigError: for the first that a file may not name.
    """
    found = list(targets(value, path))
    for where, target in found:
        check_name(where, target, trust)
    for where, target in found:
        check_class(where, target, trust)


def _is_within(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _class(path: str, target: str) -> Any:
    """What a module defines or has imported by name; never an attribute of a module that it imports."""
    module, _, name = target.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # of the user's own module, it may be any
        raise _refused(path, target, f"cannot be imported ({' '.join(str(error).split())})") from error


def _way(name: str) -> str:
    elsewhere = f"explain and uncertainty: --trust {name}; in Python: trust=['{name}']"
    return f"trust=[{name}] to the command line ({elsewhere})"


def _refused(path: str, target: Any, why: str) -> ConfigError:
    return ConfigError(f"{printable(path)}.{TARGET}={printable(target)}: {why}")
