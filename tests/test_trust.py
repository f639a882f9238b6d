"""A run folder or a checkpoint of a stranger runs no code, whatever it names and whoever reads it."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, TINY_TRANSFER, Command, one_error
from strangers import DATA, NETWORK, checkpoint, content, files, run_folder

from sshml import load_classifier
from sshml.entry.resuming import with_recorded_overrides
from sshml.errors import CheckpointError
from sshml.explain.__main__ import main as explain
from sshml.uncertainty.__main__ import main as uncertainty

# Makes the canary, if anything calls it, or imports a module that lies about.
CALL = "{_target_: os.system, command: 'touch canary'}"
ALLOWED = "is not in sshml, torch.optim, torchvision.models or Lightning"
NO_PLACE = "no class is expected there"
NOT_REPLAYED = "is not accepted from a file"
OUT = f"{NOT_REPLAYED} (it leads out of the run folder)"
HYDRA = f"{NOT_REPLAYED} (it would change Hydra itself)"

# Overrides that a manifest records, and what the line has to say.
RECORDED = {
    "+callbacks.x._target_=os.system": ALLOWED,
    "+callbacks.x=" + CALL: ALLOWED,
    "+callbacks.x={_target_: builtins.exec, object: 'open(\"canary\", \"w\")'}": ALLOWED,
    "+callbacks.x={_target_: subprocess.run, args: [touch, canary]}": ALLOWED,
    "+logger.x=" + CALL: ALLOWED,
    "data.seed=" + CALL: ALLOWED,
    "data.W=[0.0," + CALL + "]": ALLOWED,
    "optimizer.foreach=" + CALL: ALLOWED,
    "+trainer.profiler=" + CALL: ALLOWED,
    "+model.extra=[[" + CALL + "]]": ALLOWED,
    "+augmentation.x=" + CALL: ALLOWED,
    "scheduler=" + CALL: ALLOWED,
    "+data.seed={_target_: builtins.dict, a: " + CALL + "}": ALLOWED,
    "callbacks.maps._target_=canary_module.Maps": ALLOWED,
    "callbacks.maps._target_=sshml_evil.Maps": ALLOWED,
    "callbacks.maps._target_=pytorch_lightning.callbacks_evil.Maps": ALLOWED,
    "callbacks.maps._target_=pytorch_lightning.cli.LightningCLI": ALLOWED,
    "callbacks.maps._target_=[os.system]": "expected the dotted name of a class",
    "callbacks.maps._target_=system": "expected the dotted name of a class",
    "callbacks.maps._target_='sshml.training.callbacks..MapPanels'": "expected the dotted name of a",
    "callbacks.maps._target_=sshml.training.callbacks.os.system": "cannot be imported",
    "callbacks.maps._target_=torch.optim.sys.modules": "cannot be imported",
    "callbacks.maps._target_=torchvision.models.utils.load_state_dict_from_url": "cannot be imported",
    "callbacks.maps._target_=sshml.files.run_folder.write_atomically": "expected a class derived from",
    "callbacks.maps={_target_: sshml.files.run_folder.RunFolder, path: elsewhere}": "elsewhere",
    "callbacks.maps._target_=sshml.networks.CNN": "expected a class derived from pytorch_lightning",
    "data._target_=sshml.networks.CNN": "expected a class derived from sshml.data",
    "model._target_=sshml.networks.gap.nn.Linear": "cannot be imported",
    "model._target_=sshml.files.checkpoint.Tensor": "expected a class derived from torch.nn.Module",
    "optimizer.foreach={_target_: torch.optim.SGD}": NO_PLACE,
    "model={_target_: sshml.training.train.PhaseClassifier, x: {y: {_target_: sshml.a.b}}}": NO_PLACE,
    "callbacks.maps='${data}'": "it has an interpolation",
    "+logger.wandb.name=${oc.env:SECRET}": "it has an interpolation",
    "+data.label=$\\{oc.env:SECRET\\}": "it has an interpolation",
    "model@${oc.env:SECRET}=cnn": NOT_REPLAYED,
    "hydra.searchpath=[file://.]": HYDRA,
    "+hydra.callbacks.x=" + CALL: HYDRA,
    "hydra/launcher=joblib": HYDRA,
    "+hydra.job.env_set.PATH=here": HYDRA,
    "hydra.run.dir=elsewhere": HYDRA,
    "+model@hydra.launcher=cnn": HYDRA,
    "hydra.mode=MULTIRUN": HYDRA,
    "--multirun": "it is an option of Hydra",
    "--config-dir=.": "it is an option of Hydra",
    "-cn": "it is an option of Hydra",
    "seed=1,2": "expected one value",
    "seed=range(1,9)": "expected one value",
    "no override": "expected KEY=VALUE",
    "model=../../evil": OUT,
    "experiment=/etc/passwd": OUT,
    "+model.weights=https://evil/x": OUT,
    "callbacks.checkpoint.filename=../../elsewhere": OUT,
    "callbacks.checkpoint.filename='~/elsewhere'": OUT,
    "callbacks.checkpoint.dirpath=elsewhere": "it decides where files are written",
    "trainer.default_root_dir=elsewhere": "it decides where files are written",
    "+logger.csv={_target_: pytorch_lightning.loggers.CSVLogger, save_dir: elsewhere}": (
        "it decides where files are written"
    ),
    "+logger.wandb.name='\x1b[2J'": "characters that cannot be printed",
}  # fmt: skip


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing may come into being; modules that make it lie in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SECRET", "known to nobody")
    path = tmp_path / "canary"
    classes = "from sshml.networks import CNN\nclass Net(CNN): ...\nclass Maps(CNN): ...\n"
    for name, others in (
        ("canary_module", ""), ("sshml_evil", ""), ("my_package", "from canary_module import Maps\n")
    ):  # fmt: skip
        (tmp_path / f"{name}.py").write_text(f"open(r'{path}', 'w').close()\n{classes}{others}")
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "evil.yaml").write_text("_target_: os.system\ncommand: touch canary\n")
    return path


def check_refused(status: int, err: str, says: str, names: Path, canary: Path) -> None:
    """One line that names the file, and nothing done."""
    assert not canary.exists()
    assert status == 2
    assert err.count("\n") == 1, err
    assert err.startswith("error: ")
    assert says in err
    assert str(names) in err
    assert err[:-1].isprintable()
    assert "known to nobody" not in err
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize("override", RECORDED)
def test_a_manifest_is_not_replayed_but_for_plain_values(
    run_train: Command, tmp_path: Path, canary: Path, override: str
) -> None:
    folder = run_folder(tmp_path / "stranger", "seed=1", override)
    before = files(tmp_path)
    done = run_train(f"ckpt_path={folder}/checkpoints/last.ckpt")
    check_refused(done.status, done.err, RECORDED[override], folder / "manifest.json", canary)
    assert done.out == ""
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "override", ["+methods.a.transfer=" + CALL, "transfer=" + CALL, "+transfer.x=[" + CALL + "]"]
)
def test_nor_is_that_of_a_study(
    run_transfer: Command, tmp_path: Path, canary: Path, override: str
) -> None:
    folder = run_folder(tmp_path / "stranger", override)
    before = files(tmp_path)
    done = run_transfer(f"resume={folder}")
    check_refused(done.status, done.err, ALLOWED, folder / "manifest.json", canary)
    assert files(tmp_path) == before


SYSTEM = {"_target_": "os.system", "command": "touch canary"}
RUN_FOLDER = {"_target_": "sshml.files.run_folder.RunFolder", "path": "elsewhere"}
# Hyper-parameters of a checkpoint, and what the line has to say.
PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"data": {**DATA, "seed": SYSTEM}}, ALLOWED),
    ({"data": {**DATA, "W": SYSTEM}}, ALLOWED),
    ({"data": {**DATA, "label": [SYSTEM]}}, ALLOWED),
    ({"data": {**DATA, "extra": {"deeper": [{"x": SYSTEM}]}}}, ALLOWED),
    ({"data": {**DATA, "seed": {"_target_": "builtins.dict", "a": SYSTEM}}}, ALLOWED),
    ({"data": SYSTEM}, ALLOWED),
    ({"data": {**DATA, "_target_": "canary_module.Net"}}, ALLOWED),
    ({"data": {**DATA, "_target_": "sshml.networks.CNN"}}, "expected a class derived from sshml.data"),
    (
        {"data": {**DATA, "seed": RUN_FOLDER}},
        "expected plain values",
    ),
    ({"network": SYSTEM}, ALLOWED),
    ({"network": {**NETWORK, "_target_": "canary_module.Net"}}, ALLOWED),
    ({"network": {**NETWORK, "_target_": "sshml_evil.Net"}}, ALLOWED),
    ({"network": {**NETWORK, "_target_": "sshml.evil.Net"}}, "cannot be imported"),
    ({"network": {**NETWORK, "_target_": "sshml.files.page.torch.hub.load"}}, "cannot be imported"),
    ({"network": {**NETWORK, "_target_": ["os.system"]}}, "expected the dotted name of a class"),
    ({"network": {**NETWORK, "widths": [SYSTEM]}}, ALLOWED),
    (
        {
            "network": {
                "_target_": "sshml.training.module.PhaseClassifier",
                "network": NETWORK,
                "optimizer": {},
                "augmentation": {"x": RUN_FOLDER},
            }
        },
        NO_PLACE,
    ),
    ({"optimizer": SYSTEM}, ALLOWED),
    ({"scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": SYSTEM}}, ALLOWED),
    ({"augmentation": {"x": SYSTEM}}, ALLOWED),
    ({"\x1b[2J": 1}, "a key that is not text"),
    ({"data": {**DATA, "label": "\x1b[2J"}}, "is not a plain value"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "says"), PARAMETERS)
def test_a_checkpoint_names_only_what_it_may(
    tmp_path: Path,
    canary: Path,
    capfd: pytest.CaptureFixture[str],
    parameters: dict[str, Any],
    says: str,
) -> None:
    path = checkpoint(tmp_path / "stranger" / "best.ckpt", **parameters)
    before = files(tmp_path)
    status = explain([str(path)])
    check_refused(status, capfd.readouterr().err, says, path, canary)
    assert files(tmp_path) == before


@pytest.mark.parametrize("key", ["ckpt_path", "checkpoint", "compare"])
def test_whichever_program_reads_it(
    run_train: Command, run_transfer: Command, tmp_path: Path, canary: Path, key: str
) -> None:
    path = checkpoint(tmp_path / "stranger" / "best.ckpt", data={**DATA, "seed": SYSTEM})
    before = files(tmp_path)
    run, overrides = (run_train, TINY) if key == "ckpt_path" else (run_transfer, TINY_TRANSFER)
    done = run(*overrides, f"{key}={path}")
    check_refused(done.status, done.err, ALLOWED, path, canary)
    assert files(tmp_path) == before


@pytest.mark.parametrize("parameters", [PARAMETERS[0][0], PARAMETERS[10][0]])
def test_uncertainty_asks_no_stranger(
    tmp_path: Path, canary: Path, capfd: pytest.CaptureFixture[str], parameters: dict[str, Any]
) -> None:
    pytest.importorskip("sklearn")
    ours = checkpoint(tmp_path / "ours.ckpt")
    path = checkpoint(tmp_path / "stranger" / "best.ckpt", **parameters)
    before = files(tmp_path)
    status = uncertainty([str(ours), str(path)])
    check_refused(status, capfd.readouterr().err, ALLOWED, path, canary)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("reduced", "says"),
    [
        ((os.system, ("touch canary",)), "not a checkpoint"),
        ((exec, ("open('canary', 'w')",)), "not a checkpoint"),
        ((__import__, ("canary_module",)), "not a checkpoint"),
    ],
)
def test_a_pickle_is_not_code(
    tmp_path: Path, canary: Path, capfd: pytest.CaptureFixture[str], reduced: Any, says: str
) -> None:
    class Code:
        def __reduce__(self) -> Any:
            return reduced

    path = tmp_path / "best.ckpt"
    torch.save({**content(), "x": Code()}, path)
    status = explain([str(path)])
    check_refused(status, capfd.readouterr().err, says, path, canary)


# Settings of a study, and what the line has to say.
STORED: list[tuple[dict[str, Any], str]] = [
    ({"transfer": SYSTEM}, ALLOWED),
    ({"transfer": {"_target_": "sshml.files.run_folder.RunFolder"}}, "expected a class derived from"),
    ({"methods": {"a": {"transfer": SYSTEM}}}, ALLOWED),
    ({"methods": {"a": {"augmentation": {"x": [SYSTEM]}}}}, ALLOWED),
    ({"methods": {"a": {"data": {"seed": SYSTEM}}}}, ALLOWED),
    ({"model": {"_target_": "canary_module.Net"}}, ALLOWED),
    ({"model": {"_target_": "torch.optim.lr_scheduler.math.sin"}}, "cannot be imported"),
    ({"data": {"W": [0.0], "seed": {"_target_": "builtins.dict", "a": SYSTEM}}}, ALLOWED),
    ({"data": {"W": "${oc.env:SECRET}"}}, "does not hold the settings of a study"),
    ({"callbacks": {"x": SYSTEM}, "seeds": "${oc.env:SECRET}"}, "does not hold the settings"),
    ({"source": 3}, "does not hold the settings of a study"),
    ({"seed": "${oc.env:SECRET}"}, "could not be compared with new ones"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "says"), STORED)
def test_the_settings_of_a_study_name_only_what_they_may(
    run_transfer: Command, tmp_path: Path, canary: Path, changes: dict[str, Any], says: str
) -> None:
    settings = {
        "data": {"W": [0.0]}, "source": {"W": [0.0]}, "seeds": 1, "paths": {"run": "runs/a"}
    }  # fmt: skip
    folder = run_folder(tmp_path / "stranger", settings={**settings, **changes})
    before = files(tmp_path)
    done = run_transfer(f"resume={folder}", "data.W=[0.0]")
    names = folder if "compared with new" in says else folder / "config.yaml"
    check_refused(done.status, done.err, says, names, canary)
    assert files(tmp_path) == before


def test_yaml_that_would_run_or_grow_is_refused(
    run_transfer: Command, tmp_path: Path, canary: Path
) -> None:
    folder = run_folder(tmp_path / "stranger")
    for text in (
        "!!python/object/apply:os.system ['touch canary']",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    ):
        (folder / "config.yaml").write_text(text)
        done = run_transfer(f"resume={folder}")
        check_refused(done.status, done.err, "damaged", folder / "config.yaml", canary)


@pytest.mark.parametrize("name", ["best", "last"])
def test_the_checkpoint_of_a_source_may_be_lost_or_strange(
    run_transfer: Command, canary: Path, name: str
) -> None:
    run = run_transfer(*TINY_TRANSFER, "source.W=[0,0.5]", "figures=false")
    assert run.status == 0, run.err
    source = run.folder / "sources" / "W0_seed0"
    path = source / "checkpoints" / f"{name}.ckpt"
    if name == "best":
        path.write_bytes(path.read_bytes()[:1000])
    else:  # as if the training had been interrupted
        (source / "metrics.json").unlink()
        checkpoint(path, data=SYSTEM)
    (run.folder / "transfer.json").unlink()
    done = run_transfer(f"resume={run.folder}")
    assert done.status == 1
    assert not canary.exists()
    (line,) = (line for line in done.out.splitlines() if line.startswith("failed: "))
    assert str(path) in line
    assert f"restore it, or remove {source} to train the network again" in line
    rows = json.loads((run.folder / "transfer.json").read_text())
    assert {row["train_W"] for row in rows} == {0.5}
    shutil.rmtree(source)
    assert run_transfer(f"resume={run.folder}").status == 0


def test_a_checkpoint_names_no_files_to_be_removed(
    run_train: Command, tmp_path: Path, canary: Path
) -> None:
    run = run_train(*TINY)
    last = run.folder / "checkpoints" / "last.ckpt"
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("")
    (last.parent / "link").symlink_to(kept)
    own = str(last.parent)
    for folder, victim in (
        (own, str(kept / "file")), (own, f"{own}/../../kept/file"), (own, "s3://bucket/kept"),
        (own, f"{own}/link/."), (own, f"{own}/.."), (own, f"{own}/."), (own, f"{own}/"),
        ("/a", "/a/link/."), ("/a", "/a/.."), ("/a", "/a//link"),
    ):  # fmt: skip
        state = torch.load(last, weights_only=True)
        for callback in state["callbacks"].values():
            callback["dirpath"] = folder
            callback["best_model_path"] = callback["kth_best_model_path"] = victim
            callback["best_k_models"] = {victim: torch.tensor(9.0)}
        torch.save(state, last)
        before = files(tmp_path)
        done = run_train(f"ckpt_path={last}", "trainer.max_epochs=2")
        check_refused(done.status, done.err, "not in the folder of its checkpoints", last, canary)
        assert files(tmp_path) == before


def test_a_folder_named_as_a_checkpoint_is_not_emptied(run_train: Command, tmp_path: Path) -> None:
    run = run_train(*TINY)
    checkpoints = run.folder / "checkpoints"
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("")
    (checkpoints / "link").symlink_to(kept)
    (checkpoints / "inner").mkdir()
    (checkpoints / "inner" / "file").write_text("")
    last = torch.load(checkpoints / "last.ckpt", weights_only=True)
    for name in ("link", "inner"):
        victim = str(checkpoints / name)
        for callback in last["callbacks"].values():
            # The best network has to be there, or Lightning begins again from nothing.
            callback["best_model_path"] = str(checkpoints / "best.ckpt")
            callback["kth_best_model_path"] = victim
            callback["best_k_models"] = {victim: torch.tensor(9.0)}
            callback["best_model_score"] = callback["kth_value"] = torch.tensor(9.0)
        torch.save(last, checkpoints / "last.ckpt")
        done = run_train(f"ckpt_path={checkpoints / 'last.ckpt'}", "trainer.max_epochs=2")
        assert "Traceback" not in done.err
        assert (kept / "file").exists()
        assert (checkpoints / "inner" / "file").exists()
        (checkpoints / "link").unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["checkpoints", "figures", "figures/maps_test.png"])
def test_a_link_in_a_folder_leads_nowhere(run_train: Command, tmp_path: Path, name: str) -> None:
    run = run_train(*TINY, "figures=true")
    victim = tmp_path / "victim"
    (run.folder / name).rename(victim)
    (run.folder / name).symlink_to(victim)
    before = files(tmp_path)
    done = run_train(f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert done.status == 2
    # By a linked folder of checkpoints it is no run that goes on, but another one's results.
    expected = "holds the results" if name == "checkpoints" else f"{run.folder / name}: is a link"
    assert expected in done.err
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["sources", "figures", "sources/W0_seed0/checkpoints", "transfer.csv"])
def test_a_link_in_the_folder_of_a_study_leads_nowhere(
    run_transfer: Command, tmp_path: Path, name: str
) -> None:
    run = run_transfer(*TINY_TRANSFER)
    victim = tmp_path / "victim"
    (run.folder / name).rename(victim)
    (run.folder / name).symlink_to(victim)
    before = files(tmp_path)
    line = one_error(run_transfer(f"resume={run.folder}", "data.W=[0,0.5,1]"), 2)
    assert f"{run.folder / name}: is a link" in line
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["metrics.csv.part", "manifest.json.part", "metrics.json", "config.yaml"]
)
def test_a_folder_where_a_file_is_to_be_is_told_before_the_run_goes_on(
    run_train: Command, name: str
) -> None:
    run = run_train(*TINY)
    (run.folder / name).unlink(missing_ok=True)
    (run.folder / name).mkdir()
    before = files(run.folder)
    done = run_train(f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert f"{run.folder / name}: is a folder in the place of a file" in one_error(done, 2)
    assert files(run.folder) == before


def test_a_damaged_best_network_is_told_before_the_run_goes_on(run_train: Command) -> None:
    run = run_train(*TINY)
    (run.folder / "checkpoints" / "best.ckpt").write_text("text")
    done = run_train(f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert done.status == 2
    assert "best.ckpt: not a checkpoint, or cut short" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "overrides",
    {
        "many": [f"+data.x{i}=1" for i in range(20_000)],
        "nested lists": ["+data.W=" + "[" * 400 + "]" * 400],
        "nested mappings": ["+x=" + "{a:" * 900 + "1" + "}" * 900],
        "nested functions": ["+data.x=" + "f(" * 400 + ")" * 400],
        "digits": ["+data.x=" + "1" * 1_000_000],
        "no folder of checkpoints": ["callbacks.checkpoint.dirpath=null"],
        "no folder at all": ["trainer.default_root_dir=null"],
    }.items(),
    ids=lambda item: item[0],
)
def test_overrides_that_would_keep_hydra_busy_are_one_line_of_the_manifest(
    run_train: Command, tmp_path: Path, overrides: tuple[str, list[str]]
) -> None:
    folder = run_folder(tmp_path / "stranger", *overrides[1])
    done = run_train(f"ckpt_path={folder / 'checkpoints' / 'last.ckpt'}")
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert line.startswith(f"error: {folder / 'manifest.json'}: ")
    assert len(line) < 1100


def test_the_command_line_can_trust_a_package(tmp_path: Path, canary: Path) -> None:
    path = checkpoint(tmp_path / "own.ckpt", network={**NETWORK, "_target_": "my_package.Net"})
    with pytest.raises(CheckpointError, match=r"add trust=\[my_package\]"):
        load_classifier(path)
    with pytest.raises(CheckpointError, match="is not in sshml"):
        load_classifier(path, trust=["my_pack"])
    assert not canary.exists()
    for trust in ("my_package", "my_package.Net"):
        assert type(load_classifier(path, trust=[trust])).__name__ == "Net"
    # Not what it has from others.
    foreign = checkpoint(path, network={**NETWORK, "_target_": "my_package.Maps"})
    with pytest.raises(CheckpointError, match="is defined in canary_module"):
        load_classifier(foreign, trust=["my_package"])


def test_an_own_class_that_is_named_again_or_trusted_is_resumed(run_train: Command) -> None:
    run = run_train(*TINY, "model._target_=my_package.Net")
    assert run.status == 0, run.err
    resume = (f"ckpt_path={run.folder}/checkpoints/last.ckpt", "trainer.max_epochs=2")
    refused = run_train(*resume)
    assert (refused.status, ALLOWED in refused.err) == (2, True)
    trusted = run_train(*resume, "trust=[my_package]")
    assert trusted.status == 0, trusted.err
    # The folder records the user's word, which is not taken from there.
    assert run_train(resume[0], "trainer.max_epochs=3").status == 2
    named = run_train(resume[0], "trainer.max_epochs=3", "model._target_=my_package.Net")
    assert named.status == 0, named.err


def test_what_a_run_records_is_replayed(tmp_path: Path) -> None:
    recorded = (*TINY, f"paths.runs={tmp_path / 'elsewhere'}", "hydra.mode=RUN", "data.W=0.25..0.75")
    folder = run_folder(tmp_path / "run", *recorded, "optimizer.lr=1e-3", "trainer.precision=32-true")
    arguments = [f"ckpt_path={folder}/checkpoints/last.ckpt"]
    replayed = with_recorded_overrides(arguments)
    plain = [*TINY, "data.W=0.25..0.75", "optimizer.lr=1e-3", "trainer.precision=32-true"]
    assert replayed == [*plain, *arguments]
    # A job of a ready sweep is one run.
    folder = run_folder(tmp_path / "job", "sweep=data_size", "hydra.mode=RUN")
    replayed = with_recorded_overrides([f"ckpt_path={folder}/checkpoints/last.ckpt"])
    assert replayed[:2] == ["sweep=data_size", "hydra.mode=RUN"]
