"""Write a generated data set to a file, for other programs and other frameworks.

    sshml dataset chains.h5 data.W=0.5 data.n_train=2000

The file has images, labels, split, and the parameters of each sample. OUT.json beside it describes them
and records the settings that made them.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir

from sshml.config.programs import CONF_DIR, command_of
from sshml.config.schema import plain_config
from sshml.entry import cli  # noqa: F401  # registers what the configuration computes
from sshml.entry.command import Parser
from sshml.entry.messages import line_of
from sshml.errors import ConfigError, fail
from sshml.files.run_folder import write_atomically
from sshml.training.checks.run import check_samples

# What decides about data; the rest of the configuration is for trainings.
_GROUPS = ("data", "hamiltonian", "representation", "model", "seed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = Parser(
        prog=command_of("dataset"),
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="new .npz, .h5 or .hdf5 file")
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE",
        help="settings of the data, as in train.py: data.…, hamiltonian=…, representation=…, seed=…",
    )  # fmt: skip
    parser.add_argument(
        "--config-dir", "-cd", metavar="FOLDER", help="folder of your own configuration files"
    )
    options = parser.parse_intermixed_args(arguments)
    try:
        _write(options.out, options.settings, options.config_dir)
    except Exception as error:
        if (line := line_of(error, options.settings, "train")) is None:
            raise
        return fail(line)
    return 0


def _write(path: Path, overrides: Sequence[str], own_folder: str | None) -> None:
    from sshml.dataset.write import ENDINGS, write_dataset  # noqa: PLC0415

    card_path = path.with_name(f"{path.name}.json")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; create it, or choose another")
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: expected a file with one of the endings {', '.join(ENDINGS)}")
    for file in (path, card_path):
        if os.path.lexists(file):
            raise ConfigError(f"{file}: already exists and is not overwritten; expected a new file")
    for override in overrides:
        if override.lstrip("+~").split("=")[0].split(".")[0] not in _GROUPS:
            raise ConfigError(
                f"{override}: expected keys of {', '.join(_GROUPS)}, which define the data"
            )
    own: list[str] = []
    if own_folder is not None:
        if not Path(own_folder).is_dir():
            raise ConfigError(f"--config-dir={own_folder}: there is no such folder")
        own = [f"hydra.searchpath=[{json.dumps(f'file://{Path(own_folder).resolve()}')}]"]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        settings = plain_config(compose("train", ["paths.run=.", "logger=csv", *own, *overrides]))
    data = check_samples(settings["data"])
    try:
        card = write_dataset(path, data)
        of_own = [] if own_folder is None else ["--config-dir", own_folder]
        command = shlex.join(["python", "-m", "sshml.dataset", str(path), *of_own, *overrides])
        whole = {**card, "command": command, "settings": settings["data"]}
        write_atomically(card_path, json.dumps(whole, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or error}; expected a file that can be written"
        ) from error
    shape = "x".join(map(str, card["arrays"]["images"]["shape"]))
    print(f"images:  {shape}\nfile:    {path}\ncard:    {card_path}")
    print(f"train:   {command_of('train')} data=arrays {shlex.quote(f'data.path={path}')}")


if __name__ == "__main__":
    sys.exit(main())
