"""What the sweepers share: their launcher, and the overrides that they make jobs of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from sshml.errors import ConfigError


@dataclass(kw_only=True, eq=False)
class ResumableSweeper(Sweeper):
    """Does what the sweep's folder lacks.

    It is not derived from a sweeper of Hydra's: Hydra executes their modules once more when it looks
    for plugins, and their classes are others from then on.

    Args:
        redo_diverged: whether jobs whose loss was no longer finite are done again.
        params: axes by key; the command line has the last word.
    """

    redo_diverged: bool
    params: Mapping[str, str] | None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Check the settings, and build the launcher.

        Raises:
            ConfigError: for a setting that cannot be.
        """
        from sshml.entry.sweep import check_axes, expect  # noqa: PLC0415  # imports torch

        redo = self.redo_diverged
        expect("hydra.sweeper.redo_diverged", redo, isinstance(redo, bool), "true or false")
        check_axes(self.params)
        self.context, self.settings = hydra_context, config
        self.jobs_launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @property
    def one_by_one(self) -> bool:
        """Whether the launcher does one job after another, in this process."""
        return type(self.jobs_launcher).__name__ == "BasicLauncher"

    def overrides(self, arguments: Sequence[str]) -> list[Override]:
        """The overrides of the sweep, one for each key.

        Args:
            arguments: of the command line.

        Raises:
            ConfigError: if they make too many jobs, or jobs that cannot be launched here.
        """
        from sshml.entry.sweep import check_launcher, check_number_of_jobs  # noqa: PLC0415

        axes = [f"{key}={value}" for key, value in (self.params or {}).items()]
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        parsed = parser.parse_overrides([*axes, *arguments])
        overrides = list({override.get_key_element(): override for override in parsed}.values())
        for axis in overrides:
            if axis.is_sweep_override() and axis.get_key_element().startswith("paths."):
                raise ConfigError(
                    f"{axis.input_line}: expected a single folder for all jobs of a sweep"
                )
        check_number_of_jobs(overrides)
        check_launcher(self.settings.hydra.launcher._target_)
        return overrides
