"""What the entry points share: resolvers, folders of sweeps, one line for a user's mistake."""

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from sshml.config.hardware import check_environment, fastest_precision, jobs_at_once
from sshml.config.programs import CONF_DIR, is_sweep
from sshml.entry.arguments import (
    as_new_run,
    check_flags,
    check_hydra_settings,
    check_one_run,
    check_paths,
    is_multirun,
    key_of,
    with_flags_first,
    with_quoted_paths,
)
from sshml.entry.jobs import job_name, short_keys
from sshml.entry.messages import line_of
from sshml.entry.plugins import register
from sshml.entry.resuming import run_folder_for, with_recorded_overrides
from sshml.errors import ConfigError, UnfinishedError, fail
from sshml.signals import INTERRUPTED, on_early_end

# Characters of what a sweep varies in the name of its folder, which W&B allows 128 as a group.
_LONGEST = 80

# conf/hydra/launcher/ has the plugins' own names, with other defaults.
warnings.filterwarnings(
    "ignore", message="(?s).*validated against ConfigStore schema with the same name"
)
# Of what a command line says on purpose, such as -m with hydra.mode=RUN.
warnings.filterwarnings("ignore", category=UserWarning, module=r"hydra\.|omegaconf\.")


def _job_name(*, _root_: DictConfig) -> str:
    return job_name(_root_)


def _help(*, _root_: DictConfig) -> str:
    """The text, in which Hydra substitutes names with a ``$``."""
    from sshml.entry.help import help_text  # noqa: PLC0415  # seldom asked for

    return help_text(_root_).replace("$", "$$")


def _sweep_folder(runs: str, end: str, *names: str) -> str:
    """Folder of a sweep: the one that the same command has made, whatever it is called, or a new one.

    Args:
        runs: where all runs are.
        end: of its name, the digest of the command.
        names: of what the sweep varies.
    """
    folder = Path(runs, "sweeps", ",".join(names)[:_LONGEST] + end)
    earlier = sorted(folder.parent.glob(f"*{end}/"))
    return str(folder if folder in earlier or not earlier else earlier[0])


def _group(run: str) -> str | None:
    """What a run belongs to, for loggers: its sweep, or the study of transfer.py; None by itself."""
    if is_sweep():
        return Path(HydraConfig.get().sweep.dir).name
    of_study = HydraConfig.initialized() and HydraConfig.get().job.config_name == "transfer"
    return Path(run).name if of_study else None


def _steps(epochs: int, n_train: int | None, batch_size: int) -> int | None:
    """Steps of training in a whole run; None for those of a file, which is not read yet.

    Raises:
        ConfigError: for numbers that have none, as of a run without a last epoch.
    """
    if n_train is None:
        return None
    given = {"trainer.max_epochs": epochs, "data.n_train": n_train, "data.batch_size": batch_size}
    for key, number in given.items():
        if not isinstance(number, int) or number < 1:
            raise ConfigError(
                f"{key}={number}: expected a whole number above 0, since the schedule depends on it"
            )
    return epochs * -(-n_train // batch_size)


# At import, and replacing: a second job in the same process would register it again. Cached, so that
# the folder does not change within a run.
OmegaConf.register_new_resolver("sshml.run_folder", run_folder_for, use_cache=True, replace=True)
OmegaConf.register_new_resolver("sshml.job_name", _job_name, replace=True)
OmegaConf.register_new_resolver("sshml.sweep_folder", _sweep_folder, replace=True)
OmegaConf.register_new_resolver("sshml.jobs_at_once", jobs_at_once, replace=True)
OmegaConf.register_new_resolver("sshml.steps", _steps, replace=True)
OmegaConf.register_new_resolver("sshml.help", _help, replace=True)
OmegaConf.register_new_resolver("sshml.group", _group, replace=True)
OmegaConf.register_new_resolver("sshml.fastest_precision", fastest_precision, replace=True)


def overrides() -> list[str]:
    """What the command line changed, for doing this run again by itself."""
    task = list(HydraConfig.get().overrides.task)
    # A ready study sets more than its axes, so its jobs name it; but they are one run each.
    return [*task, "hydra.mode=RUN"] if any(o.startswith("sweep=") for o in task) else task


def _in_order(override: str) -> str:
    """The same with the values of a simple list in order."""
    key, _, values = override.partition("=")
    return (
        override if set(values) & set("[](){}'\"") else f"{key}={','.join(sorted(values.split(',')))}"
    )


def _axes(overrides: Sequence[str]) -> str:
    """What a sweep varies, ``W,seed``."""
    parsed = []
    for override in overrides:
        with contextlib.suppress(HydraException):  # which Hydra reports
            parsed.append(OverridesParser.create().parse_override(override))
    keys = [axis.get_key_element() for axis in parsed if axis.is_sweep_override()]
    return ",".join(short_keys(keys).values())


def with_sweep_folder(arguments: list[str]) -> list[str]:
    """Name the folder of a sweep after its command, so that the same command finds what it has done.

    Where its jobs run, what they draw and how many trials a search has are not part of the name.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The arguments to run with.
    """
    given = [a for a in arguments if "=" in a and not a.startswith("-")]
    keys = {key_of(a) for a in given}
    if not is_multirun(arguments):
        return arguments
    study = next((a.partition("=")[2] for a in given if a.startswith("sweep=")), None)
    if study is not None and not re.fullmatch(r"[\w./-]+", study):
        raise ConfigError(f"sweep={study}: expected one study; run the others separately")
    if "hydra.sweep.dir" in keys:
        return arguments
    not_of_it = (
        "hydra/launcher",
        "hydra.launcher",
        "hydra.sweeper.n_",
        "hydra.sweeper.redo_",
        "figures",
        "dry_run",
    )
    own = sorted(_in_order(a) for a in given if not a.startswith(not_of_it))
    digest = hashlib.sha256(json.dumps(own).encode()).hexdigest()[:8]
    name = study or _axes(given) or "sweep"
    folder = f"hydra.sweep.dir='${{sshml.sweep_folder:${{paths.runs}},_{digest},{name}}}'"
    # Beside the others: the parser takes no overrides on both sides of a flag.
    beside = given[-1:] or [a for a in arguments if not a.startswith("-")][:1]
    place = arguments.index(beside[0]) + 1 if beside else len(arguments)
    return [*arguments[:place], folder, *arguments[place:]]


def remove_unused_folder() -> None:
    """Remove the folder that Hydra made for a run, if nothing is in it, and those above."""
    with contextlib.suppress(Exception):  # there may be no configuration yet
        folder = Path(HydraConfig.get().runtime.output_dir)
        dated = re.fullmatch(r"\d{4}-\d\d-\d\d", folder.parent.name)
        for empty in [folder, *([folder.parent, folder.parent.parent] if dated else [])]:
            with contextlib.suppress(FileNotFoundError):  # Hydra was about to make it
                empty.rmdir()


@contextlib.contextmanager
def user_mistakes() -> Iterator[None]:
    """Within a job: turns a user's mistake into one line and exit status 2, unfinished work into 1.

    In a sweep no job may end the process; its error stays in its folder, and others go on.
    """
    if is_sweep():
        from sshml.entry.sweep import recorded  # noqa: PLC0415  # imports torch

        with recorded(Path(HydraConfig.get().runtime.output_dir)):
            yield
        return
    try:
        yield
    except UnfinishedError as error:
        fail(str(error))
        sys.exit(1)
    except Exception as error:  # here, for Hydra would print its own line too
        line = line_of(error, sys.argv[1:], HydraConfig.get().job.config_name or "train")
        if line is None:
            raise
        sys.exit(fail(line))
    finally:
        remove_unused_folder()


@contextlib.contextmanager
def _no_package(package: str | None) -> Iterator[None]:
    """Turns what Hydra prints for a ``--package`` that does not exist into an error."""
    try:
        with contextlib.redirect_stderr(io.StringIO()) if package else contextlib.nullcontext():
            yield
    except SystemExit as error:
        if package and error.code == 1:
            raise ConfigError(f"--package={package}: not in the configuration") from error
        raise


def run(main: Callable[..., object], name: str = "train") -> int:
    """Run an entry point by Hydra.

    Args:
        main: takes the composed configuration.
        name: of its configuration.

    Returns:
        Exit status: 0; 1 if jobs of a sweep, or cells of a study, failed; 2 after a user's mistake,
        reported in one line; 130 after Ctrl-C or SIGTERM. Any other
        exception is ours, and keeps its traceback.
    """
    # Hydra would print mistakes over several lines and hide the traceback of our own errors.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    on_early_end(remove_unused_folder)
    if "--version" in sys.argv[1:]:  # Hydra would print its own
        print(f"sshml {version('sshml')}")
        return 0
    try:
        sys.argv[1:] = with_flags_first(sys.argv[1:])
        flags = check_flags(sys.argv[1:], name)
        check_paths(sys.argv[1:])
        check_hydra_settings(sys.argv[1:])
        check_one_run(sys.argv[1:])
        check_environment()
        # Recorded overrides come first, and -m before them.
        arguments = with_flags_first(with_quoted_paths(with_recorded_overrides(sys.argv[1:])))
        sys.argv[1:] = with_sweep_folder(as_new_run(arguments, name))
        register()
        entry = hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=name)(main)
        with _no_package(flags.package):
            entry()
    except UnfinishedError as error:
        fail(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        line = line_of(error, sys.argv[1:], name)
        if line is None:
            raise
        return fail(line)
    return 0
