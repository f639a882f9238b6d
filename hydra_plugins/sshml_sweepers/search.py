"""A search by Optuna that resumes where it was ended."""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig

from sshml.errors import ConfigError, IncompleteError, UnfinishedError, reason_of

# The way out of a study that is of another kind.
_NEW = "keep that, or begin another search by hydra.sweep.dir=FOLDER"
# What databases say of a file that is none of theirs, or no longer one.
_DAMAGED = re.compile("not a database|malformed|no such (table|column)|has no column")


@contextmanager
def _errors_of_storage(storage: str) -> Iterator[None]:
    """Turns what the database of a study raises, as on a full disk, into one line."""
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415  # imports much
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError  # noqa: PLC0415  # Optuna brings it

    given = f"hydra.sweeper.storage={storage}"
    try:
        yield
    except (ArgumentError, ImportError) as error:
        raise ConfigError(f"{given}: {reason_of(error)}; expected sqlite:///FILE") from error
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
        reason = reason_of(cause)
        if _DAMAGED.search(reason):
            way_out = "restore it, or move it away to begin another search"
        else:
            way_out = "once it can be written to, the same command continues"
        raise UnfinishedError(f"{given}: {reason}; {way_out}") from error


def _check_alike(study: Any, axes: Mapping[str, tuple[str, Any]]) -> None:
    """Axes are of the kind that earlier trials drew from, or Optuna could not compare them."""
    from optuna.distributions import check_distribution_compatibility  # noqa: PLC0415

    earlier = {name: axis for trial in study.trials for name, axis in trial.distributions.items()}
    for name, (typed, axis) in axes.items():
        before = earlier.get(name, axis)
        try:
            check_distribution_compatibility(before, axis)
        except ValueError as error:
            raise ConfigError(f"{typed}: the study has drawn from {before} before; {_NEW}") from error


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
        from sshml.entry.sweep import check_axes, expect, is_positive  # noqa: PLC0415  # imports torch

        own, named = self._optuna, "hydra.sweeper"
        direction, n_jobs, redo = own["direction"], own["n_jobs"], self._redo_diverged
        whole = "a whole number above 0"
        expect(f"{named}.n_trials", self._n_trials, is_positive(self._n_trials), whole)
        expect(f"{named}.n_jobs", n_jobs, is_positive(n_jobs), whole)
        expect(f"{named}.redo_diverged", redo, isinstance(redo, bool), "true or false")
        check_axes(own["params"])
        for key in ("storage", "study_name"):
            expect(f"{named}.{key}", own[key], isinstance(own[key], str) and own[key] != "", "text")
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

        from sshml.entry.sweep import (  # noqa: PLC0415
            checked_jobs,
            jobs_of,
            launched,
            only_sweep,
            print_what_is_left,
        )

        optuna.logging.set_verbosity(logging.WARNING)
        warnings.filterwarnings("ignore", message="The distribution is specified by .*")
        checked_jobs(self._context, self._config, self._jobs(arguments))
        axes = self._axes(arguments)
        with only_sweep(self._folder), _errors_of_storage(self._optuna["storage"]):
            study = self._study()
            _check_alike(study, axes)
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
                launched(self._folder, lambda: self._search(study, arguments))
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

    def _search(self, study: Any, arguments: list[str]) -> None:
        try:
            self._sweeper.sweep(arguments)
        except ValueError:
            import optuna  # noqa: PLC0415

            # Optuna's sweeper asks for the best trial; if all have failed, there is none.
            if study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)):
                raise

    def _study(self) -> Any:
        """The study that the database has, or a new one."""
        import optuna  # noqa: PLC0415

        try:
            return optuna.create_study(
                study_name=self._optuna["study_name"],
                storage=self._optuna["storage"],
                direction=self._optuna["direction"],
                load_if_exists=True,
            )
        except ValueError as error:  # of a direction that is not the study's
            raise ConfigError(
                f"hydra.sweeper.direction={self._optuna['direction']}: {reason_of(error)}; {_NEW}"
            ) from error

    def _axes(self, arguments: list[str]) -> dict[str, tuple[str, Any]]:
        """What is searched: each axis as it was typed, and what Optuna draws from."""
        from hydra_plugins.hydra_optuna_sweeper._impl import (  # noqa: PLC0415
            create_optuna_distribution_from_override,
        )

        axes = {}
        for override in filter(Override.is_sweep_override, self._overrides(arguments)):
            typed = str(override.input_line)
            try:
                axis = create_optuna_distribution_from_override(override)
            except (ValueError, TypeError, AssertionError, NotImplementedError) as error:
                raise ConfigError(f"{typed}: {reason_of(error)}") from error
            axes[override.get_key_element()] = (typed, axis)
        return axes

    def _overrides(self, arguments: list[str]) -> list[Override]:
        axes = [f"{key}={value}" for key, value in (self._optuna["params"] or {}).items()]
        return OverridesParser.create().parse_overrides([*axes, *arguments])

    def _jobs(self, arguments: list[str]) -> Iterator[list[str]]:
        """Jobs to check the command by: every value of each axis, and the ends of intervals."""
        from sshml.entry.sweep import (  # noqa: PLC0415  # imports torch
            check_launcher,
            check_number_of_jobs,
        )

        values: dict[str, list[str]] = {}
        overrides = self._overrides(arguments)
        check_number_of_jobs(overrides)
        check_launcher(self._config.hydra.launcher._target_)
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
