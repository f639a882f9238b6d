"""A few of each kind; ``python -m tests.faults`` tries many."""

import random
import shutil
from pathlib import Path

import pytest
import torch

from tests.faults.__main__ import kinds
from tests.faults.core import Kind, LostError, SkippedError, go
from tests.faults.runs import PLAIN, reference
from tests.faults.trees import difference

# Chosen among many so that each shows a fault that the program once had, or stands for its kind.
SEEDS = {
    "kills": (0, 4, 7),
    "signals": (0, 4, 6, 13),
    "disks": (1, 2, 3),
    "files": (20, 21, 42, 69, 1062),
    "folders": (23, 43, 98, 1006, 1020, 1053),
    "wandb": (0, 1),
    "sweeps": (0,),
}


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in SEEDS for seed in SEEDS[name]])
def test_a_fault_loses_nothing(name: str, seed: int) -> None:
    (kind,) = kinds(name)
    kind.run(seed)
    if kind.skipped is not None:
        pytest.skip(kind.skipped)
    assert kind.lost == []


def test_what_is_lost_is_counted_and_can_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    def attempt(rng: random.Random, folder: Path) -> None:
        (folder / "file").touch()
        if rng.random() < 0.5:
            raise LostError("some\nlines \x1b[31m")

    def cannot(_rng: random.Random, _folder: Path) -> None:
        raise SkippedError("no disk")

    def never(_rng: random.Random, _folder: Path) -> None:
        raise OSError

    tried = [Kind("a", attempt, 20), Kind("b", cannot, 10), Kind("c", never, 10)]
    go(tried, 5, 0.02, workers=2)
    a, b, c = tried
    assert a.held + len(a.lost) == a.tried > 20
    assert 0.2 < len(a.lost) / a.tried < 0.8
    assert b.skipped == "no disk"
    assert len(c.lost) == c.tried > 0
    seed, reason = a.lost[0]
    assert reason == "some lines \\x1b[31m"
    line = f"lost: {reason}; repeat: python -m tests.faults --only a --seed {seed} --minutes 0"
    assert line in capsys.readouterr().out.splitlines()
    again = Kind("a", attempt, 1)
    again.run(seed)
    assert again.lost == [(seed, reason)]


def test_a_difference_of_one_bit_is_found(tmp_path: Path) -> None:
    run, copy = tmp_path / "run", tmp_path / "copy"
    for place in (run, copy):
        shutil.copytree(reference("train.py", PLAIN).folder, place)
    assert difference(run, copy) is None
    last = copy / "checkpoints" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    name, weight = next(iter(content["state_dict"].items()))
    weight.view(-1)[0] = weight.view(-1)[0].nextafter(torch.tensor(1e9))
    torch.save(content, last)
    found = difference(run, copy)
    assert found is not None
    assert found.startswith(f"checkpoints/last.ckpt differs in state_dict in {name}: ")
    (copy / "metrics.csv.part").touch()
    assert difference(run, copy) == "missing: [], left over: ['metrics.csv.part']"
