"""What a set of runs varies."""

from pathlib import Path

import numpy as np
import pytest
from synthetic import write_run

from sshml.study.axes import Axis, find_axes
from sshml.study.runs import read_runs


def axes_of(folder: Path, *runs: list[str]) -> dict[str, Axis]:
    for number, overrides in enumerate(runs):
        write_run(folder / f"{number:03d}", overrides, 0.9)
    found, skipped = read_runs([folder])
    assert not skipped
    return {axis.name: axis for axis in find_axes(found, ["seed"])}


def test_a_choice_of_a_group_is_one_axis_with_all_that_it_sets(tmp_path: Path) -> None:
    axes = axes_of(
        tmp_path,
        *([f"model={model}", f"data.W={W}"] for model in ("cnn", "resnet18") for W in (0, 0.5)),
    )
    assert set(axes) == {"model", "W"}
    assert axes["model"].values == ["CNN", "CNN", "ResNet18", "ResNet18"]
    assert {"data.n_cells", "model.widths", "model.pretrained"} <= set(axes["model"].together)
    assert (axes["W"].key, axes["W"].levels, axes["W"].numeric) == ("data.W", [0, 0.5], True)


def test_of_two_runs_that_differ_in_their_model_it_is_one_axis(tmp_path: Path) -> None:
    assert set(axes_of(tmp_path, ["model=cnn"], ["model=resnet18"])) == {"model"}


def test_three_choices_of_which_one_has_keys_of_its_own(tmp_path: Path) -> None:
    runs = [[f"scheduler={name}", f"data.W={W}"] for name in ("none", "cosine", "step") for W in (0, 1)]
    axes = axes_of(tmp_path, *runs)
    assert set(axes) == {"scheduler", "W"}
    assert axes["scheduler"].levels == ["CosineAnnealingLR", "StepLR", "none"]


def test_what_follows_another_key_is_named_by_what_was_typed(tmp_path: Path) -> None:
    runs = [
        [f"scheduler={name}", f"trainer.max_epochs={epochs}"]
        for name in ("none", "cosine")
        for epochs in (10, 20, 30)
    ]
    axes = axes_of(tmp_path, *runs)  # T_max: ${trainer.max_epochs}, where there is one
    assert set(axes) == {"scheduler", "max_epochs"}
    assert axes["max_epochs"].together == ["scheduler.T_max"]


def test_keys_set_together_are_one_axis(tmp_path: Path) -> None:
    runs = [
        [f"data.n_train={n}", f"data.n_val={n // 2}", f"data.W={W}"] for n in (100, 200) for W in (0, 1)
    ]
    axes = axes_of(tmp_path, *runs)
    assert set(axes) == {"n_train", "W"}
    assert axes["n_train"].together == ["data.n_val"]


def test_the_keys_of_a_random_search_are_axes_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    runs = [
        [f"optimizer.lr={10 ** rng.uniform(-4, -1)}", f"optimizer.weight_decay={rng.uniform(0, 0.1)}"]
        for _ in range(12)
    ]
    axes = axes_of(tmp_path, *runs)
    assert set(axes) == {"lr", "weight_decay"}
    assert not axes["lr"].together


def test_seeds_are_no_axis(tmp_path: Path) -> None:
    assert set(axes_of(tmp_path / "a", ["seed=0"], ["seed=1", "data.W=1"])) == {"W"}
    assert set(axes_of(tmp_path / "b", ["seed=0"], ["seed=1"])) == set()
    assert set(axes_of(tmp_path / "c", ["seed=0"], ["seed=0"])) == set()


def test_places_and_looks_are_no_axes(tmp_path: Path) -> None:
    axes = axes_of(
        tmp_path,
        ["logger=csv", "callbacks.maps.examples=3", "paths.runs=elsewhere", "data.W=0.5"],
        ["logger=wandb", "callbacks.checkpoint.dirpath=elsewhere", "data.W=0.5"],
    )
    assert axes == {}


@pytest.mark.parametrize("value", ["[0.25,0.5]", "0.25..0.75"])
def test_values_that_are_no_numbers(tmp_path: Path, value: str) -> None:
    axis = axes_of(tmp_path, ["data.W=0"], [f"data.W={value}"])["W"]
    assert (axis.values, axis.numeric) == (["0", value], False)
