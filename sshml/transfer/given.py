"""The one network that a study is given, and the data that it is tested on."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from sshml.config.build import TARGET, build
from sshml.config.limits import check_network
from sshml.config.moved import FIRST_PARTS
from sshml.config.options import dotted
from sshml.config.trust import check_classes, trusted
from sshml.data.arrays import ArraysDataModule
from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import CheckpointError, ConfigError, reason_of
from sshml.explanations import Explanation
from sshml.files.checkpoint import network_state, read_checkpoint
from sshml.networks import pools_globally
from sshml.training.checks.network import check_explanation
from sshml.training.checks.run import check_samples
from sshml.transfer.checks import check_diagram, empty_network
from sshml.transfer.columns import strength_name
from sshml.transfer.networks import Method, PlannedNetwork, check_methods

# As for `seed`: numpy's seeds are below.
_SEEDS = 2**32
# Settings of a checkpoint that may leave a training without any.
_RARELY = ("save_top_k", "every_n_epochs")
# Groups that only a training uses.
_TRAINS = ("augmentation", "loss", "optimizer", "scheduler")
# Of a folder; file systems have 255 bytes, and pictures have the name and more.
_LONGEST_NAME = 200
# The settings of a study that are those of its trainings.
_OF_TRAINING = (
    "data", "augmentation", "model", "loss", "optimizer", "scheduler", "callbacks", "logger", "trainer",
    "channels_last", "figures", "trust", "paths",
)  # fmt: skip


def _name_of(data: Mapping[str, Any]) -> str:
    """A word for data without strengths: that of their file."""
    return re.sub(r"[^\w.+-]+", "_", Path(data.get("path", "data")).stem)


def given_network(
    settings: Mapping[str, Any], typed: set[str], methods: Sequence[Method]
) -> PlannedNetwork:
    """The one network that a checkpoint is; says what is tested otherwise than it was trained."""
    path = settings["checkpoint"]
    if "source.W" in typed or "seeds" in typed:
        raise ConfigError(
            f"checkpoint={path}: is a single trained network; omit source.W and seeds, or omit the "
            "checkpoint"
        )
    of_training = sorted(key for key in typed if key.split(".")[0] in _TRAINS)
    if of_training and settings["resume"] is None:
        raise ConfigError(
            f"{of_training[0]}: is a training setting, but checkpoint={path} is already trained; "
            "omit one of them"
        )
    for method in methods:
        if method.training:
            raise ConfigError(
                f"checkpoint={path}: is already trained, but methods.{method.name} has training "
                "settings; omit the checkpoint or the method"
            )
    of_model: list[str] = []
    try:
        content = read_checkpoint(path, trusted(settings))
        of_model = sorted(key for key in typed if key.split(".")[0] == "model")
        if of_model:
            _check_fit(path, settings["model"], content)
    except CheckpointError as error:
        way_out = f"; omit {of_model[0]}, since the checkpoint has its own model" if of_model else ""
        raise CheckpointError(f"checkpoint={error}{way_out}") from error
    trained = content["hyper_parameters"]["data"]
    _check_parts(settings, typed, trained)
    data = _tested_on(settings, typed, trained)
    target = check_samples(data)
    check_diagram(settings, data)
    network = empty_network(content["hyper_parameters"]["network"])
    check_methods(methods, network, target)
    try:
        check_network(network, torch.empty(2, *target.shape, device="meta"), data["batch_size"])
    except ConfigError:
        raise
    except Exception as error:  # of a network of the user's own, it may be any
        height, width = target.shape[1:]
        given = f"data.n_cells={data['n_cells']}" if "n_cells" in data else "data"
        raise ConfigError(
            f"{given}: its images of {height}x{width} do not fit the network of checkpoint={path} "
            f"({reason_of(error)}); choose images of the size it was trained on"
            + (", or a larger one" if pools_globally(network) else "")
        ) from error
    return PlannedNetwork(
        train_W=strength_name(trained["W"]) if "W" in trained else _name_of(trained),
        seed=trained["seed"],
        methods=methods,
        checkpoint=Path(path),
        tested_on=data,
        run=None,
        explanation=_explanation(settings, typed, content, target) if settings["figures"] else None,
    )


def _explanation(
    settings: Mapping[str, Any],
    typed: set[str],
    content: Mapping[str, Any],
    target: PhaseDataModule,
) -> Explanation:
    """That of the command line, or else that of its training, if it goes with the network."""
    node = settings["explanation"]
    of_training = content["hyper_parameters"]["explanation"]
    if of_training and not any(key.split(".")[0] == "explanation" for key in typed):
        check_classes(of_training, trusted(settings), "explanation")
        node = of_training
    model = content["hyper_parameters"]["network"]
    return check_explanation(node, model, target.shape, len(target.classes))


def _check_fit(path: str, model: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    try:
        network_state(empty_network(model), content)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _check_parts(settings: Mapping[str, Any], typed: set[str], trained: Mapping[str, Any]) -> None:
    """A network is tested on the kind of chains and images that it was trained on, but for files."""
    if settings["data"][TARGET] != trained[TARGET]:
        return
    for part in FIRST_PARTS.keys() & trained.keys() & settings["data"].keys():
        own = [key for key in typed if re.match(rf"(data\.)?{part}", key)]
        if own and settings["data"][part][TARGET] != trained[part][TARGET]:
            raise ConfigError(
                f"{own[0]}: the network of checkpoint={settings['checkpoint']} was trained with "
                f"data.{part}._target_={trained[part][TARGET]}; omit it"
            )


def _tested_on(
    settings: Mapping[str, Any], typed: set[str], trained: Mapping[str, Any]
) -> dict[str, Any]:
    """Data settings of a checkpoint with command-line overrides, which are reported."""
    if settings["data"][TARGET] != trained[TARGET] and "data" in typed:
        return _other_data(settings["data"], typed, trained)
    data = dict(trained)
    if "num_workers" in data:  # which depends on the machine, not on the network
        data["num_workers"] = settings["data"].get("num_workers", 0)
    before = dotted(trained)
    for key, value in settings["data"].items():
        # As data.KEY, data.KEY.ARGUMENT, or a group or key of the whole study.
        given = any(name in (key, f"data.{key}") or name.startswith(f"data.{key}.") for name in typed)
        if given and key != "W":
            data[key] = value
            for name, now in dotted({key: value}).items():
                if before.get(name) != now:
                    print(f"data.{name}={now}: the network was trained with {before.get(name)}")
    if "n_cells" not in data:
        if "data.path" in typed:  # another file has its own
            data |= {key: settings["data"][key] for key in ("shape", "parameters")}
            _check_alike(build(settings["data"]), build(trained))
            _say_share(data)
            if data["shape"] != trained["shape"]:
                size, own = ("x".join(map(str, of["shape"][1:])) for of in (data, trained))
                print(f"images of {size}: the network was trained on {own}")
        return data
    if data["n_cells"] != trained["n_cells"]:
        print(f"data.n_cells={data['n_cells']}: the image size differs from that of the training")
    print(
        f"testing on {data['n_test']} chains of M = {data['n_cells']} per strength; they use the "
        "training settings plus command-line overrides (data settings in experiment= are ignored)"
    )
    return data


def _other_data(data: Mapping[str, Any], typed: set[str], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of other data than a network was trained on, whose images and classes have no names."""
    of_network, given = build(trained), build(data)
    found = dict(data)
    if not {"representation", "data.representation"} & typed:
        found["representation"] = _shown_as(data, trained["representation"])
    _check_alike(given, of_network)
    if "classes" in found:
        found["classes"] = list(of_network.classes)
    _say_share(found)
    return found


def _say_share(data: Mapping[str, Any]) -> None:
    """Of a file, how many of its images are those of the test."""
    module = build(data)
    if not isinstance(module, ArraysDataModule):
        return
    n, whole = len(module.dataset(Split.TEST)), sum(len(module.dataset(split)) for split in Split)
    if n < whole:
        print(
            f"testing on {n} of {whole} images; data.shares=[0,0,1] tests all, if the file has no split"
        )


def _check_alike(given: PhaseDataModule, of_network: PhaseDataModule) -> None:
    """A file's images and classes must be as many as the network's; says which class is which."""
    if len(given.classes) != len(of_network.classes):
        raise ConfigError(
            f"data: has the {len(given.classes)} classes {', '.join(given.classes)}; expected the "
            f"{len(of_network.classes)} of the network, {', '.join(of_network.classes)} "
            "(data.classes of data=arrays can also name classes without samples)"
        )
    if given.shape[0] != of_network.shape[0]:
        raise ConfigError(
            f"data: has images of {given.shape[0]} channels; expected {of_network.shape[0]}, as in "
            "the training of the network"
        )
    if given.classes == of_network.classes:
        return
    if set(given.classes) & set(of_network.classes):
        raise ConfigError(
            f"data: has the classes {', '.join(given.classes)}, and the network "
            f"{', '.join(of_network.classes)}; expected the same classes in the same order, or "
            "entirely different names"
        )
    for label, names in enumerate(zip(given.classes, of_network.classes, strict=True)):
        print(f"label {label}: {names[0]} corresponds to {names[1]} of the network")


def _shown_as(data: Mapping[str, Any], representation: dict[str, Any]) -> dict[str, Any]:
    """The representation that a network was trained on, if other images are of its kind too."""
    given = build({**data, "representation": representation})
    if isinstance(given, ArraysDataModule):
        try:
            given.check_kind()
        except ConfigError as error:
            print(f"{str(error).partition('; ')[0]}: treated as plain images, without baselines")
            own: dict[str, Any] = data["representation"]
            return own
    return representation
