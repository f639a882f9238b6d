"""How a training ends: what stopped it, what is left, and how to go on."""

import csv
import json
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, TINY, TINY_TRANSFER, Command, environment, one_error

from sshml.entry.transfer import way_on as transfer_way_on
from sshml.files.run_folder import RunFolder
from sshml.training.train import way_on


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """A disk that takes no larger file; a write beyond fails as on a full one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        # Two steps an epoch: the second has the weights that the first one spoilt.
        (("data.batch_size=25",), "training loss nan in epoch 1, step 2, at learning rate 1e+20"),
        # One step an epoch: the validation is the first to see them.
        (("data.batch_size=50",), "validation loss nan in epoch 1, at learning rate 1e+20"),
    ],
)
def test_a_loss_that_is_not_finite_ends_the_run(
    run_train: Command, overrides: tuple[str, ...], where: str
) -> None:
    done = run_train(*TINY, "optimizer.lr=1e20", *overrides)
    line = one_error(done, 1)
    assert where in line
    assert "lower optimizer.lr" in line
    assert done.manifest["status"] == "diverged"
    assert done.manifest["stopped_by"] == "divergence"
    assert not list(done.folder.glob("checkpoints/*"))
    assert not (done.folder / "metrics.json").exists()


def test_the_last_epoch_before_a_divergence_can_be_resumed(run_train: Command) -> None:
    # OneCycle at its peak: the first epoch is calm.
    cycle = ("scheduler=step", "scheduler.step_size=1", "scheduler.gamma=1e20")
    done = run_train(*TINY, *cycle, "optimizer.lr=1e-3", "trainer.max_epochs=3")
    assert "epoch 2" in one_error(done, 1)
    assert torch.load(done.folder / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 0


def test_the_end_says_what_stopped_the_training(run_train: Command) -> None:
    whole = run_train(*TINY)
    assert (whole.manifest["status"], whole.manifest["stopped_by"]) == ("finished", "max_epochs")
    early = run_train(
        *TINY, "callbacks=early_stopping", "trainer.max_epochs=50", "optimizer.lr=0.0",
        "callbacks.early_stopping.patience=1",
    )  # fmt: skip
    assert (early.manifest["status"], early.manifest["stopped_by"]) == ("finished", "early_stopping")
    assert "stopped by:   callbacks.early_stopping" in early.out


def test_a_run_that_its_time_limit_stopped_resumes_to_the_same_end(run_train: Command) -> None:
    settings = (*TINY, "trainer.max_epochs=3", "model.dropout=0.5")
    whole = run_train(*settings)
    part = run_train(*settings, "trainer.max_time=00:00:00:00")
    assert (part.status, part.manifest["stopped_by"]) == (0, "max_time")
    last = part.folder / "checkpoints" / "last.ckpt"
    assert f"stopped by trainer.max_time; resume with: python train.py ckpt_path={last}" in part.err
    assert len((part.folder / "metrics.csv").read_text().splitlines()) == 2
    again = run_train(f"ckpt_path={last}")  # the limit again: one epoch more
    assert again.manifest["stopped_by"] == "max_time"
    done = run_train(f"ckpt_path={last}", "trainer.max_time=null")
    assert (done.status, done.manifest["stopped_by"]) == (0, "max_epochs")
    for name in ("metrics.csv", "metrics.json"):
        assert (done.folder / name).read_text() == (whole.folder / name).read_text()


def test_a_time_that_is_none_is_a_mistake(run_train: Command) -> None:
    assert "trainer" in one_error(run_train(*TINY, "trainer.max_time=soon"), 2)


@pytest.mark.parametrize("size", [1_000, 6_000])
def test_a_disk_that_takes_no_more_ends_the_run_in_one_line(run_train: Command, size: int) -> None:
    settings = (*TINY, "trainer.max_epochs=2", "figures=false")
    whole = run_train(*settings)
    with files_of_at_most(size):
        full = run_train(*settings, "hydra.run.dir=runs/full/full")
    assert "File too large" in one_error(full, 1)
    folder = whole.folder.parent.parent / "full" / "full"
    assert not list(folder.rglob("*.part"))
    if size > 1_000:
        assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(run_train: Command) -> None:
    settings = (*TINY, "figures=false")
    whole = run_train(*settings, "trainer.max_epochs=3")
    part = run_train(*settings)
    last = part.folder / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    with files_of_at_most(len(before) // 2):
        full = run_train(f"ckpt_path={last}", "trainer.max_epochs=3")
    line = one_error(full, 1)
    assert f"once it can be written to, resume with: python train.py ckpt_path={last}" in line
    assert full.manifest["status"] == "failed"
    assert last.read_bytes() == before
    done = run_train(f"ckpt_path={last}", "trainer.max_epochs=3")
    assert done.status == 0, done.err
    for name in ("metrics.csv", "metrics.json"):
        assert (done.folder / name).read_text() == (whole.folder / name).read_text()


def test_a_study_on_a_disk_that_takes_no_more(run_transfer: Command) -> None:
    with files_of_at_most(20_000):
        full = run_transfer(*TINY, "data.W=[0,0.5]")
    (line,) = [line for line in full.err.splitlines() if line.startswith("error: ")]
    assert "File too large" in line
    assert "resume with: python transfer.py resume=" in line
    assert "Traceback" not in full.err
    assert full.status == 1


def test_results_are_never_written_over(run_train: Command) -> None:
    first = run_train(*TINY)
    kept = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    line = one_error(run_train(*TINY, "seed=1", f"hydra.run.dir={first.folder}"), 2)
    assert "holds the results of another run" in line
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == kept


def test_a_run_whose_folder_is_moved_away_ends_in_one_line(run_train: Command, tmp_path: Path) -> None:
    done = run_train(
        *TINY, "trainer.max_epochs=3", "hydra.run.dir=runs/a/b",
        "+callbacks.mover._target_=failing.MovesFolder", f"+callbacks.mover.folder={tmp_path / 'runs'}",
    )  # fmt: skip
    assert "was moved or removed during the run" in one_error(done, 1)
    assert (tmp_path / "moved" / "a" / "b" / "metrics.csv").is_file()
    assert not (tmp_path / "runs" / "a" / "b" / "checkpoints").exists()


def test_a_checkpoint_that_was_copied_trains_on_elsewhere(run_train: Command, tmp_path: Path) -> None:
    run = run_train(*TINY, "optimizer.lr=0.5")
    copied = tmp_path / "copied.ckpt"
    copied.write_bytes((run.folder / "checkpoints" / "last.ckpt").read_bytes())
    # A rate so high that nothing is better than what the first run had.
    done = run_train(*TINY, "optimizer.lr=0.5", f"ckpt_path={copied}", "trainer.max_epochs=2")
    assert done.status == 0, done.err
    assert done.folder != run.folder
    assert done.metrics["best_epoch"] == 2


def test_the_saved_settings_name_no_folder(run_train: Command) -> None:
    done = run_train(*TINY)
    text = (done.folder / "config.yaml").read_text()
    assert str(done.folder) not in text
    settings = yaml.safe_load(text)
    assert "run" not in settings["paths"]
    assert settings["callbacks"]["last"]["dirpath"] == "${paths.run}/checkpoints"


def test_every_row_is_whole_before_its_checkpoint_is_there(run_train: Command) -> None:
    done = run_train(
        *TINY, "trainer.max_epochs=2", "+callbacks.check._target_=failing.ChecksRows",
        "+callbacks.check.folder=${paths.run}",
    )  # fmt: skip
    assert done.status == 0, done.err
    with (done.folder / "metrics.csv").open() as file:
        assert [all(row.values()) for row in csv.DictReader(file)] == [True, True]


def test_the_learning_rate_finder_works(run_train: Command) -> None:
    finder = (
        "+callbacks.finder._target_=pytorch_lightning.callbacks.LearningRateFinder",
        "+callbacks.finder.num_training_steps=20",
        "+callbacks.finder.min_lr=1e-6",
    )
    done = run_train(*TINY, "data.n_train=400", *finder)
    assert done.status == 0, done.err
    with (done.folder / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert 1e-6 < float(row["lr"]) != 1e-3
    assert not [path for path in Path(done.folder).iterdir() if path.name.startswith(".lr_find")]


def test_files_of_the_users_own_are_not_taken_for_what_a_killed_run_left(
    run_train: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    run_train(*TINY, f"hydra.run.dir={folder}")
    (folder / "sub").mkdir()
    own = [folder / name for name in ("download.part", "table.csv.part", "sub/movie.part")]
    for path in own:
        path.write_text("precious")
    (folder / "checkpoints" / "last.ckpt.part").write_text("half")
    run_train(f"ckpt_path={folder / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert own[0].exists()
    assert own[2].exists()
    assert not (folder / "checkpoints" / "last.ckpt.part").exists()


def _cut(rows: Path) -> None:
    rows.write_text(rows.read_text()[:-5])


def _shorten(rows: Path) -> None:
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:-1]))


def _empty_a_cell(rows: Path) -> None:
    *head, last = rows.read_text().splitlines()
    rows.write_text("\n".join([*head, last[: last.rindex(",") + 1]]) + "\n")


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda rows: rows.unlink(), "no such file"),
        (lambda rows: (rows.unlink(), rows.symlink_to(rows)), "no such file"),
        (_cut, "damaged, or not the metrics of an sshml run (cut short)"),
        (_shorten, "has no train/accuracy for epoch 2, which the checkpoint has completed"),
        (_empty_a_cell, "has no val/tp for epoch 2, which the checkpoint has completed"),
    ],
)
def test_a_run_that_has_lost_its_rows_does_not_go_on(
    run_train: Command, damage: Callable[[Path], object], line: str
) -> None:
    run = run_train(*TINY, "trainer.max_epochs=2")
    rows = run.folder / "metrics.csv"
    damage(rows)
    last = run.folder / "checkpoints" / "last.ckpt"
    said = one_error(run_train(f"ckpt_path={last}", "trainer.max_epochs=3"), 2)
    assert said.startswith(f"error: {rows}: ")
    assert line in said
    assert run.manifest["status"] == "finished"


_LIGHTNING = "{_target_: pytorch_lightning.callbacks."


@pytest.mark.parametrize(
    "name", ["LearningRateMonitor", "RichProgressBar", "DeviceStatsMonitor", "EMAWeightAveraging"]
)
def test_callbacks_of_lightning_that_work(run_train: Command, name: str) -> None:
    done = run_train(*TINY, f"+callbacks.x={_LIGHTNING}{name}}}")
    assert done.status == 0, done.err
    assert done.manifest["status"] == "finished"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("BackboneFinetuning", ""),
        ("SpikeDetection", ""),
        ("ModelPruning", ", pruning_fn: l1_unstructured"),
        ("BatchSizeFinder", ""),
    ],
)
def test_callbacks_of_lightning_that_cannot_be_used_are_one_line(
    run_train: Command, name: str, arguments: str
) -> None:
    done = run_train(*TINY, f"+callbacks.x={_LIGHTNING}{name}{arguments}}}")
    line = one_error(done, 2)
    assert line.startswith("error: callbacks.x")
    assert name in line


def test_a_profiler_that_is_not_installed_is_one_line(run_train: Command) -> None:
    assert "trainer" in one_error(run_train(*TINY, "+trainer.profiler=xla"), 2)


def test_loggers_of_lightning_write_to_the_runs_folder(tmp_path: Path) -> None:
    # In a process of its own: W&B reads its environment once.
    node = "{_target_: pytorch_lightning.loggers.WandbLogger, offline: true}"
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *TINY, f"+logger.x={node}"],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=300,
        env=environment(ROOT),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert list(tmp_path.glob("runs/*/*/wandb"))


def test_a_logger_that_cannot_begin_is_one_line(run_train: Command) -> None:
    node = "{_target_: pytorch_lightning.loggers.WandbLogger, offline: true, stray: 1}"
    assert "logger.x: " in one_error(run_train(*TINY, f"+logger.x={node}"), 2)


def test_a_folder_of_none_is_a_mistake(run_train: Command) -> None:
    line = one_error(run_train(*TINY, "trainer.default_root_dir=null"), 2)
    assert "trainer.default_root_dir=None: expected the run folder" in line


def test_a_folder_takes_one_run_at_a_time(run_train: Command, run_transfer: Command) -> None:
    run = run_train(*TINY)
    settings = {"paths": {"runs": "", "run": ""}, "trainer": {"precision": "32-true"}, "seed": 0}
    other = RunFolder(run.folder, settings, ())
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    resume = (f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}", *TINY, "trainer.max_epochs=2")
    assert "another process is running there" in one_error(run_train(*resume), 2)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
    other.finish("interrupted")
    assert run_train(*resume).status == 0

    study = RunFolder(run.folder.parent / "study", settings, ())
    new = run_transfer(*TINY_TRANSFER, f"hydra.run.dir={study.path}")
    assert "another process is running there" in one_error(new, 2)


def test_a_precision_that_the_machine_would_replace_is_a_mistake(run_train: Command) -> None:
    line = one_error(run_train(*TINY, "trainer.precision=16-mixed"), 2)
    assert "trainer.precision=16-mixed: becomes bf16-mixed on this machine" in line


def test_a_precision_of_the_environment_is_checked(
    run_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSHML_PRECISION", "nonsense")
    line = one_error(run_train(*TINY), 2)
    assert "SSHML_PRECISION=nonsense in the environment: expected one of 32-true" in line


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PL_TRAINER_FAST_DEV_RUN": "1"}, "unset it and set trainer.fast_dev_run"),
        ({"SLURM_PROCID": "1"}, "begin each command with env -u SLURM_PROCID"),
        (
            {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "run", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},
            "SLURM_NTASKS=2 in the environment: a run is a single task",
        ),
    ],
)
def test_what_the_environment_sets_behind_the_run_is_a_mistake(
    run_train: Command, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], line: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # A setting of its own, as a trainer is built once for all runs that share theirs.
    assert line in one_error(run_train(*TINY, "+trainer.log_every_n_steps=7"), 2)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "callbacks.checkpoint.monitor=null",
            "callbacks.last: writes the same",
        ),
        (
            "callbacks.checkpoint.filename=a/b",
            "filename=a/b: expected a file name without",
        ),
        ("callbacks.checkpoint.dirpath=null", "callbacks.checkpoint.dirpath=null: expected a folder"),
        ("callbacks.checkpoint.dirpath=", "callbacks.checkpoint.dirpath=: expected a folder"),
        (
            "+trainer.accumulate_grad_batches=0",
            "batches=0: expected at least 1",
        ),
        (
            "+trainer.limit_train_batches=0",
            "trainer.limit_train_batches=0: leaves none of the 3 batches",
        ),
        ("+trainer.limit_train_batches=0.01", "trainer.limit_train_batches=0.01: leaves none of the 3"),
        ("+trainer.limit_test_batches=0", "trainer.limit_test_batches=0: sshml itself validates"),
        ("+trainer.num_nodes=2", "trainer.num_nodes=2: expected 1"),
        ("+optimizer.differentiable=true", "optimizer: a leaf Variable"),
        (
            "scheduler={_target_: torch.optim.lr_scheduler.ExponentialLR, gamma: 1e300}",
            "scheduler: value cannot be converted",
        ),
    ],
)
def test_what_would_fail_amid_the_run_is_found_before(
    run_train: Command, tmp_path: Path, override: str, line: str
) -> None:
    assert line in one_error(run_train(*TINY, override), 2)
    assert not list(tmp_path.glob("runs/*/*/*"))


def test_optimizers_that_ask_for_the_loss_again_work(run_train: Command) -> None:
    own = ("optimizer._target_=torch.optim.LBFGS", "~optimizer.momentum", "~optimizer.weight_decay")
    assert "optimizer: view size is not compatible" in one_error(run_train(*TINY, *own), 2)
    done = run_train(*TINY, *own, "channels_last=false")
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    "key", ["data.batch_size", "data.W", "data.seed", "trainer.precision", "trainer.devices"]
)
def test_a_setting_that_is_left_out_has_its_default(run_train: Command, key: str) -> None:
    small = [override for override in TINY if not override.startswith(key)]
    done = run_train(*small, f"~{key}")
    assert done.status == 0, done.err
    assert done.manifest["precision"]["evaluation"] == "32-true"


def test_a_number_of_epochs_that_is_left_out_is_a_mistake(run_train: Command) -> None:
    small = [override for override in TINY if not override.startswith("trainer.max_epochs")]
    assert "trainer.max_epochs=None: expected at least 1" in one_error(
        run_train(*small, "~trainer.max_epochs"), 2
    )


def test_what_torch_finds_only_during_the_run_is_one_line(run_train: Command) -> None:
    done = run_train(*TINY, "+optimizer.dampening=1e300")
    assert "optimizer: cannot be used in this run (RuntimeError: value" in one_error(done, 2)
    assert done.manifest["status"] == "failed"


def test_a_schedule_that_ends_before_the_run_is_told_first(run_train: Command, tmp_path: Path) -> None:
    schedule = "scheduler={_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 0.1, total_steps: 2}"
    line = one_error(run_train(*TINY, schedule), 2)
    assert "scheduler.total_steps=2: the run has 3 steps; choose scheduler=one_cycle" in line
    assert not list(tmp_path.glob("runs/**/manifest.json"))


def test_a_list_is_taken_where_torch_takes_a_tuple(run_train: Command) -> None:
    assert run_train(*TINY, "optimizer=adamw", "+optimizer.betas=[0.8,0.99]").status == 0
    line = one_error(run_train(*TINY, "optimizer=adamw", "+optimizer.betas=[0.9]"), 2)
    assert "optimizer.betas=[0.9]: expected more values" in line


def test_two_kinds_of_checkpoints_do_not_share_a_file(run_train: Command) -> None:
    line = one_error(run_train(*TINY, "callbacks.checkpoint.filename=last"), 2)
    assert "callbacks.last.filename=last: is also the file name of callbacks.checkpoint" in line


def test_a_best_network_that_is_missing_is_told_before_the_run_is_resumed(run_train: Command) -> None:
    run = run_train(*TINY)
    last = run.folder / "checkpoints" / "last.ckpt"
    (run.folder / "checkpoints" / "best.ckpt").unlink()
    line = one_error(run_train(f"ckpt_path={last}", "trainer.max_epochs=2"))
    assert "best.ckpt: the best checkpoint so far is missing; restore it" in line
    # A copy of the checkpoint alone is another matter: a new run goes on from it.
    copy = run.folder.parents[2] / "copy.ckpt"
    last.rename(copy)
    assert run_train(*TINY, f"ckpt_path={copy}", "trainer.max_epochs=2").status == 0


def test_rows_that_the_best_network_needs_are_missed_before_the_run_is_resumed(
    run_train: Command,
) -> None:
    run = run_train(*TINY, "trainer.max_epochs=2", "optimizer.lr=0.5")  # the first epoch stays the best
    table = run.folder / "metrics.csv"
    head, _, *others = table.read_text().splitlines(keepends=True)
    table.write_text("".join([head, *others]))
    last = run.folder / "checkpoints" / "last.ckpt"
    line = one_error(run_train(f"ckpt_path={last}", "trainer.max_epochs=3"))
    assert "for epoch 1, which the checkpoint has completed; restore it" in line


def test_a_callback_that_ends_a_run_before_its_first_epoch_is_one_line(run_train: Command) -> None:
    timer = "+callbacks.own={_target_: pytorch_lightning.callbacks.Timer, duration: {seconds: 0}}"
    line = one_error(run_train(*TINY, timer), 1)
    assert "a callback ended the run before its first epoch was finished" in line


def test_the_way_on_is_a_command_that_a_shell_takes(tmp_path: Path) -> None:
    last = tmp_path / "a b" / "checkpoints" / "last.ckpt"
    assert way_on(tmp_path / "a b", {}).endswith("no epoch was finished, so start the run again")
    last.parent.mkdir(parents=True)
    last.touch()
    assert shlex.split(way_on(tmp_path / "a b", {}))[-1] == f"ckpt_path={last}"
    assert shlex.split(transfer_way_on(tmp_path / "a b", {}))[-1] == f"resume={tmp_path / 'a b'}"
