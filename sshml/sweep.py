"""Jobs of a sweep: what each is called, whether it is done, what became of all of them.

A job is its resolved configuration, so the same command run again finds what it has done before.
"""

import hashlib
import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import psutil
from filelock import FileLock, Timeout
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from sshml.checkpoint import read_checkpoint
from sshml.checks import check_run
from sshml.config import TrainConfig, TransferConfig, plain_config
from sshml.errors import CheckpointError, ConfigError
from sshml.run_folder import write_atomically
from sshml.stored import MANIFEST
from sshml.training import quieten_libraries
from sshml.trust import trusted

# Where a run goes, who is told of it and what it draws do not change what it computes.
_NOT_OF_A_JOB = {"hydra", "logger", "paths", "figures", "trust"}
_ERROR = "error.txt"
# Stands for the run's folder, which some settings name, in what its name is made from.
_PLACELESS = "run"
# Seconds that jobs have to write their last state after Ctrl-C.
_PATIENCE = 3.0


def job_name(config: DictConfig) -> str:
    """Name of a job's folder: its network and a digest of its resolved configuration.

    Args:
        config: as composed, with or without its ``hydra`` node.
    """
    node: Any = OmegaConf.to_container(config, resolve=False)
    own = {key: value for key, value in node.items() if key not in _NOT_OF_A_JOB}
    placeless = OmegaConf.create({**own, "paths": {"runs": "runs", "run": _PLACELESS}})
    resolved: Any = OmegaConf.to_container(placeless, resolve=True)
    return _name(resolved)


def _name(settings: Mapping[str, Any]) -> str:
    own = {key: value for key, value in settings.items() if key not in _NOT_OF_A_JOB}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()
    model = str(settings["model"].get("_target_", "job")).rpartition(".")[2]
    return f"{model}_{digest[:12]}"


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a job's folder; empty if it has none, or only half of one."""
    with suppress(OSError, ValueError):
        content = json.loads((folder / MANIFEST).read_text())
        return content if isinstance(content, dict) else {}
    return {}


def is_finished(folder: Path) -> bool:
    """Whether a job was done to its end, and not gone on with by other settings since."""
    content = manifest(folder)
    return content.get("status") == "finished" and content.get("job") == folder.name


def finished_metrics(folder: str) -> dict[str, float] | None:
    """The final values of a job that is done; None for one that is not."""
    if not is_finished(Path(folder)):
        return None
    metrics: dict[str, float] = json.loads(Path(folder, "metrics.json").read_text())
    return metrics


@contextmanager
def recorded(folder: Path) -> Iterator[None]:
    """Say which job begins, and keep the traceback of a failing one in its folder.

    Raises:
        ConfigError: if the job is being done, as by a process of a sweep that was killed.
    """
    hydra = HydraConfig.get()
    print(f"job {hydra.job.num + 1}:", *hydra.overrides.task, flush=True)
    with _only_process(folder, "job"):
        (folder / _ERROR).unlink(missing_ok=True)
        try:
            yield
        except Exception:
            write_atomically(folder / _ERROR, traceback.format_exc())
            raise
        _change_manifest(folder, job=folder.name)


@contextmanager
def _only_process(folder: Path, what: str) -> Iterator[None]:
    """Keep a folder to one process; the lock ends with the process, however that ends."""
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(
            f"{folder}: another process is at this {what}; wait for it, or choose another folder with "
            "hydra.sweep.dir=FOLDER"
        ) from error
    with lock:
        yield


def _change_manifest(folder: Path, **values: str) -> None:
    write_atomically(folder / MANIFEST, json.dumps({**manifest(folder), **values}, indent=2) + "\n")


def launched(folder: Path, launch: Callable[[], object]) -> bool:
    """Launch jobs; say in a line if the launcher gives up, as when the process of a job is killed.

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
        reason = " ".join(str(error).split())[:200]
        print(f"the launcher gave up: {type(error).__name__}: {reason} ({folder / _ERROR})")
        return False
    return True


def left_by_launcher(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Jobs that a launcher which gave up has left amid their work, and those it did not begin."""
    left = [path for path in folders if not (is_finished(path) or (path / _ERROR).is_file())]
    return [path for path in left if manifest(path)], [path for path in left if not manifest(path)]


def jobs_of(folder: Path) -> dict[str, list[str]]:
    """The jobs that a sweep's folder has, by name, and the overrides of each."""
    found = {path.parent.name for name in (MANIFEST, _ERROR) for path in folder.glob(f"*/{name}")}
    return {name: manifest(folder / name).get("overrides", [name]) for name in sorted(found)}


def say_what_is_left(folder: Path, jobs: Mapping[str, Sequence[str]]) -> int:
    """Say how many jobs of a sweep are done, and of each that is not, why.

    Args:
        folder: of the sweep.
        jobs: names of the jobs' folders, and the overrides of each.

    Returns:
        How many are not done.
    """
    of_all = set.intersection(*map(set, jobs.values())) if len(jobs) > 1 else set()
    left = {name: overrides for name, overrides in jobs.items() if not is_finished(folder / name)}
    for name, overrides in left.items():
        error = folder / name / _ERROR
        if error.is_file():
            lines = error.read_text().splitlines()
            traced = max((i for i, line in enumerate(lines) if line.startswith(" ")), default=-1)
            why = " ".join(lines[traced + 1 :])
        else:
            why = "its process ended" if manifest(folder / name) else "was not begun"
        own = " ".join(o for o in overrides if o not in of_all and not o.startswith("hydra."))
        print(f"failed: {own}: {why} ({folder / name})")
    print(
        f"{len(jobs) - len(left)} of {len(jobs)} jobs are done; look at them with: "
        f"python -m sshml.study {folder}"
    )
    return len(left)


def checked_jobs(
    context: HydraContext, config: DictConfig, batch: Iterable[Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Compose and check every job of a sweep before the first one starts.

    Args:
        context: of Hydra.
        config: of the sweep.
        batch: the overrides of each job.

    Returns:
        The same by the names of their folders, each job once.

    Raises:
        ConfigError: for the first job that cannot be.
        HydraException: likewise, for a key or an option that does not exist.
    """
    is_training = config.hydra.job.config_name == "train"
    quieten_libraries()
    before = HydraConfig.instance().cfg
    jobs: dict[str, Sequence[str]] = {}
    try:
        for overrides in batch:
            job = context.config_loader.load_sweep_config(config, list(overrides))
            with open_dict(job):
                job.hydra.runtime.output_dir = _PLACELESS
                job.hydra.job.num = len(jobs)
            # Not set_config, which copies all of it.
            HydraConfig.instance().cfg = cast("HydraConf", job)
            own = OmegaConf.masked_copy(job, [str(key) for key in job if key != "hydra"])
            settings = plain_config(own, TrainConfig if is_training else TransferConfig)
            if is_training:
                check_run(settings)
            # Said to the job, which would find another name where it resolves its settings otherwise,
            # as on a node that has bfloat16.
            name = _name(settings)
            jobs.setdefault(name, [*overrides, f"hydra.sweep.subdir={name}"])
    finally:
        HydraConfig.instance().cfg = before
    return jobs


@contextmanager
def only_sweep(folder: Path) -> Iterator[None]:
    """Keep a sweep's folder to one process; leave none behind, and no job that seems to run.

    Raises:
        ConfigError: if another process works on the sweep.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _only_process(folder, "sweep"):
        try:
            yield
        except KeyboardInterrupt:
            _end_children()
            mark_running(folder, "interrupted")
            print("interrupted; the same command goes on with the sweep", file=sys.stderr)
            raise


def _end_children() -> None:
    """Interrupt the processes of jobs, as Ctrl-C does, and kill those that do not end."""
    children = psutil.Process().children(recursive=True)
    ray = sys.modules.get("ray")
    # Without its own processes Ray would take ten seconds to end.
    jobs = [child for child in children if not ray or _name_of(child).startswith("ray::")]
    for job in jobs:
        with suppress(psutil.NoSuchProcess):
            job.send_signal(signal.SIGINT)
    psutil.wait_procs(jobs, timeout=_PATIENCE)
    if ray:
        ray.shutdown()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _name_of(process: psutil.Process) -> str:
    try:
        return process.cmdline()[0]
    except (psutil.NoSuchProcess, IndexError):
        return ""


def mark_running(folder: Path, status: str) -> None:
    """No job of a sweep runs any more, whatever the manifests of killed ones say."""
    for name in jobs_of(folder):
        if manifest(folder / name).get("status") == "running":
            _change_manifest(folder / name, status=status)


def gone_on_with(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a job, with the checkpoint that an interrupted one has left."""
    last = Path(settings["paths"]["run"], "checkpoints", "last.ckpt")
    if settings["ckpt_path"] is None and last.is_file():
        with suppress(CheckpointError):
            read_checkpoint(last, trusted(settings))
            return {**settings, "ckpt_path": str(last)}
    return settings
