"""Which settings of some runs differ."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from sshml.errors import ConfigError, shown
from sshml.files.stored import StoredError
from sshml.study.axes import as_text, differing
from sshml.study.runs import read_config


def comparison(folders: Sequence[Path]) -> Table:
    """One row per setting that differs between the runs, one column per run.

    Args:
        folders: of the runs, finished or not.

    Returns:
        The table, without rows if the runs have the same settings.

    Raises:
        ConfigError: for a folder without the settings of a run, or fewer than two.
    """
    if len(folders) < 2:
        raise ConfigError(f"--compare {folders[0]}: expected at least two run folders")
    configs = []
    for folder in folders:
        try:
            configs.append(read_config(folder))
        except StoredError as error:
            raise ConfigError(f"--compare {folder}: not a run folder ({error})") from error
    table = Table(box=SIMPLE)
    table.add_column("key", no_wrap=True)
    for folder in folders:
        table.add_column(Text(shown(folder)), overflow="fold")
    for key, values in differing(configs).items():
        table.add_row(Text(key), *(Text("-" if v is None else as_text(v)) for v in values))
    return table
