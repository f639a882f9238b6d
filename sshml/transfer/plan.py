"""What a study is to do: its networks, the methods that begin with each, the strengths to test at."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sshml.config.build import TARGET, build
from sshml.config.limits import check_network
from sshml.config.moved import FIRST_PARTS
from sshml.config.nodes import dotted
from sshml.config.trust import trusted
from sshml.data.base import PhaseDataModule
from sshml.errors import CheckpointError, ConfigError, named, printable, reason_of
from sshml.files.checkpoint import network_state, read_checkpoint
from sshml.files.stored import relocated
from sshml.training.checks.run import check_run, check_samples
from sshml.training.checks.trainer import n_processes
from sshml.transfer.baselines import BASELINES, ONLY_METHOD, baselines_of
from sshml.transfer.checks import check_diagram, check_resumed, empty_network
from sshml.transfer.columns import cell_of
from sshml.transfer.methods import TransferMethod
from sshml.transfer.phase_diagram import Plane
from sshml.transfer.table import DIAGRAMS, ROWS, read_lines, read_rows

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


@dataclass(frozen=True)
class Method:
    """A way to get networks that are to be right at other strengths.

    Attributes:
        name: in the tables.
        transfer: what is done to a trained network.
        training: settings of the training that are the method's own: ``augmentation`` and ``data``.
    """

    name: str
    transfer: TransferMethod
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedNetwork:
    """A network of a study, to be trained or there already, and the methods that begin with it.

    Attributes:
        train_W: strength it is trained at, or several, as one number or word for tables.
        seed: of its training.
        methods: to test, one or more.
        checkpoint: its file.
        tested_on: settings of the data it is tested on, but for W.
        run: settings of train.py that train it; None for one that is there.
        shown: whether maps are drawn of its tests.
    """

    train_W: float | str  # noqa: N815  # the column's name
    seed: int
    methods: Sequence[Method]
    checkpoint: Path
    tested_on: Mapping[str, Any]
    run: Mapping[str, Any] | None
    shown: bool

    @property
    def name(self) -> str:
        """For files."""
        W = self.train_W
        return f"W{W if isinstance(W, str) else format(W, 'g')}_seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """All that a study is to do.

    Attributes:
        networks: to test.
        strengths: to test at; None alone for data without them.
        several: whether the study is one of several methods side by side.
        trust: what checkpoints may name, beside what :mod:`sshml.config.trust` lets pass.
        plane: where phase diagrams are drawn; None for a study without.
        baselines: what stands beside the networks.
    """

    networks: Sequence[PlannedNetwork]
    strengths: Sequence[float | None]
    several: bool
    trust: Sequence[str]
    plane: Plane | None
    baselines: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The phases."""
        data: PhaseDataModule = build(self.networks[0].tested_on)
        return data.classes


def planned(settings: Mapping[str, Any], overrides: Sequence[str]) -> Plan:
    """Check a study whole, before any work.

    Args:
        settings: of the study.
        overrides: what the command line changed of the configuration.

    Raises:
        ConfigError: if the parts do not fit together.
        CheckpointError: before any work, if a checkpoint cannot be used.
    """
    if n_processes(settings["trainer"]) > 1:
        raise ConfigError(
            f"trainer.devices={settings['trainer']['devices']}: expected 1 here; train with "
            "python train.py trainer=ddp, then test by python transfer.py "
            "checkpoint=RUN/checkpoints/best.ckpt"
        )
    methods = methods_of(settings)
    typed = {override.lstrip("+~").split("=")[0] for override in overrides}
    if settings["resume"] is not None:
        check_resumed(settings)
    if settings["checkpoint"] is not None:
        networks = [_of_checkpoint(settings, typed, methods)]
    else:
        networks = list(_to_train(settings, typed, methods))
    bins, data = settings["phase_diagram"], networks[0].tested_on
    plane = Plane.of_data(data, bins) if bins else None
    plan = Plan(
        networks=networks,
        strengths=settings["data"]["W"] if "W" in data else [None],
        several=settings["methods"] is not None,
        trust=trusted(settings),
        plane=plane,
        baselines=baselines_of(build(data)),
    )
    if settings["resume"] is not None:
        _check_results(Path(settings["resume"]), plan)
    return plan


def _check_results(folder: Path, plan: Plan) -> None:
    """The results that a study has must be whole, and of the cells that it tests."""
    rows = read_rows(folder, len(plan.classes))
    lines = read_lines(folder, plan.plane) if plan.plane else {}
    planned_cells = {
        (method, network.train_W, network.seed, W)
        for network in plan.networks
        for method in (*(method.name for method in network.methods), *BASELINES)
        for W in plan.strengths
    }
    if foreign := {*map(cell_of, rows), *lines} - planned_cells:
        method, train_W, seed, W = min(foreign, key=str)
        raise ConfigError(
            f"resume={folder}: has results at W={W:g} of {method}, trained at W={train_W}, "
            f"seed {seed}, in {ROWS} or {DIAGRAMS}, but not in config.yaml; restore them"
        )


def methods_of(settings: Mapping[str, Any]) -> list[Method]:
    """The methods of a study: those of ``methods``, or the one that ``transfer`` names.

    Raises:
        ConfigError: for a name that cannot be one, or no method at all.
    """
    default = settings["transfer"]
    if settings["methods"] is None:
        return [Method(ONLY_METHOD, _built("transfer", default))]
    if not settings["methods"]:
        raise ConfigError(
            "methods={}: expected one or more, such as methods={plain:{}}; null has the one of transfer"
        )
    taken = (*BASELINES, ONLY_METHOD)
    for name in settings["methods"]:
        if name in taken or not re.fullmatch(r"[\w-]{1,100}", name):
            raise ConfigError(
                f"methods.{name}: expected a name of at most 100 letters, digits, - and _, and none of "
                f"{', '.join(taken)}, which the tables have already"
            )
    return [
        Method(
            name,
            _built(f"methods.{name}.transfer", node.get("transfer") or default),
            _own_training(node, settings["augmentation"]),
        )
        for name, node in settings["methods"].items()
    ]


def _built(path: str, node: Mapping[str, Any]) -> TransferMethod:
    with named(path, node):
        method: TransferMethod = build(node)
    return method


def _own_training(node: Mapping[str, Any], augmentation: Mapping[str, Any]) -> dict[str, Any]:
    """What a method's training has of its own; an empty augmentation is none, whatever the study's."""
    own = {"data": node["data"]} if node.get("data") else {}
    if node.get("augmentation") not in (None, augmentation):
        own["augmentation"] = node["augmentation"]
    return own


def _to_train(
    settings: Mapping[str, Any], typed: set[str], methods: Sequence[Method]
) -> Iterator[PlannedNetwork]:
    """The networks that a study trains, each once for all methods that begin with it."""
    if not settings["source"]["W"]:
        raise ConfigError(
            "source.W=null: there is no network to test; set checkpoint=RUN/checkpoints/best.ckpt, or "
            "the strengths to train networks at"
        )
    if "W" not in settings["data"]:
        raise ConfigError(
            f"data._target_={settings['data'][TARGET]}: has no disorder strengths to train at; train "
            "by python train.py, and test by checkpoint=RUN/checkpoints/best.ckpt"
        )
    if "data.seed" in typed:
        raise ConfigError(
            f"data.seed={settings['data']['seed']}: a study that trains takes it from seed; set seed"
        )
    if (last := settings["seed"] + settings["seeds"] - 1) >= _SEEDS:
        raise ConfigError(
            f"seeds={settings['seeds']}: the last seed would be {last}; expected at most {_SEEDS - 1}"
        )
    check_diagram(settings, settings["data"])
    _check_methods(methods, empty_network(settings["model"]), build(settings["data"]))
    alike: dict[str, list[Method]] = {}
    for method in methods:
        alike.setdefault(json.dumps(method.training, sort_keys=True), []).append(method)
    # A method that has strengths of its own trains the same network whatever source.W is.
    planned_already = set()
    for W in settings["source"]["W"]:
        for seed in range(settings["seed"], settings["seed"] + settings["seeds"]):
            for own, group in alike.items():
                run = source_settings(settings, W, seed, group[0])
                for part in FIRST_PARTS:
                    if run["data"][part] != settings["data"][part]:
                        raise ConfigError(
                            f"methods.{group[0].name}.data.{part}: all methods of a study have the "
                            f"same chains and images; set data.{part}, or start another study"
                        )
                strength = strength_name(run["data"]["W"])
                if (own, strength, seed) in planned_already:
                    continue
                planned_already.add((own, strength, seed))
                with _mistakes_of(group[0]) if own != "{}" else nullcontext():
                    check_run({**run, "ckpt_path": None})
                _check_kept(run)
                yield PlannedNetwork(
                    train_W=strength,
                    seed=seed,
                    methods=group,
                    checkpoint=Path(run["paths"]["run"], "checkpoints", "best.ckpt"),
                    tested_on={**settings["data"], "seed": seed},
                    run=run,
                    # One seed's maps are enough to look at.
                    shown=settings["figures"] and seed == settings["seed"],
                )


def source_settings(
    settings: Mapping[str, Any], W: float, seed: int, method: Method | None = None
) -> dict[str, Any]:
    """Settings of train.py for a network of a study, in a folder of its own within the study's.

    Args:
        settings: of the study.
        W: strength to train at, if the method does not say another.
        seed: of the training and its data.
        method: that the network is for: its settings replace those of the study, and its name is part
            of the folder's; None for the settings of the study.
    """
    study = settings["paths"]["run"]
    training: Mapping[str, Any] = method.training if method else {}
    own = {name: settings[name] for name in _OF_TRAINING}
    own["augmentation"] = training.get("augmentation", own["augmentation"])
    data = {**own["data"], "W": W, "seed": seed, **training.get("data", {})}
    strength = strength_name(data["W"])
    at = strength if isinstance(strength, str) else f"{strength:.12g}"
    name = f"{method.name}_" if method and training else ""
    run: dict[str, Any] = relocated(own, study, f"{study}/sources/{name}W{at}_seed{seed}")
    run["data"] = data
    return {**run, "seed": seed}


def strength_name(W: float | str | Sequence[float]) -> float | str:
    """A strength, or several, as one number or word, for tables."""
    return W if isinstance(W, int | float | str) else "+".join(f"{w:g}" for w in dict.fromkeys(W))


def _name_of(data: Mapping[str, Any]) -> str:
    """A word for data without strengths: that of their file."""
    return re.sub(r"[^\w.+-]+", "_", Path(data.get("path", "data")).stem)


def _check_kept(run: Mapping[str, Any]) -> None:
    """A training must keep its best network where the study looks for it."""
    folder = run["paths"]["run"]
    node = run["callbacks"].get("checkpoint")
    if node is None:
        raise ConfigError(
            "callbacks.checkpoint: a study tests the network that it keeps; leave out "
            "~callbacks.checkpoint"
        )
    wanted = {"dirpath": f"{folder}/checkpoints", "filename": "best"}
    for key in ("dirpath", "filename", *_RARELY):
        if node.get(key) != wanted.get(key):
            raise ConfigError(
                f"callbacks.checkpoint.{key}={node.get(key)}: a study tests the best network of every "
                "training, checkpoints/best.ckpt in its folder; leave it out"
            )
    if len(Path(folder).name.encode()) > _LONGEST_NAME:
        raise ConfigError(
            f"data.W: the folder {printable(Path(folder).name)} of its network would have a name of "
            f"more than {_LONGEST_NAME} bytes; choose fewer strengths, or a shorter name of the method"
        )


def _check_methods(methods: Sequence[Method], network: nn.Module, target: PhaseDataModule) -> None:
    """Every method must go with the network and the data of the targets."""
    for method in methods:
        with _mistakes_of(method):
            method.transfer.check(network, target)


@contextmanager
def _mistakes_of(method: Method) -> Iterator[None]:
    """Names the method, of several, that a mistake is of."""
    try:
        yield
    except ConfigError as error:
        of_method = "" if method.name == ONLY_METHOD else f"methods.{method.name}: "
        raise ConfigError(f"{of_method}{error}") from error


def _of_checkpoint(
    settings: Mapping[str, Any], typed: set[str], methods: Sequence[Method]
) -> PlannedNetwork:
    """The one network that a checkpoint is; says what is tested otherwise than it was trained."""
    path = settings["checkpoint"]
    if "source.W" in typed or "seeds" in typed:
        raise ConfigError(
            f"checkpoint={path}: is one trained network; leave out source.W and seeds, or the "
            "checkpoint"
        )
    of_training = sorted(key for key in typed if key.split(".")[0] in _TRAINS)
    if of_training and settings["resume"] is None:
        raise ConfigError(
            f"{of_training[0]}: is a setting of training, and checkpoint={path} is trained already; "
            "leave out one of them"
        )
    for method in methods:
        if method.training:
            raise ConfigError(
                f"checkpoint={path}: is trained already, and methods.{method.name} sets its training; "
                "leave out the checkpoint, or the method"
            )
    of_model: list[str] = []
    try:
        content = read_checkpoint(path, trusted(settings))
        of_model = sorted(key for key in typed if key.split(".")[0] == "model")
        if of_model:
            _check_fit(path, settings["model"], content)
    except CheckpointError as error:
        way_out = f"; leave {of_model[0]} out, the checkpoint has its own" if of_model else ""
        raise CheckpointError(f"checkpoint={error}{way_out}") from error
    trained = content["hyper_parameters"]["data"]
    _check_parts(settings, typed, trained)
    data = _tested_on(settings, typed, trained)
    target = check_samples(data)
    check_diagram(settings, data)
    network = empty_network(content["hyper_parameters"]["network"])
    _check_methods(methods, network, target)
    try:
        check_network(network, torch.empty(2, *target.shape, device="meta"), data["batch_size"])
    except RuntimeError as error:
        raise ConfigError(
            f"data.n_cells={data['n_cells']}: too small for the network of checkpoint={path} "
            f"({reason_of(error)}); choose a larger data.n_cells"
        ) from error
    return PlannedNetwork(
        train_W=strength_name(trained["W"]) if "W" in trained else _name_of(trained),
        seed=trained["seed"],
        methods=methods,
        checkpoint=Path(path),
        tested_on=data,
        run=None,
        shown=settings["figures"],
    )


def _check_fit(path: str, model: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    try:
        network_state(empty_network(model), content)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _check_parts(settings: Mapping[str, Any], typed: set[str], trained: Mapping[str, Any]) -> None:
    """A network is tested on the kind of chains and images that it was trained on."""
    for part in FIRST_PARTS.keys() & trained.keys() & settings["data"].keys():
        own = [key for key in typed if re.match(rf"(data\.)?{part}", key)]
        if own and settings["data"][part][TARGET] != trained[part][TARGET]:
            raise ConfigError(
                f"{own[0]}: the network of checkpoint={settings['checkpoint']} was trained with "
                f"data.{part}._target_={trained[part][TARGET]}; leave it out"
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
        return data
    if data["n_cells"] != trained["n_cells"]:
        print(
            f"data.n_cells={data['n_cells']}: images of another size than the network was trained on; "
            "its global average pooling takes any"
        )
    print(
        f"tested on {data['n_test']} chains of M = {data['n_cells']} a strength, made as those of its "
        "training but for what the command line changes (an experiment's data settings do not)"
    )
    return data


def _other_data(data: Mapping[str, Any], typed: set[str], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of other data than a network was trained on, whose images and classes have no names."""
    of_network, given = build(trained), build(data)
    found = dict(data)
    if not {"representation", "data.representation"} & typed:
        found["representation"] = trained["representation"]
    if len(given.classes) != len(of_network.classes):
        raise ConfigError(
            f"data: has the {len(given.classes)} classes {', '.join(given.classes)}; expected the "
            f"{len(of_network.classes)} of the network, {', '.join(of_network.classes)} (data.classes "
            "of data=arrays names those without a sample too)"
        )
    if given.shape[0] != of_network.shape[0]:
        raise ConfigError(
            f"data: has images of {given.shape[0]} channels; expected {of_network.shape[0]}, as the "
            "network was trained on"
        )
    if "classes" in found and given.classes != of_network.classes:
        for label, names in enumerate(zip(given.classes, of_network.classes, strict=True)):
            print(f"label {label}: {names[0]} is {names[1]} of the network")
        found["classes"] = list(of_network.classes)
    return found
