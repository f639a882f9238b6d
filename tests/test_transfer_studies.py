"""Studies of transfer.py with several methods, and phase diagrams, on tiny sizes."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY_TRANSFER, Command, Outcome, one_error, rows
from omegaconf import OmegaConf

from sshml.entry.cli import with_recorded_overrides
from sshml.transfer.baselines import BASELINES


def diagrams(run: Outcome) -> list[dict[str, str]]:
    """The rows of phase_diagram.csv."""
    with (run.folder / "phase_diagram.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_methods_side_by_side_share_what_they_can_and_go_on(run_transfer: Command) -> None:
    command = (
        *TINY_TRANSFER, "experiment=methods", "seeds=2", "data.n_train=50", "data.n_val=20",
        "data.n_test=20", "trainer.max_epochs=1", "model.widths=[4,4]",
        *(f"{key}=20" for key in (
            "methods.batch_norm.transfer.n_samples", "methods.fine_tune.transfer.n_samples",
            "methods.domain_adversarial.transfer.n_samples",
            "methods.adversarial_batch_norm.transfer.n_samples",
            "methods.localised_batch_norm.transfer.n_samples",
            "methods.localised_fine_tune.transfer.n_samples",
            "methods.replay.transfer.n_samples", "methods.localised_replay.transfer.n_samples",
        )),
    )  # fmt: skip
    run = run_transfer(*command)
    assert run.status == 0, run.err
    found = rows(run)
    methods = {row["method"] for row in found}
    assert {"plain", "batch_norm", "fine_tune", "localised_states", "several_strengths"} <= methods
    for method in methods:
        cells = [(row["seed"], row["W"]) for row in found if row["method"] == method]
        strengths = {row["train_W"] for row in found if row["method"] == method}
        assert len(cells) == len(set(cells)) * len(strengths) == 4 * len(strengths)  # two seeds, two W
    # One training serves every method that begins with it.
    trained = sorted(path.name for path in run.folder.glob("sources/*_seed0"))
    assert len(trained) == 6
    costs = {
        row["method"]: (row["target_labelled"], row["target_unlabelled"])
        for row in found
        if row["method"] not in BASELINES
    }
    assert costs["plain"] == (0, 0)
    assert costs["fine_tune"] == (20, 0)
    assert costs["adversarial_batch_norm"] == (0, 20)
    table = list(csv.DictReader((run.folder / "methods.csv").read_text().splitlines()))
    (plain,) = [r for r in table if (r["method"], r["W"]) == ("plain", "0.5")]
    of_seeds = [r["accuracy"] for r in found if (r["method"], r["W"]) == ("plain", 0.5)]
    assert float(plain["accuracy"]) == pytest.approx(sum(of_seeds) / 2)
    assert float(plain["worst"]) == min(of_seeds)
    of_seeds = [r["accuracy_sample"] for r in found if (r["method"], r["W"]) == ("plain", 0.5)]
    assert float(plain["accuracy_sample"]) == pytest.approx(sum(of_seeds) / 2)
    assert float(plain["spread_sample"]) == pytest.approx(abs(of_seeds[0] - of_seeds[1]) / 2**0.5)
    assert float(plain["worst_sample"]) == min(of_seeds)
    assert (run.folder / "figures" / "methods.png").stat().st_size > 1000

    # What a network was carried over to W = 0.5 by is asked for at W = 0 too.
    for row in found:
        if row["method"] in ("plain", "localised_states") and row["W"] == 0.5:
            (at_source,) = [
                r["accuracy"]
                for r in found
                if (r["method"], r["seed"], r["W"]) == (row["method"], row["seed"], 0)
            ]
            assert row["accuracy_source"] == at_source
    assert all(r["accuracy_source"] is not None for r in found if r["method"] not in BASELINES)

    for less in ("seeds=1", "data.W=[0.5]", "source.W=[0.25]", "~methods.plain"):
        refused = run_transfer(f"resume={run.folder}", less)
        assert refused.status == 2
        assert refused.err.startswith(f"error: {less.lstrip('~').split('=')[0].split('.plain')[0]}: ")
    before = [path.stat().st_mtime_ns for path in sorted(run.folder.glob("sources/*/metrics.json"))]
    again = run_transfer(f"resume={run.folder}", "seeds=3")
    assert again.status == 0, again.err
    assert again.folder == run.folder
    assert {row["seed"] for row in rows(again)} == {0, 1, 2}
    after = [
        path.stat().st_mtime_ns
        for path in sorted(run.folder.glob("sources/*/metrics.json"))
        if "seed2" not in str(path)
    ]
    assert after == before


def test_what_a_study_leaves_out_may_be_said_again(tmp_path: Path) -> None:
    manifest = {"status": "finished", "command": "", "overrides": ["~methods.plain", "seeds=2"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    resumed = f"resume={tmp_path}"
    assert with_recorded_overrides([resumed, "~methods.plain"]) == [
        "seeds=2",
        resumed,
        "~methods.plain",
    ]


def test_methods_are_added_to_a_study_on_resume(run_transfer: Command) -> None:
    run = run_transfer(*TINY_TRANSFER, "data.W=[0.5]", "methods={plain:{}}")
    of_plain = [row for row in rows(run) if row["method"] == "plain"]
    more = run_transfer(f"resume={run.folder}", "+methods.longer.data.n_train=80")
    assert more.status == 0, more.err
    assert {row["method"] for row in rows(more)} == {"plain", "longer", *BASELINES}
    assert [row for row in rows(more) if row["method"] == "plain"] == of_plain
    for change in ("+methods.plain.data.n_train=80", "+methods.plain.augmentation={}"):
        changed = run_transfer(f"resume={run.folder}", change)
        assert changed.status == 2
        assert f"{change.lstrip('+')}: the study resume=" in changed.err


def test_a_study_of_one_method_stays_one(run_transfer: Command) -> None:
    run = run_transfer(*TINY_TRANSFER, "data.W=[0.5]")
    for more in ("+methods.mine={}", "+methods.mine.data.n_train=40"):
        refused = run_transfer(f"resume={run.folder}", more)
        assert refused.status == 2
        assert "has a single method, that of transfer; omit" in refused.err


def test_a_study_of_before_an_option_was_there_goes_on(run_transfer: Command) -> None:
    of_one = "methods.tuned.transfer.n_samples=20"
    run = run_transfer(
        *TINY_TRANSFER, "data.W=[0.5]", "+transfer@methods.tuned.transfer=fine_tune", of_one
    )
    assert run.status == 0, run.err
    config = run.folder / "config.yaml"
    config.write_text(config.read_text().replace("      replay: 0\n", ""))
    # Another choice of the same group, for another method, leaves the first one's as it was.
    more = run_transfer(
        f"resume={run.folder}", "+transfer@methods.other.transfer=batch_norm",
        "methods.other.transfer.n_samples=20",
    )  # fmt: skip
    assert more.status == 0, more.err
    assert {row["method"] for row in rows(more)} == {"tuned", "other", *BASELINES}


def test_tests_are_the_same_for_all_methods(run_transfer: Command) -> None:
    run = run_transfer(
        *TINY_TRANSFER, "data.W=[0.5]",
        "methods={plain:{},topological:{data:{ratio_range:[0.0,0.9]}},longer:{data:{n_cells:12,n_test:30}}}",
    )  # fmt: skip
    assert run.status == 0, run.err
    assert {(row["n"], row["tp"] + row["fn"]) for row in rows(run)} == {(20, 10)}


def test_a_method_may_do_without_the_augmentation_of_the_study(run_transfer: Command) -> None:
    run = run_transfer(
        *TINY_TRANSFER, "data.W=[0.5]", "augmentation=localised_states",
        "methods={as_the_study:{},none:{augmentation:{}}}",
    )  # fmt: skip
    assert run.status == 0, run.err
    augmentation = {
        path.parent.name: OmegaConf.load(path).augmentation
        for path in run.folder.glob("sources/*/config.yaml")
    }
    assert {name: list(parts) for name, parts in augmentation.items()} == {
        "W0_seed0": ["localised_states"], "none_W0_seed0": []
    }  # fmt: skip


def test_strengths_of_a_method_are_trained_once_whatever_the_others_are(run_transfer: Command) -> None:
    run = run_transfer(
        *TINY_TRANSFER, "data.W=[0.5]", "source.W=[0,1]", "methods={plain:{},two:{data:{W:[0,0.25]}}}"
    )
    assert run.status == 0, run.err
    sources = {path.name for path in run.folder.glob("sources/*")}
    assert sources == {"W0_seed0", "W1_seed0", "two_W0+0.25_seed0"}
    trained = {(row["method"], row["train_W"]) for row in rows(run) if row["method"] not in BASELINES}
    assert trained == {("plain", 0), ("plain", 1), ("two", "0+0.25")}


def test_what_a_study_has_lost_is_told(run_transfer: Command) -> None:
    run = run_transfer(*TINY_TRANSFER, "data.W=[0.5]", "methods={plain:{}}", "phase_diagram=5")
    before = rows(run)
    diagram = json.loads((run.folder / "phase_diagram.json").read_text())[0]

    def diagrams_of(**values: object) -> str:
        return json.dumps([{**diagram, **values}])

    for name, content, line in (
        ("transfer.json", "", "damaged, not valid JSON"),
        ("transfer.json", "[NaN]", "damaged, not valid JSON"),
        ("transfer.json", "\x00\x01", "damaged, not valid JSON"),
        ("transfer.json", "[{}]", "does not hold rows of a study (0.method)"),
        ("transfer.json", '{"a": 1}', "does not hold rows of a study (the whole)"),
        ("transfer.json", json.dumps([{**before[0], "method": "../a"}]), "a study (0.method)"),
        ("transfer.json", json.dumps([{**before[0], "accuracy": None}]), "a study (0.accuracy)"),
        ("transfer.json", json.dumps([before[0], {**before[0], "n": "3"}]), "a study (1.n)"),
        ("transfer.json", json.dumps([{**before[0], "W": 1e308}]), "has results at W=1e+308"),
        ("transfer.json", json.dumps([{**before[0], "seed": 7}]), "has results at W=0.5 of "),
        ("transfer.json", json.dumps([{**before[0], "method": "foo"}]), "has results at W=0.5 of foo"),
        ("transfer.json", json.dumps([before[0], before[0]]), "holds a cell of the study twice"),
        (
            "transfer.json",
            json.dumps([{**before[0], "tp": None}]),
            "the counts in row 1 do not add up to n=20 chains",
        ),
        ("transfer.json", json.dumps([{**before[0], "n": 0}]), "does not hold rows of a study (0.n)"),
        ("phase_diagram.json", diagrams_of(seed=7), "has results at W=0.5 of "),
        ("phase_diagram.json", "PK\x03\x04", "damaged, not valid JSON"),
        ("phase_diagram.json", "[NaN]", "damaged, not valid JSON"),
        ("phase_diagram.json", "[{}]", "does not hold diagrams of a study (0.method)"),
        ("phase_diagram.json", diagrams_of(method="\x1b[31m"), "of a study (0.method)"),
        ("phase_diagram.json", diagrams_of(accuracy=1e308), "of a study (0.accuracy)"),
        ("phase_diagram.json", diagrams_of(exact=[0, 0, 0, 0, "1"]), "of a study (0.exact.4)"),
        ("phase_diagram.json", diagrams_of(exact=[1]), "diagrams of phase_diagram=5 bins"),
        ("phase_diagram.json", diagrams_of(predicted=[None] * 5), "of phase_diagram=5 bins"),
        ("phase_diagram.json", diagrams_of(predicted=[None] * 5, exact=[None] * 5), "=5 bins"),
        ("phase_diagram.json", diagrams_of(W=1e308), "has results at W=1e+308"),
        ("config.yaml", "data: [", "damaged, not valid YAML"),
        ("config.yaml", "", "not the settings of an sshml run; restore it"),
        ("manifest.json", None, "damaged, not valid JSON"),
    ):
        path = run.folder / name
        whole = path.read_text()
        path.write_text(whole[:-20] if content is None else content)
        damaged = run_transfer(f"resume={run.folder}")
        path.write_text(whole)
        assert damaged.status == 2, (name, content)
        named = f"resume={run.folder}" if "at W=" in line else path
        assert damaged.err.startswith(f"error: {named}: ")
        assert line in damaged.err
        assert damaged.err.count("\n") == 1

    moved = (run.folder / "transfer.json").rename(run.folder / "moved")
    (run.folder / "transfer.json").mkdir()
    line = one_error(run_transfer(f"resume={run.folder}"))
    assert "transfer.json: not a file; move it away, or remove it" in line
    (run.folder / "transfer.json").rmdir()
    os.mkfifo(run.folder / "transfer.json")
    line = one_error(run_transfer(f"resume={run.folder}"))
    assert "transfer.json: not a file; move it away, or remove it" in line
    moved.replace(run.folder / "transfer.json")

    source = run.folder / "sources" / "W0_seed0"
    (source / "checkpoints" / "best.ckpt").unlink()
    lost = run_transfer(f"resume={run.folder}", "data.W=[0.5,0.75]")
    assert lost.status == 1
    assert (
        f"there is no such file; expected a checkpoint, a .ckpt file; restore it, or remove {source}"
        in (lost.out)
    )
    shutil.rmtree(source)
    (run.folder / "transfer.json").unlink()
    again = run_transfer(f"resume={run.folder}")
    assert again.status == 0, again.err
    again_by_method = {row["method"]: row["accuracy"] for row in rows(again) if row["W"] == 0.5}
    assert again_by_method == {row["method"]: row["accuracy"] for row in before}


def test_sigterm_outside_of_training_is_an_interruption(tmp_path: Path) -> None:
    command = [
        sys.executable, "transfer.py", *TINY_TRANSFER, f"paths.runs={tmp_path}", "data.n_test=200",
        "data.W=0:0.5:0.001",
    ]  # fmt: skip
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in run.stdout:
        if "tested at" in line:
            run.send_signal(signal.SIGTERM)
            break
    _, err = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "interrupted; resume with: python transfer.py resume=" in err
    (manifest,) = tmp_path.glob("*/*/manifest.json")
    assert json.loads(manifest.read_text())["status"] == "interrupted"


def test_a_phase_diagram_is_drawn_from_what_was_tested(run_transfer: Command) -> None:
    command = (*TINY_TRANSFER, "data.W=[0,1,2]", "phase_diagram=10", "data.disorder=mondragon_shem")
    run = run_transfer(*command, "seeds=2")
    assert run.status == 0, run.err
    drawn = diagrams(run)
    assert [(row["method"], row["seed"]) for row in drawn] == [
        (name, seed) for name in ("network", *BASELINES) for seed in ("0", "1")
    ]
    for scores in drawn:
        of_seed = [row for row in rows(run) if row["seed"] == int(scores["seed"])]
        cells = [row["accuracy_sample"] for row in of_seed if row["method"] == scores["method"]]
        assert float(scores["accuracy"]) == pytest.approx(sum(cells) / 3)
    assert "sublattice separation" in run.out
    assert (run.folder / "figures" / "phase_diagram.png").stat().st_size > 1000


def test_a_study_of_before_a_baseline_was_there_gets_it(run_transfer: Command) -> None:
    run = run_transfer(
        *TINY_TRANSFER, "data.W=[0,2]", "phase_diagram=10",
        "methods={plain:{},longer:{data:{n_train:80}}}",
    )  # fmt: skip
    assert run.status == 0, run.err
    before, drawn = rows(run), diagrams(run)
    old = [row for row in before if row["method"] != "sublattice_separation"]
    (run.folder / "transfer.json").write_text(json.dumps(old))
    kept = json.loads((run.folder / "phase_diagram.json").read_text())
    networks = [row for row in kept if row["method"] not in BASELINES]
    (run.folder / "phase_diagram.json").write_text(json.dumps(networks))
    again = run_transfer(f"resume={run.folder}")
    assert again.status == 0, again.err

    def by_cell(found: list[dict[str, object]]) -> list[dict[str, object]]:
        return sorted(found, key=lambda row: (str(row["method"]), str(row["W"])))

    assert by_cell(rows(again)) == by_cell(before)
    assert diagrams(again) == drawn
    # One method of each network is enough.
    assert again.out.count("tested at W = ") == 2


def test_a_study_is_resumed_as_it_was(run_transfer: Command) -> None:
    run = run_transfer(*TINY_TRANSFER, "phase_diagram=5")
    line = one_error(run_transfer(f"resume={run.folder}", "phase_diagram=7"))
    assert "phase_diagram=7: the study" in line
    line = one_error(run_transfer(f"resume={run.folder}", "-m", "seed=0,1"))
    assert "is a single study, which a sweep cannot resume; omit -m" in line
    assert (run.folder / "phase_diagram.json").is_file()


def test_a_network_that_was_trained_on_is_not_mixed_with_its_former_rows(
    run_train: Command, run_transfer: Command
) -> None:
    run = run_transfer(*TINY_TRANSFER)
    source = run.folder / "sources" / "W0_seed0"
    longer = run_train(f"ckpt_path={source / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert longer.status == 0, longer.err
    again = run_transfer(f"resume={run.folder}", "data.W=[0,0.5,1]")
    assert again.status == 1
    assert f"{source}: was trained with trainer.max_epochs=2, not 1; restore it" in again.out
    assert {row["W"] for row in rows(run)} == {0, 0.5}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["+methods.a.augment={}"], "methods.a.augment"),
        (["+methods.a.data.W=-1"], "methods.a.data.W=-1: expected"),
        (["+methods.a.data.seed=1"], "methods.a.data: expected no seed"),
        (["+methods.a.transfer._target_=torch.nn.ReLU"], "methods.a.transfer._target_=torch.nn.ReLU"),
        (["transfer=batch_norm"], "transfer.n_samples=1000: the target's training set has only"),
        (["phase_diagram=1"], "phase_diagram=1: expected"),
        (["hamiltonian=kitaev", "data.hamiltonian.delta=0"], "data.hamiltonian: delta must not be 0"),
        (["hamiltonian=extended_ssh", "data.hamiltonian.t3=1e300"], "t3 must be within ±1e+06"),
        (
            [
                "+methods.a.data.hamiltonian={_target_: sshml.physics.hamiltonians.kitaev.Kitaev}",
                "+methods.a.data.disorder=on_site",
            ],
            "methods.a.data.hamiltonian: all methods of a study use the same chains and images",
        ),
        (["phase_diagram=100"], "phase_diagram=100: has more bins than there are test chains"),
        (["methods={a:{model:{}}}"], "expected one of augmentation, data, transfer"),
        (["source.W=null"], "source.W=null: there is no network to test"),
        (["+methods.edge_weight={}"], "methods.edge_weight: expected a name"),
        (["methods={a/b:{}}"], "methods.a/b: expected a name"),
        (["methods={a:null}"], "methods.a=null: expected a mapping"),
        (["methods=[a]"], "methods=[a]: expected a mapping"),
        (
            ["methods={a:{}}", "+augmentation@methods.b.augmentation=zero_modes"],
            "methods={a:{}}: other options already set parts of methods; use +methods.NAME=",
        ),
        (["methods={" + 101 * "a" + ":{}}"], ": expected a name of at most 100 letters"),
        (
            ["~callbacks.checkpoint"],
            "callbacks.checkpoint: a study tests the checkpoint that it writes",
        ),
        (
            ["callbacks.checkpoint.filename=x"],
            "callbacks.checkpoint.filename=x: a study tests checkpoints/best.ckpt",
        ),
        (
            ["callbacks.checkpoint.dirpath=stray"],
            "callbacks.checkpoint.dirpath=stray: is outside the run",
        ),
        (["+callbacks.checkpoint.save_top_k=0"], "callbacks.checkpoint.save_top_k=0: a study tests"),
        (
            ["methods={a:{data:{W:[" + ",".join(f"{k / 100}" for k in range(60)) + "]}}}"],
            "of its network would have a name of more than 200 bytes",
        ),
        (["source.W=[0.3,0.30000000000000004]"], "expected each value once (to six digits), got 0.3"),
        (
            ["scheduler={_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 0.1, total_steps: 2}"],
            "scheduler.total_steps=2: the run has 3 steps; choose scheduler=one_cycle",
        ),
        (
            ["transfer=fine_tune", "transfer.n_samples=10", "transfer.replay=1000000000000"],
            "transfer.replay=1000000000000 of transfer.batch_size=10: a batch of images needs",
        ),
        (["transfer=fine_tune", "transfer.lr=1e300"], "transfer.lr=1e+300: expected"),
        (["transfer=domain_adversarial", "transfer.lr=1e300"], "transfer.lr=1e+300: expected"),
        (
            ["seeds=2", "seed=4294967295"],
            "seeds=2: the last seed would be 4294967296; expected at most",
        ),
        (["data.seed=5"], "data.seed=5: a study that trains uses seed instead; set seed"),
        (["methods={}"], "methods={}: expected one or more, such as methods={plain:{}}"),
        (["+methods.a.data.ratio_gap=[0.8,2.5]"], "methods.a: data: ratio_gap=[0.8, 2.5] must lie"),
        (["data.ratio_gap=[0.8,2.5]"], "data: ratio_gap=[0.8, 2.5] must lie inside ratio_range="),
        (["augmentation=mirror"], "augmentation=mirror: no such option; expected one of "),
        (
            ["augmentation=localised_states", "augmentation.localised_states.shortest=200"],
            "augmentation.localised_states: shortest=200 must not exceed longest=100.0",
        ),
    ],
)
def test_mistakes_in_methods_are_one_line(
    run_transfer: Command, tmp_path: Path, overrides: list[str], line: str
) -> None:
    done = run_transfer(*TINY_TRANSFER, *overrides)
    assert done.status == 2
    assert done.err.startswith("error: ")
    assert line in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("runs/**/manifest.json"))
