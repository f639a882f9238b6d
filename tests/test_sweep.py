"""Sweeps: what is done, done again or left, by every launcher that runs here."""

import csv
import json
import os
import re
import shutil
import signal
import stat
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, TINY, Command, environment, one_error
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins

from sshml.config.programs import CONF_DIR
from sshml.entry.cli import with_sweep_folder
from sshml.entry.jobs import job_in, job_name
from sshml.entry.sweep import error_of, is_diverged, is_finished
from sshml.entry.sweepers.results import print_results
from sshml.study.runs import read_runs
from tests.study.synthetic import write_run

FAILING = "+callbacks.own._target_=failing.FailsIfEven"


def statuses(folder: Path) -> list[str]:
    paths = folder.glob("runs/sweeps/*/*/manifest.json")
    return sorted(json.loads(path.read_text())["status"] for path in paths)


def test_a_sweep_does_what_is_missing_or_failed_and_no_more(run_train: Command, tmp_path: Path) -> None:
    # The second job fails; the third is the first one, written otherwise.
    command = ("-m", *TINY, FAILING, "+callbacks.own.number=3,4", "data.W=0.5,0.50")
    first = run_train(*command)
    assert first.status == 1
    assert "2 jobs, 2 of them to do" in first.out
    assert "failed: +callbacks.own.number=4: RuntimeError: 4 is even" in first.out
    assert first.err == "error: 1 of 2 jobs failed; the same command runs them again\n"
    assert statuses(tmp_path) == ["failed", "finished"]
    (error,) = tmp_path.glob("runs/sweeps/*/*/error.txt")
    assert "Traceback" in error.read_text()

    # In another order and by another logger it is the same sweep.
    (done,) = (path.parent for path in tmp_path.glob("runs/sweeps/*/*/metrics.json"))
    manifest, metrics = ((done / name).read_text() for name in ("manifest.json", "metrics.json"))
    again = run_train("-m", "data.W=0.5,0.50", *TINY[::-1], "+callbacks.own.number=3,4", FAILING)
    assert again.status == 1
    assert "2 jobs, 1 of them to do" in again.out
    assert len(list(tmp_path.glob("runs/sweeps/*"))) == 1
    assert (done / "manifest.json").read_text() == manifest

    # As if the first job had been killed: it goes on from its last checkpoint.
    killed = {**json.loads(manifest), "status": "running"}
    del killed["job"]
    (done / "manifest.json").write_text(json.dumps(killed))
    resumed = run_train(*command)
    assert "2 jobs, 2 of them to do" in resumed.out
    assert json.loads((done / "metrics.json").read_text()) == json.loads(metrics)
    earlier = json.loads((done / "manifest.json").read_text())["earlier"]
    assert [run["status"] for run in earlier] == ["running"]
    assert "train loss" not in resumed.out


def test_a_job_that_diverges_is_recorded_and_not_done_again_unless_asked(
    run_train: Command, tmp_path: Path
) -> None:
    command = ("-m", *TINY, "optimizer.lr=0.01,1e20", "trainer.precision=32-true")
    first = run_train(*command)
    assert first.status == 0, first.err
    (line,) = (line for line in first.out.splitlines() if line.startswith("diverged: "))
    assert line.startswith("diverged: optimizer.lr=1e+20: training loss ")
    assert "epoch 1" in line
    assert "1 of 2 jobs are done, 1 diverged; compare them with: python -m sshml.study" in first.out
    assert statuses(tmp_path) == ["diverged", "finished"]

    again = run_train(*command)
    assert again.status == 0
    assert "2 jobs, 0 of them to do" in again.out
    assert line in again.out.splitlines()
    asked = run_train(*command, "hydra.sweeper.redo_diverged=true")
    assert "2 jobs, 1 of them to do" in asked.out
    assert line in asked.out.splitlines()

    runs, skipped = read_runs([tmp_path / "runs"])
    assert len(runs) == 1
    assert [folder.reason for folder in skipped] == ["diverged: its loss became infinite or NaN"]


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json", "error.txt"])
@pytest.mark.parametrize("content", [b"", b"{", bytes(range(256)), b"[1]", b"x" * 1_000_000])
def test_a_job_with_a_damaged_file_is_not_done(tmp_path: Path, name: str, content: bytes) -> None:
    folder = write_run(tmp_path / "CNN_1", [], 0.9)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "job": folder.name}))
    assert is_finished(folder)
    (folder / name).write_bytes(content)
    assert is_finished(folder) == (name == "error.txt")
    assert is_diverged(folder) is False
    if name == "manifest.json":  # as a job that failed has none, or half of one
        (folder / "error.txt").write_bytes(content)
    assert len(error_of(folder)) <= 500
    assert error_of(folder).isprintable()


def test_a_damaged_job_is_done_again_from_its_last_epoch(run_train: Command, tmp_path: Path) -> None:
    command = ("-m", *TINY, "seed=0,1")
    assert run_train(*command).status == 0
    first, second = sorted(tmp_path.glob("runs/sweeps/*/*/metrics.json"))
    metrics = first.read_text()
    first.write_text(metrics[:20])
    again = run_train(*command)
    assert "2 jobs, 1 of them to do" in again.out
    assert again.status == 0
    assert first.read_text() == metrics

    (second.parent / "manifest.json").write_text("{")
    refused = run_train(*command)
    assert refused.status == 1
    (line,) = (line for line in refused.out.splitlines() if line.startswith("failed: "))
    assert f"{second.parent}/manifest.json: damaged, not valid JSON" in line


def test_folders_say_what_differs_and_the_sweep_is_added_to(run_train: Command, tmp_path: Path) -> None:
    first = run_train("-m", *TINY, "seed=0,1", "data.W=0.50,0", "paths.runs=mine")
    (sweep,) = tmp_path.glob("mine/sweeps/W,seed_*")
    names = {path.name for path in sweep.glob("*/")}
    assert names == {"W=0.5,seed=0", "W=0.5,seed=1", "W=0,seed=0", "W=0,seed=1"}
    assert "job 2 of 4: W=0 seed=0\n" in first.out
    again = run_train("-m", *TINY, "data.W=0,0.5", "seed=1,2", f"hydra.sweep.dir={sweep}")
    assert "4 jobs, 2 of them to do" in again.out
    assert {path.name for path in sweep.glob("*/")} == {*names, "W=0.5,seed=2", "W=0,seed=2"}
    # Along another axis: what is done stays where it is, and has a name that another job would get.
    other = run_train("-m", *TINY, "seed=0", "data.W=0", "data.n_cells=8,9", f"hydra.sweep.dir={sweep}")
    assert "2 jobs, 1 of them to do" in other.out
    last = run_train(
        "-m", *TINY, "seed=0,1", "data.W=0.5", "data.n_cells=9", f"hydra.sweep.dir={sweep}"
    )
    assert "2 jobs, 2 of them to do" in last.out
    more = {path.name for path in sweep.glob("*/")} - names - {"W=0.5,seed=2", "W=0,seed=2"}
    assert more == {"n_cells=9", "seed=0", "seed=1"}
    for folder in sweep.glob("*/"):
        assert json.loads((folder / "manifest.json").read_text())["job"] == job_in(folder)


def test_a_sweep_of_an_earlier_version_is_continued(run_train: Command, tmp_path: Path) -> None:
    command = ("-m", *TINY, "seed=0,1")
    assert run_train(*command).status == 0
    (sweep,) = tmp_path.glob("runs/sweeps/*")
    for folder in sweep.glob("*/"):  # as it had them
        folder.rename(sweep / (sweep / folder.name / ".job").read_text().strip())
    for note in sweep.glob("*/.job"):
        note.unlink()
    old = sweep.rename(sweep.with_name(sweep.name.replace("seed_", "sweep_")))
    done = run_train(*command)
    assert f"2 jobs, 0 of them to do, in {old.relative_to(tmp_path)}" in done.out
    metrics = next(old.glob("*/metrics.json"))
    before = metrics.read_text()
    metrics.unlink()
    assert "2 jobs, 1 of them to do" in run_train(*command).out
    assert metrics.read_text() == before
    assert len(list(old.glob("*/"))) == 2


def test_results_are_means_and_sample_deviations_over_seeds(run_train: Command, tmp_path: Path) -> None:
    command = (
        "-m", *TINY, FAILING, "+callbacks.own.number=3,4", "data.n_train=500", "data.batch_size=10",
        "data.n_test=100", "trainer.max_epochs=2", "optimizer.lr=0.01,1e20", "seed=0,1,2",
        "trainer.precision=32-true", "hydra.sweep.dir=sweep",
    )  # fmt: skip
    done = run_train(*command)
    with (tmp_path / "sweep" / "results.csv").open(newline="") as file:
        rows = {(row.pop("number"), row.pop("lr")): row for row in csv.DictReader(file)}
    assert next(iter(rows)) == ("3", "0.01")  # the only one with results
    assert {key: (row["n"], row["failed"], row["diverged"]) for key, row in rows.items()} == {
        ("3", "0.01"): ("3", "0", "0"), ("3", "1e+20"): ("0", "0", "3"),
        ("4", "0.01"): ("0", "3", "0"), ("4", "1e+20"): ("0", "3", "0"),
    }  # fmt: skip
    paths = list(tmp_path.glob("sweep/number=3,lr=0.01,seed=*/metrics.json"))
    assert len(paths) == 3
    for metric in ("val/accuracy", "test/accuracy"):
        values = [json.loads(path.read_text())[metric] for path in paths]
        assert float(rows["3", "0.01"][metric]) == pytest.approx(statistics.mean(values))
        assert float(rows["3", "0.01"][f"{metric}_std"]) == pytest.approx(statistics.stdev(values))
        shown = f"{100 * statistics.mean(values):.2f} ± {100 * statistics.stdev(values):.2f} %"
        assert shown in done.out
    ended = [line for line in done.out.splitlines() if re.match(r"job \d+ of 12: (val|fail|div)", line)]
    assert len(ended) == 12
    assert all("; about " in line for line in ended[:-1])
    assert "left" not in ended[-1]


def test_of_many_results_the_best_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = [0.5 + number / 100 for number in range(25)]
    for number, accuracy in enumerate(accuracies):
        folder = write_run(tmp_path / f"n={number}", [f"data.n_train={number}"], accuracy)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, "job": folder.name}))
    jobs = {f"n={number}": [f"data.n_train={number}"] for number in range(25)}
    print_results(tmp_path, jobs, ["data.n_train"])
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if "%" in line] == [
        str(number) for number in range(24, 4, -1)
    ]
    assert out.endswith(f"and 5 more in {tmp_path / 'results.csv'}\n")
    assert "±" not in out
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 26


def test_a_sweep_is_named_by_what_it_is() -> None:
    def name(*arguments: str) -> str:
        return with_sweep_folder(list(arguments))[-1]

    sweep = name("-m", "seed=0,1", "data.W=0,1")
    assert re.fullmatch(
        r"hydra\.sweep\.dir='\${sshml\.sweep_folder:\${paths\.runs},_[0-9a-f]{8},W,seed}'", sweep
    )
    assert name("--multirun", "data.W=0,1", "hydra/launcher=joblib", "seed=0,1") == sweep
    assert name("-m", "seed=0,1", "data.W=0,1", "hydra.sweeper.redo_diverged=true") == sweep
    assert name("-m", "seed=0,1", "data.W=0,2") != sweep
    assert name("sweep=finite_size").endswith(",finite_size}'")
    assert name("-m", "seed=0,1", "hydra.sweep.dir=mine") == "hydra.sweep.dir=mine"
    assert with_sweep_folder(["data.W=0.5"]) == ["data.W=0.5"]
    assert name("hydra.mode=MULTIRUN", "data.W=0,1").endswith(",W}'")
    assert name("hydra.mode=MULTIRUN", "data.W=1").endswith(",sweep}'")


def test_a_job_is_its_resolved_configuration() -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):

        def name(*overrides: str) -> str:
            return job_name(compose("train", list(overrides)))

        default = name()
        assert default.startswith("CNN_")
        assert name("seed=0", "logger=csv", "paths.runs=elsewhere") == default
        assert name("optimizer=sgd", "optimizer.lr=1e-3") == default
        assert len({default, name("seed=1"), name("optimizer.lr=0.1"), name("model=resnet18")}) == 4


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["data.V=0,1"], "data.V=0,1: no such key; expected one of W, "),
        (["data.W=0,-1"], "data.W=-1: expected a number >= 0"),
        (["seed=choice()"], "seed=choice(): expected KEY=VALUE"),
        (["seed="], "seed=: expected"),
        (["sweep=models"], "sweep=models: no such option; expected one of data_size, finite_size, "),
        (["sweep=finite_size", "data.n_cells=0,10"], "data.n_cells=0: expected"),
        (["model.kernel_size=3,4"], "kernel_size must be odd and positive, got 4"),
        (["hydra.sweeper.params=[a]"], "hydra.sweeper.params=['a']: expected KEY: VALUES"),
        (["data.W=range(0,1,0)"], "data.W=range(0,1,0): expected numbers and a nonzero step"),
        (["data.W=range(0,1,nan)"], "data.W=range(0,1,nan): expected numbers and a nonzero step"),
        (["data.W=range(0,1,1e-320)"], "data.W=range(0,1,1e-320): makes more than 100000 jobs"),
        (["data.W=0,interval(0,1)"], "data.W=0,interval(0,1): expected values, or a single range or"),
        (["sweep=glob(*)"], "sweep=glob(*): expected one study"),
        (["data.W=interval(0,1)"], "data.W=interval(0,1): intervals need hydra/sweeper=search"),
        (
            ["seed=1,2", "hydra.sweeper.max_batch_size=0"],
            "max_batch_size=0: expected a positive number",
        ),
        (["seed=1,2", "hydra.sweeper.redo_diverged=5"], "redo_diverged=5: expected true or false"),
        (["seed=range(0,100000000)"], "makes more than 100000 jobs"),
        (["seed=range(0,1000)", "data.W=range(0,1,0.001)"], "makes more than 100000 jobs"),
        (["seed=0,1", "trainer=ddp"], "trainer.devices=2: expected 1 in a sweep"),
        (
            ["seed=0,1", "data.num_workers=1", "hydra/launcher=joblib"],
            "data.num_workers=1: expected 0 with hydra/launcher=joblib",
        ),
    ],
)
def test_mistakes_in_a_sweep_are_one_line_before_any_work(
    run_train: Command, tmp_path: Path, overrides: list[str], line: str
) -> None:
    done = run_train("-m", *TINY, *overrides)
    assert done.status == 2
    assert done.err.startswith("error: ")
    assert line in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_sweep_is_done_by_one_process_at_a_time(run_train: Command, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        done = run_train("-m", *TINY, "seed=0,1", f"hydra.sweep.dir={tmp_path}")
    assert done.status == 2
    assert "another process is running this sweep" in done.err


def test_overrides_may_stand_on_both_sides_of_the_flag(run_train: Command) -> None:
    done = run_train("seed=0", "-m", *TINY, "model.kernel_size=3,4")
    assert "kernel_size must be odd" in done.err


def test_a_sweep_leaves_the_folder_of_a_run_alone(run_train: Command) -> None:
    run = run_train(*TINY)
    before = sorted(run.folder.rglob("*"))
    done = run_train("-m", *TINY, "seed=0,1", f"hydra.sweep.dir={run.folder}")
    assert done.status == 2
    assert "is a run folder; expected a new folder" in done.err
    assert sorted(run.folder.rglob("*")) == before


def test_a_launcher_that_is_not_installed_names_the_extra(
    run_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
    monkeypatch.delitem(Plugins.instance().class_name_to_class, name)
    done = run_train("-m", *TINY, "seed=0,1", "hydra/launcher=joblib")
    assert done.status == 2
    assert done.err == (
        'error: hydra/launcher=joblib: is not installed; run pip install -e ".[joblib]"\n'
    )


def test_a_sweep_on_ray_without_ray(run_train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    line = one_error(run_train("-m", *TINY, "seed=0,1", "hydra/launcher=ray"))
    assert line == 'error: hydra/launcher=ray: is not installed; run pip install -e ".[ray]"'


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_launchers_run_jobs_of_this_machine(tmp_path: Path, launcher: str) -> None:
    if launcher == "ray":
        pytest.importorskip("ray")
    command = [sys.executable, str(ROOT / "train.py"), "-m", *TINY, "seed=0,1"]
    done = subprocess.run(
        [*command, f"hydra/launcher={launcher}"],
        cwd=tmp_path, env=environment(OMP_NUM_THREADS="1"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "2 of 2 jobs are done" in done.stdout
    if launcher == "joblib":  # jobs of the others print to files
        for line in ("job 1 of 2: seed=0", "job 2 of 2: seed=1", "job 2 of 2: validation "):
            assert line in done.stdout
    assert " left" not in done.stdout  # jobs run at the same time
    assert {path.name for path in tmp_path.glob("runs/sweeps/seed_*/*/")} == {"seed=0", "seed=1"} | (
        {".submitit"} if launcher == "submitit_local" else set()
    )
    assert statuses(tmp_path) == ["finished", "finished"]


#: How many jobs run at the same time.
TWO_JOBS = {"joblib": "hydra.launcher.n_jobs=2", "ray": "+hydra.launcher.ray.init.num_cpus=2"}


def endless_sweep(folder: Path, launcher: str, *overrides: str) -> subprocess.Popen[str]:
    """Start a sweep of three jobs, two at a time, that do not end by themselves."""
    command = [sys.executable, str(ROOT / "train.py"), "-m", *TINY, "trainer.max_epochs=100000"]
    # A shell has its background jobs ignore SIGINT; if these tests are one, the child would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [*command, *overrides, "seed=0,1,2", f"hydra/launcher={launcher}", TWO_JOBS[launcher]],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(ROOT, ROOT / "tests"),
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def both_have_checkpoints(folder: Path) -> bool:
    return len(list(folder.glob("runs/sweeps/*/*/checkpoints/last.ckpt"))) == 2


def both_were_resumed(folder: Path) -> bool:
    paths = list(folder.glob("runs/sweeps/*/*/manifest.json"))
    return len(paths) == 2 and all(json.loads(path.read_text())["earlier"] for path in paths)


@pytest.mark.parametrize("launcher", TWO_JOBS)
def test_ctrl_c_ends_every_job_and_keeps_its_state(tmp_path: Path, launcher: str) -> None:
    pytest.importorskip(launcher)
    # Which starts a process in each, that is not to be ended by the sweep.
    own = "+callbacks.own={_target_: failing.NeedsItsProcess}"
    process = endless_sweep(tmp_path, launcher, own)
    wait_for(process, lambda: both_have_checkpoints(tmp_path))
    jobs = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.endswith("interrupted; the same command resumes the sweep\n")
    assert out.count("interrupted;") == 1
    assert psutil.wait_procs(jobs, timeout=5)[1] == []
    assert statuses(tmp_path) == ["interrupted", "interrupted"]


def test_a_killed_sweep_takes_its_jobs_along_and_is_resumed(tmp_path: Path) -> None:
    killed = endless_sweep(tmp_path, "joblib")
    wait_for(killed, lambda: both_have_checkpoints(tmp_path))
    jobs = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.communicate(timeout=60)  # the jobs hold its output open
    assert psutil.wait_procs(jobs, timeout=30)[1] == []
    assert statuses(tmp_path) == ["interrupted", "interrupted"]
    process = endless_sweep(tmp_path, "joblib")
    wait_for(process, lambda: both_were_resumed(tmp_path))
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.skipif(shutil.which("srun") is not None, reason="has SLURM")
@pytest.mark.parametrize("axes", [["seed=0,1"], ["hydra/sweeper=search", "seed=choice(0,1)"]])
def test_the_launcher_of_slurm_needs_slurm(run_train: Command, tmp_path: Path, axes: list[str]) -> None:
    pytest.importorskip("submitit")
    if "hydra/sweeper=search" in axes:
        pytest.importorskip("optuna")
    line = one_error(run_train("-m", *TINY, "hydra/launcher=submitit_slurm", *axes))
    assert line == (
        "error: hydra/launcher=submitit_slurm: srun not found; start the sweep on a machine that "
        "submits to SLURM"
    )
    assert not list(tmp_path.glob("runs/sweeps/*"))


def test_slurm_gets_a_job_array_of_one_device_jobs(tmp_path: Path) -> None:
    # What stands in for SLURM keeps the file it is given, and refuses it.
    (tmp_path / "bin").mkdir()
    for name, script in {
        "sbatch": f'cp "${{@: -1}}" {tmp_path}/sbatch.sh; exit 1',
        "srun": "true",
    }.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    command = [sys.executable, str(ROOT / "train.py"), "-m", *TINY, "seed=0,1"]
    slurm = [
        "hydra/launcher=submitit_slurm",
        "hydra.launcher.partition=gpu",
        "hydra.launcher.gpus_per_node=1",
    ]
    done = subprocess.run(
        [*command, *slurm], cwd=tmp_path, env=environment(PATH=f"{tmp_path}/bin:{os.environ['PATH']}"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "the launcher failed" in done.stdout
    lines = (tmp_path / "sbatch.sh").read_text().splitlines()
    options = {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")}
    assert options >= {
        "--array=0-1%2", "--cpus-per-task=4", "--gpus-per-node=1", "--job-name=sshml", "--mem=8GB",
        "--nodes=1", "--ntasks-per-node=1", "--partition=gpu", "--time=240", "--signal=USR2@120",
    }  # fmt: skip
    (srun,) = (line for line in lines if line.startswith("srun"))
    assert "submitit.core._submit" in srun


@pytest.mark.parametrize("launcher", TWO_JOBS)
def test_a_killed_process_costs_its_own_job_only(tmp_path: Path, launcher: str) -> None:
    pytest.importorskip(launcher)
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", "-m", *TINY, f"hydra/launcher={launcher}",
         TWO_JOBS[launcher], "+callbacks.own._target_=failing.KillsItsProcess",
         "+callbacks.own.number=1,2,3"],
        cwd=tmp_path, env=environment(ROOT, ROOT / "tests", OMP_NUM_THREADS="1"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "failed: +callbacks.own.number=2: its process ended" in done.stdout
    assert "2 of 3 jobs are done" in done.stdout
    assert statuses(tmp_path) == ["failed", "finished", "finished"]


@pytest.mark.parametrize("study", sorted(path.stem for path in (CONF_DIR / "sweep").glob("*.yaml")))
def test_ready_studies_have_nothing_to_mend(run_train: Command, tmp_path: Path, study: str) -> None:
    # All jobs are checked before the folder is found to be another process's.
    with FileLock(tmp_path / ".lock"):
        done = run_train(f"sweep={study}", f"hydra.sweep.dir={tmp_path}")
    assert done.status == 2
    assert "another process is running this sweep" in done.err


def test_a_job_that_was_resumed_by_itself_is_not_trained_over(
    run_train: Command, tmp_path: Path
) -> None:
    command = ("-m", *TINY, "seed=0,1", "hydra.sweep.dir=sweep")
    assert run_train(*command).status == 0
    first = sorted(tmp_path.glob("sweep/*/checkpoints/last.ckpt"))[0]
    assert run_train(f"ckpt_path={first}", "trainer.max_epochs=2").status == 0
    again = run_train(*command)
    assert again.status == 1
    assert f"{first.parent.parent.name}: was resumed with settings other than this job's" in again.out
    (first.parent.parent).rename(tmp_path / "longer")
    assert run_train(*command).status == 0


def test_a_sweep_writes_through_no_link(run_train: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "multirun.yaml").symlink_to(tmp_path / "thesis.tex")
    line = one_error(run_train("-m", *TINY, "seed=0,1", "hydra.sweep.dir=sweep"))
    assert "sweep/multirun.yaml: is a link" in line
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_studies_in_a_sweep_are_done_once(run_train: Command, run_transfer: Command) -> None:
    run = run_train(*TINY)
    command = ("-m", f"checkpoint={run.folder / 'checkpoints' / 'best.ckpt'}", "data.W=0,1")
    plain = ("logger=csv", "figures=false", "trainer.accelerator=cpu")
    first = run_transfer(*command, *plain)
    assert first.status == 0, first.err
    assert "2 of 2 jobs are done" in first.out
    assert "2 jobs, 0 of them to do" in run_transfer(*command, *plain).out
