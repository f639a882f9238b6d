"""The command line of train.py that trains a network of a study by itself."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sshml.config import programs
from sshml.config.options import dotted
from sshml.config.programs import CONF_DIR
from sshml.files.stored import RUN_FOLDER, relocated

# Choices of these make a command short; `data` of transfer.py is another group.
_GROUPS = ("augmentation", "callbacks", "logger", "loss", "model", "optimizer", "scheduler", "trainer")
# Where a run goes, who hears of it and whom it trusts do not change what it computes.
_NOT_OF_A_TRAINING = {"ckpt_path", "dry_run", "experiment", "hydra", "logger", "paths", "trust"}
# What Hydra reads as text, without quotes.
_PLAIN = re.compile(r"(?!(?:null|true|false|inf|nan)$)[a-z_][\w./-]*", re.ASCII | re.IGNORECASE)
# Keys that follow others take a second round, what is left of a node that was emptied a third.
_ROUNDS = 5


def training_overrides(settings: Mapping[str, Any]) -> list[str] | None:
    """The overrides of train.py that compose the settings of a training.

    Args:
        settings: of the training, from :func:`sshml.transfer.trainings.source_settings`.

    Returns:
        The overrides; None if there are none, as for a scheduler that no group has.
    """
    wanted = _comparable(settings)
    try:
        with _hydra():
            return _composing(wanted)
    except (HydraException, OmegaConfBaseException, ValueError):
        return None


def _composing(wanted: Mapping[str, Any]) -> list[str] | None:
    # The default precision is another one on another machine.
    precision = wanted.get("trainer.precision")
    overrides = [*_choices(), *([f"trainer.precision={precision}"] if precision else [])]
    for _ in range(_ROUNDS):
        config = compose("train", ["paths.run=run", *overrides])
        composed: Any = OmegaConf.to_container(config, resolve=True)
        missing = list(_differences(_comparable(composed), wanted))
        if not missing:
            return overrides
        overrides += missing
    return None


def command_of(overrides: Sequence[str]) -> str:
    """The command that trains with some overrides."""
    return " ".join([programs.command_of("train"), *map(shlex.quote, overrides)])


def _hydra() -> AbstractContextManager[object]:
    """Hydra as the program has set it up, else with the configuration of this package."""
    if GlobalHydra.instance().is_initialized():
        return nullcontext()
    return initialize_config_dir(str(CONF_DIR), version_base="1.3")


def _choices() -> Iterator[str]:
    """The options that the study has chosen from groups, where they are not those of train.py."""
    if not HydraConfig.initialized():
        return
    chosen = HydraConfig.get().runtime.choices
    default = _default_choices()
    for group in _GROUPS:
        if chosen.get(group) not in (None, default[group]):
            yield f"{group}={_text(chosen[group])}"


def _default_choices() -> DictConfig:
    choices: DictConfig = compose("train", return_hydra_config=True).hydra.runtime.choices
    return choices


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in settings.items() if key not in _NOT_OF_A_TRAINING}
    return dotted(relocated(own, settings["paths"]["run"], RUN_FOLDER))


def _differences(have: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """The overrides that make the settings the wanted ones; what follows from them may need others."""
    gone = {_outermost(key, wanted) for key in have if key not in wanted and not _holds(key, wanted)}
    yield from (f"~{key}" for key in sorted(gone))
    for key, value in wanted.items():
        if key not in have and not _holds(key, have):
            yield f"+{key}={_text(value)}"
        elif have.get(key) != value and not _holds(key, have):
            yield f"{key}={_text(value)}"


def _holds(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether a key stands for a node with others in it."""
    return any(other.startswith(f"{key}.") for other in settings)


def _outermost(key: str, wanted: Mapping[str, Any]) -> str:
    """The key, or the first of the nodes it lies in that is not to be."""
    parts = key.split(".")
    nodes = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
    return next(node for node in nodes if node not in wanted and not _holds(node, wanted))


def _text(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value)
        return value if plain else QuotedString(value, Quote.single).with_quotes()
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return repr(value)
