"""Reading checkpoints as data. Needs torch only, neither Lightning nor Hydra, to load a network."""

import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from sshml.config.trust import TARGET, check_class, check_classes, check_name, targets
from sshml.errors import CheckpointError, ConfigError, printable, reason_of
from sshml.files.provenance import git_revision, versions
from sshml.networks import build_network

CHECKPOINT_KEY = "sshml"
CHECKPOINT_FORMAT = 1
_NETWORK_PREFIX = "network."
# A network of a million tensors would be one of ours by no means.
_MOST_VALUES = 1_000_000
# Such as a kernel's size, or a class's name.
_SETTINGS_WITHOUT_WEIGHTS = 100
_MAX_DEPTH = 32
# Of the data settings, those that name a class.
_DATA_PARTS = {"hamiltonian", "hamiltonian.function", "representation"}
_LONGEST_TEXT = 1_000


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    network: dict[str, Any]
    optimizer: dict[str, Any] | None = None
    scheduler: dict[str, Any] | None = None
    augmentation: dict[str, dict[str, Any]] | None = None
    explanation: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    seed: int = 0
    channels_last: bool = True


class _Checkpoint(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, arbitrary_types_allowed=True)
    state_dict: dict[str, Tensor]
    hyper_parameters: _Parameters
    epoch: Annotated[int, Field(ge=0)] = 0


def checkpoint_origin() -> dict[str, Any]:
    """What every checkpoint says of itself: format, versions, git revision."""
    return {
        "format": CHECKPOINT_FORMAT,
        "versions": versions(),
        "git_revision": git_revision(),
    }


def read_checkpoint(path: str | Path, trust: Sequence[str] = ()) -> dict[str, Any]:
    """Read a checkpoint written by ``train.py``, on the CPU and without running code of its own.

    Args:
        path: a ``.ckpt`` file.
        trust: packages or classes, beside those of :mod:`sshml.config.trust`, that it may name.

    Returns:
        ``state_dict``, ``hyper_parameters`` (``network``, ``optimizer``, ``scheduler``, ``data``; the
        latter with its defaults), ``sshml`` (format, versions, git revision), ``epoch`` and what
        Lightning keeps beside them.

    Raises:
        CheckpointError: if there is no such file, or it is cut short, damaged, not ours, or names what
            it may not.
    """
    checkpoint, network = _read(path, trust)
    try:
        checkpoint["hyper_parameters"]["data"] = _checked_data(checkpoint, network, trust)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {printable(error, 800)}") from error
    return checkpoint


def _read(path: str | Path, trust: Sequence[str]) -> tuple[dict[str, Any], nn.Module]:
    """A checkpoint whose parts are checked but for its data, and its network without values."""
    if isinstance(trust, str):
        raise TypeError(f"trust must be a list of names, such as [{trust!r}]; got {trust!r}")
    checkpoint = _loaded(Path(path))
    try:
        for tensor in _tensors(checkpoint):
            _check_tensor(tensor)
        _check_plain(checkpoint.get("hyper_parameters"))
        parameters = _Checkpoint.model_validate(checkpoint).hyper_parameters.model_dump()
        for where, target in targets(parameters):
            check_name(where, target, trust)
        checkpoint["hyper_parameters"] = parameters
        return checkpoint, _empty_network(checkpoint, trust)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{path}: damaged, or not written by sshml ({printable(where)}: {first['msg'].lower()}); "
            "restore it"
        ) from error
    except (ConfigError, CheckpointError) as error:
        raise CheckpointError(f"{path}: {printable(error, 800)}") from error


def _loaded(path: Path) -> dict[str, Any]:
    """What a file holds, of our format."""
    try:
        if path.is_dir():
            raise CheckpointError(
                f"{path}: is a folder; expected a checkpoint, such as checkpoints/best.ckpt or "
                "checkpoints/last.ckpt in a run folder"
            )
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file; expected a checkpoint, a .ckpt file")
        _check_size(path)
        with warnings.catch_warnings():  # of sparse tensors, which are refused in a moment
            warnings.simplefilter("ignore")
            checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # of a file that is anything at all, torch may raise anything
        raise CheckpointError(
            f"{path}: not a checkpoint, or cut short; expected a checkpoint of sshml"
        ) from error
    origin = checkpoint.get(CHECKPOINT_KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(origin, dict):
        raise CheckpointError(f"{path}: not written by sshml; expected a checkpoint of sshml")
    if origin.get("format") != CHECKPOINT_FORMAT:
        written_by = origin.get("versions")
        version = written_by.get("sshml") if isinstance(written_by, dict) else None
        raise CheckpointError(
            f"{path}: checkpoint format {printable(origin.get('format'))}, expected "
            f"{CHECKPOINT_FORMAT}; use sshml {printable(version)}"
        )
    return checkpoint


def _check_size(path: Path) -> None:
    """As torch does not compress, nothing in a file is larger than the file.

    Files of torch before 1.6, which are no archives, say themselves how much memory to take.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    compressed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
    if compressed or sum(part.file_size for part in parts) > path.stat().st_size:
        raise CheckpointError(f"{path}: not a checkpoint: its parts are larger than the file")


def _tensors(content: Any) -> Iterator[Tensor]:
    """All tensors within containers.

    Raises:
        CheckpointError: if there are too many values, as where containers hold each other.
    """
    left, n = [content], 0
    while left:
        value = left.pop()
        n += 1
        if n > _MOST_VALUES:
            raise CheckpointError(f"damaged, more than {_MOST_VALUES} values; restore it")
        if isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list | tuple | set):
            left += value
        elif isinstance(value, Tensor):
            yield value


def _check_tensor(tensor: Tensor) -> None:
    """A tensor must have all of its values in the file."""
    stored = tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized
    if not (
        stored
        and tensor.device.type == "cpu"
        and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    ):
        raise CheckpointError(
            f"damaged, a tensor of shape {tuple(tensor.shape)} without all of its values; restore it"
        )


def _check_plain(value: Any, path: str = "hyper_parameters", depth: int = 0) -> None:
    """Settings are mappings by text, lists, text, numbers, booleans and None."""
    if depth > _MAX_DEPTH:
        raise CheckpointError("damaged, settings nested too deep; restore it")
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not (isinstance(name, str) and _is_plain(name)):
                raise CheckpointError(
                    f"damaged, {printable(path)} has a key that is not text; restore it"
                )
            _check_plain(item, f"{path}.{name}", depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_plain(item, path, depth + 1)
    elif not _is_plain(value):
        raise CheckpointError(
            f"damaged, {printable(path)} is not a plain value ({type(value).__name__}); restore it"
        )


def _count(settings: Any) -> int:
    """Values within plain data."""
    if isinstance(settings, Mapping):
        return sum(map(_count, settings.values()))
    return sum(map(_count, settings)) if isinstance(settings, list | tuple) else 1


def _is_plain(value: Any) -> bool:
    """Whether a value is one that a configuration has, which can be shown too."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT and value.isprintable()
    if isinstance(value, int):
        return abs(value) < 2**64
    return value is None or isinstance(value, float)


def _empty_network(checkpoint: Mapping[str, Any], trust: Sequence[str]) -> nn.Module:
    """The network of a checkpoint without memory for its weights, which are checked to fit it."""
    node = checkpoint["hyper_parameters"]["network"]
    # Building a network takes the longer the more layers its settings name; each has weights.
    if (n := _count(node)) > _SETTINGS_WITHOUT_WEIGHTS + len(checkpoint["state_dict"]):
        raise CheckpointError(f"damaged, its network has more settings ({n}) than weights; restore it")
    check_class("model", node.get(TARGET), trust)
    check_classes(node, trust, "model")
    try:
        with torch.device("meta"):
            network = build_network(node, download=False)
    except Exception as error:  # of a class of the user's own, it may be any
        raise CheckpointError(
            f"damaged, its network {node[TARGET]} cannot be built "
            f"({printable(reason_of(error))}); restore it"
        ) from error
    network_state(network, checkpoint)
    return network


def _checked_data(
    checkpoint: Mapping[str, Any], network: nn.Module, trust: Sequence[str]
) -> dict[str, Any]:
    """The data settings of a checkpoint with their defaults.

    Raises:
        ConfigError: if there are none, no data can be made by them, or the network takes no such.
    """
    # These import Lightning and Hydra, which a notebook that loads a network need not wait for.
    from sshml.config.build import build  # noqa: PLC0415
    from sshml.config.limits import check_sizes  # noqa: PLC0415
    from sshml.config.moved import of_this_version  # noqa: PLC0415
    from sshml.config.nodes import check_node, with_defaults  # noqa: PLC0415

    node = checkpoint["hyper_parameters"]["data"]
    if node is None:
        raise ConfigError("has no data settings; load_classifier loads the network alone")
    nodes = dict(targets(node))
    if inner := nodes.keys() - {"", *_DATA_PARTS}:
        raise ConfigError(f"data.{printable(min(inner))}: expected plain values; restore it")
    check_class("data", node.get(TARGET), trust)
    for part in _DATA_PARTS & nodes.keys():
        check_class(f"data.{part}", nodes[part], trust)
    check_node("data", node)
    data: dict[str, Any] = with_defaults(of_this_version(node))
    if "hamiltonian" in data:
        check_sizes(data)
    try:
        module = build(data)
        logits = network.eval()(torch.empty(2, *module.shape, device="meta"))
        shape = tuple(logits.shape)
    except Exception as error:
        raise ConfigError(
            f"damaged, its data and network do not fit together ({printable(reason_of(error))}); "
            "restore it"
        ) from error
    classes = module.classes
    if shape != (2, len(classes)):
        raise ConfigError(
            f"its network {type(network).__name__} is not a classifier of {', '.join(classes)}"
        )
    return data


def network_state(network: nn.Module, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint, which are to fit a network.

    Args:
        network: of the class and size that the checkpoint was made with.
        checkpoint: from :func:`read_checkpoint`.

    Returns:
        A ``state_dict`` for the network.

    Raises:
        CheckpointError: naming the first weight that is missing, surplus, of another shape or kind of
            number, or not finite.
    """
    state = {
        name.removeprefix(_NETWORK_PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(_NETWORK_PREFIX)
    }
    expected = network.state_dict()
    for name in sorted(expected.keys() | state.keys()):
        shapes = [tuple(s[name].shape) if name in s else None for s in (state, expected)]
        if shapes[0] == shapes[1] and _kind(state[name]) != _kind(expected[name]):
            raise CheckpointError(f"weight {printable(name)} is of {state[name].dtype}")
        if shapes[1] is None:
            raise CheckpointError(f"{type(network).__name__} has no weight {printable(name)}")
        if shapes[0] is None:
            raise CheckpointError(f"weight {printable(name)} of {type(network).__name__} is missing")
        if shapes[0] != shapes[1]:
            raise CheckpointError(
                f"weight {printable(name)} has shape {shapes[0]} in the checkpoint of "
                f"{checkpoint['hyper_parameters']['network']['_target_']}, "
                f"but {type(network).__name__} expects {shapes[1]}"
            )
        if not state[name].isfinite().all():
            raise CheckpointError(f"damaged, weight {printable(name)} is not finite; restore it")
    return state


def _kind(weight: Tensor) -> tuple[bool, bool]:
    return weight.is_floating_point(), weight.is_complex()


def load_classifier(checkpoint: str | Path, trust: Sequence[str] = ()) -> nn.Module:
    """Load a trained network.

    Args:
        checkpoint: path of a checkpoint written by ``train.py``.
        trust: packages or classes of your own that it may name: ``("my_package",)``. A checkpoint
            may come from anyone, and what it names is imported.

    Returns:
        The network on the CPU in eval mode: profiles (n, 1, 2M, 2M) float32 to logits (n, 2), class
        1 = topological.

    Raises:
        CheckpointError: if the file is not there, cut short, damaged, not ours, or names what it may
            not.
    """
    return trained_network(_read(checkpoint, trust)[0])


def trained_network(checkpoint: Mapping[str, Any]) -> nn.Module:
    """The network of a checkpoint from :func:`read_checkpoint`, as :func:`load_classifier` gives it."""
    network = build_network(checkpoint["hyper_parameters"]["network"], download=False)
    network.load_state_dict(network_state(network, checkpoint))
    return network.eval()
