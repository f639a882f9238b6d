"""Weights & Biases that cannot be reached, and that never answers."""

import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.faults.core import LostError
from tests.faults.programs import left_processes, start
from tests.faults.runs import PLAIN, SMALL, reference, require, run_folder
from tests.faults.trees import difference

_ONLINE = (*SMALL, "logger=wandb", "logger.wandb.mode=online", "figures=false")
# Far above the limits of the logger, for a machine with other work.
_LIMIT_S = 400.0


def attempt(rng: random.Random, folder: Path) -> None:
    """Train with W&B online, whose server is a socket of this machine."""
    whole = reference("train.py", PLAIN)
    with _server(answering=rng.choice(("refuses", "hangs"))) as url:
        account = {"WANDB_API_KEY": "x" * 40, "WANDB_BASE_URL": url, "WANDB_MODE": ""}
        program = start("train.py", *_ONLINE, folder=folder, environment=account)
        ended = program.wait(_LIMIT_S)
    require(ended.fault(0))
    lines = ended.err.splitlines()
    if len(lines) != 1 or not lines[0].startswith("warning: "):
        raise LostError(f"expected one warning, got {lines}")
    if left := left_processes(program, folder):
        raise LostError(f"still runs: {left}")
    for name in ("metrics.csv", "metrics.json"):
        if (whole.folder / name).read_bytes() != (run_folder(folder) / name).read_bytes():
            raise LostError(f"{name} differs: {difference(whole.folder, run_folder(folder))}")


@contextlib.contextmanager
def _server(answering: str) -> Iterator[str]:
    """The address of a server that refuses connections, or takes them and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answering == "hangs":
            server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
