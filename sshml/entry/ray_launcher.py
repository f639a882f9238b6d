"""Jobs of a sweep on a Ray cluster.

Hydra's own launcher for Ray cannot be installed beside that for joblib: it needs cloudpickle < 3.
"""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from sshml.errors import ConfigError, pip_install


class RayLauncher(Launcher):
    """Runs each job as a task of Ray.

    Args:
        ray: ``init``, arguments of :func:`ray.init`; ``remote``, those of :func:`ray.remote`, such as
            ``num_cpus`` and ``num_gpus`` of a job.
    """

    def __init__(self, ray: Mapping[str, Mapping[str, Any]]) -> None:
        self._init, self._remote = dict(ray["init"]), dict(ray["remote"])

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what the jobs are made from.

        Raises:
            ConfigError: if Ray is not installed.
        """
        if find_spec("ray") is None:
            raise ConfigError(f"hydra/launcher=ray: is not installed; run {pip_install('ray')}")
        self._context, self._task, self._settings = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run jobs, and wait for all of them.

        Raises:
            ray.exceptions.RayError: if the process of a job was killed; the other jobs are done first.
        """
        import ray  # noqa: PLC0415  # an extra

        setup_globals()
        if not ray.is_initialized():
            ray.init(**self._init)
        run = ray.remote(**self._remote)(_run)
        jobs = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            job = self._context.config_loader.load_sweep_config(self._settings, list(overrides))
            with open_dict(job):
                job.hydra.job.num = number
                job.hydra.job.id = str(number)
            state = Singleton.get_state()
            jobs.append(run.remote(self._context, job, self._task, state, Path.cwd()))
        ray.wait(jobs, num_returns=len(jobs))
        done: list[JobReturn] = ray.get(jobs)
        return done


def _run(
    context: HydraContext, job: DictConfig, task: TaskFunction, state: dict[Any, Any], folder: Path
) -> JobReturn:
    """Run one job, in a process of Ray's; relative paths are those of the sweep's process."""
    os.chdir(folder)
    setup_globals()
    Singleton.set_state(state)
    HydraConfig.instance().set_config(job)
    return run_job(
        hydra_context=context,
        task_function=task,
        config=job,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
