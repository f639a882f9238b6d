"""Every command of the README works as it is written, here on few and small chains."""

import ast
import re
import shlex

import pytest
from conftest import ROOT, TINY, Command

README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"```(\w+)\n(.*?)```", flags=re.DOTALL)
FENCES = FENCE.findall(README)
COMMANDS = [
    line.split("&&")[-1].strip()
    for language, text in FENCES
    if language == "bash"
    for line in text.splitlines()
    if "train.py" in line
]
TRANSFERS = [
    line
    for language, text in FENCES
    if language == "bash"
    for line in text.splitlines()
    if line.startswith("python transfer.py")
]
SIZES = [o for o in TINY if o.startswith(("data.n_t", "data.n_v", "data.batch", "callbacks.maps"))]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_works(run_train: Command, command: str) -> None:
    overrides = shlex.split(command, comments=True)[2:]
    small = [*SIZES, "trainer.max_epochs=1"]
    # 16×16 images, or the smallest that five blocks with three pools take.
    small += [] if any("n_cells" in o for o in overrides) else ["data.n_cells=8"]
    if not any(o.startswith("logger") for o in overrides):
        small.append("logger=csv")
    if "logger=tensorboard" in overrides:
        pytest.importorskip("tensorboard")
    if any("RUN" in o for o in overrides):
        run = run_train(*small).folder
        overrides = [o.replace("RUN", str(run)) for o in overrides]
        small = ["trainer.max_epochs=2"] * ("trainer.max_epochs" not in command)
    # No account here, and ready studies take long: only that it is a choice.
    if "logger.wandb.mode=online" in overrides or "sweep=" in command:
        overrides, small = ["--cfg", "job", *(o for o in overrides if "range(" not in o)], []
    elif "-m" in overrides:
        small.append("figures=false")
    if any(o.startswith(("experiment=", "debug=")) for o in overrides):
        small += ["trainer.max_epochs=1"]
    done = run_train(*overrides, *[o for o in small if o.split("=")[0] not in command])
    assert done.status == 0, done.err


@pytest.mark.parametrize("command", TRANSFERS)
def test_every_transfer_works(run_train: Command, run_transfer: Command, command: str) -> None:
    overrides = shlex.split(command, comments=True)[2:]
    if "experiment=" in command:  # what they make is another test's
        assert run_transfer("--cfg", "job", *overrides).status == 0
        return
    # The grid and the study of the README, but with fewer of each.
    overrides = [o.replace("0:1:0.1", "0:1:1").replace("0,0.25,0.75", "0,0.75") for o in overrides]
    overrides = [
        o.replace("seeds=5", "seeds=1").replace("samples=100", "samples=20") for o in overrides
    ]
    small = ["logger=csv"]
    if "checkpoint=" in command:
        run = run_train(*SIZES, "data.n_cells=8", "trainer.max_epochs=1", "logger=csv").folder
    else:
        small += [*SIZES, "data.n_cells=8", "trainer.max_epochs=1"]
    if "batch_norm" in command:
        small.append("transfer.n_samples=20")
    if "fine_tune" in command:
        small.append("data.n_train=100")
    if "resume=" in command:
        run, small = run_transfer(*small, "data.W=0.5").folder, []
    overrides = [o.replace("RUN", str(run)) if "RUN" in o else o for o in overrides]
    done = run_transfer(*overrides, *small)
    assert done.status == 0, done.err


def test_the_notebook_example_works(run_train: Command, capfd: pytest.CaptureFixture[str]) -> None:
    run = run_train(*SIZES, "trainer.max_epochs=1", "logger=csv").folder
    (example,) = [text for language, text in FENCES if language == "python"]
    exec(example.replace("RUN", str(run)), {})
    assert capfd.readouterr().out.strip().endswith("[1 0]")


def test_the_examples_of_the_baselines_work(capfd: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "results" / "beyond_the_thesis.md").read_text()
    examples = [text for language, text in FENCE.findall(page) if language == "python"]
    for text in examples:
        small = re.sub(r'(n_train|n_test)(=|": )\d+', r"\g<1>\g<2>200", text)
        exec(small.replace("range(10)", "range(2)").replace("arange(26)", "arange(2)"), {})
    of_table, of_diagram = capfd.readouterr().out.splitlines()
    against_ratio, against_invariant = map(float, of_table.strip("[]").split())
    assert min(against_ratio, against_invariant) > 95
    scores = ast.literal_eval(of_diagram)
    assert (scores["method"], scores["accuracy"] > 0.95) == ("sublattice_separation", True)


@pytest.mark.parametrize("page", ["README.md", "docs/results/beyond_the_thesis.md"])
def test_pictures_and_files_it_names_are_there(page: str) -> None:
    text, folder = (ROOT / page).read_text(), (ROOT / page).parent
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert (folder / path).stat().st_size < 200_000
    for path in re.findall(r"[^!]\[[^]]*\]\(((?!http)[^)#]+)\)", text):
        assert (folder / path).is_file()
    for path in re.findall(r"`(sshml/[\w/]+\.py)`", text):
        assert (ROOT / path).is_file()
