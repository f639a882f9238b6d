"""Classes of a user's own that do not keep their contract cost one line, before any work."""

import math
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, TINY, TINY_TRANSFER, Command, one_error, rows

from sshml import load_classifier
from sshml.dataset.__main__ import main as write_dataset
from sshml.transfer.baselines import BASELINES, Baseline

CHAINS = {
    "BlocksOfAnotherShape": "blocks: got float64 of shape (4, 7, 8)",
    "BlocksOfNothing": "blocks: got NoneType",
    "ComplexBlocks": "blocks: got complex128",
    "CouplingsOfOneChain": "couplings mu: got float64 of shape (1, 8)",
    "CouplingsOfNothing": "couplings mu: got float64 of shape (200, 0)",
    "InfiniteCouplings": "couplings mu: not finite",
    "LabelsOfFloats": "labels ratio: got float64",
    "LabelsOfTorch": "labels ratio: got Tensor",
    "LabelsOfOneKind": "labels sample: got NoneType",
    "LabelsFromFive": "the labels ratio are [5, 6]; expected numbers of its 2 classes",
    "LabelTwoSometimes": "the labels ratio are [0, 2]; expected numbers of its 2 classes",
    "OtherTransition": "the labels ratio of clean chains change between 0.995025 and 1.00498, where",
    "InvertedInvariant": "for clean chains, the labels `sample` agree with `ratio` on 0% only",
    "ChangesTheRatio": "couplings changes ratio; expected a copy",
    "NumberOfFloats": "n_random is 8.0; expected a whole number",
    "NoTransitions": "critical_ratios of a single W must be an array",
    "ClassesAlike": "classes is ('phase', 'phase')",
    "OneName": "classes is 'topological'",
}
UNNAMED = {
    "NoControl": "has no control, which figures and tables need",
    "Unfinished": "does not define couplings, critical_ratios, labels, n_random",
    "Kitaeu": "there is no Kitaeu in wrong; did you mean wrong.Kitaev?",
}
IMAGES = {
    "ImagesOfFourSides": "shape(8) is (1, 1, 16, 16); expected (height, width) or (channels,",
    "ImagesWithoutTitle": "has no title, which figures and tables need",
    "NegativeDensities": "images are negative; expected is_density = False",
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
    "GrowingBuffer": "the shape of seen changes when it sees images",
    "TrainsAlone": "its train() must return the network itself",
}
OTHERS = {
    "+callbacks.own._target_=wrong.StateOfPaths": "callbacks.own: its state_dict() cannot be stored",
    "+callbacks.own._target_=wrong.StateOfNumpy": "callbacks.own: its state_dict() cannot be stored",
    "optimizer._target_=wrong.NoRate ~optimizer.lr ~optimizer.momentum ~optimizer.weight_decay": (
        "optimizer: its parameter groups have no lr"
    ),
    "+augmentation.own._target_=wrong.ChangesLabels": "augmentation.own: it changes the labels in",
    "+scheduler._target_=wrong.NoScheduler": "scheduler: expected a class derived from",
    "figures=true explanation._target_=wrong.MapsWithoutTitle": "has no title; expected text",
    "figures=true explanation._target_=wrong.MapsOfAnotherShape": "expected a finite map of two axes",
}
CASES = [
    *((f"hamiltonian=kitaev data.hamiltonian._target_=wrong.{name}", f"data.hamiltonian: {line}")
      for name, line in CHAINS.items()),
    *((f"hamiltonian=kitaev data.hamiltonian._target_=wrong.{name} ~data.hamiltonian.delta", line)
      for name, line in UNNAMED.items()),
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


def test_a_representation_of_several_channels(run_train: Command, run_transfer: Command) -> None:
    done = run_train(*TINY, "figures=true", "data.representation._target_=wrong.TwoChannels")
    assert done.status == 0, done.err
    checkpoint = done.folder / "checkpoints" / "best.ckpt"
    tested = run_transfer(f"checkpoint={checkpoint}", "data.W=[0.5]", "logger=csv", "trust=[wrong]")
    assert tested.status == 0, tested.err
    network = load_classifier(checkpoint, trust=["wrong"])
    assert network.features[0].in_channels == 2
    assert write_dataset(["two.npz", "data.n_cells=4", "data.representation._target_=wrong.TwoChannels",
                          "data.n_train=3", "data.n_val=1", "data.n_test=1"]) == 0  # fmt: skip
    images = np.load("two.npz")["images"]
    assert images.shape == (5, 2, 8, 8)
    np.testing.assert_allclose(images[:, 1], images[:, 0] ** 2)


def test_a_run_of_ones_own_parts_is_resumed_by_the_line_that_it_prints(
    run_train: Command, tmp_path: Path
) -> None:
    group = tmp_path / "my conf" / "representation"
    group.mkdir(parents=True)
    (group / "two.yaml").write_text("# @package data\nrepresentation: {_target_: wrong.TwoChannels}\n")
    given = ("--config-dir", str(group.parent), "representation=two", *TINY)
    done = run_train(*given, "trainer.max_epochs=100000", "trainer.max_time=00:00:00:01")
    assert done.status == 0, done.err
    (line,) = (line for line in done.err.splitlines() if "resume with: " in line)
    command = shlex.split(line.partition("resume with: python train.py ")[2])
    assert command[:2] == ["--config-dir", str(group.parent)]
    assert command[-1] == "trust=[wrong]"
    again = run_train(*command, "trainer.max_time=00:00:00:01")
    assert again.status == 0, again.err
    assert again.folder == done.folder


def test_a_detector_of_ones_own_stands_beside_the_networks(
    run_transfer: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = (*TINY_TRANSFER, "data.representation._target_=wrong.DetectorNotShown")
    line = one_error(run_transfer(*own))
    assert "DetectorNotShown.detectors: mean_pixel has no label and line style" in line
    assert not list(tmp_path.glob("runs/*/*/*"))
    monkeypatch.setitem(BASELINES, "mean_pixel", Baseline("mean pixel", "0.5", "--"))
    done = run_transfer(*own, "figures=true")
    assert done.status == 0, done.err
    assert {row["method"] for row in rows(done)} == {"network", "mean_pixel", "exact_invariant"}


def test_a_method_that_changes_its_network_leaves_the_others_alone(run_transfer: Command) -> None:
    plain = run_transfer(*TINY_TRANSFER, "methods={plain:{}}")
    assert plain.status == 0, plain.err
    own = "{own:{transfer:{_target_:wrong.ChangesInPlace}},plain:{}}"
    both = run_transfer(*TINY_TRANSFER, f"methods={own}")
    assert both.status == 0, both.err
    of_method = {
        name: [row["loss"] for row in rows(run) if row["method"] == name]
        for run, name in ((both, "own"), (both, "plain"))
    }
    assert of_method["plain"] == [row["loss"] for row in rows(plain) if row["method"] == "plain"]
    # Of weights that are all 0 every answer is a guess.
    assert of_method["own"] == pytest.approx([math.log(2)] * 2)
    found = [row["accuracy_source"] for row in rows(both) if row["method"] == "own"]
    assert set(found) == {0.5}


def test_several_processes_need_a_gradient_of_every_weight(run_train: Command, tmp_path: Path) -> None:
    own = (*TINY, "model._target_=wrong.UnusedWeight")
    line = one_error(run_train(*own, "trainer=ddp", "trainer.accelerator=cpu"))
    assert "model._target_=wrong.UnusedWeight: its logits do not depend on extra.weight" in line
    assert not list(tmp_path.glob("runs/*/*/*"))
    assert run_train(*own).status == 0


@pytest.mark.parametrize(
    ("options", "line"), [((), "derived from torch.nn.Module"), (("-P",), "No module")]
)
def test_modules_of_the_working_directory_are_found(
    tmp_path: Path, options: tuple[str, ...], line: str
) -> None:
    (tmp_path / "here.py").write_text("class Net:\n    pass\n")
    program = [sys.executable, *options, str(ROOT / "train.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*program, "model._target_=here.Net"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert line in done.stderr


def test_programs_of_the_command_find_them_too(tmp_path: Path) -> None:
    """Of the network that a checkpoint names, once its package is trusted."""
    package = tmp_path / "my_lab"
    package.mkdir()
    (package / "network.py").write_text(
        "from sshml.networks import CNN\n\n\nclass Net(CNN):\n    pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    trained = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *TINY, "model._target_=my_lab.network.Net"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    (checkpoint,) = tmp_path.glob("runs/*/*/checkpoints/best.ckpt")
    # As the installed command begins, whose folder is the first of the path.
    begin = "import sys; sys.path[0] = '/'; from sshml.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", begin, "explain", str(checkpoint), "--trust", "my_lab"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
