"""A sweep over a grid that does only what is missing."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.types import IntervalSweep
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from sshml.entry.sweepers.base import ResumableSweeper
from sshml.errors import ConfigError, IncompleteError


@dataclass(kw_only=True, eq=False)
class GridSweeper(ResumableSweeper):
    """Every combination of the axes' values, but for the jobs that the sweep's folder has done.

    All jobs are composed and checked before the first one starts.

    Args:
        max_batch_size: jobs handed to the launcher at once; None for all.
        redo_diverged: whether jobs whose loss was no longer finite are done again.
        params: axes by key.
    """

    max_batch_size: int | None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Check the settings, and build the launcher.

        Raises:
            ConfigError: for a setting that cannot be.
        """
        from sshml.entry.sweep import expect, is_positive  # noqa: PLC0415  # imports torch

        at_once = self.max_batch_size
        expect(
            "hydra.sweeper.max_batch_size", at_once, at_once is None or is_positive(at_once),
            "a positive number, or null for all jobs",
        )  # fmt: skip
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        """Run the jobs that are missing, and print what became of all of them."""
        from sshml.entry.sweep import (  # noqa: PLC0415  # imports torch
            checked_jobs,
            is_diverged,
            is_finished,
            only_sweep,
            print_what_is_left,
        )

        overrides = self.overrides(arguments)
        for override in overrides:
            if isinstance(override.value(), IntervalSweep):
                raise ConfigError(
                    f"{override.input_line}: an interval is for hydra/sweeper=search; expected values, "
                    f"such as {override.get_key_element()}=0,1"
                )
        values = [
            [f"{axis.get_key_element()}={value}" for value in axis.sweep_string_iterator()]
            if axis.is_sweep_override()
            else [str(axis.input_line)]
            for axis in overrides
        ]
        batch = list(itertools.product(*values))
        if not batch:
            raise ConfigError(
                "the sweep has no jobs: an axis without values; expected KEY=VALUE,VALUE,…"
            )
        jobs = checked_jobs(self.context, self.settings, batch)
        folder = Path(self.settings.hydra.sweep.dir)
        with only_sweep(folder):
            for name in jobs:
                if (folder / name).exists() and not (folder / name).is_dir():
                    raise ConfigError(f"{folder / name}: is where a job has its folder; move it away")
            OmegaConf.save(self.settings, folder / "multirun.yaml")
            missing: list[Sequence[str]] = [
                job
                for name, job in jobs.items()
                if not is_finished(folder / name)
                and (self.redo_diverged or not is_diverged(folder / name))
            ]
            print(f"{len(jobs)} jobs, {len(missing)} of them to do, in {folder}", flush=True)
            # A launcher keeps the settings of all jobs it was given until they are done; the basic
            # one does one job after another anyway.
            one_by_one = type(self.jobs_launcher).__name__ == "BasicLauncher"
            size = 1 if one_by_one else self.max_batch_size or max(len(missing), 1)
            for first in range(0, len(missing), size):
                self._launch(folder, missing[first : first + size], first)
            if left := print_what_is_left(folder, jobs):
                raise IncompleteError(
                    f"{left} of {len(jobs)} jobs failed; the same command runs them again"
                )

    def _launch(self, folder: Path, jobs: Sequence[Sequence[str]], first: int) -> None:
        """Launch jobs; a killed process ends joblib, and the jobs it leaves are launched again."""
        from sshml.entry.sweep import launched, left_by_launcher, mark_running  # noqa: PLC0415

        launcher = self.jobs_launcher
        done = launched(folder, lambda: launcher.launch(jobs, initial_job_idx=first))
        name = type(launcher).__name__
        if done or name not in ("JoblibLauncher", "RayLauncher"):
            return  # the jobs of others may still run, or wait in a queue
        mark_running(folder, "failed")
        if name == "RayLauncher":
            return  # which has waited for the jobs of other processes
        folders = {folder / job[-1].partition("=")[2]: job for job in jobs}
        begun, not_begun = left_by_launcher(list(folders))
        if len(not_begun) < len(jobs):
            self._launch(folder, [folders[job] for job in not_begun], first)
        if len(jobs) > 1:
            for job in begun:  # alone: one of them may be what kills its process
                self._launch(folder, [folders[job]], first)
