"""A mistake costs one line, before any work, and leaves nothing behind."""

from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, one_error

# What was typed, and what the line has to say of it.
MISTAKES = {
    "data.n_cell=40": ["no such key", "did you mean data.n_cells?"],
    "augmentation=161": ["no such option", "expected one of column_permutation"],
    "augmentation=[null]": ["no such option", "expected one of column_permutation"],
    "model=my_own": [
        "expected one of cnn, cybinski, mlp, resnet18, vit; "
        "for an option of your own, add --config-dir FOLDER"
    ],
    "data=[nan]": ["no such option", "expected one of arrays, ssh"],
    "data=[[]]": ["no such option", "expected one of arrays, ssh"],
    "model._target_=77": ["expected the dotted name of a class or function"],
    "paths.runs=null": ["paths.runs=null: expected a folder"],
    "data.hamiltonian=[1]": ["data.hamiltonian=[1]: Cannot merge"],
    "trainer.default_root_dir.x=77": ["no such key", "expected one of accelerator"],
    "data.n_cells=9223372036854775807": ["GB, the memory of this machine"],
    "data.batch_size=9223372036854775808": ["GB, the memory of this machine"],
    "data.n_train=9223372036854775807": ["GB, the memory of this machine"],
    "data.n_test=1000000000000": ["GB, the memory of this machine"],
    "data.num_workers=1000000000": ["processes per core"],
    "trainer.devices=1000000000": ["processes per core"],
    "transfer=fine_tune": ["only transfer.py has this setting"],
    "seeds=3": ["only transfer.py has this setting"],
    "resume=runs": ["only transfer.py has this setting"],
    "rerun=nowhere": ["not a run folder"],
    "logger=csv +logger.x._target_=aim.pytorch_lightning.AimLogger": ["No module named 'aim'"],
    "logger=csv +logger.x._target_=sshml.networks.CNN": ["expected a class derived from"],
    "ckpt_path=epoch=3-step=9.ckpt": ["ckpt_path=epoch=3-step=9.ckpt: there is no such file"],
    f"ckpt_path={'x' * 300}": ["File name too long"],
    "data.n_cells.x=4": ["no such key", "expected one of W, "],
    "~data.n_cell": ["~data.n_cell: no such key", "did you mean data.n_cells?"],
    "modle=cnn": ["no such key", "did you mean model?"],
    "model=resnet19": [
        "expected one of cnn, cybinski, mlp, resnet18, vit",
        "did you mean model=resnet18?",
    ],
    "experiment=thesis/cnn_clear": ["did you mean experiment=thesis/cnn_clean?"],
    "data.n_cells=1": ["expected greater than or equal to 2", "default is data.n_cells=30"],
    "data.n_cells=thirty": ["expected a whole number"],
    "data.n_cells=30.5": ["expected a whole number"],
    "data.W=-1": ["expected a number >= 0", "0.25..0.75"],
    "data.W=nan": ["expected a number >= 0"],
    "data.W=strong": ["expected a number >= 0"],
    "data.W=[]": ["at least one"],
    "data.W=0.75..0.25": ["low < high"],
    "data.W=[0.1": ["expected KEY=VALUE"],
    "data.ratio_range=[2,1]": ["0 <= low < high"],
    "data.ratio_range=[1]": ["expected a list of at least 2, got 1"],
    "data.batch_size=0": ["expected greater than 0"],
    "data.n_train=0": ["expected greater than 0"],
    "data.n_test=0": ["expected greater than 0"],
    "data.num_workers=-1": ["expected greater than or equal to 0"],
    "data.disorder=onsite": ["'thesis', 'additive' or 'mondragon_shem'"],
    "data.label=phase": ["'ratio', 'sample' or 'thermodynamic'"],
    "data.resample=always": ["'never' or 'epoch'"],
    "seed=-1": ["expected greater than or equal to 0"],
    "seed=null": ["expected a whole number"],
    "trainer.max_epochs=0": ["expected at least 1"],
    "trainer.max_epochs=-1": ["nothing would end the run; add callbacks=early_stopping"],
    "scheduler=one_cycle data.batch_size=0": ["data.batch_size=0: expected a whole number above 0"],
    "scheduler=one_cycle trainer.max_epochs=-1": ["since the schedule depends on it"],
    "trainer.max_epoch=3": ["did you mean trainer.max_epochs?"],
    "trainer.precision=8": ["'bf16-mixed'"],
    "optimizer.lr=-1": ["Invalid learning rate: -1"],
    "optimizer.lr=nan": ["expected a finite number"],
    "scheduler=cosine scheduler.T_max=0": ["expected at least 1"],
    "trainer.max_time=abc": ["expected DD:HH:MM:SS"],
    "+trainer.profiler=nope": ["'simple', 'advanced'", "change trainer.profiler=nope"],
    "~ckpt_path": ["is already null", "omit ~ckpt_path"],
    "~hydra.run": ["cannot be removed"],
    "~model model.dropout=0.1": ["is removed by ~model; omit one of them"],
    "callbacks.checkpoint.mode=max": ["would keep the worst val/loss"],
    "+trainer.fast_dev_run=true": ["debug=fast"],
    "+trainer.sync_batchnorm=true": ["sshml itself validates"],
    "trainer=ddp trainer.accelerator=cpu data.n_val=301": ["leaves 1 sample(s) for 2 processes"],
    "trainer=ddp trainer.accelerator=cpu trainer.strategy=ddp_spawn": ["expected one of auto, ddp"],
    "ckpt_path=5": ["expected text"],
    "ckpt_path=''": ["is a folder", "checkpoints/last.ckpt"],
    "W=0.5": ["W=0.5: no such key; did you mean data.W?"],
    "dropout=0.2": ["dropout=0.2: no such key; did you mean model.dropout?"],
    "data.w=0.5": ["no such key", "did you mean data.W?"],
    "data.W=0,0.5": ["add -m for a sweep over them", 'type "data.W=[0,0.5]"'],
    "seed=range(5)": ["seed=range(5): has several values; add -m for a sweep"],
    "trainer.max_time=20": ["expected text or a time DD:HH:MM:SS"],
    "optimizer.lr=fast": ["expected a number"],
    "logger.wandb.mode=onlin": ["expected 'online', 'offline' or 'disabled'"],
    "logger.wandb.project=a/b": ["should match pattern"],
    "logger.wandb.tags=['']": ["at least 1 character"],
    "callbacks.checkpoint.monitor=val/acc": ["expected one of", "val/accuracy"],
    "model.widths=[]": ["one positive number per block"],
    "model.kernel_size=4": ["odd"],
    "model._target_=os.system": ["expected a class derived from torch.nn.Module"],
    "model._target_=sshml.networks.CN": ["cannot be used"],
    "data._target_=sshml.networks.CNN": ["derived from sshml.data.base.PhaseDataModule"],
    "+model.depth=3": ["no such key"],
    "trainer.default_root_dir=victim": ["expected the run folder"],
    "callbacks.checkpoint.dirpath=victim": ["is outside the run folder"],
    "callbacks.checkpoint.filename='{'": ["expected a name such as best"],
    "callbacks.checkpoint.filename='{epoch:q}'": ["Unknown format code 'q'"],
    f"callbacks.checkpoint.filename={'x' * 241}": ["at most 240 bytes"],
    "+callbacks.checkpoint.every_n_train_steps=1": ["at the end of epochs only; set every_n_epochs"],
    "+callbacks.checkpoint.save_last=true": ["callbacks.last already does this"],
    "+callbacks.last.every_n_epochs=5": ["leave it unchanged"],
    "+callbacks.last.save_weights_only=true": ["leave it unchanged"],
    "callbacks.last.filename=final": ["leave it unchanged"],
    "hydra/job_logging=default": ["write its own files", "expected hydra/job_logging=none"],
    "hydra.output_subdir=.hydra": ["write its own files", "expected hydra.output_subdir=null"],
    "+data.n_cels=3": ["did you mean data.n_cells?"],
    "data.n_cells=2": ["too small", "choose a larger data.n_cells"],
    "ckpt_path=nowhere.ckpt": ["there is no such file"],
}


# Likewise, where the line begins with another key, or does not repeat the value.
OTHER_MISTAKES = {
    "hydra.callbacks=${sshml.job_name:}": ["hydra.callbacks=${sshml.job_name:}"],
    "++data.W={1:2}": ["has the key 1", "expected text as keys"],
    "~data": ["data._target_=None", "expected the dotted name"],
    "trainer.max_epochs=${no.such}": ["is computed from no.such, which is not set"],
    "callbacks.maps=${data}": ["expected a class derived from pytorch_lightning.Callback"],
    "+model.widths.0=3": ["widths"],
    "~callbacks.last=[]": ["callbacks.last"],
    "callbacks.checkpoint.dirpath=${paths.run}/../victim": ["is outside the run folder"],
    "+trainer.strategy=ddp_notebook": ["trainer.strategy=ddp_notebook: expected one of auto, ddp"],
    "optimizer={_target_:torch.optim.Adagrad}": ["~optimizer.momentum removes it"],
    "rerun=runs ckpt_path=x.ckpt": ["omit one of them"],
    "representation=correlation_matrix augmentation=zero_modes": ["zero_modes: needs images"],
    "hamiltonian._target_=x.Y": ["its settings belong to data: data.hamiltonian._target_=x.Y"],
    "data.hamiltonian._target_=sshml.physics.hamiltonians.Hamiltonian": [
        "does not define couplings, critical_ratios, labels, n_random"
    ],
    "hamiltonian=extended_ssh data.label=thermodynamic": ["expected 'ratio' or 'sample'"],
    "hamiltonian=extended_ssh data.disorder=mondragon_shem": ["expected 'thesis' or 'additive'"],
    "hamiltonian=extended_ssh data.hamiltonian.t3=.nan": ["t3"],
    "+model.n_classes=3": ["the data have 2 classes"],
    "~callbacks.last": ["a run is resumed from the checkpoint of callbacks.last"],
    "hydra.job_logging=5": ["hydra.job_logging"],
    "hydra.job.env_set=${now:%Y}": ["hydra.job.env_set=${now:%Y}: expected {NAME:VALUE}"],
    "+experiment=thesis/quick": ["the group experiment already has an option; omit the +"],
    "runs/x/checkpoints/best.ckpt": ["did you mean ckpt_path=runs/x/checkpoints/best.ckpt?"],
    "hydra.run.dir=/proc/nowhere/x": ["set hydra.run.dir=FOLDER"],
    "model.widths=[8,8,8,8,99999999]": ["GB, the memory of this machine"],
    "+transfer=fine_tune": ["only transfer.py has this setting"],
    "logger=csv +logger.x._target_=pytorch_lightning.loggers.MLFlowLogger": ["mlflow"],
    "paths.runs=/proc/nowhere/x": ["/proc/nowhere", "set paths.runs="],
    "trainer.max_time={nope:1}": ["max_time={'nope': 1}: expected DD:HH:MM:SS"],
    "scheduler=cosine trainer.max_epochs=-1": ["scheduler.T_max=-1: expected at least 1"],
    "optimizer._target_=torch.optim.Muon": ["change one of optimizer._target_=torch.optim.Muon"],
    "+callbacks.find={_target_:pytorch_lightning.callbacks.LearningRateFinder,min_lr:0}": [
        "callbacks.find: expected 0 < min_lr < max_lr; got min_lr=0, max_lr=1.0"
    ],
    "+callbacks.find={_target_:pytorch_lightning.callbacks.LearningRateFinder,num_training_steps:0}": [
        "callbacks.find.num_training_steps=0: expected at least 20"
    ],
    "augmentation=localised_states augmentation.localised_states.scatter=1e6": [
        "augmentation.localised_states: it must return images of the same shape with finite float32",
        "augmentation.localised_states.scatter=1000000.0",
    ],
    "+augmentation.x._target_=sshml.augmentation.Augmentation": ["augmentation.x: it must return"],
    "data.ratio_range=[1e300,1.7e308]": ["0 <= low < high <= 1e+06"],
    "data.W=1e307": ["expected a number below 60"],
    "augmentation={a:1}": ["use +augmentation.NAME=VALUE"],
}


@pytest.mark.parametrize("overrides", OTHER_MISTAKES)
def test_other_mistakes_are_one_line_too(run_train: Command, tmp_path: Path, overrides: str) -> None:
    done = run_train(*overrides.split())
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert all(words in line for words in OTHER_MISTAKES[overrides])
    assert not list(tmp_path.glob("runs/*/*"))


# Hydra's own flags, and what the line has to say of each.
FLAGS = {
    "--resolve": "only works with --cfg",
    "--shell-completion": "needs install=SHELL",
    "--shell-completion install=tcsh": "expected bash, fish or zsh",
    "-p": "expected one argument",
    "-p data": "only works with --cfg",
    "--cfg x": "invalid choice",
    "--cfg job -p no.such": "--package=no.such: not in the configuration",
    "--cfg job --info": "omit all but one",
    "--info x": "invalid choice",
    "--no-such-flag": "unrecognized",
    "--experimental-rerun=x": "use rerun=RUN",
    "--config-path=nowhere": "there is no such folder",
    "--config-name=nowhere": "there is no such configuration",
}


@pytest.mark.parametrize("flags", FLAGS)
def test_a_mistake_in_a_flag_is_one_line(run_train: Command, tmp_path: Path, flags: str) -> None:
    done = run_train(*flags.split())
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert FLAGS[flags] in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("override", ["debug=fast", "sweep=data_size", "ckpt_path=x.ckpt"])
def test_a_setting_of_train_py_only(run_transfer: Command, override: str) -> None:
    done = run_transfer(override)
    assert done.status == 2
    assert (
        done.err
        == f"error: {override}: only train.py has this setting; run python train.py, or omit it\n"
    )


@pytest.mark.parametrize("value", ["a\nb", "'a\nb'", '"\x1b[31m"', "\u202eabc", "x" * 100_000])
def test_whatever_was_typed_an_error_is_one_short_line(run_train: Command, value: str) -> None:
    done = run_train(f"optimizer.lr={value}")
    assert done.status == 2
    assert done.err.startswith("error: ")
    assert done.err[:-1].isprintable()
    assert len(done.err) < 1100


def test_a_folder_that_cannot_be_written(run_train: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_train(*TINY, f"paths.runs={tmp_path / 'file'}")
    assert done.status == 2
    assert done.err.startswith(f"error: {tmp_path / 'file'}")
    assert "set paths.runs=" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("override", MISTAKES)
def test_a_mistake_is_told_in_one_line(run_train: Command, tmp_path: Path, override: str) -> None:
    done = run_train(*override.split())
    assert done.status == 2
    assert done.out == ""
    (line,) = done.err.strip().splitlines()
    key, _, value = override.rsplit(maxsplit=1)[-1].lstrip("+").partition("=")
    assert line.startswith(f"error: {key}") or line.startswith(f"error: {key.split('.')[0]}: ")
    assert value.strip("[").strip("'").lower() in line.lower()
    assert all(words in line for words in MISTAKES[override])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("runs/*/*"))


@pytest.mark.parametrize(
    "overrides", [["data.n_cel=4", "seeed=3"], ["-m", "model=cnn,resnet18", "data.n_cel=4"]]
)
def test_a_mistake_among_others_is_still_one_line(run_train: Command, overrides: list[str]) -> None:
    done = run_train(*overrides)
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert "data.n_cel=4: no such key" in line


@pytest.mark.parametrize(
    ("network", "line"),
    [
        ("Frozen", "its logits do not depend on any trainable weight"),
        ("HasMoreThanWeights", "_extra_state in its state_dict() is not a tensor"),
        (
            "FailsOnImages",
            "fails on 10 image(s) of 16x16 (AttributeError: 'FailsOnImages' object has no",
        ),
    ],
)
def test_a_network_of_ones_own_that_cannot_be_trained(
    run_train: Command, tmp_path: Path, network: str, line: str
) -> None:
    small = [override for override in TINY if not override.startswith("model.")]
    own = f"{{_target_: failing.{network}, widths: [4,4], pool_after: [1]}}"
    error = one_error(run_train(*small, "~model", f"+model={own}"))
    assert error.startswith(f"error: model._target_=failing.{network}: {line}")
    assert not list(tmp_path.glob("runs/*/*/*"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there(run_train: Command) -> None:
    done = run_train("trainer=gpu")
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert "trainer.accelerator=gpu" in line


def test_a_checkpoint_that_does_not_fit(run_train: Command, tmp_path: Path) -> None:
    run = run_train(*TINY)
    best = run.folder / "checkpoints" / "best.ckpt"
    moved = tmp_path / "moved.ckpt"  # beside no manifest, so that no settings come with it
    moved.write_bytes(best.read_bytes())
    truncated, foreign = tmp_path / "cut.ckpt", tmp_path / "foreign.ckpt"
    truncated.write_bytes(best.read_bytes()[:1000])
    torch.save({"state_dict": {}}, foreign)
    for path, overrides, said in (
        (moved, [], "does not fit the network"),
        (moved, [*TINY, "data.n_cells=10"], "expected 8"),
        (truncated, TINY, "cut short"),
        (foreign, TINY, "not written by sshml"),
        (best, ["model.widths=[8,4]"], "does not fit the network"),
        (best, ["optimizer.lr=0.1"], "has optimizer.lr=0.001"),
        (best, ["optimizer=adamw"], "optimizer._target_"),
        (best, ["scheduler=step"], "scheduler._target_"),
        (moved, TINY, "already has 1 epochs"),
    ):
        done = run_train(*overrides, f"ckpt_path={path}")
        assert done.status == 2, path
        (line,) = done.err.strip().splitlines()
        assert said in line
    assert run.manifest["status"] == "finished"


def test_our_own_errors_keep_their_traceback(
    run_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sshml.training.train.draw_figures", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_train(*TINY, "figures=true")


@pytest.mark.parametrize(
    ("content", "overrides", "line"),
    [
        ("a: [1\n", [], "while parsing a flow sequence"),
        ("5\n", [], "Invalid loaded object type: int"),
        ("a: [1\n", [f"+x{k}={60 * 'y'}" for k in range(20)], "while parsing a flow sequence"),
        ('widths: "${"\n', [], "no viable alternative at input '${'"),
        ("_target_: sshml.networks.CNN\n", ["model.widths=[4,4]"], "add it with +model.widths=[4,4]"),
    ],
)
def test_a_fault_in_a_file_of_ones_own_is_told(
    run_train: Command, tmp_path: Path, content: str, overrides: list[str], line: str
) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "own.yaml").write_text(content)
    done = run_train("data.n_cells=8", "--config-dir", str(tmp_path / "mine"), "model=own", *overrides)
    assert line in one_error(done)


@pytest.mark.parametrize(
    ("group", "content", "line"),
    [
        (
            "model",
            "# @package data\n_target_: sshml.networks.CNN\n",
            "has its keys at the top level and no",
        ),
        (
            "model",
            "# @package _global_\n_target_: sshml.networks.CNN\n",
            "has its keys at the top level and",
        ),
        ("hamiltonian", "hamiltonian: {_target_: x.Y}\n", "must begin with # @package data"),
        (
            "augmentation",
            "_target_: sshml.augmentation.SiteReversal\n",
            "needs a name for its part: a line NAME:",
        ),
    ],
)
def test_a_file_without_its_package_is_told(
    run_train: Command, tmp_path: Path, group: str, content: str, line: str
) -> None:
    (tmp_path / "mine" / group).mkdir(parents=True)
    (tmp_path / "mine" / group / "own.yaml").write_text(content)
    assert line in one_error(run_train("--config-dir", str(tmp_path / "mine"), f"{group}=own"))


def test_an_option_of_a_method_is_chosen_as_of_any_group(run_transfer: Command) -> None:
    line = one_error(run_transfer("methods={plain: {}, tuned: {transfer: fine_tune}}"))
    assert "to choose an option, use +transfer@methods.tuned.transfer=fine_tune" in line
    chosen = ("+methods.plain={}", "+transfer@methods.tuned.transfer=fine_tune", "--cfg", "job")
    assert run_transfer(*chosen).status == 0
