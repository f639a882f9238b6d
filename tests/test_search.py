"""Searches by Optuna: what is drawn, resumed, pruned or refused."""

import csv
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT, TINY, Command, environment, one_error
from hydra.core.override_parser.overrides_parser import OverridesParser

from sshml.study.runs import read_runs

optuna = pytest.importorskip("optuna")

from optuna.distributions import (  # noqa: E402
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sshml.entry.sweepers.axes import distribution_of  # noqa: E402

FAILING = "+callbacks.own._target_=failing.FailsIfEven"
# Of one axis, by which trials learn nothing, and are pruned for it after their first epoch.
HOPELESS = (
    "-m", "hydra/sweeper=search", *TINY, "trainer.max_epochs=2", "figures=false",
    "hydra.sweep.dir=search",
    "hydra.sweeper.pruner={_target_: optuna.pruners.ThresholdPruner, lower: 0.6}",
)  # fmt: skip


def study_in(folder: Path) -> "optuna.Study":
    return optuna.load_study(study_name="sshml", storage=f"sqlite:///{folder}/optuna.db")


def manifests(folder: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/manifest.json"))]


@pytest.mark.parametrize(
    ("axis", "drawn"),
    [
        ("a=interval(1,2)", FloatDistribution(1.0, 2.0)),
        ("a=int(interval(1,8))", IntDistribution(1, 8)),
        ("a=tag(log,interval(0.1,1))", FloatDistribution(0.1, 1.0, log=True)),
        ("a=tag(log,int(interval(1,8)))", IntDistribution(1, 8, log=True)),
        ("a=range(1,8,2)", IntDistribution(1, 7, step=2)),
        ("a=range(5,0,-2)", IntDistribution(1, 5, step=2)),
        ("a=range(0,1,0.25)", FloatDistribution(0.0, 0.75, step=0.25)),
        ("a=choice(none,0.5,true)", CategoricalDistribution(["none", 0.5, True])),
        ("a=[1,2],[3,4]", CategoricalDistribution(["[1,2]", "[3,4]"])),
    ],
)
def test_an_axis_is_drawn_as_it_is_written(axis: str, drawn: BaseDistribution) -> None:
    assert distribution_of(OverridesParser.create().parse_override(axis)) == drawn


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model.kernel_size=choice(3,4)"], "kernel_size must be odd and positive"),
        (["optimizer.lr=interval(-1,0)"], "optimizer: Invalid learning rate: -1"),
        (["optimizer.lr=interval(1,0)"], "expected interval(LOW,HIGH), LOW < HIGH"),
        (["optimizer.lr=tag(lgo,interval(0.1,1))"], "tag lgo: no such tag; expected tag(log,"),
        (
            ["optimizer.lr=interval(0,1)", "hydra.sweeper.storage=sqlite://"],
            "hydra.sweeper.storage=sqlite://: is in memory",
        ),
        (["hydra.sweeper.n_trials=x"], "hydra.sweeper.n_trials=x: expected a"),
        (["hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: expected a"),
        (
            ["hydra.sweeper.n_trials=1.5"],
            "hydra.sweeper.n_trials=1.5: expected a whole",
        ),
        (
            ["hydra.sweeper.n_trials=true"],
            "hydra.sweeper.n_trials=True: expected a whole",
        ),
        (["hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs=0: expected a"),
        (["hydra.sweeper.storage="], "hydra.sweeper.storage=: expected text"),
        (["paths.runs=a,b"], "paths.runs=a,b: expected a single folder for all jobs of a sweep"),
        (["hydra.sweeper.params=x"], "hydra.sweeper.params=x: expected KEY: VALUES"),
        (
            ["optimizer.lr=tag(log,interval(0,1))"],
            "optimizer.lr=tag(log,interval(0,1)): ",
        ),
        (
            ["optimizer.lr=0,interval(0,1)"],
            "optimizer.lr=0,interval(0,1): expected values, or a single range",
        ),
        (["optimizer.lr=interval(0,inf)"], "optimizer.lr=interval(0,inf): expected interval(LOW,HIGH)"),
        (["seed=range(5,5)"], "seed=range(5,5): The `choices` must contain one or more"),
        (["hydra.sweeper.direction=up"], "direction=up: expected maximize or minimize"),
        (["hydra.sweeper.direction=[maximize,minimize]"], "expected maximize or minimize"),
        (["hydra.sweeper.n_trials=-1"], "hydra.sweeper.n_trials=-1: expected a whole number above 0"),
        (["hydra.sweeper.max_failure_rate=0"], "hydra.sweeper.max_failure_rate=0: no such key"),
        (
            ["hydra.sweeper.sampler=tree"],
            "sampler=tree: no such option; expected one of cmaes",
        ),
        (
            ["hydra.sweeper.sampler=null"],
            "sampler=None: expected one of tpe, random",
        ),
        (["+hydra.sweeper.sampler.seeds=1"], "change hydra.sweeper.sampler.seeds=1"),
        (
            ["hydra.sweeper.sampler._target_=optuna.samplers.BruteForceSampler"],
            "hydra.sweeper.sampler: searches a grid; use hydra/sweeper=grid",
        ),
        (["hydra.sweeper.pruner=medium"], "did you mean hydra.sweeper.pruner=median?"),
        (
            ["hydra.sweeper.pruner={_target_: optuna.pruners.Median}"],
            "loading 'optuna.pruners.Median'",
        ),
        (
            ["hydra.sweeper.pruner={_target_: optuna.samplers.TPESampler}"],
            "hydra.sweeper.pruner._target_=optuna.samplers.TPESampler: expected a class derived from",
        ),
        (
            ["hydra.sweeper.pruner={_target_: optuna.pruners.MedianPruner, n_warmup_steps: -1}"],
            "change hydra.sweeper.pruner.n_warmup_steps=-1",
        ),
    ],
)
def test_mistakes_in_a_search_are_one_line_before_any_work(
    run_train: Command, tmp_path: Path, overrides: list[str], line: str
) -> None:
    assert line in one_error(run_train("-m", "sweep=search", *TINY, *overrides))
    assert not list(tmp_path.iterdir())


def test_a_search_needs_axes_and_a_result(run_train: Command, run_transfer: Command) -> None:
    line = one_error(run_train("-m", "hydra/sweeper=search", *TINY))
    assert (
        line == "error: the search has no axes; expected at least one, such as KEY=interval(LOW,HIGH)"
    )
    line = one_error(run_transfer("-m", "hydra/sweeper=search", "seed=choice(0,1)"))
    assert "hydra/sweeper=search: only works with train.py" in line


def test_a_database_that_cannot_be_written_is_one_line(run_train: Command) -> None:
    done = run_train("sweep=search", *TINY, "hydra.sweeper.storage=sqlite:////proc/none.db")
    assert done.status == 1
    assert done.err.startswith("error: hydra.sweeper.storage=sqlite:////proc/none.db: unable to open")
    assert done.err.count("\n") == 1


def test_a_trial_that_diverges_fails(run_train: Command, tmp_path: Path) -> None:
    axes = {"lr": "1e20", "momentum": "0.9", "weight_decay": "0.0"}
    choices = (f"optimizer.{key}=choice({value})" for key, value in axes.items())
    command = ("sweep=search", *TINY, *choices, "hydra.sweeper.n_trials=1")
    for _ in range(2):  # the second one does not train
        done = run_train(*command)
        assert done.status == 1
        assert done.err.endswith("error: 0 of 1 trials are done; the same command tries more\n")
        assert "0 of 1 jobs are done, 1 diverged" in done.out
    (folder,) = tmp_path.glob("runs/sweeps/search_*")
    study = study_in(folder)
    assert {trial.state for trial in study.trials} == {optuna.trial.TrialState.FAIL}
    (job,) = folder.glob("*/manifest.json")
    assert json.loads(job.read_text())["earlier"] == []


def test_a_search_does_not_mix_with_another(run_train: Command, tmp_path: Path) -> None:
    command = ("sweep=search", *TINY, "hydra.sweep.dir=search", "hydra.sweeper.n_trials=1")
    rate = "optimizer.lr=interval(0.001,0.01)"
    assert run_train(*command, rate).status == 0
    line = one_error(run_train(*command, rate, "hydra.sweeper.direction=minimize"))
    assert "hydra.sweeper.direction=minimize: the study has maximize; keep that" in line
    line = one_error(run_train(*command, rate, "seed=5", "hydra.sweeper.n_trials=9"))
    assert "seed=5: earlier trials of the study have " in line
    line = one_error(run_train(*command, "optimizer.lr=0.001,0.01"))
    assert "optimizer.lr=0.001,0.01: earlier trials of the study used FloatDistribution" in line
    database = tmp_path / "search" / "optuna.db"
    database.unlink()
    optuna.create_study(
        study_name="sshml", storage=f"sqlite:///{database}", directions=["maximize", "minimize"]
    )
    line = one_error(run_train(*command, rate))
    assert "hydra.sweeper.direction=maximize: the study has maximize, minimize; keep" in line
    database.unlink()
    database.mkdir()
    line = one_error(run_train(*command, rate), 1)
    assert line.startswith("error: search/optuna.db: unable to open database file; expected sqlite:")
    database.rmdir()
    database.write_bytes(b"garbage" * 1000)
    line = one_error(run_train(*command, rate), 1)
    assert "file is not a database; restore it, or move it away" in line


@pytest.mark.parametrize("pruner", ["null", "median"])
def test_a_search_keeps_its_database_in_its_folder(run_train: Command, pruner: str) -> None:
    # Each of which would mean something else in a URL.
    for name in ("why?x", "why?y", "a%20b", "{1}", "a?mode=ro"):
        done = run_train(
            "sweep=search", *TINY, "hydra.sweeper.n_trials=1", f"hydra.sweep.dir='{name}'",
            f"hydra.sweeper.pruner={pruner}",
        )  # fmt: skip
        assert done.status == 0, done.err
        assert "1 trials, 1 of them to do" in done.out
        assert Path(name, "optuna.db").is_file()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("update trial_params set distribution_json = '{'", "damaged (Expecting property name"),
        ("update trials set state = 'X'", "damaged ('X' is not among"),
        ("update study_user_attributes set value_json = '5'", "damaged ('int' object is not"),
    ],
)
def test_what_optuna_never_wrote_is_one_line(
    run_train: Command, tmp_path: Path, change: str, line: str
) -> None:
    command = ("sweep=search", *TINY, "hydra.sweep.dir=search")
    assert run_train(*command, "hydra.sweeper.n_trials=1").status == 0
    with closing(sqlite3.connect(tmp_path / "search" / "optuna.db")) as database:
        database.execute(change)
        database.commit()
    done = run_train(*command, "hydra.sweeper.n_trials=2")
    assert done.status == 1
    assert done.err.startswith(f"error: search/optuna.db: {line}")
    assert done.err.count("\n") == 1


def test_no_job_of_a_search_that_was_killed_seems_to_run(run_train: Command, tmp_path: Path) -> None:
    command = ("sweep=search", *TINY, "hydra.sweep.dir=search")
    assert run_train(*command, "hydra.sweeper.n_trials=1").status == 0
    (path,) = tmp_path.glob("search/*/manifest.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": "running"}))
    assert run_train(*command, "hydra.sweeper.n_trials=1").status == 0
    assert json.loads(path.read_text())["status"] == "failed"


def test_a_search_goes_on_with_its_study(run_train: Command, tmp_path: Path) -> None:
    command = ("sweep=search", *TINY, FAILING, "+callbacks.own.number=choice(3,4)")
    first = run_train(*command, "hydra.sweeper.n_trials=1")
    again = run_train(*command, "hydra.sweeper.n_trials=3")
    (folder,) = tmp_path.glob("runs/sweeps/search_*")
    study = study_in(folder)
    complete = [trial for trial in study.trials if trial.state is optuna.trial.TrialState.COMPLETE]
    # Trials of an even number fail and are not the end of it.
    for trial in study.trials:
        assert (trial in complete) == (trial.params["+callbacks.own.number"] == 3)
    values = [json.loads(p.read_text())["val/accuracy"] for p in folder.glob("*/metrics.json")]
    assert sorted(trial.value for trial in complete) == sorted(values)
    before = sum(first.out.count(f"{n} of {n} jobs are done") for n in range(1, 3))
    assert f"3 trials, {3 - before} of them to do" in again.out
    assert len(study.trials) == 4 - before


@pytest.mark.parametrize("part", ["sampler=random", "sampler=gp", "sampler=cmaes", "pruner=hyperband"])
def test_a_part_of_a_search_has_a_short_name(run_train: Command, tmp_path: Path, part: str) -> None:
    command = ("sweep=search", *TINY, "figures=false", "hydra.sweep.dir=search")
    done = run_train("-m", *command, "hydra.sweeper.n_trials=3", f"hydra.sweeper.{part}")
    assert (done.status, done.err) == (0, "")
    assert "3 of 3 jobs are done" in done.out
    trials = study_in(tmp_path / "search").trials
    assert len(trials) == 3
    with (tmp_path / "search" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    values = [float(row["val/accuracy"]) for row in rows]
    assert values == sorted((trial.value for trial in trials), reverse=True)
    for row in rows:  # each with the values of its trial
        (trial,) = (t for t in trials if t.params["optimizer.lr"] == float(row["lr"]))
        assert trial.value == float(row["val/accuracy"])
    assert {path.name.partition(",")[0] for path in (tmp_path / "search").glob("*/")} == {
        "trial=0", "trial=1", "trial=2"
    }  # fmt: skip


def test_a_trial_that_falls_behind_is_pruned(run_train: Command, tmp_path: Path) -> None:
    command = (
        "-m", "hydra/sweeper=search", *TINY, "data.n_train=500", "data.batch_size=10", "figures=false",
        "trainer.max_epochs=4", "trainer.precision=32-true", "hydra.sweep.dir=search",
        "hydra.sweeper.pruner={_target_: optuna.pruners.MedianPruner, n_startup_trials: 1}",
    )  # fmt: skip
    learns = run_train(*command, "optimizer.lr=interval(0.029,0.031)", "hydra.sweeper.n_trials=1")
    assert "1 of 1 jobs are done;" in learns.out
    # Another command that continues the same study.
    done = run_train(*command, "optimizer.lr=interval(1e-9,2e-9)", "hydra.sweeper.n_trials=2")
    assert (done.status, done.err) == (0, "")
    assert "pruned after epoch " in done.out
    assert "1 of 2 jobs are done, 1 pruned;" in done.out
    ended = {manifest["stopped_by"]: manifest for manifest in manifests(tmp_path / "search")}
    assert ended.keys() == {"max_epochs", "pruner"}
    assert ended["pruner"]["status"] == "pruned"
    good, bad = study_in(tmp_path / "search").trials
    assert (good.state, bad.state) == (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    assert list(good.intermediate_values) == [0, 1, 2, 3]
    assert len(bad.intermediate_values) < 4
    (skipped,) = read_runs([tmp_path])[1]
    assert skipped.reason == "pruned: its search stopped it early"


def test_a_pruned_job_is_trained_on_only_where_nothing_prunes(
    run_train: Command, tmp_path: Path
) -> None:
    axis = "optimizer.lr=range(1e-9,2e-9,1e-9)"  # of one value, which is drawn again and again
    done = run_train(*HOPELESS, axis, "hydra.sweeper.n_trials=2")
    assert (done.status, done.err) == (0, "")
    assert "pruned after epoch 1 of 2 with a validation accuracy of 50.00%" in done.out
    assert done.out.count("pruned in an earlier trial") == 1
    assert "0 of 1 jobs are done, 1 pruned;" in done.out
    (job,) = (tmp_path / "search").glob("trial=0,lr=1e-09")
    assert not (job / "error.txt").exists()
    assert len((job / "metrics.csv").read_text().splitlines()) == 2
    assert "trial" not in (job / "config.yaml").read_text() + (job / "manifest.json").read_text()

    # A trial of a process that was killed is none of those that are done.
    study_in(tmp_path / "search").ask()
    again = run_train(*HOPELESS, axis, "hydra.sweeper.n_trials=2")
    assert "2 trials, 0 of them to do" in again.out
    states = [trial.state.name for trial in study_in(tmp_path / "search").trials]
    assert states == ["PRUNED", "PRUNED", "FAIL"]

    grid = [o for o in HOPELESS if not o.startswith(("hydra/sweeper=", "hydra.sweeper."))]
    assert "1 of 1 jobs are done;" in run_train(*grid, "optimizer.lr=1e-9").out
    (manifest,) = manifests(tmp_path / "search")
    assert manifest["status"] == "finished"
    assert [run["status"] for run in manifest["earlier"]] == ["pruned"]
    assert len((job / "metrics.csv").read_text().splitlines()) == 3


def test_jobs_in_other_processes_are_pruned(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", *HOPELESS, "optimizer.lr=interval(1e-9,2e-9)",
         "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2",
         "hydra.sweeper.n_trials=2"],
        cwd=tmp_path, env=environment(OMP_NUM_THREADS="1"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 of 2 jobs are done, 2 pruned;" in done.stdout
    assert [manifest["stopped_by"] for manifest in manifests(tmp_path / "search")] == [
        "pruner",
        "pruner",
    ]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a search with three trials, by Optuna 2.10."""
    folder = tmp_path / "search"
    folder.mkdir()
    (folder / ".lock").touch()
    database = sqlite3.connect(folder / "optuna.db")
    database.executescript((ROOT / "tests" / "old" / "search.sql").read_text())
    database.close()
    return folder


# The command that made it; the other axes are those of sweep=search.
OLD = (
    "-m", "sweep=search", *(o for o in TINY if not o.startswith(("data.batch_size", "model.widths"))),
    "hydra.sweep.dir=search", "+optimizer.nesterov=choice(true,false)",
    "model.widths=choice([4,4],[8,8])", "data.batch_size=int(interval(10,20))",
    "augmentation=choice(none,site_reversal)",
)  # fmt: skip


def test_a_search_by_optuna_2_goes_on(run_train: Command, old: Path) -> None:
    first = run_train(*OLD, "hydra.sweeper.n_trials=4")
    assert (first.status, first.err) == (0, "")
    assert (
        "optuna.db: was written by an earlier version of Optuna, and has been upgraded\n" in first.out
    )
    assert "4 trials, 1 of them to do" in first.out
    assert [trial.state.name for trial in study_in(old).trials] == ["COMPLETE"] * 4
    again = run_train(*OLD, "hydra.sweeper.n_trials=4")
    assert "upgraded" not in again.out
    assert "4 trials, 0 of them to do" in again.out


def test_a_database_of_a_newer_optuna_is_one_line(run_train: Command, old: Path) -> None:
    with sqlite3.connect(old / "optuna.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    line = one_error(run_train(*OLD))
    assert line.startswith("error: search/optuna.db: ")
    assert "pip install -U optuna" in line
