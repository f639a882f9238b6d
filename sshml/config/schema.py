"""Checks a configuration whole, before any work starts.

The schema of a node with ``_target_`` is the signature of the class or function it names: its
argument names, their annotations and the limits in them. So a custom network or data module is
checked like those of this package.
"""

import functools
import inspect
import logging
import math
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)
from pydantic.errors import PydanticSchemaGenerationError

from sshml.config.build import PARTIAL, TARGET, build
from sshml.config.moved import FIRST_PARTS, of_this_version
from sshml.config.programs import of_other_program
from sshml.data.grid import strength_grid
from sshml.errors import ConfigError, named, reason_of, unknown_key

if TYPE_CHECKING:
    from sshml.data.base import PhaseDataModule

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
    "trainer": "pytorch_lightning.Trainer",
    "transfer": "sshml.transfer.methods.TransferMethod",
}
# Likewise, of groups of several parts with names of their own.
_BASES_OF_PARTS = {"augmentation": "sshml.augmentation.Augmentation"}
# Groups whose files set keys of all others.
_GLOBAL = ("experiment", "sweep", "debug")
# Arguments that the program itself passes, and a configuration therefore need not.
_PASSED = {"optimizer": {"params"}, "scheduler": {"optimizer"}}


class _Paths(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    runs: Annotated[str, Field(min_length=1)]
    run: str


class _Config(BaseModel):
    """Top level of what all configurations have; nodes are checked one by one after it."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())
    FILE: ClassVar[str]
    # torch takes seeds up to 2^64, numpy (which Lightning seeds too) up to 2^32.
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    data: dict[str, Any]
    augmentation: dict[str, dict[str, Any]]
    model: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any] | None
    callbacks: dict[str, dict[str, Any]]
    logger: dict[str, dict[str, Any]]
    trainer: dict[str, Any]
    channels_last: bool
    figures: bool
    trust: list[str]
    paths: _Paths


class TrainConfig(_Config):
    """Top level of ``conf/train.yaml``."""

    FILE = "conf/train.yaml"
    ckpt_path: str | None


def _checked_grid(W: Any) -> list[float]:
    return strength_grid(W)


Grid = Annotated[list[float], BeforeValidator(_checked_grid)]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    W: Grid | None


class _Method(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    augmentation: dict[str, dict[str, Any]] | None = None
    data: dict[str, Any] | None = None
    transfer: dict[str, Any] | None = None


class TransferConfig(_Config):
    """Top level of ``conf/transfer.yaml``."""

    FILE = "conf/transfer.yaml"
    checkpoint: str | None
    source: _Source
    seeds: Annotated[int, Field(ge=1, le=10_000)]
    resume: str | None
    compare: str | None
    report: list[str]
    transfer: dict[str, Any]
    methods: dict[str, _Method] | None
    phase_diagram: Annotated[int, Field(ge=2)] | None


def plain_config(config: DictConfig, schema: type[_Config] = TrainConfig) -> dict[str, Any]:
    """Resolve and check a composed configuration.

    Args:
        config: what Hydra composed from ``conf/train.yaml`` or ``conf/transfer.yaml``.
        schema: :class:`TrainConfig` or :class:`TransferConfig`; the latter makes lists of its grids
            ``data.W`` and ``source.W``.

    Returns:
        The same as plain dictionaries, lists, numbers, strings and None.

    Raises:
        ConfigError: for the first unknown or missing key, wrong type or value out of range.
    """
    if schema is TrainConfig and "source" in config and _chosen("experiment") != "None":
        raise ConfigError(
            "experiment: tests networks, which train.py does not; run python transfer.py "
            f"experiment={_chosen('experiment')}"
        )
    if schema is TransferConfig:
        _refuse_training_experiment()
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if not isinstance(plain, dict):
        raise ConfigError(f"the configuration must be a mapping, got {type(plain).__name__}")
    settings: dict[str, Any] = {str(key): of_this_version(value) for key, value in plain.items()}
    for key, value in settings.items():
        _check_keys(key, value)
    try:
        checked = schema.model_validate(settings)
    except ValidationError as error:
        raise _as_config_error(error, schema) from error
    if isinstance(checked, TransferConfig):
        settings["source"] = {"W": checked.source.W}
        _make_grid(settings["data"])
        _check_node("transfer", settings["transfer"])
        for name, method in (settings["methods"] or {}).items():
            _check_method(f"methods.{name}", method, settings["data"])
    _leave_out_size(settings["data"])
    for group in ("data", "model", "loss", "optimizer", "scheduler", "trainer"):
        if settings[group] is not None:
            _check_node(group, settings[group])
    for group in ("augmentation", "callbacks", "logger"):
        for name, node in settings[group].items():
            _check_node(f"{group}.{name}", node)
    # Defaults for what `~KEY` has removed.
    settings["data"] = with_defaults(settings["data"])
    settings["trainer"] = {"precision": "32-true", "devices": "auto", **settings["trainer"]}
    for part in FIRST_PARTS.keys() & settings["data"].keys():
        with named(f"data.{part}", settings["data"][part]):
            build(settings["data"][part])
    with named("data", settings["data"]):
        data: PhaseDataModule = build(settings["data"])
        settings["data"] |= data.recorded()
    _follow("n_classes", len(data.classes), 2, settings)
    _follow("in_channels", data.shape[0], 1, settings)
    return settings


def _follow(argument: str, number: int, usual: int, settings: Mapping[str, Any]) -> None:
    """Let a network have as many classes, or channels, as the data; it need not take a usual number."""
    model = settings["model"]
    given = model.get(argument, number)
    what = argument.rpartition("_")[2]
    if given != number:
        raise ConfigError(f"model.{argument}={given}: the data have {number} {what}; leave it out")
    if number != usual:
        if argument not in _signature("model", model[TARGET])[0].parameters:
            raise ConfigError(
                f"model._target_={model[TARGET]}: takes no {argument}; expected a network for the "
                f"{number} {what} of the data"
            )
        model[argument] = number


def _leave_out_size(data: dict[str, Any]) -> None:
    """An option of `model` sets the size that it is made for, which images from elsewhere have."""
    parameters = _signature("data", data[TARGET])[0].parameters if TARGET in data else ("n_cells",)
    if "n_cells" not in parameters and "data.n_cells" not in _typed():
        data.pop("n_cells", None)


def _make_grid(data: dict[str, Any]) -> None:
    """Of W, a list of the strengths to test at."""
    if "W" in data:
        try:
            data["W"] = strength_grid(data["W"])
        except ValueError as error:
            raise ConfigError(f"data.W={_as_typed(data['W'])}: {error}") from error


def _check_keys(path: str, value: Any) -> None:
    """Check that all keys are text; YAML and Hydra take numbers, booleans and null too."""
    if isinstance(value, list):
        for item in value:
            _check_keys(path, item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{path}: has the key {_as_typed(key)}; expected names")
            _check_keys(f"{path}.{key}", item)


def check_data(node: Mapping[str, Any]) -> None:
    """Check data settings that are not of a configuration, but of a checkpoint.

    Raises:
        ConfigError: for the first unknown or missing key, wrong type or value out of range.
    """
    _check_node("data", node)


def _check_method(path: str, method: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Check what a method of a study sets; of the data, as they would be with it."""
    for part, node in (method.get("augmentation") or {}).items():
        _check_node(f"{path}.augmentation.{part}", node)
    if method.get("transfer"):
        _check_node(f"{path}.transfer", method["transfer"])
    if method.get("data"):
        if "seed" in method["data"] or TARGET in method["data"]:
            raise ConfigError(f"{path}.data: expected no seed and no {TARGET}, which are the study's")
        own = {key: method["data"].get(key, value) for key, value in data.items() if key != "W"}
        _check_node(f"{path}.data", {**own, **method["data"]})


def dotted(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted keys; an empty mapping is a value."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= (
            dotted(value, f"{prefix}{key}.")
            if isinstance(value, Mapping) and value
            else {f"{prefix}{key}": value}
        )
    return flat


def with_defaults(settings: Any) -> Any:
    """Settings with what their targets take if it is left out, such as an option that is new."""
    if not isinstance(settings, Mapping):
        return list(settings) if isinstance(settings, tuple) else settings
    left_out: dict[str, Any] = {}
    if isinstance(settings.get(TARGET), str):
        parameters = _signature("", settings[TARGET])[0].parameters.values()
        left_out = {p.name: p.default for p in parameters if isinstance(p.default, _PLAIN)}
    whole = {key: with_defaults(value) for key, value in {**left_out, **settings}.items()}
    if FIRST_PARTS.keys() <= left_out.keys():
        for name, first in FIRST_PARTS.items():
            whole[name] = whole[name] or dict(first)
        whole["disorder"] = whole["disorder"] or build(whole["hamiltonian"]).disorders[0]
    return whole


def _refuse_training_experiment() -> None:
    """A clean network would be trained, and an experiment of train.py only name the test strengths."""
    name = _chosen("experiment")
    if not HydraConfig.initialized() or name == "None":
        return
    hydra = HydraConfig.get()
    typed = {key.split(".")[0] for key in _typed()}
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file"]
    files = [path for folder in folders if (path := folder / "experiment" / f"{name}.yaml").is_file()]
    own = {key for path in files[:1] for key in OmegaConf.load(path)}
    if not (typed | {str(key) for key in own}) & (
        TransferConfig.model_fields.keys() - TrainConfig.model_fields.keys()
    ):
        raise ConfigError(
            f"experiment={name}: trains a network and tests none elsewhere; run python train.py "
            f"experiment={name}, then python transfer.py checkpoint=RUN/checkpoints/best.ckpt"
        )


def _typed() -> set[str]:
    """The keys and groups that the command line sets."""
    if not HydraConfig.initialized():
        return set()
    return {override.lstrip("+~").split("=")[0] for override in HydraConfig.get().overrides.task}


def _chosen(group: str) -> str:
    """The option of a configuration group that the command line chose."""
    if not HydraConfig.initialized():
        return "…"
    return str(HydraConfig.get().runtime.choices.get(group))  # of several at once it has none


def _check_node(path: str, node: Mapping[str, Any]) -> None:
    """Check a node against the signature of its target, and the nodes within it."""
    target = node.get(TARGET)
    if not isinstance(target, str):
        raise ConfigError(f"{path}.{TARGET}={target}: expected the dotted name of a class or function")
    parameters = _signature(path, target)[0].parameters
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
            way_out = "" if key in _typed() else f"; ~{key} leaves it out"
            raise ConfigError(f"{key}={_as_typed(value)}: {unknown_key(path, name, known)}{way_out}")
        if isinstance(value, Mapping) and TARGET in value:
            _check_node(key, value)
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
def _signature(path: str, target: str) -> tuple[inspect.Signature, dict[str, Any]]:
    """Signature and resolved annotations of what a node builds."""
    try:
        built = get_object(target)
        group = re.sub(r"^methods\.[^.]+\.", "", path)
        base = _BASES.get(group) or _BASES_OF_PARTS.get(group.rpartition(".")[0])
        if base and not (isinstance(built, type) and issubclass(built, get_object(base))):
            raise TypeError(f"expected a class derived from {base}")
        if inspect.isabstract(built):
            raise TypeError("expected a class derived from it")
        annotated = built.__init__ if isinstance(built, type) else built  # type: ignore[misc]
        return inspect.signature(built), _annotations(annotated)
    except (Exception, SystemExit) as error:  # importing a module may raise any
        what = reason_of(error)
        raise ConfigError(f"{path}.{TARGET}={target}: cannot be used ({what})") from error


def _annotations(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError:  # of a library that imports some for its type checker only
        return {}


@functools.cache
def _adapter(path: str, target: str, name: str) -> TypeAdapter[Any] | None:
    """What checks an argument of a node's target; None if only a library of its own could."""
    annotations = _signature(path, target)[1]
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
        way_out = f"; the default is {key}={_as_typed(default)}" if has_default else ""
        raise ConfigError(f"{key}={_as_typed(value)}: {_expectation(error)}{way_out}") from error


def _as_config_error(error: ValidationError, schema: type[_Config]) -> ConfigError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        parent = ".".join(location[:-1])
        if key in FIRST_PARTS:
            raise ConfigError(
                f"{key}: a configuration file of this group is to begin with # @package data, as those "
                f"in conf/{key}"
            ) from error
        if key in _GLOBAL:
            raise ConfigError(
                f"{key}: a configuration file of this group is to begin with # @package _global_, as "
                f"those in conf/{key}"
            ) from error
        other = of_other_program(key, Path(schema.FILE).stem)
        if other:
            raise ConfigError(f"{key}={_as_typed(first['input'])}: {other}") from error
        nodes: dict[str, type[BaseModel]] = {
            "": schema, "paths": _Paths, "source": _Source, "methods": _Method
        }  # fmt: skip
        fields = nodes[location[0] if parent else ""].model_fields
        return ConfigError(f"{key}={first['input']}: {unknown_key(parent, location[-1], fields)}")
    if first["type"] == "missing":
        return ConfigError(f"{key}: missing; see {schema.FILE}")
    return ConfigError(f"{key}={_as_typed(first['input'])}: {_expectation(error)}; see {schema.FILE}")


# What pydantic calls the values of a configuration, and what a user calls them.
_PLAIN_WORDS = {
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "an instance of Sequence": "a list",
    "a valid timedelta": "a time",
}


def _expectation(error: ValidationError) -> str:
    """What pydantic expected, all members of a union in one phrase."""
    phrases: list[str] = []
    for problem in error.errors():
        phrase = problem["msg"].removeprefix("Value error, ")
        phrase = phrase.replace("Input should be ", "expected ")
        phrase = re.sub("a valid dictionary( or instance of _.*)?", "a mapping", phrase)
        phrase = re.sub(
            r"Tuple should have at \w+ (\d+) items? after validation, not (\d+)",
            r"expected \1 values, got \2",
            phrase,
        )
        for pydantic, plain in _PLAIN_WORDS.items():
            phrase = phrase.replace(pydantic, plain)
        if problem["type"] == "missing":  # of a tuple
            phrase = "expected more values"
        if phrase not in phrases:
            phrases.append(phrase if not phrases else phrase.removeprefix("expected "))
    return " or ".join(phrases)


def _as_typed(value: Any) -> str:
    """A value as one would type it on Hydra's command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_as_typed, value)) + "]"
    return str(value)
