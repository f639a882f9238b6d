"""Every configuration file composes, and runs one fast step."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, Command, one_error
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sshml.config.programs import CONF_DIR
from sshml.config.schema import TransferConfig, plain_config
from sshml.thesis.report import check_report
from sshml.training.checks.run import check_run
from sshml.transfer.networks import methods_of
from sshml.transfer.trainings import source_settings


def experiments(*, of_transfer: bool) -> list[str]:
    """Those of transfer.py name the results that they are to be set beside."""
    folder = CONF_DIR / "experiment"
    return sorted(
        str(path.relative_to(folder).with_suffix(""))
        for path in folder.rglob("*.yaml")
        if ("For `sshml transfer`" in path.read_text()) == of_transfer
    )


EXPERIMENTS = experiments(of_transfer=False)
SMALL = [override for override in TINY if not override.startswith("model.")]


# Those of ResNet18 differ in W alone, and each writes 90 MB a checkpoint.
@pytest.mark.parametrize("experiment", [e for e in EXPERIMENTS if "resnet18_W" not in e])
def test_every_experiment_runs(run_train: Command, experiment: str) -> None:
    widths = ["model.widths=[4,4]", "model.pool_after=[1]"] if "cnn" in experiment else []
    done = run_train(f"experiment={experiment}", *SMALL, *widths)
    assert done.status == 0, done.err
    assert done.manifest["status"] == "finished"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_thesis_experiments_have_the_settings_of_the_thesis(experiment: str) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("train", [f"experiment={experiment}"])
    node = OmegaConf.to_container(config.optimizer)
    assert node == {
        "_target_": "torch.optim.SGD", "lr": 0.001, "momentum": 0.9, "weight_decay": 0.01
    }  # fmt: skip
    assert config.trainer.max_epochs == 100
    assert (config.data.n_train, config.data.n_val, config.data.n_test) == (10000, 4000, 6000)
    assert config.data.batch_size == 100
    assert config.data.n_cells == (122 if "resnet18" in experiment else 30)
    assert (0 if "clean" in experiment else float(experiment.split("W")[1])) == config.data.W


def test_strengths_of_configuration_files_are_those_written() -> None:
    """YAML 1.1 reads a bare 0:1:0.1 as 60.1, a number in base 60."""
    grids = {}
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        for experiment in ("phase_diagram", "phase_diagram_cybinski", None):
            overrides = [f"experiment={experiment}"] if experiment else []
            config = compose("transfer", [*overrides, "paths.run=nowhere"])
            grids[experiment] = plain_config(config, TransferConfig)["data"]["W"]
    assert grids[None] == pytest.approx([k / 10 for k in range(11)])
    assert grids["phase_diagram"] == grids["phase_diagram_cybinski"]
    assert grids["phase_diagram"] == pytest.approx([k / 5 for k in range(26)])


@pytest.mark.parametrize("experiment", experiments(of_transfer=True))
def test_experiments_of_transfer_fit_together(experiment: str) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("transfer", [f"experiment={experiment}", "paths.run=nowhere"])
    settings = plain_config(config, TransferConfig)
    check_report(settings["report"], settings["data"], settings["model"])
    for W in settings["source"]["W"] or ():
        check_run({**source_settings(settings, W, 0, methods_of(settings)[-1]), "ckpt_path": None})
    assert settings["report"] or settings["methods"]
    if experiment.rsplit("/", maxsplit=1)[-1] in ("section4_1", "fig7a", "fig7b", "all"):
        assert settings["seeds"] >= 5
        assert (settings["trainer"]["max_epochs"], settings["data"]["n_train"]) == (100, 10_000)


def test_an_experiment_of_transfer_is_no_training(run_train: Command) -> None:
    done = run_train("experiment=thesis/fig7a")
    assert done.status == 2
    assert "python transfer.py experiment=thesis/fig7a" in done.err


def test_an_experiment_of_transfer_may_lie_in_a_folder_of_ones_own(
    run_transfer: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "own" / "experiment"
    folder.mkdir(parents=True)
    (folder / "grid.yaml").write_text("# @package _global_\nsource:\n  W: [0]\ndata:\n  W: '0:1:0.5'\n")
    done = run_transfer("--config-dir", str(folder.parent), "experiment=grid", *TINY)
    assert done.status == 0, done.err
    assert {row["W"] for row in json.loads((done.folder / "transfer.json").read_text())} == {0, 0.5, 1}


def test_an_experiment_of_ones_own_without_its_first_line_is_told_so(
    run_train: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "own" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("data:\n  W: 0.5\n")
    line = one_error(run_train("--config-dir", str(folder.parent), "experiment=mine", *TINY))
    assert "experiment: a configuration file of this group must begin with # @package _global_" in line


def test_a_key_that_only_some_options_of_a_sweep_have(run_train: Command) -> None:
    line = one_error(run_train(*TINY, "-m", "model=resnet18,cnn", "hydra.sweep.dir=s"))
    assert "not every option of model=resnet18,cnn has this key; run them separately" in line


@pytest.mark.parametrize(
    "choice",
    ["augmentation=site_reversal", "augmentation=column_permutation", "augmentation=localised_states",
     "augmentation=[localised_states,zero_modes]",
     "debug=fast", "debug=overfit", "debug=profile", "optimizer=adamw", "scheduler=step",
     "scheduler=cosine", "scheduler=one_cycle", "callbacks=early_stopping", "logger=tensorboard",
     "trainer=cpu", "hamiltonian=kitaev", "representation=correlation_matrix",
     "representation=mid_gap_pair"],
)  # fmt: skip
def test_every_choice_of_a_group_runs(run_train: Command, choice: str) -> None:
    if choice.startswith("logger"):
        pytest.importorskip("tensorboard")
    small = [o for o in TINY if not o.startswith(choice.split("=", maxsplit=1)[0])]
    done = run_train(choice, *small)
    assert done.status == 0, done.err
    left = {"logger=tensorboard": "tensorboard/*/events.*", "debug=profile": "*profile*.txt"}
    assert list(done.folder.glob(left.get(choice, "metrics.json")))


def test_the_network_of_the_last_epoch_is_kept(run_train: Command) -> None:
    # The rate is too high from the second epoch on: the least loss is not the last.
    small = [o for o in TINY if not o.startswith("trainer.max_epochs")]
    for choice, ends_last in (("default", False), ("last_epoch", True)):
        done = run_train(
            *small, f"callbacks={choice}", "trainer.max_epochs=4", "scheduler=step",
            "scheduler.step_size=1", "scheduler.gamma=100",
        )  # fmt: skip
        assert done.status == 0, done.err
        history = list(csv.DictReader((done.folder / "metrics.csv").read_text().splitlines()))
        losses = [float(row["val/loss"]) for row in history]
        assert losses[-1] != min(losses)
        kept = torch.load(done.folder / "checkpoints" / "best.ckpt", weights_only=True)["epoch"]
        assert (kept == 3) == ends_last


@pytest.mark.parametrize("W", ["0.5", "[0.25,0.5]", "0.25..0.75", "0..1"])
def test_every_form_of_W_works_as_typed(run_train: Command, W: str) -> None:
    done = run_train(*TINY, f"data.W={W}")
    config = OmegaConf.load(done.folder / "config.yaml")
    expected = {"0.5": 0.5, "[0.25,0.5]": [0.25, 0.5]}.get(W, W)
    assert expected == config.data.W


@pytest.mark.parametrize("program", ["train", "transfer"])
def test_the_model_sets_n_cells_and_the_command_line_overrides_it(program: str) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        assert compose(program, ["model=resnet18"]).data.n_cells == 122
        assert compose(program, ["data.n_cells=40", "model=resnet18"]).data.n_cells == 40
        assert compose(program, []).data.n_cells == 30


def test_top_level_is_as_small_as_it_is_meant_to_be() -> None:
    allowed = {"conf", "sshml", "train.py", "transfer.py", "tests", "docs", "pyproject.toml"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {path.split("/", maxsplit=1)[0] for path in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= allowed | {"README.md"}


def test_physics_networks_and_maps_import_without_the_rim() -> None:
    script = (
        "import sys, sshml.physics; assert 'torch' not in sys.modules\n"
        "import sshml.cam, sshml.networks, sshml.files.checkpoint\n"
        "heavy = {'pytorch_lightning', 'hydra', 'omegaconf', 'wandb'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
