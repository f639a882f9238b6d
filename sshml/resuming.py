"""Resuming a run: its folder, and the overrides that its manifest records."""

import json
from datetime import datetime
from pathlib import Path

from sshml.errors import ConfigError
from sshml.stored import MANIFEST

_RESUME_KEYS = ("ckpt_path", "resume")


def run_folder_of(path: str | Path) -> Path | None:
    """The run folder that a path is, or that ``RUN/checkpoints/NAME.ckpt`` lies in; else None."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent.parent
    return folder if (folder / MANIFEST).is_file() else None


def run_folder_for(runs: str, earlier: str | None, name: str) -> str:
    """Folder of a run: that of the run or checkpoint it goes on from, or a new one."""
    resumed = run_folder_of(str(earlier)) if earlier else None
    if resumed:
        return str(resumed)
    now = datetime.now()
    return str(Path(runs, f"{now:%Y-%m-%d}", f"{name}_{now:%H-%M-%S-%f}"))


def key_of(override: str) -> str:
    """The key, or the group, that an override sets."""
    return override.split("=", maxsplit=1)[0].lstrip("+~").split("@")[0]


def path_of(override: str) -> str:
    """Where in the configuration an override has its effect: of ``group@path=option`` the path."""
    return override.split("=", maxsplit=1)[0].lstrip("+~").split("@")[-1]


def with_recorded_overrides(arguments: list[str]) -> list[str]:
    """Put the overrides of the run to be resumed before those given now, which win.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The arguments to run with; unchanged if no run is resumed.
    """
    given = [a for a in arguments if "=" in a and not a.startswith("-")]
    paths = [a.split("=", maxsplit=1)[1].strip("'\"") for a in given if key_of(a) in _RESUME_KEYS]
    folder = run_folder_of(paths[-1]) if paths else None
    if folder is None:
        return arguments
    manifest = folder / MANIFEST
    try:
        recorded = json.loads(manifest.read_text())["overrides"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{manifest}: cannot be read ({type(error).__name__}: {error}); put it back"
        ) from error
    # Another choice of a group takes the place of its recorded keys too. What is left out (~) once
    # cannot be left out again.
    taken = tuple(f"{path_of(override)}." for override in given)
    kept = [o for o in recorded if not f"{path_of(o)}.".startswith(taken)]
    return [o for o in kept if o not in arguments] + arguments
