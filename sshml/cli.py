"""What the entry points share: resolvers, folders of sweeps, one line for a user's mistake."""

import contextlib
import hashlib
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sshml.errors import CheckpointError, ConfigError, IncompleteError, unknown_key
from sshml.hardware import fastest_precision, jobs_at_once
from sshml.resuming import key_of, run_folder_for, with_recorded_overrides

CONF_DIR = Path(__file__).resolve().parent.parent / "conf"


# conf/hydra/launcher/ has the plugins' own names, with other defaults.
warnings.filterwarnings(
    "ignore", message="(?s).*validated against ConfigStore schema with the same name"
)


def _job_name(*, _root_: DictConfig) -> str:
    from sshml.sweep import job_name  # noqa: PLC0415  # imports torch

    return job_name(_root_)


def _group(run: str) -> str | None:
    """What a run belongs to, for loggers: its sweep, or the study of transfer.py; None by itself."""
    if is_sweep():
        return Path(HydraConfig.get().sweep.dir).name
    of_study = HydraConfig.initialized() and HydraConfig.get().job.config_name == "transfer"
    return Path(run).name if of_study else None


def _steps(epochs: int, n_train: int, batch_size: int) -> int:
    """Steps of training in a whole run."""
    return epochs * -(-n_train // batch_size)


# At import, and replacing: a second job in the same process would register it again. Cached, so that
# the folder does not change within a run.
OmegaConf.register_new_resolver("sshml.run_folder", run_folder_for, use_cache=True, replace=True)
OmegaConf.register_new_resolver("sshml.job_name", _job_name, replace=True)
OmegaConf.register_new_resolver("sshml.jobs_at_once", jobs_at_once, replace=True)
OmegaConf.register_new_resolver("sshml.steps", _steps, replace=True)
OmegaConf.register_new_resolver("sshml.group", _group, replace=True)
OmegaConf.register_new_resolver("sshml.fastest_precision", fastest_precision, replace=True)


def is_sweep() -> bool:
    """Whether this is a job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


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
    if not ({"-m", "--multirun"} & set(arguments) or "sweep" in keys) or "hydra.sweep.dir" in keys:
        return arguments
    not_of_it = ("hydra/launcher", "hydra.launcher", "hydra.sweeper.n_", "figures")
    own = sorted(_in_order(a) for a in given if not a.startswith(not_of_it))
    study = next((a.partition("=")[2] for a in own if a.startswith("sweep=")), "sweep")
    if "," in study:
        raise ConfigError(f"sweep={study}: expected one study; run the others by commands of their own")
    digest = hashlib.sha256(json.dumps(own).encode()).hexdigest()[:8]
    return [*arguments, f"hydra.sweep.dir=${{paths.runs}}/sweeps/{study}_{digest}"]


def _one_line(error: Exception, arguments: list[str], name: str = "train") -> str:
    """What a user needs to know of a mistake in a command line or a configuration file."""
    message = str(error)
    unknown = re.match(r"Could not (override|delete from config\.) '(?P<key>[^']+)'", message)
    if unknown:
        return _unknown_override(unknown["key"], arguments, name)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error.missing_cfg_file, arguments)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("object_type=", "reference_type="))]
    text = re.sub(r"([:,]);", r"\1", "; ".join(lines))
    if isinstance(error, OverrideParseException):
        return f"{error.override}: expected KEY=VALUE in Hydra's grammar ({text})"
    return text


def _unknown_override(key: str, arguments: list[str], config_name: str) -> str:
    """The line for a key that no configuration file has."""
    parent, _, name = key.rpartition(".")
    override = next((a for a in arguments if key_of(a) == key), key)
    groups = [a for a in arguments if "=" in a and "." not in key_of(a) and a != override]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        try:
            config = compose(config_name, [a for a in groups if not a.startswith("-")])
        except HydraException:  # another mistake, or a sweep: the defaults will do
            config = compose(config_name)
    node = config
    while parent and not isinstance(node := OmegaConf.select(config, parent), DictConfig):
        parent, _, name = parent.rpartition(".")
        node = config
    known = {str(name) for name in node if name != "_target_"}
    if name in known and key in (name, f"{parent}.{name}"):
        return f"{override}: other options set parts of {key} already; add to them by +{key}.NAME=VALUE"
    if not parent:
        known |= {path.name for path in CONF_DIR.iterdir() if path.is_dir()}
    return f"{override}: {unknown_key(parent, name, known)}"


def _unknown_option(missing: str, arguments: list[str]) -> str:
    """The line for a file that a configuration group does not have."""
    group, _, name = missing.partition("/")
    if group == "hydra" and "/" in name:
        group, _, name = missing.rpartition("/")
    folder = CONF_DIR / group
    options = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")}
    options |= {"basic"} if group == "hydra/launcher" else set()
    override = next((a for a in arguments if a.endswith(f"={name}")), f"{group}={name}")
    return f"{override}: {unknown_key(group, name, options, sign='=')}"


@contextlib.contextmanager
def user_mistakes() -> Iterator[None]:
    """Within a job: turns a user's mistake into one line and exit status 2.

    In a sweep no job may end the process; its error stays in its folder, and others go on.
    """
    if is_sweep():
        from sshml.sweep import recorded  # noqa: PLC0415  # imports torch

        with recorded(Path(HydraConfig.get().runtime.output_dir)):
            yield
        return
    try:
        yield
    except (ConfigError, CheckpointError, OmegaConfBaseException) as error:
        print(f"error: {_one_line(error, sys.argv[1:])}", file=sys.stderr)
        with contextlib.suppress(OSError):  # Hydra has made a folder; keep it only if it was in use
            Path(HydraConfig.get().runtime.output_dir).rmdir()
        sys.exit(2)


def _extra_of_plugin(message: str) -> str | None:
    """The extra that brings a plugin which Hydra says it does not know."""
    unknown = re.match(r"Unknown plugin class : 'hydra_plugins\.hydra_(\w+)_launcher\.", message)
    return unknown and unknown[1]


def run(main: Callable[[], object], name: str = "train") -> int:
    """Run a Hydra entry point.

    Args:
        main: decorated with ``hydra.main``.
        name: of its configuration.

    Returns:
        Exit status: 0; 1 if jobs of a sweep, or cells of a study, failed; 2 after a user's mistake,
        told in one line; 130 after Ctrl-C or SIGTERM. Any other
        exception is ours, and keeps its traceback.
    """
    # Hydra would print mistakes over several lines and hide the traceback of our own errors.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    if int(os.environ.get("LOCAL_RANK", "0")):  # of several processes the first one ends the others
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:  # SIGTERM ends a run as Ctrl-C does, outside of training too
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.argv[1:] = with_sweep_folder(with_recorded_overrides(sys.argv[1:]))
        main()
    except InstantiationException:
        raise  # not of the command line, but of what it names
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {_one_line(error, sys.argv[1:], name)}", file=sys.stderr)
        return 2
    except (ConfigError, NotADirectoryError, PermissionError) as error:  # of a sweep, before its jobs
        cannot = isinstance(error, OSError) and (
            f"{error.filename}: {error.strerror}; set paths.runs=FOLDER to one that can be written to"
        )
        print(f"error: {cannot or error}", file=sys.stderr)
        return 2
    except IncompleteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        extra = _extra_of_plugin(str(error))
        if extra is None:
            raise
        launcher = next((a for a in sys.argv if a.startswith("hydra/launcher=")), "hydra/launcher")
        line = f'{launcher}: is not installed; run pip install -e ".[{extra}]"'
        print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
