"""The networks that a study trains."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sshml.config.build import TARGET, build
from sshml.config.moved import FIRST_PARTS
from sshml.config.programs import command_of
from sshml.errors import ConfigError, printable
from sshml.files.stored import relocated
from sshml.training.checks.run import check_run
from sshml.transfer.checks import check_diagram, empty_network
from sshml.transfer.columns import strength_name
from sshml.transfer.networks import Method, PlannedNetwork, check_methods, mistakes_of

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
    "data", "augmentation", "model", "loss", "optimizer", "scheduler", "explanation", "callbacks",
    "logger", "trainer", "channels_last", "figures", "trust", "paths",
)  # fmt: skip


def networks_to_train(
    settings: Mapping[str, Any], typed: set[str], methods: Sequence[Method]
) -> Iterator[PlannedNetwork]:
    """The networks that a study trains, each once for all methods that begin with it."""
    if not settings["source"]["W"]:
        raise ConfigError(
            "source.W=null: there is no network to test; set checkpoint=RUN/checkpoints/best.ckpt, "
            "or set source.W to the strengths to train at"
        )
    if "W" not in settings["data"]:
        raise ConfigError(
            f"data._target_={settings['data'][TARGET]}: has no disorder strengths to train at; train "
            f"with {command_of('train')}, then test with checkpoint=RUN/checkpoints/best.ckpt"
        )
    if "data.seed" in typed:
        raise ConfigError(
            f"data.seed={settings['data']['seed']}: a study that trains uses seed instead; set seed"
        )
    if (last := settings["seed"] + settings["seeds"] - 1) >= _SEEDS:
        raise ConfigError(
            f"seeds={settings['seeds']}: the last seed would be {last}; expected at most {_SEEDS - 1}"
        )
    check_diagram(settings, settings["data"])
    check_methods(methods, empty_network(settings["model"]), build(settings["data"]))
    explanation = build(settings["explanation"]) if settings["figures"] else None
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
                            f"methods.{group[0].name}.data.{part}: all methods of a study use the "
                            f"same chains and images; set data.{part}, or start another study"
                        )
                strength = strength_name(run["data"]["W"])
                if (own, strength, seed) in planned_already:
                    continue
                planned_already.add((own, strength, seed))
                with mistakes_of(group[0]) if own != "{}" else nullcontext():
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
                    explanation=explanation if seed == settings["seed"] else None,
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


def _check_kept(run: Mapping[str, Any]) -> None:
    """A training must keep its best network where the study looks for it."""
    folder = run["paths"]["run"]
    node = run["callbacks"].get("checkpoint")
    if node is None:
        raise ConfigError(
            "callbacks.checkpoint: a study tests the checkpoint that it writes; omit "
            "~callbacks.checkpoint"
        )
    wanted = {"dirpath": f"{folder}/checkpoints", "filename": "best"}
    for key in ("dirpath", "filename", *_RARELY):
        if node.get(key) != wanted.get(key):
            raise ConfigError(
                f"callbacks.checkpoint.{key}={node.get(key)}: a study tests checkpoints/best.ckpt of "
                "every training; omit it"
            )
    if len(Path(folder).name.encode()) > _LONGEST_NAME:
        raise ConfigError(
            f"data.W: the folder {printable(Path(folder).name)} of its network would have a name of "
            f"more than {_LONGEST_NAME} bytes; choose fewer strengths, or a shorter method name"
        )
