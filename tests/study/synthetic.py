"""Run folders as train.py leaves them, whose test accuracy is given."""

import csv
import functools
import json
from collections.abc import Iterable
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from sshml.entry.cli import CONF_DIR


@functools.cache
def _composed(*groups: str) -> DictConfig:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        # Others have a group by what ran before in this process.
        return compose("train", ["logger=csv", *groups])


def write_run(
    folder: Path,
    overrides: Iterable[str],
    accuracy: float,
    *,
    status: str = "finished",
    epochs: int = 3,
) -> Path:
    """Write a run folder.

    Args:
        folder: of the run.
        overrides: of train.py; keys within groups with values that YAML reads as Hydra does.
        accuracy: of the test, from 0.5 to 1; its curves go there.
        status: how it ended.
        epochs: rows of ``metrics.csv``.
    """
    overrides = list(overrides)
    groups = [o for o in overrides if "." not in o.split("=")[0] and not o.startswith("seed=")]
    keys = [o for o in overrides if o not in groups]
    config = OmegaConf.merge(
        _composed(*groups), OmegaConf.from_dotlist([*keys, f"paths.run={folder.resolve()}"])
    )
    manifest = {
        "status": status,
        "command": "python train.py -m " + " ".join(overrides),
        "overrides": overrides,
        "seed": config.seed,
        "wall_time_s": 12.5,
        "git_revision": "0123456789abcdef",
    }
    rows = []
    for epoch in range(epochs):
        reached = accuracy - (accuracy - 0.5) * 0.5 ** (epoch + 1)
        rows.append({"epoch": epoch + 1, "lr": config.optimizer.lr})
        for stage in ("train", "val"):
            rows[-1] |= {f"{stage}/accuracy": reached, f"{stage}/loss": 1.01 - reached}
    tested = {"test/accuracy": accuracy, "test/loss": 1.01 - accuracy, "test/tp": 10}
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))
    of_best = {name: value for name, value in rows[-1].items() if name != "epoch"}
    metrics = {"best_epoch": epochs, **of_best, **tested}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2))
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder
