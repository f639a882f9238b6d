"""What a search and its jobs share: the database of trials, the sampler, the pruner."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from sshml.errors import ConfigError, UnfinishedError, named, reason_of, unknown_key

if TYPE_CHECKING:  # Optuna takes a moment to import, and no other sweep needs it
    from optuna.storages import RDBStorage

# Classes by the short names that the command line may use.
_SHORT = {
    "sampler": {
        "tpe": "TPESampler", "random": "RandomSampler", "gp": "GPSampler", "cmaes": "CmaEsSampler"
    },
    "pruner": {"median": "MedianPruner", "hyperband": "HyperbandPruner"},
}  # fmt: skip
# What databases say of a file that is none of theirs, or no longer one.
_DAMAGED = re.compile("not a database|malformed|no such (table|column)|has no column")
# Seconds that a job waits while others write.
_PATIENCE = 60


def built(kind: Literal["sampler", "pruner"], chosen: object, **arguments: Any) -> Any:
    """Build the sampler or the pruner that the settings choose.

    Args:
        kind: of the two.
        chosen: a short name, or a node with the ``_target_`` of a class and arguments of it, as Hydra
            composed it.
        arguments: of a class that is chosen by its short name.

    Raises:
        ConfigError: if there is no such class, or it does not take the arguments.
    """
    import optuna  # noqa: PLC0415

    from sshml.config.build import TARGET, build  # noqa: PLC0415  # imports much

    key, short = f"hydra.sweeper.{kind}", _SHORT[kind]
    if OmegaConf.is_config(chosen):
        chosen = OmegaConf.to_container(chosen, resolve=True)
    if isinstance(chosen, str):
        if chosen not in short:
            raise ConfigError(f"{key}={chosen}: {unknown_key(key, chosen, short, '=')}")
        node: Mapping[str, Any] = {TARGET: f"optuna.{kind}s.{short[chosen]}", **arguments}
    elif isinstance(chosen, Mapping) and TARGET in chosen:
        node = chosen
    else:
        raise ConfigError(
            f"{key}={chosen}: expected one of {', '.join(short)}, or a node with {TARGET}"
        )
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    with named(key, node):
        part = build(node)
    base = optuna.samplers.BaseSampler if kind == "sampler" else optuna.pruners.BasePruner
    if not isinstance(part, base):
        raise ConfigError(
            f"{key}.{TARGET}={node[TARGET]}: expected a class derived from {base.__name__}"
        )
    return part


@contextmanager
def errors_of_storage(url: str) -> Iterator[None]:
    """Turns what the database of a study raises, as on a full disk, into one line."""
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError  # noqa: PLC0415  # Optuna brings it

    given = f"hydra.sweeper.storage={url}"
    try:
        yield
    except (ArgumentError, ImportError) as error:
        raise ConfigError(f"{given}: {reason_of(error)}; expected sqlite:///FILE") from error
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
        reason = reason_of(cause)
        if _DAMAGED.search(reason):
            way_out = "restore it, or move it away to begin another search"
        elif "unable to open" in reason:
            way_out = "expected sqlite:///FILE, a file in a folder that can be written to"
        else:
            way_out = "once it can be written to, the same command continues"
        raise UnfinishedError(f"{given}: {reason}; {way_out}") from error


def opened(url: str) -> "RDBStorage":
    """Open the database of a study; a file that an earlier version of Optuna wrote is upgraded.

    Raises:
        ConfigError: if another version wrote it that is newer, or wrote to a server, where it may be of
            others too.
    """
    from optuna.storages import RDBStorage  # noqa: PLC0415

    is_file = url.startswith("sqlite:")
    arguments: Any = {"connect_args": {"timeout": _PATIENCE}} if is_file else {}
    try:
        return RDBStorage(url, arguments)
    except RuntimeError as error:
        storage = RDBStorage(url, arguments, skip_compatibility_check=True)
        if not is_file or storage.get_current_version() not in storage.get_all_versions():
            raise ConfigError(f"hydra.sweeper.storage={url}: {reason_of(error)}") from error
        quiet = logging.NullHandler()  # without any, Optuna sets logging up for the whole process
        logging.getLogger().addHandler(quiet)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what it upgrades
            storage.upgrade()
        logging.getLogger().removeHandler(quiet)
        print(f"{url}: is of an earlier version of Optuna, and was upgraded", flush=True)
        return storage


def pruning() -> Callable[[int, float], bool] | None:
    """How a job of a search that prunes reports its epochs; None for other jobs.

    Returns:
        Takes an epoch, counted from 0, and its validation accuracy; returns whether the trial is to be
        pruned.
    """
    sweeper = HydraConfig.get().sweeper
    if sweeper.get("pruner") is None:
        return None
    import optuna  # noqa: PLC0415

    url, name = sweeper.storage, sweeper.study_name
    with errors_of_storage(url):
        storage = opened(url)
        study = optuna.load_study(
            study_name=name,
            storage=storage,
            sampler=optuna.samplers.RandomSampler(),  # draws nothing here
            pruner=built("pruner", sweeper.pruner),
        )
        of_study = storage.get_study_id_from_name(name)
        trial_id = storage.get_trial_id_from_study_id_trial_number(of_study, sweeper.trial)
        trial = optuna.Trial(study, trial_id)

    def is_pruned(epoch: int, accuracy: float) -> bool:
        with errors_of_storage(url):
            trial.report(accuracy, epoch)
            return trial.should_prune()

    return is_pruned
