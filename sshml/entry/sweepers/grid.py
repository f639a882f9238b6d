"""A sweep over a grid that does only what is missing."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.types import IntervalSweep
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from sshml.entry.jobs import axes_text, folder_names, make_folder, subdir, values_on
from sshml.entry.progress import Place
from sshml.entry.sweepers.base import ResumableSweeper
from sshml.errors import ConfigError, IncompleteError


@dataclass(frozen=True)
class _Job:
    """What is launched: a job, the name of its folder, its overrides."""

    name: str
    folder: str
    overrides: Sequence[str]


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
            only_sweep,
            print_what_is_left,
        )
        from sshml.entry.sweepers.results import print_results  # noqa: PLC0415

        overrides = self.overrides(arguments)
        for override in overrides:
            if isinstance(override.value(), IntervalSweep):
                raise ConfigError(
                    f"{override.input_line}: intervals need hydra/sweeper=search; expected values, "
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
                "the sweep has no jobs, since an axis has no values; expected KEY=VALUE,VALUE,…"
            )
        jobs = checked_jobs(self.context, self.settings, batch)
        keys = [axis.get_key_element() for axis in overrides if axis.is_sweep_override()]
        axes = {job: values_on(keys, of_job) for job, of_job in jobs.items()}
        folder = Path(self.settings.hydra.sweep.dir)
        if self.settings.dry_run:
            self._print_plan(folder, axes)
            return
        with only_sweep(folder):
            names = folder_names(folder, {job: axes_text(of, ",") for job, of in axes.items()})
            for name in names.values():
                if (folder / name).exists() and not (folder / name).is_dir():
                    raise ConfigError(
                        f"{folder / name}: is in the place of a job's folder; move it away"
                    )
            OmegaConf.save(self.settings, folder / "multirun.yaml")
            missing = self._missing(folder, names)
            print(f"{len(jobs)} jobs, {len(missing)} of them to do, in {folder}", flush=True)
            began = time.time() if self.one_by_one else None
            to_do = []
            for number, job in enumerate(missing, start=1):
                place = Place(axes_text(axes[job], " ") or job, number, len(missing), began)
                to_do.append(_Job(job, names[job], [*jobs[job], place.override()]))
            self._do(folder, to_do)
            by_folder = {names[job]: of_job for job, of_job in jobs.items()}
            print_results(folder, by_folder, keys)
            if left := print_what_is_left(folder, by_folder):
                raise IncompleteError(
                    f"{left} of {len(jobs)} jobs failed; the same command runs them again"
                )

    def _missing(self, folder: Path, names: Mapping[str, str]) -> list[str]:
        """The jobs to do, of those by whose folders they are given."""
        from sshml.entry.sweep import is_diverged, is_finished  # noqa: PLC0415  # imports torch

        return [
            job
            for job, name in names.items()
            if not is_finished(folder / name) and (self.redo_diverged or not is_diverged(folder / name))
        ]

    def _print_plan(self, folder: Path, axes: Mapping[str, Mapping[str, str]]) -> None:
        """Print which jobs there are to do, and do none."""
        names = folder_names(folder, {job: axes_text(of, ",") for job, of in axes.items()})
        missing = self._missing(folder, names)
        print(f"{len(names)} jobs, {len(missing)} of them to do, in {folder}")
        for number, job in enumerate(missing, start=1):
            print(f"job {number}: {axes_text(axes[job], ' ') or job}")
        print("nothing was run, since dry_run=true", flush=True)

    def _do(self, folder: Path, jobs: Sequence[_Job]) -> None:
        """Launch jobs, some at once."""
        # A launcher keeps the settings of all jobs it was given until they are done; the basic
        # one does one job after another anyway.
        size = 1 if self.one_by_one else self.max_batch_size or max(len(jobs), 1)
        for first in range(0, len(jobs), size):
            some = jobs[first : first + size]
            for job in some:
                make_folder(folder / job.folder, job.name)
            of_folders = {folder / job.folder: [*job.overrides, subdir(job.folder)] for job in some}
            self._launch(folder, of_folders, first)

    def _launch(self, folder: Path, jobs: Mapping[Path, Sequence[str]], first: int) -> None:
        """Launch jobs; a killed process ends joblib, and the jobs it leaves are launched again."""
        from sshml.entry.sweep import launched, left_by_launcher, mark_running  # noqa: PLC0415

        launcher = self.jobs_launcher
        done = launched(folder, lambda: launcher.launch(list(jobs.values()), initial_job_idx=first))
        name = type(launcher).__name__
        if done or name not in ("JoblibLauncher", "RayLauncher"):
            return  # the jobs of others may still run, or wait in a queue
        mark_running(folder, "failed")
        if name == "RayLauncher":
            return  # which has waited for the jobs of other processes
        begun, not_begun = left_by_launcher(list(jobs))
        if len(not_begun) < len(jobs):
            self._launch(folder, {job: jobs[job] for job in not_begun}, first)
        if len(jobs) > 1:
            for job in begun:  # alone: one of them may be what kills its process
                self._launch(folder, {job: jobs[job]}, first)
