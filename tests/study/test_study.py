"""``python -m sshml.study`` as a user runs it."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, TINY, Command
from synthetic import write_run

from sshml.config.programs import BY_COMMAND
from sshml.files.page import Section, html
from sshml.study import figures
from sshml.study.__main__ import main
from sshml.study.importance import importance
from sshml.study.runs import Run, read_runs
from sshml.study.table import Study

# (lr, W, seed): accuracy. Mean over seeds at lr = 0.1: 0.8 at W = 0, 0.6 at W = 1.
ACCURACY = {
    (0.1, 0, 0): 0.75, (0.1, 0, 1): 0.85, (0.1, 1, 0): 0.55, (0.1, 1, 1): 0.65,
    (0.01, 0, 0): 0.96, (0.01, 0, 1): 0.98, (0.01, 1, 0): 0.90, (0.01, 1, 1): 0.94,
}  # fmt: skip


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight runs in the folder ``runs`` of the working directory."""
    monkeypatch.chdir(tmp_path)
    for (lr, W, seed), accuracy in ACCURACY.items():
        overrides = [f"optimizer.lr={lr}", f"data.W={W}", f"seed={seed}"]
        write_run(tmp_path / "runs" / "sweeps" / "x" / f"{lr}{W}{seed}", overrides, accuracy)
    (tmp_path / "runs" / "sweeps" / "x" / "multirun.yaml").write_text("hydra: {}\n")
    return tmp_path


def study_of(folder: Path, metric: str = "test/accuracy") -> Study:
    return Study(read_runs([folder / "runs"])[0], metric)


def test_real_runs(run_train: Command, tmp_path: Path) -> None:
    assert run_train("-m", *TINY, "data.W=0,0.5").status == 0
    assert main(["runs"]) == 0
    table = pd.read_csv(tmp_path / "runs" / "study" / "runs.csv")
    assert sorted(table["W"]) == [0, 0.5]
    for _, row in table.iterrows():
        folder = Path(row["folder"])
        metrics = json.loads((folder / "metrics.json").read_text())
        for name in ("best_epoch", "test/accuracy", "test/tp", "val/loss", "train/ece"):
            assert row[name] == pytest.approx(metrics[name])
        manifest = json.loads((folder / "manifest.json").read_text())
        assert shlex.split(row["command"]) == ["python", "train.py", *manifest["overrides"]]
        assert (row["status"], row["wall_time_s"]) == ("finished", manifest["wall_time_s"])


def test_what_is_written(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    out = grid / "runs" / "study"
    table = pd.read_csv(out / "runs.csv")
    pd.testing.assert_frame_equal(table, pd.read_parquet(out / "runs.parquet"), check_dtype=False)
    assert {(r["lr"], r["W"], r["seed"]): r["test/accuracy"] for _, r in table.iterrows()} == ACCURACY
    assert {p.stem for p in (out / "figures").iterdir()} == {
        "by_W", "by_lr", "map_lr_W", "learning_curves",
    }  # fmt: skip
    page = (out / "study.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page
    best = "python train.py optimizer.lr=0.01 data.W=0 seed=1"
    assert page.index("8 runs: 4 configurations, seeds 0, 1") < page.index(best) < page.index("<img")
    assert best in capsys.readouterr().out

    # Other runs, the same folder: pictures of axes that are gone are gone.
    for folder in (grid / "runs" / "sweeps" / "x").glob("0.1*"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert main(["runs", "--metric", "val/loss"]) == 0
    assert {p.stem for p in (out / "figures").iterdir()} == {"by_W", "learning_curves"}
    assert len(pd.read_csv(out / "runs.csv")) == 4


def test_lines_are_means_over_seeds_and_bands_reach_to_the_lowest_and_highest(grid: Path) -> None:
    study = study_of(grid)
    assert [axis.name for axis in study.axes] == ["lr", "W"]  # 0.945 - 0.7 against 0.885 - 0.76
    axes = figures.metric_by_axis(study, study.axes[1]).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert lines["0.1"] == pytest.approx([80, 60])
    assert lines["0.01"] == pytest.approx([97, 92])
    bands = [band.get_paths()[0].vertices for band in axes.collections]
    assert {round(float(y), 6) for band in bands for x, y in band if x == 1} == {55, 65, 90, 94}
    assert figures.metric_by_axis(study, study.axes[0]).axes[0].get_xscale() == "linear"


def test_means_are_over_seeds(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = [f"{key}={value}" for key, value in (("optimizer.lr", 0.01), ("data.W", 1), ("seed", 0))]
    write_run(grid / "runs" / "again", again, 0.88)  # with the other of this seed: 0.89
    assert main(["runs"]) == 0
    table = pd.read_csv(grid / "runs" / "study" / "summary.csv")
    assert list(zip(table["lr"], table["W"], strict=True)) == [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]
    assert list(table["seeds"]) == [2] * 4
    assert list(table["mean"]) == pytest.approx([0.97, 0.915, 0.8, 0.6])
    # Of two values: half of their distance times the square root of 2.
    assert list(table["std"]) == pytest.approx([0.01 * 2**0.5, 0.025 * 2**0.5, *[0.05 * 2**0.5] * 2])
    # t = 12.706 for one degree of freedom, times half of their distance; a share is at most 1.
    assert list(table["low"]) == pytest.approx(
        [0.97 - 12.7062 * 0.01, 0.915 - 12.7062 * 0.025, 0.8 - 12.7062 * 0.05, 0], abs=1e-5
    )
    assert list(table["high"]) == [1] * 4
    assert list(table["worst"]) == pytest.approx([0.96, 0.89, 0.75, 0.55])
    assert list(table["worst_seed"]) == [0] * 4
    assert "97.00 ± 1.41 %" in capsys.readouterr().out
    assert main(["runs", "--metric", "val/loss"]) == 0  # the lowest is best, the highest worst
    table = pd.read_csv(grid / "runs" / "study" / "summary.csv")
    assert list(table["mean"]) == sorted(table["mean"])
    assert (table["worst"] >= table["mean"]).all()


def test_runs_that_differ_in_their_seed_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, accuracy in enumerate((0.9, 0.92, 0.94)):
        write_run(tmp_path / "runs" / str(seed), [f"seed={seed}"], accuracy)
    assert main(["runs"]) == 0
    assert "92.00 ± 2.00 %" in capsys.readouterr().out
    out = tmp_path / "runs" / "study"
    assert [path.name for path in (out / "figures").iterdir()] == ["learning_curves.png"]
    assert "<td>92.00 ± 2.00 %</td>" in (out / "study.html").read_text()


CLICK = """<script>
addEventListener("load", () => {
  const heads = [...document.querySelectorAll(".sortable:last-of-type th")];
  const clicked = NAMES.map(name => heads.findLast(head => head.textContent === name));
  for (const head of clicked) head.click();
  const rows = [...clicked[0].closest("table").tBodies[0].rows];
  document.body.textContent = "order " + rows.map(row => row.cells[row.cells.length - 1].textContent);
});
</script>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser")
@pytest.mark.parametrize(
    ("clicks", "order"),
    [
        (["b"], "3,0,1,2"),
        (["b", "b"], "1,0,3,2"),
        (["test/accuracy"], "1,3,2,0"),
        (["c"], "1,3,0,2"),
        (["d"], "3,2,1,0"),
        (["e"], "1,0,3,2"),
    ],
)
def test_the_table_of_all_runs_sorts_by_a_click(tmp_path: Path, clicks: list[str], order: str) -> None:
    section = Section("All runs", head=("b", "c", "test/accuracy", "d", "e", "folder"), sortable=True)
    section.rows = [
        ("1e-05", "n10", "100.00%", "0.2 ± 0.1", "90.00% to 95.00%", "0"),
        ("10", "a", "9.00%", "0.1234 ± 0.02", "9.00% to 99.00%", "1"),
        ("-", "-", "99.00%", "2e-05 ± 1e-06", "-", "2"),
        ("-2", "n9", "50.00%", "-1", "100.00% to 100.00%", "3"),
    ]  # fmt: skip
    page = tmp_path / "study.html"
    page.write_text(html("", "", [section], {}) + CLICK.replace("NAMES", json.dumps(clicks)))
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"order {order}<" in done.stdout


def test_a_heat_map_has_the_means(grid: Path) -> None:
    study = study_of(grid)
    ((columns, rows),) = figures.pairs(study)
    image = figures.heat_map(study, columns, rows).axes[0].images[0]
    assert (columns.name, rows.name) == ("lr", "W")
    np.testing.assert_allclose(image.get_array(), [[97, 80], [92, 60]])


def test_no_heat_map_without_a_grid(tmp_path: Path) -> None:
    for number, changed in enumerate(([], ["data.W=1"], ["data.W=2"], ["optimizer.lr=1"])):
        write_run(tmp_path / "runs" / str(number), changed, 0.9)
    assert figures.pairs(study_of(tmp_path)) == []


def test_best_and_explained(grid: Path) -> None:
    study = study_of(grid)
    assert list(study.best(2)["test/accuracy"]) == [0.98, 0.96]
    assert list(study_of(grid, "val/loss").best(1)["test/accuracy"]) == [0.98]
    # Adjusted R² by hand: 1 - (within / 6) / (total / 7).
    total = np.var(list(ACCURACY.values())) * 8
    within = sum(4 * np.var([v for k, v in ACCURACY.items() if k[0] == lr]) for lr in (0.1, 0.01))
    assert study.share_explained(study.axes[0]) == pytest.approx(1 - within / 6 / (total / 7))


def searched(n: int) -> Study:
    """A search over three keys, of which the first two matter: y = 3 a + b, as a² and b² do 9 to 1."""
    rng = np.random.default_rng(1)
    runs = []
    for number in range(n):
        a, b, c = rng.uniform(0, 1, 3)
        config = {"seed": 0, "x.a": a, "x.b": b, "x.c": c}
        metrics = {"best_epoch": 1.0, "test/accuracy": 0.5 + 0.1 * (3 * a + b)}
        runs.append(
            Run(Path(str(number)), {"status": "finished", "overrides": []}, config, metrics, [], "")
        )
    return Study(runs, "test/accuracy")


def test_importance_of_a_known_function() -> None:
    found = importance(searched(200))
    assert found is not None
    assert found.names == ["a", "b", "c"]
    # The total Sobol indices are 0.9, 0.1 and 0; a forest does not quite get there.
    assert found.shares == pytest.approx([0.9, 0.1, 0], abs=0.1)
    assert found.predicted > 0.9
    assert found.n == 200


def test_a_search_is_told_from_a_grid(grid: Path) -> None:
    assert searched(12).is_search
    assert not searched(9).is_search
    assert not study_of(grid).is_search


def test_a_search_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(12):
        momentum = [f"optimizer.momentum={rng.uniform(0, 1)}"] * (number % 2)
        overrides = [f"optimizer={('adamw', 'sgd')[number % 2]}", f"data.W={rng.uniform(0, 1)}"]
        write_run(tmp_path / "runs" / str(number), [*overrides, *momentum], rng.uniform(0.5, 1))
    assert main(["runs"]) == 0
    drawn = {path.stem for path in (tmp_path / "runs" / "study" / "figures").iterdir()}
    assert {"parallel_coordinates", "importance", "by_momentum", "by_optimizer"} <= drawn


def test_foreign_and_half_written_runs_are_listed_and_skipped(
    grid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = grid / "runs"
    for name, status in (("a", "running"), ("b", "failed"), ("c", "interrupted")):
        write_run(runs / name, [], 0.9, status=status)
    for name, file, text in (
        ("d", "manifest.json", '{"status": "fini'),
        ("e", "metrics.json", ""),
        ("f", "config.yaml", "seed: 0\ndata: {W: [0"),
        ("g", "config.yaml", "seed: 0\ndata:\n  W: 0\n"),
        ("h", "metrics.csv", "epoch,val/loss,val/acc"),
        ("i", "manifest.json", '{"name": "an app", "icons": []}'),
        ("j", "manifest.json", "[1]"),
        ("k", "metrics.json", '{"rouge": [1]}'),
        ("l", "config.yaml", "\0\x01"),
        ("m", "manifest.json", "\udcff"),
    ):
        write_run(runs / name, [], 0.9)
        (runs / name / file).write_text(text, errors="surrogateescape")
    write_run(runs / "n", [], 0.9)
    (runs / "n" / "metrics.json").unlink()
    write_run(runs / "o", [], 0.9)
    (runs / "o" / "manifest.json").unlink()
    (runs / "p").mkdir()
    (runs / "notes").mkdir()
    (runs / "notes" / "todo.txt").write_text("not a run, and does not look like one\n")
    study = write_run(runs / "q", ["data.W=0.25"], 0.9)
    config = (study / "config.yaml").read_text()
    (study / "config.yaml").write_text(config + "source:\n  W: [0.5]\n")
    write_run(study / "sources" / "W0.5_seed0", ["optimizer.lr=0.01", "data.W=0.5"], 0.9)

    assert main(["runs"]) == 0
    said = capsys.readouterr().out
    for name, reason in {
        "a": "still running", "b": "failed", "c": "interrupted",
        "d": "manifest.json: damaged, not valid JSON", "e": "metrics.json: damaged, not valid JSON",
        "f": "config.yaml: damaged, not valid YAML", "g": "config.yaml: not the settings of an sshml",
        "h": "metrics.csv: damaged", "i": "manifest.json: not an sshml manifest",
        "j": "manifest.json: not an sshml manifest", "k": "metrics.json: not the metrics of an sshml",
        "l": "config.yaml: damaged, not valid YAML", "m": "manifest.json: damaged, not text",
        "n": "metrics.json: no such file", "o": "no manifest.json",
        "p": "no manifest.json", "q": "a study of transfer.py",
    }.items():  # fmt: skip
        assert f"skipped runs/{name}: {reason}" in said
    assert "notes" not in said
    assert "<tr><td>runs/d</td><td>manifest.json: damaged" in (runs / "study/study.html").read_text()
    table = pd.read_csv(runs / "study" / "runs.csv")
    assert len(table) == len(ACCURACY) + 1
    assert "runs/q/sources/W0.5_seed0" in set(table["folder"])


@pytest.mark.parametrize(
    "typed", ["/usr/bin/python3 transfer.py", "/usr/bin/python3 /usr/bin/sshml transfer"]
)
@pytest.mark.parametrize("installed", [True, False])
def test_a_source_of_transfer_is_done_again_by_transfer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, installed: bool
) -> None:
    folder = write_run(tmp_path / "s", [], 0.9)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["command"] = f"{typed} 'source.W=[0,0.5]'"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if installed:
        monkeypatch.setenv(BY_COMMAND, "1")
    (run,), _ = read_runs([tmp_path])
    program = "sshml transfer" if installed else "python transfer.py"
    assert run.command == f"{program} 'source.W=[0,0.5]'"


def test_commands_are_those_of_the_way_that_study_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "r", ["data.W=0.5"], 0.9)
    monkeypatch.setenv(BY_COMMAND, "1")
    (run,), _ = read_runs([tmp_path])
    assert run.command == "sshml train data.W=0.5"


@pytest.mark.parametrize(
    ("ckpt_path", "kept"),
    [
        ("elsewhere/start.ckpt", True),
        ("{run}/checkpoints/last.ckpt", False),
        ("r/checkpoints/last.ckpt", False),
    ],
)
def test_a_command_begins_where_the_run_began(tmp_path: Path, ckpt_path: str, kept: bool) -> None:
    folder = tmp_path / "r"
    write_run(folder, [f"ckpt_path={ckpt_path.format(run=folder)}"], 0.9)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "overrides": ["seed=0"]}))
    (run,), _ = read_runs([tmp_path])
    assert run.command == "python train.py seed=0" + f" ckpt_path={ckpt_path}" * kept


def test_runs_without_a_finite_value_are_in_the_table_only(grid: Path) -> None:
    folder = write_run(grid / "runs" / "nan", ["data.W=1", "optimizer.lr=0.1"], 0.9)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "val/loss": None}))
    (folder / "metrics.csv").write_text("epoch,val/loss,val/accuracy\n0,nan,0.5\n1,inf,0.5\n")
    assert main(["runs", "--metric", "val/loss"]) == 0
    assert "1 run ended without a finite val/loss" in (grid / "runs/study/study.html").read_text()
    assert pd.read_csv(grid / "runs/study/runs.csv")["val/loss"].isna().sum() == 1


def test_a_study_of_runs_without_a_finite_loss_is_drawn(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "nan", ["data.W=1"], 0.9)
    (folder / "metrics.csv").write_text("epoch,val/loss,val/accuracy\n0,nan,0.5\n1,inf,0.5\n")
    assert main([str(tmp_path / "runs")]) == 0


def test_pictures_of_others_and_what_links_lead_to_stay(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs / "one", ["data.W=1"], 0.9)
    (runs / "study" / "figures").mkdir(parents=True)
    own = runs / "study" / "figures" / "my_figure.png"
    own.write_text("mine")
    for _ in range(2):
        assert main([str(runs)]) == 0
        assert own.read_text() == "mine"
    (runs / "study" / "runs.csv").unlink()
    (runs / "study" / "runs.csv").symlink_to(tmp_path / "thesis.tex")
    (tmp_path / "thesis.tex").write_text("thesis")
    assert main([str(runs)]) == 2
    (runs / "study").rename(tmp_path / "elsewhere")
    (runs / "study").symlink_to(tmp_path / "elsewhere")
    assert main([str(runs)]) == 2
    assert (tmp_path / "thesis.tex").read_text() == "thesis"


def test_files_of_others_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "runs" / "one", ["data.W=1", "data.seed=99999999999999999999"], 0.9)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "runs.csv").write_text("mine")
    assert main([str(tmp_path / "runs"), "--out", str(tmp_path / "mine")]) == 2
    assert "its runs.csv was not written by python -m sshml.study" in capsys.readouterr().err
    assert (tmp_path / "mine" / "runs.csv").read_text() == "mine"
    for _ in range(2):
        assert main([str(tmp_path / "runs"), "--out", str(tmp_path / "own")]) == 0


def test_one_run_and_several_folders(grid: Path) -> None:
    only = grid / "runs" / "sweeps" / "x" / "0.100"
    assert main([str(only), str(only.parent / "0.100"), "--out", "one"]) == 0
    assert len(pd.read_csv("one/runs.csv")) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "FOLDER: expected at least one folder"),
        (["nowhere"], "nowhere: no such folder"),
        (["empty"], "empty: no finished run of train.py; empty: no manifest.json"),
        (["runs", "--metric", "test/acuracy"], "did you mean test/accuracy?"),
        (["runs", "--out", "file"], "--out=file: "),
        (["runs", "--colour"], "unrecognized arguments: --colour"),
        (["--compare", "runs/sweeps/x/0.100"], "expected at least two run folders"),
        (
            ["--compare", "runs", "empty"],
            "--compare runs: not a run folder (runs/config.yaml: no",
        ),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    grid: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    (grid / "empty").mkdir()
    (grid / "file").write_text("")
    before = sorted(grid.rglob("*"))
    try:
        status = main(arguments)
    except SystemExit as error:
        status = int(error.code or 0)
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith("error: ")
    assert line in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert sorted(grid.rglob("*")) == before


@pytest.mark.usefixtures("grid")
def test_comparing_says_which_keys_differ_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("0.100", "0.101", "0.0111")
    folders = [f"runs/sweeps/x/{name}" for name in names]
    assert main(["--compare", *folders]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()[1:]]
    assert rows[0] == ["key", *folders]
    assert {row[0]: row[1:] for row in rows[1:]} == {
        "seed": ["0", "1", "1"], "data.seed": ["0", "1", "1"], "data.W": ["0", "0", "1"],
        "optimizer.lr": ["0.1", "0.1", "0.01"],
    }  # fmt: skip
    assert main(["--compare", folders[0], folders[0]]) == 0
    assert capsys.readouterr().out == "no setting differs\n"


def test_without_the_extra_it_says_how_to_get_it(
    grid: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["runs"]) == 2
    assert capsys.readouterr().err == 'error: pyarrow: not installed; run pip install -e ".[study]"\n'
    assert not (grid / "runs" / "study").exists()


def test_it_does_not_import_torch() -> None:
    code = "import sys, sshml.study.report, sshml.study.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
