"""What a training makes small: against its formulas, and as a choice of train.py."""

from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, networks, one_error
from torch.nn.functional import cross_entropy

from sshml.data import Split
from sshml.trained import TrainedNetwork
from sshml.training.losses import CrossEntropy

NO_ARGUMENTS = "~loss.label_smoothing ~loss.class_weights"
LOGITS = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 0, 1, 2])


def test_smoothed_labels() -> None:
    logs = LOGITS.log_softmax(dim=1)
    own = -logs[range(7), LABELS]
    expected = (0.7 * own - 0.3 * logs.mean(dim=1)).mean()
    torch.testing.assert_close(CrossEntropy(label_smoothing=0.3)(LOGITS, LABELS), expected)


def test_weights_of_classes() -> None:
    weights = torch.tensor([1.0, 2.0, 5.0])
    each = -LOGITS.log_softmax(dim=1)[range(7), LABELS]
    expected = (weights[LABELS] * each).sum() / weights[LABELS].sum()
    torch.testing.assert_close(CrossEntropy(class_weights=weights.tolist())(LOGITS, LABELS), expected)


def test_a_training_makes_it_small_and_logs_the_plain_one(run_train: Command) -> None:
    plain = run_train(*TINY)
    done = run_train(*TINY, "loss.label_smoothing=0.4", "loss.class_weights=[1,3]")
    assert done.status == 0, done.err
    paths = [run.folder / "checkpoints" / "best.ckpt" for run in (plain, done)]
    states = [torch.load(path, weights_only=True)["state_dict"] for path in paths]
    assert states[0].keys() == states[1].keys()
    assert not all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    trained = TrainedNetwork(paths[1])
    test = trained.data_module().dataset(Split.TEST).__getitems__(range(20))
    expected = cross_entropy(trained.logits(test["input"]), test["label"]).item()
    assert done.metrics["test/loss"] == pytest.approx(expected, rel=1e-5)


def test_a_study_trains_with_it(run_transfer: Command) -> None:
    done = run_transfer(*TINY, "data.W=[0]", "loss.label_smoothing=0.4")
    assert done.status == 0, done.err
    plain = run_transfer(*TINY, "data.W=[0]")
    assert networks(done)[0]["loss"] != networks(plain)[0]["loss"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ("loss.label_smoothing=1", "loss.label_smoothing=1: expected less than 1"),
        ("loss.class_weights=[1,0]", "loss.class_weights=[1,0]: expected greater than 0"),
        ("loss.class_weights=[1]", "loss: "),
        (
            "loss._target_=wrong.LossOfEach ~loss.label_smoothing ~loss.class_weights",
            "one finite number",
        ),
        (
            "loss._target_=wrong.LossWithWeights ~loss.label_smoothing ~loss.class_weights",
            "weight scale",
        ),
        ("loss._target_=wrong.LossOfDetached ~loss.label_smoothing ~loss.class_weights", "no detach()"),
        ("loss=focal", "loss=focal: no such option; expected one of cross_entropy"),
        ("loss._target_=sshml.files.stored.read_text", "expected a class derived from torch.nn.Module"),
    ],
)
def test_mistakes_are_one_line(run_train: Command, tmp_path: Path, overrides: str, line: str) -> None:
    assert line in one_error(run_train(*TINY, *overrides.split()))
    assert not list(tmp_path.glob("runs/*/*"))
