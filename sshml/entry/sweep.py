"""Jobs of a sweep: whether each is done, and what became of all of them.

A job is its resolved configuration, so the same command run again finds what it has done before.
"""

import json
import math
import re
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from sshml.config.limits import check_process_count
from sshml.config.programs import command_of
from sshml.config.schema import TrainConfig, TransferConfig, plain_config
from sshml.config.trust import trusted
from sshml.entry.jobs import PLACELESS, job_in, name_of
from sshml.entry.processes import (
    LOCK,
    PATIENCE,
    children,
    end_jobs,
    end_with_parent,
    ended_when_alone,
    only_process,
)
from sshml.entry.progress import print_begin, print_end
from sshml.errors import CheckpointError, ConfigError, DivergedError, PrunedError, shown
from sshml.files.checkpoint import read_checkpoint
from sshml.files.run_folder import disk_errors, write_atomically
from sshml.files.stored import (
    MANIFEST,
    StoredError,
    check_own,
    read_json,
    read_manifest,
    read_metrics,
    read_settings,
    relocated,
)
from sshml.signals import work_begins
from sshml.terminal import say_interrupted
from sshml.training.checks.run import check_run
from sshml.training.train import quieten_libraries

_ERROR = "error.txt"
_ERROR_BYTES = 100_000
# Characters of an error that are printed.
_LONGEST = 500
# Each is composed and checked before the first one starts, which takes some ms.
_MOST_JOBS = 100_000


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a job's folder; empty if it has none that can be read."""
    with suppress(StoredError):
        return read_manifest(folder)
    return {}


def is_finished(folder: Path) -> bool:
    """Whether a job was done to its end, not resumed with other settings since, and has its results."""
    if not _ended(folder, "finished"):
        return False
    with suppress(StoredError):
        return bool(read_metrics(folder))
    with suppress(StoredError):  # of transfer.py
        return isinstance(read_json(folder / "transfer.json"), list)
    return False


def is_diverged(folder: Path) -> bool:
    """Whether the loss of a job was no longer finite, so that it would not be again."""
    return _ended(folder, "diverged")


def outcome(folder: Path) -> str:
    """How a job ended: ``finished``, ``diverged``, ``pruned``, else ``failed``."""
    if is_finished(folder):
        return "finished"
    return next((status for status in ("diverged", "pruned") if _ended(folder, status)), "failed")


def _ended(folder: Path, status: str) -> bool:
    content = manifest(folder)
    return content.get("status") == status and content.get("job") == job_in(folder)


def finished_metrics(folder: str) -> dict[str, float] | None:
    """The final values of a job that is done; None for one that is to be done.

    Raises:
        DivergedError: for one that has diverged, unless ``hydra.sweeper.redo_diverged`` is set.
        PrunedError: for one that was pruned, if its search still prunes.
    """
    path, sweeper = Path(folder), HydraConfig.get().sweeper
    if is_diverged(path) and not sweeper.get("redo_diverged", False):
        raise DivergedError(error_of(path))
    if _ended(path, "pruned") and sweeper.get("pruner") is not None:
        raise PrunedError("pruned in an earlier trial")
    return read_metrics(path) if is_finished(path) else None


@contextmanager
def recorded(folder: Path) -> Iterator[None]:
    """Print which job begins and how it ends, and keep the traceback of a failing one in its folder.

    Raises:
        ConfigError: if another process is running the job, as one of a sweep that was killed.
    """
    end_with_parent()
    begun = time.monotonic()
    print_begin()
    # What is left of a killed sweep ends within this time.
    with only_process(folder, "job", timeout=3 * PATIENCE), ended_when_alone():
        if not is_diverged(folder):
            (folder / _ERROR).unlink(missing_ok=True)
        try:
            yield
        except Exception as error:
            write_atomically(folder / _ERROR, traceback.format_exc())
            if has_diverged := isinstance(error, DivergedError):
                _change_manifest(folder, job=job_in(folder))
            print_end(folder, "diverged" if has_diverged else "failed", time.monotonic() - begun)
            raise
        (folder / _ERROR).unlink(missing_ok=True)
        _change_manifest(folder, job=job_in(folder))
        print_end(folder, manifest(folder).get("status", "done"), time.monotonic() - begun)


def _change_manifest(folder: Path, **values: str) -> None:
    write_atomically(folder / MANIFEST, json.dumps({**manifest(folder), **values}, indent=2) + "\n")


def launched(folder: Path, launch: Callable[[], object]) -> bool:
    """Launch jobs; print one line if the launcher gives up, as when the process of a job is killed.

    Mistakes in the command are raised.

    Args:
        folder: of the sweep; gets the traceback.
        launch: does it.

    Returns:
        Whether the launcher did not give up.
    """
    (folder / _ERROR).unlink(missing_ok=True)
    try:
        launch()
    except (HydraException, ConfigError):
        raise
    except Exception as error:
        write_atomically(folder / _ERROR, traceback.format_exc())
        reason = shown(" ".join(str(error).split())[:_LONGEST])
        print(f"the launcher failed: {type(error).__name__}: {reason} ({folder / _ERROR})")
        return False
    return True


def left_by_launcher(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Jobs that a launcher which gave up has left unfinished, and those it did not begin."""
    left = [path for path in folders if not (is_finished(path) or (path / _ERROR).is_file())]
    return [path for path in left if manifest(path)], [path for path in left if not manifest(path)]


def expect(key: str, value: object, holds: bool, expected: str) -> None:
    """Check a setting of a sweeper.

    Raises:
        ConfigError: if it does not hold.
    """
    if not holds:
        raise ConfigError(f"{key}={value}: expected {expected}")


def check_axes(params: object) -> None:
    """Check the axes that a sweeper's configuration has.

    Raises:
        ConfigError: if they are not one value per key.
    """
    expect("hydra.sweeper.params", params, params is None or isinstance(params, Mapping), "KEY: VALUES")


def is_positive(value: object) -> bool:
    """Whether a value is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def check_launcher(target: str) -> None:
    """Check that a launcher can start jobs on this machine.

    Args:
        target: the class that ``hydra.launcher`` names.

    Raises:
        ConfigError: for that of SLURM where there is none.
    """
    if target.endswith(".SlurmLauncher") and shutil.which("srun") is None:
        raise ConfigError(
            "hydra/launcher=submitit_slurm: srun not found; start the sweep on a machine that "
            "submits to SLURM"
        )


def check_number_of_jobs(axes: Iterable[Override]) -> None:
    """Check the axes of a sweep before their values are written out.

    Raises:
        ConfigError: if they make more jobs than a sweep can compose and check, or are no values.
    """
    number = 1.0
    for axis in axes:
        value = axis.value()
        if isinstance(value, RangeSweep):
            start, stop, step = float(value.start or 0), float(value.stop or 0), float(value.step)
            if step == 0 or math.isnan(start + stop + step):
                raise ConfigError(f"{axis.input_line}: expected numbers and a nonzero step")
            number *= max((stop - start) / step, 0)
        elif isinstance(value, ChoiceSweep):
            if any(isinstance(choice, Sweep) for choice in value.list):
                raise ConfigError(f"{axis.input_line}: expected values, or a single range or interval")
            number *= len(value.list)
        if not number <= _MOST_JOBS:
            raise ConfigError(f"{axis.input_line}: makes more than {_MOST_JOBS} jobs; expected fewer")


def jobs_of(folder: Path) -> dict[str, list[str]]:
    """The jobs that a sweep's folder has, by name, and the overrides of each."""
    found = {path.parent.name for name in (MANIFEST, _ERROR) for path in folder.glob(f"*/{name}")}
    return {name: manifest(folder / name).get("overrides", [name]) for name in sorted(found)}


def print_what_is_left(folder: Path, jobs: Mapping[str, Sequence[str]]) -> int:
    """Print how many jobs of a sweep are done, and of each that is not, why.

    Args:
        folder: of the sweep.
        jobs: names of the jobs' folders, and the overrides of each.

    Returns:
        How many are neither done, nor diverged, nor pruned.
    """
    of_all = set.intersection(*map(set, jobs.values())) if len(jobs) > 1 else set()
    outcomes = {name: outcome(folder / name) for name in jobs}
    for name, overrides in jobs.items():
        if outcomes[name] in ("finished", "pruned"):
            continue
        own = " ".join(o for o in overrides if o not in of_all and not o.startswith("hydra."))
        print(f"{outcomes[name]}: {shown(own)}: {error_of(folder / name)} ({shown(folder / name)})")
    count = Counter(outcomes.values())
    counted = f"{count['finished']} of {len(jobs)} jobs are done"
    counted += "".join(f", {count[how]} {how}" for how in ("diverged", "pruned") if count[how])
    print(f"{counted}; compare them with: {command_of('study')} {shown(folder)}")
    return count["failed"]


def error_of(folder: Path) -> str:
    """Why a job is not done, in one line."""
    path = folder / _ERROR
    if not path.is_file():
        return "its process ended" if manifest(folder) else "was never started"
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _ERROR_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"{_ERROR} cannot be read ({error.strerror})"
    traced = max((i for i, line in enumerate(lines) if line.startswith(" ")), default=-1)
    why = " ".join(lines[traced + 1 :])[:_LONGEST]
    return shown(re.sub(r"^sshml\.(\w+\.)+\w+: ", "", why))


def checked_jobs(
    context: HydraContext, config: DictConfig, batch: Iterable[Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Compose and check every job of a sweep before the first one starts.

    Args:
        context: of Hydra.
        config: of the sweep.
        batch: the overrides of each job.

    Returns:
        The same by the names of the jobs, each once.

    Raises:
        ConfigError: for the first job that cannot be.
        HydraException: likewise, for a key or an option that does not exist.
    """
    is_training = config.hydra.job.config_name == "train"
    if isinstance(at_once := config.hydra.launcher.get("n_jobs"), int):
        expect("hydra.launcher.n_jobs", at_once, at_once != 0, "a number, or -1 for one per core")
        check_process_count(f"hydra.launcher.n_jobs={at_once}", at_once)
    quieten_libraries()
    before = HydraConfig.instance().cfg
    jobs: dict[str, Sequence[str]] = {}
    try:
        for overrides in batch:
            job = context.config_loader.load_sweep_config(config, list(overrides))
            with open_dict(job):
                job.hydra.runtime.output_dir = PLACELESS
                job.hydra.job.num = len(jobs)
            # Not set_config, which copies all of it.
            HydraConfig.instance().cfg = cast("HydraConf", job)
            own = OmegaConf.masked_copy(job, [str(key) for key in job if key != "hydra"])
            settings = plain_config(own, TrainConfig if is_training else TransferConfig)
            if is_training:
                check_run(settings)
            jobs.setdefault(name_of(settings), overrides)
    finally:
        HydraConfig.instance().cfg = before
    return jobs


@contextmanager
def only_sweep(folder: Path) -> Iterator[None]:
    """Keep a sweep's folder to one process; leave none behind, and no job that seems to run.

    Raises:
        ConfigError: if another process works on the sweep, or the folder is that of a run.
        DiskError: if a file of the sweep cannot be written.
    """
    if (folder / MANIFEST).is_file():
        raise ConfigError(
            f"hydra.sweep.dir={folder}: is a run folder; expected a new folder, or that of a sweep"
        )
    check_own(folder)
    if not (folder / LOCK).is_file() and (
        foreign := sorted(path.name for path in folder.glob("[!.]*"))
    ):
        raise ConfigError(
            f"hydra.sweep.dir={folder}: holds {foreign[0]}, which does not belong to a sweep and "
            "could be overwritten; expected a new folder, or that of a sweep"
        )
    folder.mkdir(parents=True, exist_ok=True)
    work_begins()
    way_out = "the same command resumes the sweep"
    others = children()  # such as MPI's, without which it ends this process
    with disk_errors(folder, lambda: way_out), only_process(folder, "sweep"):
        try:
            yield
        except KeyboardInterrupt:
            end_jobs(children() - others)
            mark_running(folder, "interrupted")
            say_interrupted(way_out)
            raise


def mark_running(folder: Path, status: str) -> None:
    """No job of a sweep runs any more, whatever the manifests of killed ones say."""
    for name in jobs_of(folder):
        if manifest(folder / name).get("status") == "running":
            _change_manifest(folder / name, status=status)


def _is_of_others(folder: Path) -> bool:
    """Whether a job's folder was resumed by itself, with other settings than the job's."""
    with suppress(StoredError):
        settings = relocated(read_settings(folder), str(folder), PLACELESS)
        return name_of({**settings, "ckpt_path": None}) != job_in(folder)
    return False


def resumed_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a job, with the checkpoint that an interrupted one has left.

    Raises:
        ConfigError: if its folder has become another run's.
    """
    folder = Path(settings["paths"]["run"])
    if _is_of_others(folder):
        raise ConfigError(
            f"{folder}: was resumed with settings other than this job's; move it away to run the job "
            "again"
        )
    last = folder / "checkpoints" / "last.ckpt"
    if settings["ckpt_path"] is None and last.is_file():
        with suppress(CheckpointError):
            read_checkpoint(last, trusted(settings))
            return {**settings, "ckpt_path": str(last)}
    return settings
