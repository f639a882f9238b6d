"""Any logger of Lightning's works beside the files of the run folder."""

import os
from pathlib import Path

import pytest
from conftest import TINY, Command


def _wandb_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("WANDB")}


@pytest.mark.parametrize("logger", ["CSVLogger", "WandbLogger +logger.own.offline=true"])
def test_loggers_of_lightning(run_train: Command, tmp_path: Path, logger: str) -> None:
    overrides = f"+logger.own._target_=pytorch_lightning.loggers.{logger} +logger.own.save_dir=logs"
    before = _wandb_variables()
    done = run_train(*TINY, *overrides.split())
    assert done.status == 0, done.err
    assert list((tmp_path / "logs").iterdir())
    assert _wandb_variables() == before  # the next job of a sweep logs as it is told
