"""Classes of a user's own, each with one mistake. Their names say which."""

# ruff: noqa: ARG002

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning.callbacks import Callback
from torch import nn

from sshml.augmentation import Augmentation
from sshml.data.representations import DensityProfile, Representation
from sshml.explanations import Explanation
from sshml.networks import CNN
from sshml.physics.hamiltonians import Hamiltonian, Kitaev
from sshml.transfer.methods import TransferMethod


class BlocksOfAnotherShape(Kitaev):
    def blocks(self, couplings):
        return super().blocks(couplings)[:, :-1]


class BlocksOfNothing(Kitaev):
    def blocks(self, couplings):
        return None


class ComplexBlocks(Kitaev):
    def blocks(self, couplings):
        return 1j * super().blocks(couplings)


class CouplingsOfOneChain(Kitaev):
    def couplings(self, *given):
        return {name: of[:1] for name, of in super().couplings(*given).items()}


class CouplingsOfNothing(Kitaev):
    def n_random(self, n_cells):
        return 0


class InfiniteCouplings(Kitaev):
    def couplings(self, *given):
        return {name: np.inf * of for name, of in super().couplings(*given).items()}


class LabelsOfFloats(Kitaev):
    def labels(self, *given):
        return {kind: of.astype(float) for kind, of in super().labels(*given).items()}


class LabelsOfTorch(Kitaev):
    def labels(self, *given):
        return {kind: torch.tensor(of) for kind, of in super().labels(*given).items()}


class LabelsOfOneKind(Kitaev):
    def labels(self, *given):
        return {"ratio": super().labels(*given)["ratio"]}


class LabelsFromFive(Kitaev):
    def labels(self, *given):
        return {kind: of + 5 for kind, of in super().labels(*given).items()}


class LabelTwoSometimes(Kitaev):
    def labels(self, ratio, *given):
        return {kind: np.where(ratio < 0.1, 2, 0) for kind in super().labels(ratio, *given)}


class OtherTransition(Kitaev):
    def critical_ratios(self, W, disorder):
        return 0.7 * super().critical_ratios(W, disorder)


class InvertedInvariant(Kitaev):
    def labels(self, *given):
        found = super().labels(*given)
        return {**found, "sample": 1 - found["sample"]}


class ChangesTheRatio(Kitaev):
    def couplings(self, ratio, *given):
        ratio += 0.1
        return super().couplings(ratio, *given)


class NumberOfFloats(Kitaev):
    def n_random(self, n_cells):
        return float(n_cells)


class NoControl(Hamiltonian):
    symbol, classes, disorders = "$x$", ("a", "b"), ("on_site",)

    def n_random(self, n_cells):
        return n_cells

    def couplings(self, ratio, W, uniforms, disorder):
        return {"x": uniforms}

    def labels(self, ratio, W, couplings, disorder):
        return {"ratio": (ratio < 1).astype(np.int64)}

    def critical_ratios(self, W, disorder):
        return np.ones((1, *np.shape(W)))


class Unfinished(Hamiltonian):
    pass


class NoTransitions(Kitaev):
    def critical_ratios(self, W, disorder):
        return None


class ClassesAlike(Kitaev):
    classes = ("phase", "phase")


class OneName(Kitaev):
    classes = "topological"  # type: ignore[assignment]


class DetectorNotShown(DensityProfile):
    detectors = {"mean_pixel": lambda images: images.mean(axis=(-2, -1))}  # noqa: RUF012


class ImagesOfFourSides(DensityProfile):
    def shape(self, n_cells):
        return 1, 1, 2 * n_cells, 2 * n_cells


class ImagesWithoutTitle(Representation):
    rows = columns = quantity = "any"

    def shape(self, n_cells):
        return 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian, couplings):
        return hamiltonian.density_profiles(couplings)


class NegativeDensities(ImagesWithoutTitle):
    title = "density"
    is_density = True

    def images(self, hamiltonian, couplings):
        return -hamiltonian.density_profiles(couplings)


class TwoChannels(ImagesWithoutTitle):
    """Nothing is wrong with it."""

    title = "density and its square"

    def shape(self, n_cells):
        return 2, 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian, couplings):
        profiles = hamiltonian.density_profiles(couplings)
        return np.stack([profiles, profiles**2], axis=1)


class MapsWithoutTitle(Explanation):
    def of_class(self, network, images, label):
        return images[:, 0]


class MapsOfAnotherShape(MapsWithoutTitle):
    title = "logits"

    def of_class(self, network, images, label):
        return network(images)


class ImagesOfDoubles(DensityProfile):
    def images(self, hamiltonian, couplings):
        return super().images(hamiltonian, couplings).astype(np.float64)


class ImagesOfTorch(DensityProfile):
    def images(self, hamiltonian, couplings):
        return torch.from_numpy(super().images(hamiltonian, couplings))


class ImagesWithAChannel(DensityProfile):
    def images(self, hamiltonian, couplings):
        return super().images(hamiltonian, couplings)[:, None]


class ImagesMirrored(DensityProfile):
    def images(self, hamiltonian, couplings):
        return super().images(hamiltonian, couplings)[:, ::-1]


class ImagesOfNaN(DensityProfile):
    def images(self, hamiltonian, couplings):
        return np.nan * super().images(hamiltonian, couplings)


class ImagesToReadOnly(DensityProfile):
    def images(self, hamiltonian, couplings):
        images = super().images(hamiltonian, couplings)
        images.flags.writeable = False
        return images


class Lazy(nn.Module):
    def __init__(self, n_classes: int = 2, **_: Any) -> None:
        super().__init__()
        self.convolution, self.head = nn.LazyConv2d(4, 3), nn.Linear(4, n_classes)

    def features(self, images):
        return self.convolution(images)

    def forward(self, images):
        return self.head(self.features(images).mean((-2, -1)))


class InBfloat16(CNN):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.to(torch.bfloat16)


class ComplexLogits(CNN):
    def forward(self, images):
        return 1j * super().forward(images)


class WithoutState(CNN):
    def state_dict(self, *_: Any, **__: Any):
        return {}


class StateOfPaths(Callback):
    def state_dict(self):
        return {"path": Path("x")}


class StateOfNumpy(Callback):
    def state_dict(self):
        return {"best": np.float64(0.3)}


class NoRate(torch.optim.Optimizer):
    def __init__(self, params: Any) -> None:
        super().__init__(params, {})

    def step(self, closure=None):
        return None if closure is None else closure()


class NoScheduler:
    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        pass


class GrowingBuffer(CNN):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.register_buffer("seen", torch.zeros(0))

    def forward(self, images):
        self.seen = torch.cat([self.seen, images.mean()[None]])
        return super().forward(images)


class TrainsAlone(CNN):
    def train(self, mode: bool = True):
        super().train(mode)


class ChangesLabels(Augmentation):
    def forward(self, profiles, labels):
        labels.zero_()
        return profiles


class ChangesInPlace(TransferMethod):
    def adapt(self, network, source, target, seed):
        with torch.no_grad():
            for weight in network.parameters():
                weight.zero_()
        return network.train()


class UnusedWeight(CNN):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.extra = nn.Linear(3, 3)


class LossOfEach(nn.Module):
    def forward(self, logits, labels):
        return nn.functional.cross_entropy(logits, labels, reduction="none")


class LossWithWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, logits, labels):
        return self.scale * nn.functional.cross_entropy(logits, labels)


class LossOfDetached(nn.Module):
    def forward(self, logits, labels):
        return nn.functional.cross_entropy(logits.detach(), labels)
