"""The two programs and the keys that each one's configuration has."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

_PACKAGE = Path(__file__).resolve().parents[1]
#: The configuration files: within the package where it is installed, beside it in a clone.
CONF_DIR = next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir())
#: The programs that Hydra runs, and what they do.
PROGRAMS = {
    "train": "train, test and explain a network",
    "transfer": "test networks at other disorder strengths; without a checkpoint, train them first",
}
#: In the environment of whatever the command ``sshml`` has started.
BY_COMMAND = "SSHML_BY_COMMAND"


def command_of(name: str) -> str:
    """How a program is run, as this one was: ``sshml train``, or ``python train.py``."""
    if BY_COMMAND in os.environ:
        return f"sshml {name}"
    if name not in ("train", "transfer"):
        return f"python -m sshml.{name}"
    typed = (Path(word) for word in sys.orig_argv if Path(word).name in ("train.py", "transfer.py"))
    return f"python {shlex.quote(str(next(typed, Path('train.py')).with_name(f'{name}.py')))}"


def of_other_program(key: str, name: str) -> str | None:
    """What to say of a key that only the other program has; None for another key.

    Args:
        key: dotted, or the name of a group.
        name: of this program.
    """
    other = "train" if name == "transfer" else "transfer"
    if key.split(".", maxsplit=1)[0] in top_level(other) - top_level(name):
        return f"only {other}.py has this setting; run {command_of(other)}, or omit it"
    return None


def top_level(name: str) -> set[str]:
    """The keys and groups of a program's configuration."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF_DIR / f"{name}.yaml"))
    groups = {group for part in node.pop("defaults") if isinstance(part, dict) for group in part}
    return {*groups, *node}


def is_sweep() -> bool:
    """Whether this is a job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def own_configuration() -> str:
    """The option that named a folder of configuration files, to be typed again; or an empty text."""
    if not HydraConfig.initialized():
        return ""
    sources = HydraConfig.get().runtime.config_sources
    given = [source.path for source in sources if source.provider == "command-line"]
    return f"--config-dir {shlex.quote(given[0])} " if given else ""
