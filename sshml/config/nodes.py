"""Nodes of a configuration, checked against what they name.

The schema of a node with ``_target_`` is the signature of the class or function it names: its
argument names, their annotations and the limits in them. So a custom network or data module is
checked like those of this package.
"""

import difflib
import functools
import inspect
import logging
import math
import re
import sys
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_object
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from sshml.config.build import PARTIAL, TARGET, build
from sshml.config.moved import FIRST_PARTS
from sshml.config.wording import as_typed, expectation
from sshml.errors import ConfigError, reason_of, unknown_key

logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # prints what it raises

_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)
# Values that settings can have.
_PLAIN = (type(None), bool, int, float, str, list, tuple, dict)
# What the targets of some groups have to be derived from.
_BASES = {
    "data": "sshml.data.base.PhaseDataModule",
    "data.hamiltonian": "sshml.physics.hamiltonians.Hamiltonian",
    "data.representation": "sshml.data.representations.Representation",
    "model": "torch.nn.Module",
    "loss": "torch.nn.Module",
    "optimizer": "torch.optim.Optimizer",
    "explanation": "sshml.explanations.Explanation",
    "trainer": "pytorch_lightning.Trainer",
    "transfer": "sshml.transfer.methods.TransferMethod",
}
# Likewise, of groups of several parts with names of their own.
_BASES_OF_PARTS = {"augmentation": "sshml.augmentation.Augmentation"}
# Arguments that the program itself passes, and a configuration therefore need not.
_PASSED = {"optimizer": {"params"}, "scheduler": {"optimizer"}, "model": {"image_size"}}


def check_node(path: str, node: Mapping[str, Any]) -> None:
    """Check a node against the signature of its target, and the nodes within it.

    Args:
        path: of the node in the configuration.
        node: ``_target_`` and arguments.

    Raises:
        ConfigError: for the first unknown or missing key, wrong type or value out of range.
    """
    target = node.get(TARGET)
    if not isinstance(target, str):
        raise ConfigError(f"{path}.{TARGET}={target}: expected the dotted name of a class or function")
    parameters = signature_of(path, target)[0].parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name, value in node.items():
        if name in (TARGET, PARTIAL):
            continue
        key = f"{path}.{name}"
        if name not in parameters:
            if open_ended:
                continue
            known = parameters.keys() - _PASSED.get(path, set())
            # What an option has set, such as the momentum of another optimizer, can be left out.
            way_out = "" if key in typed_keys() else f"; ~{key} removes it"
            raise ConfigError(f"{key}={as_typed(value)}: {unknown_key(path, name, known)}{way_out}")
        if isinstance(value, Mapping) and TARGET in value:
            check_node(key, value)
        elif adapter := _adapter(path, target, name):
            _check_value(key, value, adapter, parameters[name].default)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{key}={value}: expected a finite number")
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        )
        if required and name not in {*node, *_PASSED.get(path, ())} and not node.get(PARTIAL):
            raise ConfigError(f"{path}.{name}: missing; set it with +{path}.{name}=VALUE")


@functools.cache
def signature_of(path: str, target: str) -> tuple[inspect.Signature, dict[str, Any]]:
    """Signature and resolved annotations of what a node builds.

    Args:
        path: of the node, whose group decides what the target has to be derived from.
        target: a dotted name.

    Raises:
        ConfigError: if there is no such class or function, or it is not of that kind.
    """
    try:
        built = get_object(target)
        group = re.sub(r"^methods\.[^.]+\.", "", path)
        base = _BASES.get(group) or _BASES_OF_PARTS.get(group.rpartition(".")[0])
        if base and not (isinstance(built, type) and issubclass(built, get_object(base))):
            raise TypeError(f"expected a class derived from {base}")
        if inspect.isabstract(built):
            missing = ", ".join(sorted(getattr(built, "__abstractmethods__", ())))
            raise TypeError(f"does not define {missing}")
        annotated = built.__init__ if isinstance(built, type) else built  # type: ignore[misc]
        return inspect.signature(built), _annotations(annotated)
    except (Exception, SystemExit) as error:  # importing a module may raise any
        what = _no_such_name(target) or reason_of(error)
        raise ConfigError(f"{path}.{TARGET}={target}: cannot be used ({what})") from error


def _no_such_name(target: str) -> str | None:
    """What to say of a name that a module does not have; None if it has it, or is no module."""
    module, _, name = target.rpartition(".")
    if (found := sys.modules.get(module)) is None or hasattr(found, name):
        return None
    close = difflib.get_close_matches(name, dir(found), n=1)
    meant = f"; did you mean {module}.{close[0]}?" if close else ""
    return f"there is no {name} in {module}{meant}"


def _annotations(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError:  # of a library that imports some for its type checker only
        return {}


@functools.cache
def _adapter(path: str, target: str, name: str) -> TypeAdapter[Any] | None:
    """What checks an argument of a node's target; None if only a library of its own could."""
    annotations = signature_of(path, target)[1]
    try:
        return TypeAdapter(annotations[name], config=_STRICT) if name in annotations else None
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def _validate(adapter: TypeAdapter[Any], value: Any) -> None:
    """Check a value; a configuration has lists only, also where a target takes a tuple."""
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        if not isinstance(value, list) or "tuple" not in str(error):
            raise
        adapter.validate_python(tuple(value))


def _check_value(key: str, value: Any, adapter: TypeAdapter[Any], default: Any) -> None:
    try:
        _validate(adapter, value)
    except ValidationError as error:
        has_default = default is not inspect.Parameter.empty and not isinstance(default, type)
        way_out = f"; the default is {key}={as_typed(default)}" if has_default else ""
        raise ConfigError(f"{key}={as_typed(value)}: {expectation(error)}{way_out}") from error


def _plain(value: Any) -> Any:
    """A number of NumPy's, which a default may be, as one of Python's."""
    return value.item() if isinstance(value, np.generic) else value


def with_defaults(settings: Any) -> Any:
    """Settings with what their targets take if it is left out, such as an option that is new."""
    if not isinstance(settings, Mapping):
        return list(settings) if isinstance(settings, tuple) else settings
    left_out: dict[str, Any] = {}
    if isinstance(settings.get(TARGET), str):
        parameters = signature_of("", settings[TARGET])[0].parameters.values()
        defaults = {p.name: _plain(p.default) for p in parameters}
        left_out = {name: value for name, value in defaults.items() if isinstance(value, _PLAIN)}
    whole = {key: with_defaults(value) for key, value in {**left_out, **settings}.items()}
    if FIRST_PARTS.keys() <= left_out.keys():
        for name, first in FIRST_PARTS.items():
            whole[name] = whole[name] or dict(first)
        whole["disorder"] = whole["disorder"] or build(whole["hamiltonian"]).disorders[0]
    return whole


def typed_keys() -> set[str]:
    """The keys and groups that the command line sets."""
    if not HydraConfig.initialized():
        return set()
    return {override.lstrip("+~").split("=")[0] for override in HydraConfig.get().overrides.task}
