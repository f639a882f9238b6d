"""transfer.py as a user runs it, on tiny sizes."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import TINY, TINY_TRANSFER, Command, networks, rows

from sshml.transfer.baselines import BASELINES
from sshml.transfer.columns import COLUMNS


@pytest.fixture
def checkpoint(run_train: Command, tmp_path: Path) -> Path:
    """Of a tiny run at W = 0.25."""
    run = run_train(*TINY, "data.W=0.25")
    kept = tmp_path / "kept.ckpt"
    shutil.copy(run.folder / "checkpoints" / "best.ckpt", kept)
    shutil.rmtree(tmp_path / "runs")
    return kept


def test_a_matrix_is_trained_tested_and_resumed(run_transfer: Command) -> None:
    run = run_transfer(*TINY_TRANSFER, "source.W=[0,0.5]", "seed=1", "figures=true")
    assert (run.status, run.manifest["status"]) == (0, "finished")
    cells = {(row["train_W"], row["seed"], row["W"]) for row in networks(run)}
    assert cells == {(t, 1, W) for t in (0, 0.5) for W in (0, 0.5)}
    assert {row["method"] for row in rows(run)} == {"network", *BASELINES}
    for row in rows(run):
        assert row["n"] == row["tp"] + row["fp"] + row["tn"] + row["fn"] == 20
        assert row["accuracy"] == (row["tp"] + row["tn"]) / 20
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
        if row["method"] == "exact_invariant":
            assert (row["accuracy"], row["accuracy_sample"]) == (row["ceiling"], 1)
    with (run.folder / "transfer.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert len(table) == len(rows(run))
    for name in ("accuracy_by_W", "matrix", "confusion_by_W", "maps_W0_seed1_at_W0.5"):
        assert (run.folder / "figures" / f"{name}.png").stat().st_size > 1000

    # As if it had been interrupted: one cell and one source are not done.
    before = rows(run)
    kept = [row for row in before if (row["train_W"], row["seed"], row["W"]) != (0.5, 1, 0.5)]
    (run.folder / "transfer.json").write_text(json.dumps(kept))
    trained = [path.stat().st_mtime_ns for path in sorted(run.folder.glob("sources/*/metrics.json"))]
    again = run_transfer(f"resume={run.folder}")
    assert again.folder == run.folder
    assert rows(again) == before
    assert trained == [p.stat().st_mtime_ns for p in sorted(run.folder.glob("sources/*/metrics.json"))]
    assert again.out.count("tested at") == 1

    # What would mix rows of two experiments is refused, and changes nothing.
    for changed in (
        "data.n_test=30",
        "transfer=fine_tune",
        "trainer.max_epochs=3",
        "model.dropout=0.5",
    ):
        refused = run_transfer(f"resume={run.folder}", changed)
        assert refused.status == 2
        assert "could not be compared with new ones" in refused.err
        assert rows(run) == before
    not_a_study = run_transfer(f"resume={run.folder}/sources/W0_seed1")
    assert (not_a_study.status, "a run of train.py" in not_a_study.err) == (2, True)

    # A source that cannot be used is reported, and the other's missing cell is done.
    (run.folder / "sources" / "W0_seed1" / "checkpoints" / "best.ckpt").write_bytes(b"cut short")
    (run.folder / "transfer.json").write_text(json.dumps([r for r in before if r["W"] == 0.5]))
    broken = run_transfer(f"resume={run.folder}", "report=[section4_1,c2]")
    assert "Section 4.1" in (broken.folder / "report.md").read_text()
    assert (broken.status, broken.manifest["status"]) == (1, "failed")
    assert "failed: trained at W = 0, seed 1: CheckpointError" in broken.out
    assert {(row["train_W"], row["W"]) for row in networks(broken)} == {(0, 0.5), (0.5, 0), (0.5, 0.5)}


def test_a_network_is_tested_as_train_py_tests_it(run_train: Command, run_transfer: Command) -> None:
    trained = run_train(*TINY, "data.W=0.5")
    checkpoint = trained.folder / "checkpoints" / "best.ckpt"
    tested = run_transfer(f"checkpoint={checkpoint}", "data.W=0.5", "logger=csv")
    (row,) = networks(tested)
    for name in ("accuracy", "loss", "ece", "tp", "fp", "tn", "fn"):
        assert row[name] == pytest.approx(trained.metrics[f"test/{name}"], rel=1e-5)
    assert (row["train_W"], row["W"], row["n"]) == (0.5, 0.5, 20)


def test_data_settings_come_with_the_checkpoint_and_changes_are_said(
    run_transfer: Command, checkpoint: Path
) -> None:
    given = ("data.disorder=additive", "data.n_cells=10", "data.n_test=30")
    run = run_transfer(f"checkpoint={checkpoint}", *given, "data.W=0:0.5:0.25", "logger=csv")
    assert run.status == 0
    assert "data.disorder=additive: the network was trained with thesis" in run.out
    assert "data.n_cells=10: the image size differs" in run.out
    assert [row["W"] for row in networks(run)] == [0, 0.25, 0.5]
    assert {row["n"] for row in rows(run)} == {30}


def test_fine_tuning(run_transfer: Command, checkpoint: Path) -> None:
    tuned = ("transfer=fine_tune", "transfer.n_samples=20", "transfer.epochs=2")
    run = run_transfer(f"checkpoint={checkpoint}", *tuned, "data.W=0.5", "logger=csv")
    plain = run_transfer(f"checkpoint={checkpoint}", "data.W=0.5", "logger=csv")
    assert run.status == plain.status == 0
    assert networks(run)[0]["loss"] != networks(plain)[0]["loss"]


def test_published_results_page(run_transfer: Command) -> None:
    run = run_transfer(
        "experiment=thesis/quick", *TINY, "data.W=[0,0.25,0.5]", "seeds=1", "source.W=[0,0.25]"
    )
    assert run.status == 0
    page, markdown = ((run.folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert page.count("<h2>") == markdown.count("\n## ") == 10
    assert page.count("data:image/png;base64,") == 6
    assert "http" not in page.replace("http-equiv", "")
    for published in ("99.7 %", "53.73 %", "84.6 %"):
        assert published in page
        assert published in markdown
    measured = [r for r in networks(run) if (r["train_W"], r["W"]) == (0, 0.5)]
    assert f"{100 * measured[0]['accuracy']:.2f} %" in markdown
    assert "| W = 0.3 | 99.8 % | not measured |" in markdown


def test_the_study_of_phase_diagrams_runs(run_transfer: Command) -> None:
    few = ["seeds=1", "data.W=[0,3]", "data.n_train=50", "data.n_val=20", "data.n_test=40"]
    run = run_transfer("experiment=phase_diagram", *TINY, *few, "phase_diagram=10")
    assert run.status == 0, run.err
    found = list(csv.DictReader((run.folder / "phase_diagram.csv").read_text().splitlines()))
    assert {row["method"] for row in found} == {"plain", "localised_states", "zero_modes", *BASELINES}
    # Either file may be lost: the networks are tested again.
    for name in ("transfer.json", "phase_diagram.json"):
        (run.folder / name).unlink()
        again = run_transfer(f"resume={run.folder}")
        assert again.status == 0, again.err
        assert (
            list(csv.DictReader((run.folder / "phase_diagram.csv").read_text().splitlines())) == found
        )


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["data.W=[0.5,0.5]"], "data.W=[0.5,0.5]: expected each value once"),
        (["data.W=-1"], "data.W=-1: expected a number >= 0"),
        (["data.W=1:0:0.1"], "data.W=1:0:0.1: expected start:stop:step"),
        (["source.W=[]"], "source.W=[]: expected a number >= 0"),
        (["seeds=0"], "seeds=0: expected"),
        (["checkpoint=none.ckpt"], "checkpoint=none.ckpt: there is no such file"),
        (
            ["checkpoint=none.ckpt", "data.hamiltonian.t3=0.5"],
            "also name the hamiltonian of the checkpoint: hamiltonian=NAME data.hamiltonian.t3=0.5",
        ),
        (
            ["checkpoint=none.ckpt", "augmentation=zero_modes"],
            "augmentation: is a training setting, but checkpoint=none.ckpt is already trained",
        ),
        (["resume=nowhere"], "resume=nowhere: not a run folder"),
        (["report=[fig9]"], "report=fig9: no such result"),
        (["compare=none.ckpt"], "compare=none.ckpt: there is no such file"),
        (
            ["transfer=magic"],
            "transfer=magic: no such option; expected one of batch_norm, domain_adversarial, "
            "fine_tune, zero_shot",
        ),
        (
            ["transfer=fine_tune", "transfer.n_samples=20", "transfer.freeze=[tail]"],
            "transfer.freeze=tail: no such part of the network",
        ),
        (["transfer=fine_tune", "transfer.n_samples=60"], "set data.n_train=60"),
        (["sources.W=[0]"], "no such key"),
        (["experiment=methods", "~methods.plian"], "~methods.plian: no such key; expected one of "),
        (["experiment=methods", "methods.plian.data.W=1"], "did you mean methods.plain?"),
        (["experiment=thesis/cnn_W0.25"], "run python train.py experiment=thesis/cnn_W0.25"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(
    run_transfer: Command, tmp_path: Path, overrides: list[str], line: str
) -> None:
    run = run_transfer(*TINY, *overrides)
    assert run.status == 2
    assert run.err.startswith("error: ")
    assert line in run.err
    assert run.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.*"))


def test_checkpoints_that_cannot_be_used(
    run_transfer: Command, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.ckpt").write_bytes(checkpoint.read_bytes()[:5000])
    torch.save({"weights": 1}, tmp_path / "foreign.ckpt")
    (tmp_path / "text.ckpt").write_text("hi\n")
    for path, more, line in (
        ("cut.ckpt", (), "not a checkpoint, or cut short"),
        ("foreign.ckpt", (), "not written by sshml"),
        ("text.ckpt", (), "not a checkpoint"),
        ("kept.ckpt", ("data.num_workers=100000",), "data.num_workers=100000: expected at most"),
        ("kept.ckpt", ("data.n_test=100000000000",), "data.n_test=100000000000: its samples need"),
        ("kept.ckpt", ("data.ratio_gap=[0,2]",), "ratio_gap=[0, 2] must lie inside ratio_range="),
        ("kept.ckpt", ("data.n_cells=1000000",), "data.n_cells=1000000: one image needs"),
        (
            "kept.ckpt",
            ("transfer=fine_tune", "transfer.n_samples=10", "transfer.replay=1000000000"),
            "transfer.replay=1000000000 of transfer.batch_size=10: a batch",
        ),
        ("kept.ckpt", ("model.widths=[8,8,8,8,8]",), "omit model.widths"),
        ("kept.ckpt", ("model=resnet18",), "omit model"),
        ("kept.ckpt", ("source.W=[0]",), "is a single trained network"),
        ("kept.ckpt", ("data.n_cells=0",), "data.n_cells=0: expected"),
    ):
        run = run_transfer(f"checkpoint={tmp_path / path}", *more, "logger=csv")
        assert run.status == 2
        assert line in run.err
        assert run.err.count("\n") == 1
