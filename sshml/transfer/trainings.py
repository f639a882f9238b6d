"""The networks of a study: those that it trains, or the one of a checkpoint."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sshml.config.build import TARGET
from sshml.config.limits import check_network
from sshml.config.moved import FIRST_PARTS
from sshml.config.trust import trusted
from sshml.errors import CheckpointError, ConfigError, printable, reason_of
from sshml.files.checkpoint import network_state, read_checkpoint
from sshml.training.checks.run import check_run, check_samples
from sshml.transfer.checks import check_diagram, check_methods, check_resumed, empty_network
from sshml.transfer.study import (
    Method,
    Source,
    Training,
    check_chains,
    source_settings,
    strength_name,
    trained_source,
)

# As for `seed`: numpy's seeds are below.
_SEEDS = 2**32
# Settings of a checkpoint that may leave a training without any.
_RARELY = ("save_top_k", "every_n_epochs")
# Of a folder; file systems have 255 bytes, and pictures have the name and more.
_LONGEST_NAME = 200


def trainings_of(
    settings: Mapping[str, Any], overrides: Sequence[str], methods: Sequence[Method]
) -> list[Training]:
    """The networks of a study with the methods that begin with each; checks all before any work.

    Args:
        settings: of the study.
        overrides: what the command line changed of the configuration.
        methods: of the study, from :func:`sshml.transfer.protocol.methods_of`.

    Raises:
        ConfigError: if the parts do not fit together.
        CheckpointError: likewise, for a checkpoint.
    """
    typed = {override.lstrip("+~").split("=")[0] for override in overrides}
    if settings["resume"] is not None:
        check_resumed(settings)
    if settings["checkpoint"] is not None:
        return [_of_checkpoint(settings, typed, methods)]
    if not settings["source"]["W"]:
        raise ConfigError(
            "source.W=null: there is no network to test; set checkpoint=RUN/checkpoints/best.ckpt, or "
            "the strengths to train networks at"
        )
    if "data.seed" in typed:
        raise ConfigError(
            f"data.seed={settings['data']['seed']}: a study that trains takes it from seed; set seed"
        )
    if (last := settings["seed"] + settings["seeds"] - 1) >= _SEEDS:
        raise ConfigError(
            f"seeds={settings['seeds']}: the last seed would be {last}; expected at most {_SEEDS - 1}"
        )
    check_chains(settings["data"])
    check_diagram(settings, settings["data"])
    check_methods(methods, empty_network(settings["model"]), settings["data"])
    alike: dict[str, list[Method]] = {}
    for method in methods:
        alike.setdefault(json.dumps(method.training, sort_keys=True), []).append(method)
    # A method that has strengths of its own trains the same network whatever source.W is.
    trainings: dict[tuple[Any, ...], Training] = {}
    for W in settings["source"]["W"]:
        for seed in range(settings["seed"], settings["seed"] + settings["seeds"]):
            for own, group in alike.items():
                run = source_settings(settings, W, seed, group[0])
                strength = strength_name(run["data"]["W"])
                if (own, strength, seed) not in trainings:
                    check_run({**run, "ckpt_path": None})
                    _check_kept(run)
                    make = partial(trained_source, run, settings["data"])
                    trainings[own, strength, seed] = Training(make, strength, seed, group)
    return list(trainings.values())


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


def _check_fit(path: str, model: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    try:
        network_state(empty_network(model), content)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _of_checkpoint(settings: Mapping[str, Any], typed: set[str], methods: Sequence[Method]) -> Training:
    """The one network that a checkpoint is; says what is tested otherwise than it was trained."""
    path = settings["checkpoint"]
    if "source.W" in typed or "seeds" in typed:
        raise ConfigError(
            f"checkpoint={path}: is one trained network; leave out source.W and seeds, or the "
            "checkpoint"
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
    network = empty_network(content["hyper_parameters"]["network"])
    trained = content["hyper_parameters"]["data"]
    check_chains(trained)
    _check_parts(settings, typed, trained)
    data = dict(trained)
    if "num_workers" in data:  # which depends on the machine, not on the network
        data["num_workers"] = settings["data"].get("num_workers", 0)
    for key, value in settings["data"].items():
        if (f"data.{key}" in typed or (key == "seed" and "seed" in typed)) and key != "W":
            data[key] = value
            if trained.get(key) != value:
                print(f"data.{key}={value}: the network was trained with {trained.get(key)}")
    if data["n_cells"] != trained["n_cells"]:
        print(
            f"data.n_cells={data['n_cells']}: images of another size than the network was trained on; "
            "its global average pooling takes any"
        )
    print(
        f"tested on {data['n_test']} chains of M = {data['n_cells']} a strength, made as those of its "
        "training but for what the command line changes (an experiment's data settings do not)"
    )
    check_samples(data)
    check_diagram(settings, data)
    check_methods(methods, network, data)
    size = 2 * data["n_cells"]
    try:
        check_network(network, torch.empty(2, 1, size, size, device="meta"), data["batch_size"])
    except RuntimeError as error:
        raise ConfigError(
            f"data.n_cells={data['n_cells']}: too small for the network of checkpoint={path} "
            f"({reason_of(error)}); choose a larger data.n_cells"
        ) from error
    W = trained["W"]
    strength = tuple(W) if isinstance(W, list) else W
    source = Source(strength, trained["seed"], Path(path), trained, data, trust=trusted(settings))
    return Training(lambda: source, source.train_W, source.seed, methods)


def _check_parts(settings: Mapping[str, Any], typed: set[str], trained: Mapping[str, Any]) -> None:
    """A network is tested on the chains and images that it was trained on."""
    for part in FIRST_PARTS:
        own = [key for key in typed if re.match(rf"(data\.)?{part}", key)]
        if own and settings["data"][part] != trained[part]:
            raise ConfigError(
                f"{own[0]}: the network of checkpoint={settings['checkpoint']} was trained with "
                f"data.{part}._target_={trained[part][TARGET]}; leave it out"
            )
