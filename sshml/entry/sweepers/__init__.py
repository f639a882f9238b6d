"""The sweepers of Hydra: a grid, and a search by Optuna."""

from hydra.core.plugins import Plugins

from sshml.entry.sweepers.grid import GridSweeper
from sshml.entry.sweepers.search import SearchSweeper


def register() -> None:
    """Let Hydra know the sweepers.

    ``Plugins.register`` is not enough: Hydra builds no plugin whose name begins otherwise.
    """
    for sweeper in (GridSweeper, SearchSweeper):
        name = f"hydra_plugins.{sweeper.__module__}.{sweeper.__name__}"
        Plugins.instance().class_name_to_class[name] = sweeper
