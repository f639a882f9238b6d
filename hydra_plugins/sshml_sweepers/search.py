"""A search by Optuna that resumes where it was ended."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig

from sshml.errors import ConfigError, IncompleteError, UnfinishedError


@contextmanager
def _errors_of_storage(storage: str) -> Iterator[None]:
    """Turns what the database of a study raises, as on a full disk, into one line."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  # Optuna brings it

    try:
        yield
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise UnfinishedError(
            f"hydra.sweeper.storage={storage}: {reason}; once it can be written to, the same command "
            "goes on"
        ) from error


class SearchSweeper(Sweeper):
    """Optuna's sweeper with a study that is kept, until it has ``n_trials`` trials.

    Args:
        n_trials: that the study has in the end, those of earlier commands included.
        redo_diverged: whether a trial runs that has diverged before; else it fails at once.
        optuna: other arguments of ``hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper``.
    """

    def __init__(self, n_trials: int, redo_diverged: bool, **optuna: Any) -> None:
        self._n_trials = n_trials
        self._redo_diverged = redo_diverged  # jobs read it in the configuration
        self._optuna = optuna

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make Optuna's sweeper."""
        from sshml.sweep import expect, is_positive  # noqa: PLC0415  # imports torch

        own, named = self._optuna, "hydra.sweeper"
        direction, n_jobs, redo = own["direction"], own["n_jobs"], self._redo_diverged
        whole = "a whole number above 0"
        expect(f"{named}.n_trials", self._n_trials, is_positive(self._n_trials), whole)
        expect(f"{named}.n_jobs", n_jobs, is_positive(n_jobs), whole)
        expect(f"{named}.redo_diverged", redo, isinstance(redo, bool), "true or false")
        expect(
            f"{named}.direction",
            direction,
            direction in ("maximize", "minimize"),
            "maximize or minimize",
        )
        try:
            from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import (  # noqa: PLC0415
                OptunaSweeper,
            )
        except ImportError as error:
            raise ConfigError(
                'hydra/sweeper=search: needs Optuna; run pip install -e ".[optuna]"'
            ) from error
        self._optuna["sampler"] = instantiate(self._optuna["sampler"])
        self._sweeper = OptunaSweeper(
            n_trials=self._n_trials, search_space=None, custom_search_space=None, **self._optuna
        )
        self._sweeper.setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self._context, self._config = hydra_context, config
        self._folder = Path(config.hydra.sweep.dir)

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials that are missing; print what became of all of them, and the best one."""
        # Hydra imports this module at every start.
        import optuna  # noqa: PLC0415

        from sshml.sweep import (  # noqa: PLC0415
            checked_jobs,
            jobs_of,
            launched,
            only_sweep,
            print_what_is_left,
        )

        optuna.logging.set_verbosity(logging.WARNING)
        checked_jobs(self._context, self._config, self._jobs(arguments))
        with only_sweep(self._folder), _errors_of_storage(self._optuna["storage"]):
            study = optuna.create_study(
                study_name=self._optuna["study_name"],
                storage=self._optuna["storage"],
                direction=self._optuna["direction"],
                load_if_exists=True,
            )
            states = optuna.trial.TrialState
            for trial in study.get_trials(states=(states.RUNNING,)):  # of a process that was ended
                study.tell(trial.number, state=states.FAIL)
            done = len(study.get_trials(states=(states.COMPLETE,)))
            if study.trials:
                self._optuna["sampler"].reseed_rng()  # else its first draws would come again
            to_do = max(self._n_trials - done, 0)
            print(f"{self._n_trials} trials, {to_do} of them to do, in {self._folder}", flush=True)
            if to_do:
                self._sweeper.sweeper.n_trials = to_do
                launched(self._folder, lambda: self._sweeper.sweep(arguments))
            print_what_is_left(self._folder, jobs_of(self._folder))
            done = len(study.get_trials(states=(states.COMPLETE,)))
            if done:
                best = study.best_trial
                print(
                    f"best: {best.value:.4%} with",
                    *(f"{key}={value}" for key, value in best.params.items()),
                )
            if done < self._n_trials:
                raise IncompleteError(
                    f"{done} of {self._n_trials} trials are done; the same command tries others"
                )

    def _jobs(self, arguments: list[str]) -> Iterator[list[str]]:
        """Jobs to check the command by: every value of each axis, and the ends of intervals."""
        from sshml.sweep import check_number_of_jobs  # noqa: PLC0415  # imports torch

        axes = [f"{key}={value}" for key, value in (self._optuna["params"] or {}).items()]
        values: dict[str, list[str]] = {}
        overrides = OverridesParser.create().parse_overrides([*axes, *arguments])
        check_number_of_jobs(overrides)
        for override in overrides:
            key = override.get_key_element()
            if not override.is_sweep_override():
                values[key] = [override.get_value_element_as_str()]
            elif override.is_discrete_sweep():
                values[key] = list(override.sweep_string_iterator())
            else:
                interval = cast("IntervalSweep", override.value())
                if not cast("float", interval.start) < cast("float", interval.end):
                    raise ConfigError(f"{override.input_line}: expected interval(LOW,HIGH), LOW < HIGH")
                values[key] = [str(interval.start), str(interval.end)]
        firsts = {key: f"{key}={of_key[0]}" for key, of_key in values.items()}
        for key, of_key in values.items():
            for value in of_key:
                yield list({**firsts, key: f"{key}={value}"}.values())
