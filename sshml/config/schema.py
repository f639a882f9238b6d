"""Checks a configuration whole, before any work starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from sshml.config.build import TARGET, build
from sshml.config.moved import FIRST_PARTS, of_this_version
from sshml.config.nodes import check_node, signature_of, typed_keys, with_defaults
from sshml.config.options import PRESETS
from sshml.config.programs import CONF_DIR, command_of, of_other_program
from sshml.config.wording import as_typed, expectation
from sshml.data.grid import strength_grid
from sshml.data.streams import Split
from sshml.errors import ConfigError, named, unknown_key

if TYPE_CHECKING:
    from sshml.data.base import PhaseDataModule

# Groups of several parts with names of their own.
_OF_PARTS = ("augmentation", "callbacks", "logger")
# What parts of data are to be called by.
_NAMES = {
    "hamiltonian": ("control", "symbol", "classes", "disorders"),
    "representation": ("title", "rows", "columns", "quantity"),
}


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
    explanation: dict[str, Any]
    callbacks: dict[str, dict[str, Any]]
    logger: dict[str, dict[str, Any]]
    trainer: dict[str, Any]
    channels_last: bool
    figures: bool
    trust: list[str]
    dry_run: bool
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
            "experiment: tests networks at other strengths, which train.py cannot do; run "
            f"{command_of('transfer')} experiment={_chosen('experiment')}"
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
    del settings["dry_run"]  # for the program alone: it changes no result
    if isinstance(checked, TransferConfig):
        settings["source"] = {"W": checked.source.W}
        _make_grid(settings["data"])
        check_node("transfer", settings["transfer"])
        for name, method in (settings["methods"] or {}).items():
            _check_method(f"methods.{name}", method, settings["data"])
    _leave_out_size(settings["data"])
    for group in ("data", "model", "loss", "optimizer", "scheduler", "explanation", "trainer"):
        if settings[group] is not None:
            check_node(group, settings[group])
    for group in _OF_PARTS:
        for name, node in settings[group].items():
            check_node(f"{group}.{name}", node)
    # Defaults for what `~KEY` has removed.
    settings["data"] = with_defaults(settings["data"])
    settings["trainer"] = {"precision": "32-true", "devices": "auto", **settings["trainer"]}
    _check_parts(settings["data"])
    with named("data", settings["data"]):
        data: PhaseDataModule = build(settings["data"])
        settings["data"] |= data.recorded()
    _follow("n_classes", len(data.classes), 2, settings["model"])
    _follow("in_channels", data.shape[0], 1, settings["model"])
    _follow_size(data.shape, settings["model"])
    _follow_steps(data, settings)
    return settings


def _check_parts(data: Mapping[str, Any]) -> None:
    """Build the parts of the data, which have to say what they are called."""
    for part in FIRST_PARTS.keys() & data.keys():
        with named(f"data.{part}", data[part]):
            built = build(data[part])
        for name in _NAMES[part]:
            if not hasattr(built, name):
                raise ConfigError(
                    f"data.{part}._target_={data[part][TARGET]}: has no {name}, which figures "
                    "and tables need"
                )


def _follow_steps(data: "PhaseDataModule", settings: Mapping[str, Any]) -> None:
    """Let a schedule of the whole run have the steps of data whose number is read from a file."""
    scheduler, epochs = settings["scheduler"] or {}, settings["trainer"].get("max_epochs") or 0
    if scheduler.get("total_steps", 0) is None and epochs > 0:
        batches = -(-len(data.dataset(Split.TRAIN)) // settings["data"]["batch_size"])
        scheduler["total_steps"] = max(1, epochs * batches)


def _follow_size(shape: tuple[int, int, int], model: dict[str, Any]) -> None:
    """Let a network that is made for one size of images have that of the data."""
    if "image_size" in signature_of("model", model[TARGET])[0].parameters:
        model.setdefault("image_size", list(shape[1:]))


def _follow(argument: str, number: int, usual: int, model: dict[str, Any]) -> None:
    """Let a network have as many classes, or channels, as the data; it need not take a usual number."""
    given = model.get(argument, number)
    what = argument.rpartition("_")[2]
    if given != number:
        raise ConfigError(f"model.{argument}={given}: the data have {number} {what}; omit it")
    if number != usual:
        if argument not in signature_of("model", model[TARGET])[0].parameters:
            raise ConfigError(
                f"model._target_={model[TARGET]}: does not take {argument}; expected a network for "
                f"the {number} {what} of the data"
            )
        model[argument] = number


def _leave_out_size(data: dict[str, Any]) -> None:
    """An option of `model` sets the size that it is made for, which images from elsewhere have."""
    parameters = signature_of("data", data[TARGET])[0].parameters if TARGET in data else ("n_cells",)
    if "n_cells" not in parameters and "data.n_cells" not in typed_keys():
        data.pop("n_cells", None)


def _make_grid(data: dict[str, Any]) -> None:
    """Of W, a list of the strengths to test at."""
    if "W" in data:
        try:
            data["W"] = strength_grid(data["W"])
        except ValueError as error:
            raise ConfigError(f"data.W={as_typed(data['W'])}: {error}") from error


def _check_keys(path: str, value: Any) -> None:
    """Check that all keys are text; YAML and Hydra take numbers, booleans and null too."""
    if isinstance(value, list):
        for item in value:
            _check_keys(path, item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{path}: has the key {as_typed(key)}; expected text as keys")
            _check_keys(f"{path}.{key}", item)


def _check_method(path: str, method: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Check what a method of a study sets; of the data, as they would be with it."""
    for part, node in (method.get("augmentation") or {}).items():
        check_node(f"{path}.augmentation.{part}", node)
    if method.get("transfer"):
        check_node(f"{path}.transfer", method["transfer"])
    if method.get("data"):
        if "seed" in method["data"] or TARGET in method["data"]:
            raise ConfigError(f"{path}.data: expected no seed and no {TARGET}, which the study sets")
        own = {key: method["data"].get(key, value) for key, value in data.items() if key != "W"}
        check_node(f"{path}.data", {**own, **method["data"]})


def _refuse_training_experiment() -> None:
    """A clean network would be trained, and an experiment of train.py only name the test strengths."""
    name = _chosen("experiment")
    if not HydraConfig.initialized() or name == "None":
        return
    hydra = HydraConfig.get()
    typed = {key.split(".")[0] for key in typed_keys()}
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file"]
    files = [path for folder in folders if (path := folder / "experiment" / f"{name}.yaml").is_file()]
    own = {key for path in files[:1] for key in OmegaConf.load(path)}
    if not (typed | {str(key) for key in own}) & (
        TransferConfig.model_fields.keys() - TrainConfig.model_fields.keys()
    ):
        raise ConfigError(
            f"experiment={name}: trains one network, and transfer.py tests networks; run "
            f"{command_of('train')} experiment={name}, then {command_of('transfer')} "
            "checkpoint=RUN/checkpoints/best.ckpt"
        )


def _chosen(group: str) -> str:
    """The option of a configuration group that the command line chose."""
    if not HydraConfig.initialized():
        return "…"
    return str(HydraConfig.get().runtime.choices.get(group))  # of several at once it has none


def _as_config_error(error: ValidationError, schema: type[_Config]) -> ConfigError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        parent = ".".join(location[:-1])
        if key in FIRST_PARTS:
            raise ConfigError(
                f"{key}: a configuration file of this group must begin with # @package data, as "
                f"those in conf/{key} do"
            ) from error
        if key in PRESETS:
            raise ConfigError(
                f"{key}: a configuration file of this group must begin with # @package _global_, as "
                f"those in conf/{key} do"
            ) from error
        other = of_other_program(key, Path(schema.FILE).stem)
        if other:
            raise ConfigError(f"{key}={as_typed(first['input'])}: {other}") from error
        nodes: dict[str, type[BaseModel]] = {
            "": schema, "paths": _Paths, "source": _Source, "methods": _Method
        }  # fmt: skip
        fields = nodes[location[0] if parent else ""].model_fields
        return ConfigError(f"{key}={first['input']}: {unknown_key(parent, location[-1], fields)}")
    if first["type"] == "missing" and (CONF_DIR / key).is_dir():
        return ConfigError(
            f"{key}: missing; a configuration file of this group has its keys at the top level and "
            f"no # @package line, or it begins with # @package _global_ and has its keys under {key}:"
        )
    if first["type"] == "missing":
        return ConfigError(f"{key}: missing; see {schema.FILE}")
    if location[1:] == [TARGET] and location[0] in _OF_PARTS:
        return ConfigError(
            f"{key}={first['input']}: a configuration file of this group needs a name for its part: "
            f"a line NAME: with {TARGET} and the other keys indented below it"
        )
    if location[0] == "methods" and location[2:] in (["transfer"], ["augmentation"]):
        option = as_typed(first["input"])
        return ConfigError(
            f"{key}={option}: expected a mapping; to choose an option, use "
            f"+{location[2]}@{key}={option}"
        )
    return ConfigError(f"{key}={as_typed(first['input'])}: {expectation(error)}; see {schema.FILE}")
