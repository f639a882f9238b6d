"""Checks that the settings of a study fit together, and go with what it has, before any work starts."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from sshml.config.build import hamiltonian
from sshml.config.moved import FIRST_GROUPS
from sshml.config.nodes import with_defaults
from sshml.config.options import dotted
from sshml.config.programs import command_of
from sshml.config.trust import check_classes, trusted
from sshml.errors import ConfigError, printable
from sshml.files.stored import CONFIG, MANIFEST, read_settings, relocated
from sshml.networks import build_network

# What may change when a study is resumed: it grows, shows more, or moves to another machine.
_MAY_CHANGE = (
    "resume", "report", "compare", "explanation", "trust", "logger.", "callbacks.maps.", "paths.",
    "source.", "seeds", "data.W", "trainer.precision", "trainer.accelerator", "trainer.devices",
)  # fmt: skip


class _Strengths(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    W: list[float] | None = None


class _Study(BaseModel):
    """What is used of the ``config.yaml`` of a study."""

    model_config = ConfigDict(extra="allow", strict=True)
    data: _Strengths
    source: _Strengths
    seeds: int
    methods: dict[str, dict[str, Any]] | None = None


def check_diagram(settings: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """A diagram needs test chains in all of its bins."""
    bins = settings["phase_diagram"]
    if bins is None:
        return
    if "hamiltonian" not in data:
        raise ConfigError(
            f"phase_diagram={bins}: needs chains that are generated over their control and W, not "
            "data from a file; omit it"
        )
    chain = hamiltonian(data)
    if "sample" not in chain.label_kinds:
        raise ConfigError(
            f"phase_diagram={bins}: needs the exact invariant to compare with, which "
            f"{type(chain).__name__} does not have; omit it"
        )
    if data["n_test"] < bins:
        raise ConfigError(
            f"phase_diagram={bins}: has more bins than there are test chains, "
            f"data.n_test={data['n_test']}; set fewer bins or more chains"
        )


def check_resumed(settings: Mapping[str, Any]) -> None:
    """A study is resumed as it was begun: rows of other settings must not join it."""
    folder = Path(settings["resume"])
    if not (folder / MANIFEST).is_file():
        raise ConfigError(
            f"resume={folder}: not a run folder of transfer.py; expected one with {MANIFEST}"
        )
    stored = _settings_of(folder, trusted(settings))
    _check_grown(stored, settings)
    had, has = stored.get("methods"), settings["methods"]
    if has and had is None:
        raise ConfigError(
            f"methods: the study resume={folder} has a single method, that of transfer; omit "
            "methods, or start a new study"
        )
    # Methods that are new have no rows yet.
    own = {name: has[name] for name in had} if had else has
    stored = {**FIRST_GROUPS, **stored}
    before = dotted(with_defaults(relocated(stored, stored["paths"]["run"], settings["paths"]["run"])))
    now = dotted(with_defaults({**settings, "methods": own}))
    for key in (*sorted(now), *sorted(before.keys() - now.keys())):
        if not key.startswith(_MAY_CHANGE) and before.get(key) != now.get(key):
            raise ConfigError(
                f"{key}={now.get(key)}: the study resume={folder} has "
                f"{printable(key)}={printable(before.get(key))}, so its rows could not be compared "
                "with new ones; omit the override, or start a new study"
            )


def _settings_of(folder: Path, trust: Sequence[str]) -> dict[str, Any]:
    """What a study was begun with; it may name what a file may, and what the user trusts."""
    path = folder / CONFIG
    stored = read_settings(folder)
    if "ckpt_path" in stored:
        raise ConfigError(
            f"resume={folder}: a run of train.py; resume it with {command_of('train')} "
            + shlex.quote(f"ckpt_path={folder}/checkpoints/last.ckpt")
        )
    try:
        _Study.model_validate(stored)
        check_classes(stored, trust)
    except ValidationError as error:
        raise ConfigError(f"{path}: does not hold the settings of a study; restore it") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return stored


def _check_grown(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """What a study has of methods, strengths and seeds must be among what it is to have."""

    def of(settings: Mapping[str, Any]) -> dict[str, set[Any]]:
        return {
            "methods": set(settings.get("methods") or ()),
            "data.W": set(settings["data"].get("W") or ()),
            "source.W": set(settings["source"]["W"] or ()),
            "seeds": set(range(settings["seeds"])),
        }

    wanted = of(now)
    for key, had in of(before).items():
        if missing := had - wanted[key]:
            names = ", ".join(
                sorted(f"{value:g}" if key.endswith("W") else f"{value}" for value in missing)
            )
            lacks = f"has {before['seeds']}" if key == "seeds" else f"also has {names}"
            raise ConfigError(
                f"{key}: the study resume={now['resume']} {lacks}; on resume, values may be added "
                "but not removed; omit the override, or start a new study"
            )


def empty_network(node: Mapping[str, Any]) -> nn.Module:
    """A network without values, to try out what fits it."""
    try:
        with torch.device("meta"):
            return build_network(node, download=False)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"model: {error}") from error
