"""The parts of Hydra that this package brings: its sweepers, and the launcher for Ray."""

from hydra.core.plugins import Plugins

from sshml.entry.ray_launcher import RayLauncher
from sshml.entry.sweepers.grid import GridSweeper
from sshml.entry.sweepers.search import SearchSweeper


def register() -> None:
    """Let Hydra know them.

    ``Plugins.register`` is not enough: Hydra builds no plugin whose name begins otherwise.
    """
    for plugin in (GridSweeper, SearchSweeper, RayLauncher):
        name = f"hydra_plugins.{plugin.__module__}.{plugin.__name__}"
        Plugins.instance().class_name_to_class[name] = plugin
