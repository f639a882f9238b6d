"""Random command lines cost one line each, or are taken."""

import logging
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.configurations import command, configurations, held


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Takes back what Hydra's --info and hydra.verbose change for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(("name", "seed"), [("train", 1), ("transfer", 2)])
def test_random_configurations(
    name: str,
    seed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    check = command(name)
    for arguments in islice(configurations(seed), 60):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        try:
            status = check()
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        captured = capfd.readouterr()
        assert held(status, captured.out, captured.err), (arguments, captured.err)
        assert not list(tmp_path.glob("runs/*/*/*"))
