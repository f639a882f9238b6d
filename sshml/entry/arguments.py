"""What is typed on the command line of train.py and transfer.py, before Hydra reads it."""

import argparse
import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Quote, QuotedString

from sshml.config.programs import command_of
from sshml.errors import ConfigError
from sshml.files.stored import MANIFEST, StoredError, read_settings, run_folder_of

# Keys whose value is the path of a file or folder, as typed.
PATH_KEYS = ("checkpoint", "ckpt_path", "compare", "data.path", "paths.runs", "rerun", "resume")
# Likewise, where Hydra writes.
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
_MULTIRUN = {"-m", "--multirun", "hydra.mode=MULTIRUN"}
_TAKE_A_VALUE = {
    "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--cfg", "-c", "--package",
    "-p", "--experimental-rerun",
}  # fmt: skip
# May take one.
_INFO = {"--info", "-i"}
# Settings of Hydra that have it write files, and the values with which it does not.
_WRITES_FILES = {
    "hydra.output_subdir": ("null",),
    "hydra/job_logging": ("none", "disabled", "stdout"),
}
# What Hydra reads as the same text without quotes.
_PLAIN = re.compile(r"[\w./-]*", re.ASCII)
_QUOTED = re.compile(r"""(?s)'(.*)'|"(.*)\"""")


def key_of(override: str) -> str:
    """The key of an override, without the signs before it and the place of a group."""
    return override.split("=", maxsplit=1)[0].lstrip("+~").split("@")[0]


def is_override(argument: str) -> bool:
    """Whether an argument is an override with a value, and not a flag."""
    return "=" in argument and not argument.startswith("-")


def is_multirun(arguments: Sequence[str]) -> bool:
    """Whether commas in values stand for several jobs."""
    keys = {key_of(argument) for argument in arguments if is_override(argument)}
    return not _MULTIRUN.isdisjoint(arguments) or "sweep" in keys


def with_flags_first(arguments: Sequence[str]) -> list[str]:
    """Put Hydra's flags first, since it takes no overrides on both sides of them.

    Example:
        >>> with_flags_first(["seed=0", "-m", "data.W=0,1", "--config-dir", "mine"])
        ['-m', '--config-dir', 'mine', 'seed=0', 'data.W=0,1']
    """
    flags, others, left = [], [], list(arguments)
    while left:
        argument = left.pop(0)
        if argument.startswith("-"):
            asks = argument in _INFO and "=" not in "".join(left[:1])
            has_value = argument in _TAKE_A_VALUE or asks
            flags += [argument, *left[:has_value]]
            del left[:has_value]
        else:
            others.append(argument)
    return [*flags, *others]


def plain_path(override: str) -> str:
    r"""The path that an override of one of :data:`PATH_KEYS` sets, quoted for Hydra or not.

    Example:
        >>> plain_path("ckpt_path=a=b.ckpt"), plain_path(r"ckpt_path='it\'s [1].ckpt'")
        ('a=b.ckpt', "it's [1].ckpt")
    """
    value = override.partition("=")[2]
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        return _at_home(value)
    quote = value[0]
    text = quoted[1] if quote == "'" else quoted[2]
    # Hydra halves the backslashes before a quote, and those at the end.
    return re.sub(rf"(\\+)({quote}|$)", lambda m: "\\" * (len(m[1]) // 2) + m[2], text)


def with_quoted_paths(arguments: Sequence[str]) -> list[str]:
    """Quote the paths among the arguments, so that Hydra takes them as typed.

    In a sweep commas still separate jobs, unless there is a file of the whole name, or it is the one
    folder of the sweep.
    """
    several = is_multirun(arguments)
    paths = (*PATH_KEYS, *FOLDERS)
    return [_quoted(a, several) if is_override(a) and key_of(a) in paths else a for a in arguments]


def _at_home(path: str) -> str:
    """A path with the home folder in the place of ``~``, which a shell leaves alone after a ``=``."""
    return os.path.expanduser(path) if path.startswith("~/") else path  # noqa: PTH111  # keeps the rest


def _quoted(override: str, several: bool) -> str:
    key, _, value = override.partition("=")
    if key in FOLDERS and "${" in value:  # made of other keys
        return override
    value = _at_home(value)
    is_list = several and key not in FOLDERS and not re.search(r"['\"()\[\]{}]", value)
    if is_list and not os.path.lexists(value):
        return f"{key}={','.join(_quoted_value(part) for part in value.split(','))}"
    return f"{key}={_quoted_value(value)}"


def _quoted_value(value: str) -> str:
    if _PLAIN.fullmatch(value) or _QUOTED.fullmatch(value):
        return value
    quoted: str = QuotedString(value, Quote.single).with_quotes()
    return quoted


def check_paths(arguments: Sequence[str]) -> None:
    """Check the paths among the arguments.

    Raises:
        ConfigError: for one that no file can have.
    """
    for argument in arguments:
        if is_override(argument) and key_of(argument) in PATH_KEYS:
            _check_path(key_of(argument), plain_path(argument))


def check_hydra_settings(arguments: Sequence[str]) -> None:
    """Check what the command line changes of Hydra itself.

    Raises:
        ConfigError: for settings that are left out, which decide where a run writes, and for those by
            which Hydra would write files of its own into the run's folder.
    """
    for argument in arguments:
        key, _, value = argument.partition("=")
        if argument.startswith("~") and key_of(argument).split(".")[0] == "hydra":
            raise ConfigError(f"{argument}: settings of Hydra itself cannot be removed; set them")
        if key_of(key) == "hydra.job.env_set" and not value.startswith("{"):
            raise ConfigError(f"{argument}: expected {{NAME:VALUE}}, or {key}.NAME=VALUE")
        expected = _WRITES_FILES.get(key_of(key), (value,))
        if value not in expected:
            raise ConfigError(
                f"{argument}: Hydra would write its own files to the run folder, which has all "
                f"settings and results already; expected {key}={expected[0]}, or omit it"
            )


def check_one_run(arguments: Sequence[str]) -> None:
    """Check that a run is not to be done again and resumed at once.

    Raises:
        ConfigError: if it is.
    """
    keys = {key_of(argument): argument for argument in arguments if is_override(argument)}
    for key in ("ckpt_path", "resume"):
        if key in keys and "rerun" in keys:
            raise ConfigError(
                f"{keys['rerun']}: repeats a run in a new folder, but {keys[key]} resumes one; omit "
                "one of them"
            )


def _check_path(key: str, path: str) -> None:
    try:
        Path(path).stat()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise ConfigError(f"{key}={path}: {os.strerror(error.errno)}; expected a path") from error
    except ValueError as error:  # a null character
        raise ConfigError(f"{key}={path}: {error}; expected a path") from error


def _refuse(message: str) -> NoReturn:
    raise ConfigError(f"{message}; see --help and --hydra-help")


def check_flags(arguments: Sequence[str], name: str) -> argparse.Namespace:
    """Check Hydra's own flags, and return them.

    Args:
        arguments: of the command line, without the program's name.
        name: of the program.

    Raises:
        ConfigError: for one that does not exist, does not go with the others, or would write into the
            folder of an earlier run.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    flags: argparse.Namespace = parser.parse_args(list(arguments))
    if flags.experimental_rerun is not None:
        raise ConfigError(f"--experimental-rerun={flags.experimental_rerun}: use rerun=RUN instead")
    for flag in ("config_path", "config_dir"):
        folder = getattr(flags, flag)
        if folder is not None:
            _check_config_folder(f"--{flag.replace('_', '-')}={folder}", Path(folder), name)
    actions = {
        "--run": flags.run,
        "--multirun": flags.multirun,
        "--cfg": flags.cfg,
        "--info": flags.info,
        "--shell-completion": flags.shell_completion,
    }
    chosen = [flag for flag, value in actions.items() if value]
    if len(chosen) > 1:
        raise ConfigError(f"{' '.join(chosen)}: exclude each other; omit all but one")
    if flags.resolve and not (flags.cfg or flags.help):
        raise ConfigError("--resolve: only works with --cfg job, --cfg hydra or --cfg all")
    if flags.package is not None and not flags.cfg:
        raise ConfigError(
            f"--package={flags.package}: only works with --cfg job, --cfg hydra or --cfg all"
        )
    if flags.shell_completion:
        _check_completion(flags.overrides)
    return flags


def _check_config_folder(given: str, folder: Path, name: str) -> None:
    if (folder / MANIFEST).is_file():
        raise ConfigError(
            f"{given}: is a run folder; repeat the run in a new folder with {command_of(name)} "
            f"rerun={folder}"
        )
    if not folder.is_dir():
        own = f"{name}.yaml" if given.startswith("--config-path") else "your groups, such as model/"
        raise ConfigError(f"{given}: there is no such folder; expected one with {own}")


def _check_completion(overrides: Sequence[str]) -> None:
    tasks = [override.partition("=") for override in overrides]
    if len(tasks) != 1 or tasks[0][0] not in ("install", "uninstall", "query"):
        raise ConfigError("--shell-completion: needs install=SHELL or uninstall=SHELL")
    if tasks[0][2] not in ("bash", "fish", "zsh"):
        raise ConfigError(f"{overrides[0]}: expected bash, fish or zsh")


def as_new_run(arguments: Sequence[str], name: str) -> list[str]:
    """Remove ``rerun=RUN``, whose overrides are among the arguments, and whatever would resume a run.

    Args:
        arguments: of the command line, with the recorded overrides of the run.
        name: of the program.

    Raises:
        ConfigError: if there is no such run, or it is one of the other program.
    """
    reruns = [a for a in arguments if is_override(a) and key_of(a) == "rerun"]
    if not reruns:
        return list(arguments)
    _check_rerun(plain_path(reruns[-1]), name)
    not_again = {"rerun", "resume", "ckpt_path", "paths.run"}
    return [a for a in arguments if not (is_override(a) and key_of(a) in not_again)]


def _check_rerun(path: str, name: str) -> None:
    folder = run_folder_of(path)
    if folder is None:
        raise ConfigError(f"rerun={path}: not a run folder; expected one with {MANIFEST}")
    try:
        of = "transfer" if "source" in read_settings(folder) else "train"
    except StoredError as error:
        raise ConfigError(f"rerun={path}: {error}") from error
    if of != name:
        raise ConfigError(f"rerun={path}: is a run of {of}.py; run {command_of(of)} rerun={path}")
