"""Make a W&B workspace and a W&B report of all runs, or write their specification to a file."""

import argparse
import contextlib
import itertools
import json
import os
import re
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import wandb

from sshml.config.programs import command_of
from sshml.errors import ConfigError, fail, pip_install, reason_of
from sshml.tracking.wandb import HangError, within

# What W&B allows in the name of a project; those of users and teams have fewer.
_NAME = re.compile(r"[^/\\#?%:\s][^/\\#?%:]{0,127}")
_DEFAULT_FILE = Path("dashboard.json")
# Longer than W&B takes to try again when it is busy.
_SEND_S = 120.0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line; None for those it was called with.

    Returns:
        Exit status: 0; 2 after a user's mistake, told in one line.
    """
    parser = _Parser(prog=command_of("dashboard"), description=__doc__)
    parser.add_argument("--entity", required=True, help="W&B user or team")
    parser.add_argument("--project", default="sshml", help="W&B project (default: %(default)s)")
    parser.add_argument(
        "--file",
        type=Path,
        help="write the specification to this file instead of sending it (what cannot be sent is "
        f"written to {_DEFAULT_FILE}, or {_DEFAULT_FILE.stem}_2.json, …)",
    )
    try:
        options = parser.parse_args(arguments)
        if os.path.expanduser("~") == "~":  # noqa: PTH111  # Path.home raises
            raise ConfigError(
                "HOME is not set; W&B keeps its account there, so set it to a folder of yours"
            )
        for name in ("entity", "project"):
            _check_name(name, getattr(options, name))
        _make(options.entity, options.project, options.file)
    except ConfigError as error:
        return fail(str(error))
    return 0


def _check_name(option: str, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ConfigError(
            f"--{option}={value}: expected a name of 1 to 128 characters without / \\ # ? % :; both "
            "are in the address of your project, https://wandb.ai/ENTITY/PROJECT"
        )


def _make(entity: str, project: str, file: Path | None) -> None:
    """Send the workspace and the report, or write them to a file."""
    try:
        with warnings.catch_warnings():  # of pydantic, to the package's authors
            warnings.simplefilter("ignore", DeprecationWarning)
            from sshml.dashboard import panels  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"the dashboard needs wandb-workspaces ({error}); run {pip_install('dashboard')}"
        ) from error
    path = file or _unused(_DEFAULT_FILE)
    if path.exists():
        raise ConfigError(f"--file={path}: already exists and is not overwritten; expected a new file")
    workspace, report = panels.workspace(entity, project), panels.report(entity, project)
    reason = "nothing was sent" if file else _send(workspace, report)
    if reason is None:
        print(f"workspace:    {workspace.url}\nreport:       {report.url}")
        return
    specification = {"workspace": workspace._to_model(), "report": report._to_model()}
    content = {
        name: model.model_dump(mode="json", by_alias=True, exclude_none=True)
        for name, model in specification.items()
    }
    try:
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"--file={path}: cannot be written ({error.strerror})") from error
    names = shlex.join(["--entity", entity, "--project", project])
    print(
        f"{reason}: the specification of the workspace and the report is in {path}; to send it: "
        f"wandb login, then {command_of('dashboard')} {names}"
    )


def _unused(path: Path) -> Path:
    """The path itself, or ``NAME_2``, ``NAME_3`` … if there are such files."""
    names = (path.with_stem(f"{path.stem}_{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], names) if not name.exists())


def _send(workspace: Any, report: Any) -> str | None:
    """Make both, or replace those that an earlier call made.

    Returns:
        None, or why it could not be done.

    Raises:
        ConfigError: if there is no such project.
    """
    from wandb.sdk.lib.service.service_connection import WandbApiFailedError  # noqa: PLC0415
    from wandb_workspaces.workspaces.errors import SpecVersionError  # noqa: PLC0415

    try:
        settings = wandb.Settings(silent=True)  # this command reports what happens
    except ValueError as error:  # pydantic's, of a value in the environment
        raise ConfigError(
            f"W&B's settings: {reason_of(error)}; correct WANDB_… in the environment"
        ) from error

    def save() -> str | None:
        wandb.setup(settings)
        if not wandb.login(prompt=False):
            return "W&B has no account here, or is set to offline"
        _find_earlier(workspace, report)
        workspace.save()
        report.save()
        return None

    try:
        return within(_SEND_S, save)
    except HangError as error:
        return f"the W&B process does not start or hangs ({error})"
    except (wandb.Error, WandbApiFailedError, SpecVersionError) as error:
        return f"W&B cannot be reached or refuses the request ({' '.join(str(error).split())})"


def _find_earlier(workspace: Any, report: Any) -> None:
    """Give both the ids of those that an earlier call made, so that saving replaces them."""
    from wandb_workspaces.workspaces.internal import get_view_dict  # noqa: PLC0415

    entity, project = workspace.entity, workspace.project
    try:
        reports = list(wandb.Api().reports(f"{entity}/{project}"))
    except ValueError as error:
        raise ConfigError(
            f"--entity={entity} --project={project}: no such project on W&B, or this account cannot "
            "see it; upload a run first, with logger.wandb.mode=online or wandb sync"
        ) from error
    report.id = next((r.id for r in reports if r.display_name == report.title), "")
    with contextlib.suppress(ValueError):  # there is none yet
        workspace._internal_id = get_view_dict(entity, project, workspace.name)["id"]


if __name__ == "__main__":
    sys.exit(main())
