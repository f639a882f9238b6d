"""What ``--help`` prints: every group and key, as the command line sets them, with its comment."""

import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from sshml.config.options import PRESETS, Option, dotted
from sshml.config.programs import CONF_DIR, PROGRAMS, command_of, top_level
from sshml.config.wording import as_typed

_EXAMPLES = {
    "train": (
        ("model=resnet18 data.W=0.5", "one run"),
        ("-m data.W=0,0.25 seed=0,1", "a sweep, one run per combination"),
        ("sweep=finite_size", "a ready-made sweep"),
        ("ckpt_path=RUN/checkpoints/last.ckpt", "resume a run"),
        ("rerun=RUN", "repeat a run in a new folder"),
    ),
    "transfer": (
        ("checkpoint=RUN/checkpoints/best.ckpt data.W=0:1:0.1", "test a network"),
        ('"source.W=[0,0.25]" seeds=5 data.W=0:1:0.25', "train networks, then test them"),
        ("experiment=thesis/quick", "a ready-made study"),
        ("resume=RUN", "resume a study"),
        ("rerun=RUN", "repeat a study in a new folder"),
    ),
}
_FLAGS = (
    ("-m", "sweep: commas separate values, and each combination is a run"),
    ("--config-dir FOLDER", "add your own group options, such as FOLDER/model/mine.yaml"),
    ("--cfg job", "print the configuration and stop; --resolve fills in ${…} too"),
    ("--shell-completion install=bash", 'eval "$(… --shell-completion install=bash)"; or zsh, fish'),
    ("--hydra-help", "show the settings of Hydra itself, hydra.…"),
    ("--version", "print the version of sshml and stop"),
)
_WIDEST = 110
_COLUMN = 40


def help_text(config: DictConfig) -> str:
    """The help of a program.

    Args:
        config: that Hydra has composed.
    """
    hydra = HydraConfig.get()
    name = str(hydra.job.config_name)
    folders = [Path(s.path) for s in hydra.runtime.config_sources if s.schema == "file"]
    program = Option(CONF_DIR, "", name)
    choices = {group: hydra.runtime.choices.get(group) for group in program.groups if group != "hydra"}
    comments = _comments(folders, choices) | {s.key: s.comment for s in program.settings}
    plain: Any = OmegaConf.to_container(config)
    settings = dotted({key: value for key, value in plain.items() if key != "hydra"})
    command = command_of(name)
    sections = {
        f"usage: {command} [FLAG ...] [KEY=VALUE ...]": [("", PROGRAMS[name])],
        "Examples": [(f"{command} {given}", about) for given, about in _EXAMPLES[name]],
        "Groups, GROUP=OPTION; the current choice is shown": [
            (f"{group}={as_typed(chosen)}", _of_group(program.groups[group], folders, group, name))
            for group, chosen in choices.items()
        ],
        "Keys, KEY=VALUE; the current value is shown": [
            (f"{key}={as_typed(value)}", comments.get(key, "")) for key, value in settings.items()
        ],
        "Flags": _FLAGS,
    }
    return "\n\n".join(f"{title}\n{_columns(rows)}" for title, rows in sections.items())


def _comments(folders: Sequence[Path], choices: Mapping[str, Any]) -> dict[str, str]:
    """The comment of every key: that of the option that is chosen, or of another of its group.

    An option may be made of others, whose comments are its own too.
    """
    chosen: dict[str, str] = {}
    of_others: dict[str, str] = {}
    for group, choice in choices.items():
        for option, folder in _options(folders, group).items():
            is_chosen = option == choice
            if is_chosen or group not in PRESETS:
                found = {s.key: s.comment for s in Option(folder, group, option).settings if s.comment}
                (chosen if is_chosen else of_others).update(found)
    return of_others | chosen


def _options(folders: Iterable[Path], group: str) -> dict[str, Path]:
    """The options of a group and the folder of each; the first one that has it counts."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted((folder / group).rglob("*.yaml")):
            found.setdefault(str(path.relative_to(folder / group).with_suffix("")), folder)
    return found


def _of_group(about: str, folders: Iterable[Path], group: str, name: str) -> str:
    """What a group is, and its options; of experiments those of this program."""
    options = _options(folders, group)
    if group == "experiment":
        of_studies = top_level("transfer") - top_level("train")
        options = {
            option: folder
            for option, folder in options.items()
            if (name == "transfer")
            == (not of_studies.isdisjoint(OmegaConf.load(folder / group / f"{option}.yaml")))
        }
    return f"{about}: {', '.join(sorted(options))}" if options else about


def _columns(rows: Iterable[tuple[str, str]]) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    lines = []
    for left, right in rows:
        indent = " " * (_COLUMN if left else 2)
        first = f"  {left}"
        if not right:
            lines.append(first)
            continue
        if len(first) + 2 > _COLUMN and left:
            lines.append(first)
            first = ""
        text = textwrap.wrap(right, width - len(indent), break_long_words=False, break_on_hyphens=False)
        lines += [first.ljust(len(indent)) + text[0], *(indent + line for line in text[1:])]
    return "\n".join(lines)
