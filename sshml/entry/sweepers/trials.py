"""What a search and its jobs share: the database of trials, and what prunes them."""

import functools
import logging
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig

from sshml.entry.sweepers.samplers import built
from sshml.errors import ConfigError, UnfinishedError, reason_of

if TYPE_CHECKING:  # Optuna takes a moment to import, and no other sweep needs it
    from optuna.storages import RDBStorage

# What databases say of a file that is none of theirs, or no longer one.
_DAMAGED = re.compile("not a database|malformed|no such (table|column)|has no column")
# Seconds that a job waits while others write.
_PATIENCE = 60


def database_of(hydra: Any) -> str | Path:
    """URL of the database that a search keeps its study in, or its file.

    Args:
        hydra: Hydra's own settings.
    """
    return hydra.sweeper.storage or Path(hydra.sweep.dir, "optuna.db")


def _shown(database: str | Path) -> str:
    return f"hydra.sweeper.storage={database}" if isinstance(database, str) else str(database)


@contextmanager
def errors_of_content(database: str | Path) -> Iterator[None]:
    """Turns what Optuna raises of a database that holds no study of its own into one line."""
    from optuna.exceptions import OptunaError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  # Optuna brings it

    try:
        yield
    except (ConfigError, UnfinishedError, OSError, OptunaError, SQLAlchemyError, ImportError):
        raise
    except Exception as error:  # of values that Optuna never wrote
        raise UnfinishedError(
            f"{_shown(database)}: damaged ({reason_of(error)}); restore it, or move it away to start "
            "another search"
        ) from error


@contextmanager
def errors_of_storage(database: str | Path) -> Iterator[None]:
    """Turns what the database of a study raises, as on a full disk, into one line."""
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError  # noqa: PLC0415  # Optuna brings it

    given = _shown(database)
    try:
        yield
    except (ArgumentError, ImportError) as error:
        raise ConfigError(f"{given}: {reason_of(error)}; expected sqlite:///FILE") from error
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
        reason = reason_of(cause)
        if _DAMAGED.search(reason):
            way_out = "restore it, or move it away to start another search"
        elif "unable to open" in reason:
            way_out = "expected sqlite:///FILE in a folder that can be written to"
        else:
            way_out = "once it can be written to, the same command resumes the search"
        raise UnfinishedError(f"{given}: {reason}; {way_out}") from error


def opened(database: str | Path) -> "RDBStorage":
    """Open the database of a study; a file that an earlier version of Optuna wrote is upgraded.

    Raises:
        ConfigError: if another version wrote it that is newer, or wrote to a server, where it may be of
            others too.
    """
    from optuna.storages import RDBStorage  # noqa: PLC0415

    is_file = isinstance(database, Path) or database.startswith("sqlite:")
    url, folder = str(database), Path()
    arguments: dict[str, Any] = {"connect_args": {"timeout": _PATIENCE}} if is_file else {}
    if isinstance(database, Path):  # in a URL some characters of a path would mean something else
        connect = functools.partial(
            sqlite3.connect, database.absolute(), timeout=_PATIENCE, check_same_thread=False
        )
        url, folder, arguments = f"sqlite:///{database.name}", database.parent, {"creator": connect}
    try:
        return RDBStorage(url, arguments)
    except RuntimeError as error:
        storage = RDBStorage(url, arguments, skip_compatibility_check=True)
        if not is_file or storage.get_current_version() not in storage.get_all_versions():
            raise ConfigError(f"{_shown(database)}: {reason_of(error)}") from error
        quiet = logging.NullHandler()  # without any, Optuna sets logging up for the whole process
        logging.getLogger().addHandler(quiet)
        with warnings.catch_warnings(), chdir(folder):  # Alembic takes the URL alone
            warnings.simplefilter("ignore", FutureWarning)  # of what it upgrades
            storage.upgrade()
        logging.getLogger().removeHandler(quiet)
        print(
            f"{database}: was written by an earlier version of Optuna, and has been upgraded",
            flush=True,
        )
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

    database, name = database_of(HydraConfig.get()), sweeper.study_name
    with errors_of_storage(database):
        storage = opened(database)
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
        with errors_of_storage(database):
            trial.report(accuracy, epoch)
            return trial.should_prune()

    return is_pruned
