"""Whether a run can be resumed from a checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from sshml.config.build import build
from sshml.config.trust import trusted
from sshml.data.base import PhaseDataModule
from sshml.errors import CheckpointError, ConfigError
from sshml.files.checkpoint import network_state, read_checkpoint
from sshml.files.run_folder import is_resumed
from sshml.files.stored import EPOCHS, MANIFEST, read_epochs, run_folder_of
from sshml.training.metrics import logged
from sshml.training.state import check_training_state


def check_resumption(settings: Mapping[str, Any], data: PhaseDataModule, network: nn.Module) -> None:
    """Check that a run can be resumed from its ``ckpt_path``.

    Args:
        settings: of the run.
        data: of the run.
        network: of the run, on the meta device.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or is of another network.
        ConfigError: if a setting is not the checkpoint's, or there is nothing left to do.
    """
    path = settings["ckpt_path"]
    try:
        checkpoint = read_checkpoint(path, trusted(settings))
    except CheckpointError as error:
        raise CheckpointError(f"ckpt_path={error}") from error
    try:
        network_state(network, checkpoint)
    except CheckpointError as error:
        lost = (
            ""
            if run_folder_of(path)
            else f", which {MANIFEST} records for its run, but which is not there"
        )
        raise CheckpointError(
            f"ckpt_path={path}: does not fit the network ({error}); use the model it was trained "
            f"with{lost}"
        ) from error
    trained: PhaseDataModule = build(checkpoint["hyper_parameters"]["data"])
    if trained.shape != data.shape:
        sizes = [checkpoint["hyper_parameters"]["data"], settings["data"]]
        before, now = (of.get("n_cells", "x".join(map(str, of.get("shape", ())))) for of in sizes)
        key = "n_cells" if "n_cells" in settings["data"] else "path"
        raise ConfigError(
            f"data.{key}={settings['data'][key]}: has images of {now}; expected {before}, the size "
            f"that ckpt_path={path} was trained with; omit it"
        )
    for group in ("optimizer", "scheduler"):
        _check_unchanged(group, checkpoint["hyper_parameters"][group], settings[group])
    try:
        check_training_state(checkpoint, settings, network)
    except CheckpointError as error:
        raise CheckpointError(f"ckpt_path={path}: {error}") from error
    if is_resumed(settings):
        folder = Path(settings["paths"]["run"])
        first = _best_epoch(folder, checkpoint, trusted(settings))
        _check_rows(folder, first, checkpoint["epoch"] + 1, len(data.classes))
    epochs, done = settings["trainer"]["max_epochs"], checkpoint["epoch"] + 1
    if 0 <= epochs < done + (not is_resumed(settings)):
        raise ConfigError(
            f"trainer.max_epochs={epochs}: ckpt_path={path} already has {done} epochs; expected "
            f"more, such as trainer.max_epochs={done + 10}"
        )


def _best_epoch(folder: Path, checkpoint: Mapping[str, Any], trust: Sequence[str]) -> int:
    """The earliest epoch of which a run has kept a network, counted from 1."""
    names = {
        Path(best).relative_to(state["dirpath"])
        for state in checkpoint["callbacks"].values()
        if isinstance(state, Mapping) and Path(state.get("dirpath", "")).name == "checkpoints"
        for best in state["best_k_models"]
    }
    epochs: list[int] = [checkpoint["epoch"] + 1]
    for name in names:
        path = folder / "checkpoints" / name
        if not path.is_file():
            raise CheckpointError(
                f"{path}: the best checkpoint so far is missing; restore it, or copy the checkpoint "
                "elsewhere and start a new run from the copy"
            )
        epochs.append(read_checkpoint(path, trust)["epoch"] + 1)
    return min(epochs)


def _check_rows(folder: Path, first: int, epoch: int, n_classes: int) -> None:
    """A resumed run has the values of its epochs, from the first on whose network it has kept."""
    rows = {int(row["epoch"]): row for row in read_epochs(folder)}
    for number in range(min(first, *rows), epoch + 1):
        if missing := set(logged(n_classes)) - rows.get(number, {}).keys():
            raise ConfigError(
                f"{folder / EPOCHS}: has no {min(missing)} for epoch {number}, which the checkpoint "
                "has completed; restore it"
            )


def _check_unchanged(
    group: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> None:
    """A checkpoint brings the state of its optimiser and scheduler, over any new settings."""
    before, now = before or {}, now or {}
    for name in [*before, *now]:
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"{group}.{name}={now.get(name)}: the {group} cannot be changed on resume, and it "
                f"has {group}.{name}={before.get(name)}; omit the override, or start a new run"
            )
