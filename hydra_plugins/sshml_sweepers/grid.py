"""A sweep over a grid that does only what is missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from omegaconf import OmegaConf

from sshml.errors import ConfigError, IncompleteError


class GridSweeper(BasicSweeper):
    """Every combination of the axes' values, but for the jobs that the sweep's folder has done.

    All jobs are composed and checked before the first one starts.

    Args:
        max_batch_size: jobs handed to the launcher at once; None for all.
        redo_diverged: whether jobs whose loss was no longer finite are done again.
        params: axes by key.
    """

    def __init__(
        self, max_batch_size: int | None, redo_diverged: bool, params: dict[str, str] | None = None
    ) -> None:
        super().__init__(max_batch_size, params)
        self._redo_diverged = redo_diverged

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs that are missing, and print what became of all of them."""
        # Hydra imports this module at every start.
        from sshml.entry.sweep import (  # noqa: PLC0415
            check_axes,
            check_launcher,
            check_number_of_jobs,
            checked_jobs,
            expect,
            is_diverged,
            is_finished,
            is_positive,
            only_sweep,
            print_what_is_left,
        )

        at_once = self.max_batch_size
        expect(
            "hydra.sweeper.max_batch_size", at_once, at_once is None or is_positive(at_once),
            "a positive number, or null for all jobs",
        )  # fmt: skip
        expect(
            "hydra.sweeper.redo_diverged", self._redo_diverged, isinstance(self._redo_diverged, bool),
            "true or false",
        )  # fmt: skip

        check_axes(self.params)
        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        check_number_of_jobs(overrides)
        check_launcher(self.config.hydra.launcher._target_)
        for override in overrides:
            if isinstance(override.value(), IntervalSweep):
                raise ConfigError(
                    f"{override.input_line}: an interval is for hydra/sweeper=search; expected values, "
                    f"such as {override.get_key_element()}=0,1"
                )
        (batch,) = self.split_arguments(overrides, max_batch_size=None)
        if not batch:
            raise ConfigError(
                "the sweep has no jobs: an axis without values; expected KEY=VALUE,VALUE,…"
            )
        jobs = checked_jobs(self.hydra_context, self.config, batch)
        folder = Path(self.config.hydra.sweep.dir)
        with only_sweep(folder):
            for name in jobs:
                if (folder / name).exists() and not (folder / name).is_dir():
                    raise ConfigError(f"{folder / name}: is where a job has its folder; move it away")
            OmegaConf.save(self.config, folder / "multirun.yaml")
            missing: list[Sequence[str]] = [
                job
                for name, job in jobs.items()
                if not is_finished(folder / name)
                and (self._redo_diverged or not is_diverged(folder / name))
            ]
            print(f"{len(jobs)} jobs, {len(missing)} of them to do, in {folder}", flush=True)
            # A launcher keeps the settings of all jobs it was given until they are done; the basic
            # one does one job after another anyway.
            one_by_one = type(self.launcher).__name__ == "BasicLauncher"
            size = 1 if one_by_one else at_once or max(len(missing), 1)
            for first in range(0, len(missing), size):
                self._launch(folder, missing[first : first + size], first)
            if left := print_what_is_left(folder, jobs):
                raise IncompleteError(
                    f"{left} of {len(jobs)} jobs failed; the same command runs them again"
                )

    def _launch(self, folder: Path, jobs: Sequence[Sequence[str]], first: int) -> None:
        """Launch jobs; a killed process ends joblib, and the jobs it leaves are launched again."""
        from sshml.entry.sweep import launched, left_by_launcher, mark_running  # noqa: PLC0415

        launcher = self.launcher
        assert launcher is not None
        done = launched(folder, lambda: launcher.launch(jobs, initial_job_idx=first))
        if done or "Joblib" not in type(launcher).__name__:
            return  # the jobs of others may still run, or wait in a queue
        mark_running(folder, "failed")
        folders = {folder / job[-1].partition("=")[2]: job for job in jobs}
        begun, not_begun = left_by_launcher(list(folders))
        if len(not_begun) < len(jobs):
            self._launch(folder, [folders[job] for job in not_begun], first)
        if len(jobs) > 1:
            for job in begun:  # alone: one of them may be what kills its process
                self._launch(folder, [folders[job]], first)
