"""Paths are taken as they are typed, through links too; a finished run can be done again."""

from pathlib import Path

import pytest
from conftest import TINY, TINY_TRANSFER, Command, one_error
from hydra.core.override_parser.overrides_parser import OverridesParser

from sshml.entry.arguments import plain_path, with_quoted_paths

NAMES = [
    "epoch=3-step=9",
    "a b",
    "a,b",
    "[1]",
    "{a: 1}",
    "it's",
    '"',
    "zuständig",
    "状態",
    "a:b",
    "(x)",
    "\\",
    "$",
]


@pytest.mark.parametrize("name", [*NAMES, "a\\'b", "'a", "\\'", "null"])
@pytest.mark.parametrize("key", ["ckpt_path", "paths.runs", "++rerun"])
def test_hydra_reads_a_path_as_it_was_typed(key: str, name: str) -> None:
    typed = f"{key}=runs/{name}"
    (quoted,) = with_quoted_paths([typed])
    (override,) = OverridesParser.create().parse_overrides([quoted])
    assert override.value() == f"runs/{name}"
    assert plain_path(quoted) == plain_path(typed) == f"runs/{name}"
    assert with_quoted_paths([quoted]) == [quoted]


def test_in_a_sweep_commas_separate_jobs() -> None:
    arguments = ["-m", "ckpt_path=a=1.ckpt,b.ckpt", "data.W=0,1"]
    assert with_quoted_paths(arguments) == ["-m", "ckpt_path='a=1.ckpt',b.ckpt", "data.W=0,1"]


def test_a_file_with_a_comma_in_its_name_is_one_in_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("N=8, g=1.npz").touch()
    given = ["-m", "data.path=N=8, g=1.npz", "seed=0,1"]
    assert with_quoted_paths(given) == ["-m", "data.path='N=8, g=1.npz'", "seed=0,1"]


def test_the_folder_of_a_sweep_is_one() -> None:
    given = ["-m", "hydra.sweep.dir=runs/sweeps/W,seed_5f2cf257", "seed=0,1"]
    assert with_quoted_paths(given)[1] == "hydra.sweep.dir='runs/sweeps/W,seed_5f2cf257'"
    given = ["-m", "hydra.sweep.dir=${paths.runs}/mine"]
    assert with_quoted_paths(given) == given


def test_odd_names_of_folders_and_checkpoints(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    run = run_train(*TINY, "paths.runs=runs/a=b, c [1] é")
    assert run.status == 0, run.err
    assert run.folder.is_relative_to(tmp_path / "runs" / "a=b, c [1] é")
    again = run_train(f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert again.status == 0, again.err
    assert again.folder == run.folder
    odd = tmp_path / "epoch=3-step=9, [x].ckpt"
    odd.write_bytes((run.folder / "checkpoints" / "best.ckpt").read_bytes())
    tested = run_transfer(*TINY_TRANSFER, "figures=false", f"checkpoint={odd}")
    assert tested.status == 0, tested.err


def test_files_of_others_are_not_written_over(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "transfer.csv").write_text("mine")
    for done in (
        run_train(*TINY, "hydra.run.dir=mine"),
        run_transfer(*TINY_TRANSFER, "hydra.run.dir=mine"),
        run_train("-m", *TINY, "seed=0,1", "hydra.sweep.dir=mine"),
    ):
        assert "mine: holds transfer.csv, which does not belong to a " in one_error(done)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["transfer.csv"]


def test_links(run_train: Command, run_transfer: Command, tmp_path: Path) -> None:
    run = run_train(*TINY)
    folder, file, loop = tmp_path / "run", tmp_path / "last.ckpt", tmp_path / "loop"
    folder.symlink_to(run.folder)
    file.symlink_to(run.folder / "checkpoints" / "last.ckpt")
    loop.symlink_to(loop)
    for path, epochs in ((folder / "checkpoints" / "last.ckpt", 2), (file, 3)):
        done = run_train(f"ckpt_path={path}", f"trainer.max_epochs={epochs}", *TINY[:5], *TINY[6:])
        assert done.status == 0, done.err
    done = run_transfer(*TINY_TRANSFER, "figures=false", f"checkpoint={file}")
    assert done.status == 0, done.err
    for key in ("ckpt_path", "paths.runs"):
        done = run_train(*TINY, f"{key}={loop}")
        assert done.status == 2
        (line,) = done.err.splitlines()
        assert "symbolic links" in line


def test_a_finished_run_is_done_again_in_a_new_folder(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    run = run_train(*TINY, "seed=7")
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    for flags in (
        [f"--config-path={run.folder}", "--config-name=config"],
        [f"--config-dir={run.folder}"],
    ):
        refused = run_train(*flags)
        assert refused.status == 2
        assert f"rerun={run.folder}" in refused.err
        assert refused.err.count("\n") == 1
    again = run_train(f"rerun={run.folder}")
    assert again.status == 0, again.err
    assert again.folder != run.folder
    assert again.metrics == run.metrics
    assert again.manifest["overrides"] == run.manifest["overrides"]
    other = run_train(f"rerun={run.folder}", "seed=8")
    assert other.manifest["seed"] == 8
    assert {path: path.read_bytes() for path in before} == before
    assert not (tmp_path / "outputs").exists()
    wrong = run_transfer(f"rerun={run.folder}")
    assert wrong.status == 2
    assert "run python train.py rerun=" in wrong.err


@pytest.mark.parametrize("typo", ["nowhere", "runs/nowhere", "checkpoints/nowhere.ckpt", "''"])
def test_what_does_not_exist_is_no_run_of_the_working_directory(
    run_train: Command, typo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_train(*TINY)
    monkeypatch.chdir(run.folder)
    before = sorted(run.folder.rglob("*"))
    for key in ("rerun", "ckpt_path"):
        assert run_train(f"{key}={typo}", *TINY).status == 2
    assert sorted(run.folder.rglob("*")) == before


def test_home_may_be_typed_as_in_a_shell(
    run_train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run_train(*TINY, "paths.runs=~/mine").status == 0
    assert list(tmp_path.glob("home/mine/*/*/metrics.json"))
    assert run_train(*TINY, "hydra.run.dir=~/other").status == 0
    assert (tmp_path / "home" / "other" / "metrics.json").is_file()
    last = "~/other/checkpoints/last.ckpt"
    assert run_train(f"ckpt_path={last}", "trainer.max_epochs=2").status == 0
    assert not (tmp_path / "~").exists()
