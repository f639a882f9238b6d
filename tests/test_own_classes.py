"""Classes of a user's own that do not keep their contract cost one line, before any work."""

from pathlib import Path

import pytest
from conftest import TINY, Command, one_error

CHAINS = {
    "BlocksOfAnotherShape": "blocks: got float64 of shape (4, 7, 8)",
    "BlocksOfNothing": "blocks: got NoneType",
    "ComplexBlocks": "blocks: got complex128",
    "CouplingsOfOneChain": "couplings mu: got float64 of shape (1, 8)",
    "CouplingsOfNothing": "couplings mu: got float64 of shape (4, 0)",
    "InfiniteCouplings": "couplings mu: not finite",
    "LabelsOfFloats": "labels ratio: got float64",
    "LabelsOfTorch": "labels ratio: got Tensor",
    "LabelsFromFive": "the labels ratio are [5, 6]; expected numbers of its 2 classes",
    "NoTransitions": "critical_ratios of one W has to be an array",
    "ClassesAlike": "classes is ('phase', 'phase')",
    "OneName": "classes is 'topological'",
}
IMAGES = {
    "ImagesOfThreeSides": "shape(8) is (1, 16, 16); expected (height, width)",
    "ImagesOfDoubles": "images are float64; expected float32",
    "ImagesOfTorch": "images: got Tensor",
    "ImagesWithAChannel": "images: got float32 of shape (4, 1, 16, 16)",
    "ImagesMirrored": "negative",
    "ImagesOfNaN": "images: not finite",
    "ImagesToReadOnly": "images are read-only",
}
NETWORKS = {
    "Lazy": "its weight convolution.weight has no shape yet",
    "InBfloat16": "is torch.bfloat16; expected float32 weights",
    "ComplexLogits": "expected real logits of shape (10, 2)",
    "WithoutState": "its state_dict() lacks features.0.weight",
}
OTHERS = {
    "+callbacks.own._target_=wrong.StateOfPaths": "callbacks.own: its state_dict() could not be read",
    "+callbacks.own._target_=wrong.StateOfNumpy": "callbacks.own: its state_dict() could not be read",
    "optimizer._target_=wrong.NoRate ~optimizer.lr ~optimizer.momentum ~optimizer.weight_decay": (
        "optimizer: its parameter groups have no lr"
    ),
    "+scheduler._target_=wrong.NoScheduler": "scheduler: expected a class derived from",
}
CASES = [
    *((f"hamiltonian=kitaev data.hamiltonian._target_=wrong.{name}", f"data.hamiltonian: {line}")
      for name, line in CHAINS.items()),
    *((f"data.representation._target_=wrong.{name}", line) for name, line in IMAGES.items()),
    *((f"model._target_=wrong.{name}", line) for name, line in NETWORKS.items()),
    *OTHERS.items(),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "line"), CASES)
def test_a_mistake_in_a_class_of_ones_own_is_one_line(
    run_train: Command, tmp_path: Path, overrides: str, line: str
) -> None:
    assert line in one_error(run_train(*TINY, *overrides.split()))
    assert not list(tmp_path.glob("runs/*/*/*"))
