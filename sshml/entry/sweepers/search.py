"""A search by Optuna that resumes where it was ended."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from sshml.entry.jobs import axes_text, folder_names, job_name, make_folder, subdir
from sshml.entry.progress import Place
from sshml.entry.sweepers.base import ResumableSweeper
from sshml.entry.sweepers.samplers import built
from sshml.entry.sweepers.trials import database_of, errors_of_content, errors_of_storage, opened
from sshml.errors import ConfigError, IncompleteError, pip_install, shown

if TYPE_CHECKING:  # Optuna takes a moment to import, and this module is at every start
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

# Of a study, which keeps the overrides that all of its trials have; what does not change their results.
_SETTINGS = "overrides"
_IN_MEMORY = ("sqlite://", "sqlite:///", "sqlite:///:memory:")
_NOT_OF_A_TRIAL = ("dry_run", "hydra", "paths.", "logger", "figures", "trust", "sweep=")
# The way out of a study that is of another kind.
_NEW = "keep that, or start another search with hydra.sweep.dir=FOLDER"


@dataclass(kw_only=True, eq=False)
class SearchSweeper(ResumableSweeper):
    """Draws trials until a study, which is kept, has ``n_trials`` of them.

    Args:
        sampler: what draws: a short name, or ``_target_`` and arguments of a sampler of Optuna.
        pruner: what stops a trial early: a short name, or such a node of a pruner; None for nothing.
        n_trials: complete and pruned, that the study has in the end, earlier commands included.
        n_jobs: trials at the same time.
        direction: ``maximize`` or ``minimize``.
        storage: URL of the database; None for a file in the sweep's folder.
        study_name: name of the study in it.
        redo_diverged: whether a trial runs that has diverged before; else it fails at once. It is for
            jobs, which read it in the configuration.
        params: axes by key.
    """

    sampler: Any
    pruner: Any
    n_trials: int
    n_jobs: int
    direction: Literal["maximize", "minimize"]
    storage: str | None
    study_name: str

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Check the settings, and build what they name.

        Raises:
            ConfigError: for the first setting that is none, or if Optuna is not installed.
        """
        from sshml.entry.sweep import expect, is_positive  # noqa: PLC0415  # imports torch

        named, whole = "hydra.sweeper", "a whole number above 0"
        directions = ("maximize", "minimize")
        expect(f"{named}.n_trials", self.n_trials, is_positive(self.n_trials), whole)
        expect(f"{named}.n_jobs", self.n_jobs, is_positive(self.n_jobs), whole)
        storage = "null" if self.storage is None else self.storage
        for key, text in (("storage", storage), ("study_name", self.study_name)):
            expect(f"{named}.{key}", text, isinstance(text, str) and text != "", "text")
        expect(
            f"{named}.direction", self.direction, self.direction in directions, " or ".join(directions)
        )
        if self.storage in _IN_MEMORY:
            raise ConfigError(
                f"{named}.storage={self.storage}: is in memory, where jobs cannot find it and it is "
                "lost at the end; expected sqlite:///FILE"
            )
        if config.hydra.job.config_name != "train":
            raise ConfigError(
                "hydra/sweeper=search: only works with train.py, since transfer.py has no single result"
            )
        if find_spec("optuna") is None:
            raise ConfigError(f"hydra/sweeper=search: needs Optuna; run {pip_install('optuna')}")
        from optuna.samplers import BruteForceSampler, GridSampler  # noqa: PLC0415

        self.sampler = built("sampler", self.sampler, seed=config.seed)
        if isinstance(self.sampler, BruteForceSampler | GridSampler):  # ends a search by itself
            raise ConfigError(f"{named}.sampler: searches a grid; use hydra/sweeper=grid for that")
        if self.pruner is not None:
            self.pruner = built("pruner", self.pruner)
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials that are missing; print what became of all of them, and the best one.

        Raises:
            ConfigError: if the axes cannot be searched, or are not those of the study.
            IncompleteError: if trials failed, so that the study has less than it is to have.
            UnfinishedError: if the database cannot be read or written.
        """
        import optuna  # noqa: PLC0415

        from sshml.entry.sweep import (  # noqa: PLC0415  # imports torch
            checked_jobs,
            jobs_of,
            launched,
            mark_running,
            only_sweep,
            print_what_is_left,
        )
        from sshml.entry.sweepers.axes import distribution_of  # noqa: PLC0415
        from sshml.entry.sweepers.results import print_results  # noqa: PLC0415

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        overrides = self.overrides(arguments)
        axes = {o.get_key_element(): o for o in overrides if o.is_sweep_override()}
        if not axes:
            raise ConfigError(
                "the search has no axes; expected at least one, such as KEY=interval(LOW,HIGH)"
            )
        drawn = {key: distribution_of(axis) for key, axis in axes.items()}
        fixed = [str(o.input_line) for o in overrides if not o.is_sweep_override()]
        checked_jobs(self.context, self.settings, _jobs_to_check(axes, fixed))
        folder = Path(self.settings.hydra.sweep.dir)
        if self.settings.dry_run:
            print(f"search of {self.n_trials} trials over {', '.join(axes)}, in {folder}")
            print("nothing was run, since dry_run=true", flush=True)
            return
        database = database_of(self.settings.hydra)
        with only_sweep(folder), errors_of_storage(database):
            with errors_of_content(database):
                study = self._study(database)
                _check_alike(study, axes, drawn)
                _check_settings(study, fixed)
            states = optuna.trial.TrialState
            for trial in study.get_trials(states=(states.RUNNING,)):  # of a process that was ended
                study.tell(trial.number, state=states.FAIL)
            mark_running(folder, "failed")
            if study.trials:
                self.sampler.reseed_rng()  # else its first draws would come again
            to_do = max(self.n_trials - _number_done(study), 0)
            print(f"{self.n_trials} trials, {to_do} of them to do, in {folder}", flush=True)
            launched(folder, lambda: self._search(folder, study, drawn, fixed, to_do))
            jobs = jobs_of(folder)
            print_results(folder, jobs, list(axes))
            print_what_is_left(folder, jobs)
            if study.get_trials(states=(states.COMPLETE,)):
                best = study.best_trial
                values = (f"{key}={value}" for key, value in best.params.items())
                print(f"best: {best.value:.4%} with", *values)
            if (done := _number_done(study)) < self.n_trials:
                raise IncompleteError(
                    f"{done} of {self.n_trials} trials are done; the same command tries more"
                )

    def _study(self, database: str | Path) -> "Study":
        """The study that the database has, or a new one.

        Raises:
            ConfigError: if it is one of the other direction.
        """
        import optuna  # noqa: PLC0415

        study = optuna.create_study(
            study_name=self.study_name,
            storage=opened(database),
            sampler=self.sampler,
            pruner=self.pruner or optuna.pruners.NopPruner(),
            direction=self.direction,
            load_if_exists=True,
        )
        before = [direction.name.lower() for direction in study.directions]
        if before != [self.direction]:
            has = ", ".join(before) or "none"
            raise ConfigError(f"hydra.sweeper.direction={self.direction}: the study has {has}; {_NEW}")
        return study

    def _search(
        self,
        folder: Path,
        study: "Study",
        axes: dict[str, "BaseDistribution"],
        fixed: Sequence[str],
        to_do: int,
    ) -> None:
        began = time.time() if self.one_by_one else None
        for first in range(0, to_do, self.n_jobs):
            trials = [study.ask(axes) for _ in range(min(self.n_jobs, to_do - first))]
            jobs = [
                self._job(folder, trial, fixed, (first + number, to_do), began)
                for number, trial in enumerate(trials, start=1)
            ]
            ended = self.jobs_launcher.launch(jobs, initial_job_idx=first)
            for trial, job in zip(trials, ended, strict=True):
                _tell(study, trial, job)

    def _job(
        self,
        folder: Path,
        trial: "Trial",
        fixed: Sequence[str],
        place: tuple[int, int],
        began: float | None,
    ) -> list[str]:
        """The overrides of a trial; its folder is that of an earlier trial with the same values."""
        values = {key: str(value) for key, value in trial.params.items()}
        # By its number the job finds its trial, if it is one that may be pruned.
        overrides = [
            *(f"{key}={value}" for key, value in values.items()),
            *fixed,
            f"+hydra.sweeper.trial={trial.number}",
        ]
        job = job_name(self.context.config_loader.load_sweep_config(self.settings, overrides))
        wanted = f"trial={trial.number},{axes_text(values, ',')}"
        name = folder_names(folder, {job: wanted})[job]
        make_folder(folder / name, job)
        return [*overrides, subdir(name), Place(axes_text(values, " "), *place, began).override()]


def _tell(study: "Study", trial: "Trial", job: JobReturn) -> None:
    """Tell Optuna how a trial ended; train.py returns nothing if it was pruned."""
    from optuna.trial import TrialState  # noqa: PLC0415

    if job.status is not JobStatus.COMPLETED:
        study.tell(trial, state=TrialState.FAIL)
    elif job.return_value is None:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, job.return_value)


def _number_done(study: "Study") -> int:
    from optuna.trial import TrialState  # noqa: PLC0415

    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _check_alike(
    study: "Study", axes: Mapping[str, Override], drawn: Mapping[str, "BaseDistribution"]
) -> None:
    """Axes are of the kind that earlier trials drew from, or Optuna could not compare them."""
    from optuna.distributions import check_distribution_compatibility  # noqa: PLC0415

    earlier = {name: axis for trial in study.trials for name, axis in trial.distributions.items()}
    for name in earlier.keys() & axes.keys():
        try:
            check_distribution_compatibility(earlier[name], drawn[name])
        except ValueError as error:
            raise ConfigError(
                f"{axes[name].input_line}: earlier trials of the study used {earlier[name]}; {_NEW}"
            ) from error


def _check_settings(study: "Study", fixed: Sequence[str]) -> None:
    """Trials with other settings would be compared with those of the study as if they were alike."""
    now = sorted(override for override in fixed if not override.startswith(_NOT_OF_A_TRIAL))
    before = study.user_attrs.get(_SETTINGS)
    if before is None:
        study.set_user_attr(_SETTINGS, now)
    elif before != now:
        other = min(set(before) ^ set(now))
        raise ConfigError(
            f"{shown(other)}: earlier trials of the study have "
            f"{shown(' '.join(before)) or 'no such override'}; {_NEW}"
        )


def _jobs_to_check(axes: Mapping[str, Override], fixed: Sequence[str]) -> Iterator[list[str]]:
    """Jobs to check the command by: every value of each axis, and the ends of intervals."""
    from sshml.entry.sweepers.axes import values_of  # noqa: PLC0415  # imports Optuna

    values = {key: values_of(axis) for key, axis in axes.items()}
    firsts = {key: f"{key}={of_key[0]}" for key, of_key in values.items()}
    for key, of_key in values.items():
        for value in of_key:
            yield [*{**firsts, key: f"{key}={value}"}.values(), *fixed]
