"""Lightning callbacks: maps of examples, what the test saw."""

import io
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from sshml.data.base import PhaseDataModule
from sshml.data.samples import Batch
from sshml.explanations import Explanation
from sshml.figures import Example, map_panel
from sshml.files.run_folder import write_atomically
from sshml.tracking import pictured
from sshml.training.distributed import gather_objects

# Before the names of parameters, which may be any.
_OF_SAMPLE = "parameter "


class ExampleSet:
    """Collects examples of every kind of answer: of each class those called by each.

    Args:
        per_kind: how many of each kind.
    """

    def __init__(self, per_kind: int) -> None:
        self._per_kind = per_kind
        self._found: dict[tuple[int, int], list[dict[str, Any]]] = {}

    def add(self, batch: Batch, logits: Tensor) -> None:
        """Keep what is still wanted of a batch."""
        probabilities = logits.float().softmax(dim=1).cpu()
        labels, predictions = batch["label"].cpu(), probabilities.argmax(dim=1)
        classes = range(logits.shape[1])
        for label, prediction in product(classes, classes):
            found = self._found.setdefault((label, prediction), [])
            of_kind = (labels == label) & (predictions == prediction)
            for i in of_kind.nonzero()[: self._per_kind - len(found), 0].tolist():
                found.append(
                    {
                        "input": batch["input"][i].cpu(),
                        **{name: batch[name][i].item() for name in ("label", "index")},
                        "parameters": {name: of[i].item() for name, of in batch["parameters"].items()},
                        "probabilities": probabilities[i].tolist(),
                    }
                )

    def explain(
        self, network: torch.nn.Module, data: PhaseDataModule, explanation: Explanation
    ) -> list[Example]:
        """The examples of all processes with the maps of a network; empties the set."""
        shares = gather_objects(self._found)
        kept = []
        for kind in self._found:
            found = [sample for share in shares for sample in share[kind]]
            kept += sorted(found, key=itemgetter("index"))[: self._per_kind]
        self._found = {}
        if not kept:
            return []
        inputs = torch.stack([sample["input"] for sample in kept])
        maps = explanation.maps(network, inputs, range(len(data.classes)))
        return [
            Example(
                image=sample["input"][0].numpy(),
                n_channels=data.shape[0],
                maps=activation.numpy(),
                of_maps=explanation.quantity,
                label=sample["label"],
                probabilities=sample["probabilities"],
                classes=data.classes,
                parameters={
                    data.known_parameters[name]: value for name, value in sample["parameters"].items()
                },
                representation=data.representation,
            )
            for sample, activation in zip(kept, maps, strict=True)
        ]


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which also finds its files in a run folder that has been moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of an earlier run, its files looked for where this one's are."""
        before, now = str(state_dict["dirpath"]), str(self.dirpath)

        def moved(value: Any) -> Any:
            return value.replace(before, now) if isinstance(value, str) else value

        if not Path(moved(state_dict["best_model_path"])).is_file():
            return  # a checkpoint was copied without its run: the best network is of what follows
        state = {name: moved(value) for name, value in state_dict.items()}
        best = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state, "best_k_models": best})
        self.current_score = state["current_score"]  # Lightning leaves it out


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and puts it in its place once it is whole on the disk.

    Lightning writes to the folder for temporary files and copies, which a full disk or a kill cuts
    short.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ARG002
    ) -> None:
        """Write a checkpoint."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(exist_ok=True)
        write_atomically(Path(path), content.getvalue())

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a file, or a link to one. Lightning would remove a folder of that name, too."""
        Path(path).unlink(missing_ok=True)


class MapPanels(Callback):
    """Draws profiles, their maxima and the maps of all classes, during validation and at test.

    Args:
        every_n_epochs: draw after these many epochs, counted from 1, and at test.
        examples: how many of each kind of answer, right and wrong.
    """

    def __init__(
        self,
        every_n_epochs: Annotated[int, Field(ge=1)] = 5,
        examples: Annotated[int, Field(ge=1)] = 2,
    ) -> None:
        self.every_n_epochs = every_n_epochs
        self._set = ExampleSet(examples)

    def _is_due(self, trainer: pl.Trainer) -> bool:
        return (trainer.current_epoch + 1) % self.every_n_epochs == 0

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Batch,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Look for examples."""
        if self._is_due(trainer):
            self._set.add(batch, outputs["logits"])

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the panel of the epoch."""
        if self._is_due(trainer):
            epoch = trainer.current_epoch + 1
            self._draw(trainer, pl_module, f"maps_epoch_{epoch:04d}", f"validation set, epoch {epoch}")

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Batch,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Look for examples."""
        self._set.add(batch, outputs["logits"])

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the panel of the test."""
        examples = self._draw(trainer, pl_module, "maps_test", "test")
        for logger in pictured(trainer.loggers):
            logger.examples(examples, trainer.current_epoch)

    def _draw(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, name: str, title: str
    ) -> list[Example]:
        data: PhaseDataModule = trainer.datamodule  # type: ignore[attr-defined]
        explanation: Explanation = pl_module.explanation  # type: ignore[assignment]
        examples = self._set.explain(pl_module.network, data, explanation)  # type: ignore[arg-type]
        if examples and trainer.is_global_zero:
            of_maps = explanation.title
            figure = map_panel(examples, f"{of_maps[0].upper()}{of_maps[1:]}, {title}")
            path = Path(trainer.default_root_dir, "figures", f"{name}.png")
            path.parent.mkdir(exist_ok=True)
            figure.savefig(path, dpi=100)
            for logger in pictured(trainer.loggers):
                logger.figure(name.split("_epoch_", maxsplit=1)[0], figure, trainer.current_epoch)
        return examples


class TestPredictions(Callback):
    """Keeps the prediction for each test sample, in their order.

    Attributes:
        parameters: of each sample, shape (n,) by name.
        labels: shape (n,).
        predictions: shape (n,).
    """

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Forget an earlier test."""
        self._parts: list[dict[str, np.ndarray]] = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Batch,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Keep a batch's answers."""
        columns = {
            "index": batch["index"],
            "label": batch["label"],
            "prediction": outputs["logits"].argmax(dim=1),
            **{_OF_SAMPLE + name: values for name, values in batch["parameters"].items()},
        }
        self._parts.append({name: values.cpu().numpy() for name, values in columns.items()})

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Put the batches of all processes together."""
        parts = [part for own in gather_objects(self._parts) for part in own]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = whole.pop("index").argsort()
        self.labels, self.predictions = (whole.pop(name)[order] for name in ("label", "prediction"))
        self.parameters = {
            name.removeprefix(_OF_SAMPLE): values[order].astype(float) for name, values in whole.items()
        }
