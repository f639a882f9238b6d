"""Resuming a run: its folder, and the overrides that its manifest records.

The folder may come from a stranger. Of its manifest only plain values are replayed, and classes that
:mod:`sshml.config.trust` lets pass; nothing that decides where files are written, nothing of Hydra's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from sshml.config.moved import of_this_version
from sshml.config.trust import check_classes, targets
from sshml.entry.arguments import is_multirun, is_override, key_of, plain_path
from sshml.errors import ConfigError, printable
from sshml.files.stored import MANIFEST, MAX_DEPTH, read_manifest, run_folder_of

_RESUME_KEYS = ("ckpt_path", "resume", "rerun")
# Where the run is, and whom it trusts, is for the command line that resumes it.
_NOT_OF_A_RUN = {*_RESUME_KEYS, "paths", "trust"}
# A ready sweep records that each of its jobs is one run.
_ONE_RUN = "hydra.mode=RUN"
# These are only read.
_FILES = ("checkpoint", "compare", "data.path")
# Of all recorded overrides, in characters; a run has some hundred, and Hydra parses them slowly.
_LONGEST = 20_000
_FOLDER = re.compile(r"(dir|dirpath|folder|directory|path|uri)$")


def run_folder_for(runs: str, earlier: str | None, name: str) -> str:
    """Folder of a run: that of the run or checkpoint that it resumes, or a new one."""
    if not isinstance(runs, str):
        raise ConfigError(f"paths.runs={'null' if runs is None else runs}: expected a folder")
    resumed = run_folder_of(str(earlier)) if earlier else None
    if resumed:
        return str(resumed)
    now = datetime.now()
    return str(Path(runs, f"{now:%Y-%m-%d}", f"{name}_{now:%H-%M-%S-%f}"))


def path_of(override: str) -> str:
    """Where in the configuration an override has its effect: of ``group@path=option`` the path."""
    return override.split("=", maxsplit=1)[0].lstrip("+~").split("@")[-1]


def with_recorded_overrides(arguments: list[str]) -> list[str]:
    """Put the overrides of the run to be resumed before those given now, which win.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The arguments to run with; unchanged if no run is resumed.

    Raises:
        ConfigError: if the manifest is damaged, or records what a file may not set.
    """
    given = [a for a in arguments if is_override(a)]
    paths = [plain_path(a) for a in given if key_of(a) in _RESUME_KEYS]
    folder = run_folder_of(paths[-1]) if paths else None
    if folder is None:
        return arguments
    if is_multirun(arguments) and any(key_of(a) == "resume" for a in given):
        raise ConfigError(f"resume={folder}: is a single study, which a sweep cannot resume; omit -m")
    # Another choice of a group takes the place of its recorded keys too. What is left out (~) once
    # cannot be left out again.
    taken = tuple(f"{path_of(override)}." for override in given)
    recorded = [
        override
        for override in read_manifest(folder)["overrides"]
        if not f"{path_of(override)}.".startswith(taken)
        and override not in (*arguments, _ONE_RUN)
        and path_of(override).split(".")[0] not in _NOT_OF_A_RUN
    ]
    if sum(map(len, recorded)) > _LONGEST:
        raise ConfigError(
            f"{folder / MANIFEST}: its overrides have more than {_LONGEST} characters; restore it"
        )
    trust = _trusted(given)
    for override in recorded:
        try:
            _check(override, trust)
        except ConfigError as error:
            raise ConfigError(f"{folder / MANIFEST}: {error}") from error
    one_run = [_ONE_RUN] if any(key_of(override) == "sweep" for override in recorded) else []
    return [*recorded, *one_run, *arguments]


def _trusted(given: Sequence[str]) -> list[str]:
    """What the command line trusts by ``trust``, and what it names."""
    trust: list[str] = []
    for override in given:
        try:
            parsed = _parsed(override)
        except ConfigError:
            continue  # Hydra reports it
        if parsed.key_or_group == "trust":
            value = parsed.value()
            trust += map(str, value if isinstance(value, list) else [value])
        trust += [target for _, target in targets(_nested(parsed)) if isinstance(target, str)]
    return trust


def _parsed(override: str) -> Override:
    if override.startswith("-"):
        raise ConfigError("it is an option of Hydra")
    try:
        parsed = OverridesParser.create().parse_override(override)
    except (HydraException, RecursionError, ValueError) as error:
        raise ConfigError("expected KEY=VALUE") from error
    if parsed.is_sweep_override():
        raise ConfigError("expected one value")
    return parsed


def _nested(override: Override) -> Any:
    """What an override sets, as nested mappings from the top of the configuration."""
    value = override.value()
    for part in reversed((override.package or override.key_or_group).split(".")):
        value = {part: value}
    return of_this_version(value)


def _check(override: str, trust: Sequence[str]) -> None:
    """Check what a file records.

    Raises:
        ConfigError: if it is more than plain values and classes that a file may name.
    """
    try:
        parsed = _parsed(override)
        if "hydra" in re.split(r"[./]", f"{parsed.key_or_group}.{parsed.package}"):
            raise ConfigError("it would change Hydra itself")
        settings = _nested(parsed)
        for name, value in _values(settings):
            _check_value(name, value, is_read=parsed.key_or_group in _FILES)
    except ConfigError as error:
        raise ConfigError(
            f"{printable(override)}: is not accepted from a file ({error}); remove it there, or set "
            "it on the command line"
        ) from error
    check_classes(settings, trust)


def _values(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The values within nested mappings and lists, each with its own name."""
    if depth > MAX_DEPTH:
        raise ConfigError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield "", str(key)
            yield from _values(item, str(key), depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, name, depth + 1)
    else:
        yield name, value


def _check_value(name: str, value: Any, *, is_read: bool) -> None:
    if _FOLDER.search(name) and not is_read:
        raise ConfigError("it decides where files are written")
    if not isinstance(value, str):
        return
    if "${" in value:
        raise ConfigError("it has an interpolation")
    if not value.isprintable():
        raise ConfigError("it has characters that cannot be printed")
    leads_out = value.startswith(("/", "~")) or ".." in re.split(r"[/\\]", value) or "://" in value
    if leads_out and not is_read:
        raise ConfigError("it leads out of the run folder")
