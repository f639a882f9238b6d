"""Every command and every example on the pages works as it is written, here on few and small chains."""

import ast
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ROOT, Command
from pages import PAGES, code, commands, fences, named_files, write_files

from sshml.physics.hamiltonians import SSH, MatrixHamiltonian

SMALL = (
    "data.n_cells=9",  # images that five blocks with three pools take, and patches of 6×6
    "data.n_train=120",  # six steps, as few as one_cycle takes
    "data.n_val=20",
    "data.n_test=20",
    "data.batch_size=20",
    "trainer.max_epochs=1",
    "callbacks.maps.every_n_epochs=100",
    "callbacks.maps.examples=1",
    "trainer.accelerator=cpu",
    "logger=csv",
    "figures=false",
)
# What is written on a page, and what is run in its place.
SMALLER = (
    (r"(data\.n_train=)\d+", r"\g<1>120"),
    (r"(?<![.\w])((?:n_train|n_test)(?:=|\": ))\d+", r"\g<1>200"),  # in Python
    (r"(max_epochs=)\d+", r"\g<1>3"),
    (r"(seeds=|n_trials=|arange\(|range\()\d+", r"\g<1>2"),
    (r"(n_samples=|--chains )\d+", r"\g<1>20"),
    (r"(phase_diagram=)\d+", r"\g<1>5"),
    (r"\b0:(\d):0\.\d+", r"0:\1:\1"),
)
# Commands that are not run here, by how they begin, and why.
NOT_RUN = {
    "RUN=runs/my_run sbatch ": "needs SLURM; tests/test_recipes.py runs the script",
    "apptainer ": "needs Apptainer; tests/test_recipes.py reads the definition",
    "eval ": "is of the shell; tests/test_completion.py",
    "export ": "is of the shell; tests/test_endings.py",
    "jupyter lab ": "opens a browser",
    "jupytext ": "changes the clone; tests/test_site.py runs the notebooks",
    "mypy": "is a check of its own",
    "pip ": "changes the environment; tests/test_install.py installs the wheel",
    "pre-commit ": "changes the clone",
    "pytest": "is what runs this",
    "python -m tests.faults": "takes half an hour; tests/faults runs a few tries of each kind",
    "python3 -m venv ": "makes an environment; tests/test_install.py",
    "ruff ": "is a check of its own",
    "source ": "is of the shell",
    "sphinx-build ": "is what tests/test_site.py runs",
    "sshml PROGRAM ": "stands for every program",
    "sshml dashboard --entity ME --project": "needs an account of W&B; tests/test_dashboard.py",
    "sshml train hamiltonian=matrix data.hamiltonian.function._target_=my_kwant": "see LIBRARIES",
    "sshml train hamiltonian=matrix data.hamiltonian.function._target_=my_pythtb": "see LIBRARIES",
    "tensorboard ": "is a server, which does not end",
    "wandb ": "needs an account of W&B",
}
# Commands of which only the configuration is composed, and why.
COMPOSED = {
    r"^sshml transfer .*experiment=": "trains for hours; tests/test_transfer_studies.py",
    r"^sshml train .*sweep=": "trains dozens of networks; tests/test_sweep.py, tests/test_search.py",
    r"^sshml train trainer=ddp": "starts other processes; tests/test_ddp.py",
    r"^sshml train trainer=gpu": "needs a GPU",
    r"^sshml train .*mode=online": "needs an account of W&B",
}
LANGUAGES = {"bash", "python", "yaml", "text", ""}
# Libraries of which pages have an example, and the first version that it is for.
LIBRARIES = {"my_pythtb": ("pythtb", "2"), "my_kwant": ("kwant", "1.5")}


def smaller(text: str) -> str:
    for written, run in SMALLER:
        text = re.sub(written, run, text)
    return text


class Reader:
    """Somebody who does what a page says, in an empty folder.

    RUN is the newest run of train.py that the page made, STUDY a run of transfer.py. Where a page has
    made none, RUN, OTHER_RUN, STUDY and runs/sweeps are copies of small ones that all pages share.
    """

    def __init__(self, run_train: Command, run_transfer: Command, folder: Path, shared: Path) -> None:
        self.run_train, self.run_transfer = run_train, run_transfer
        self.folder, self.shared = folder, shared
        self.run: Path | None = None
        self.epochs = 1  # that runs of the page have

    def read(self, page: str) -> None:
        """Run every command of a page."""
        for command in commands(page):
            if not command.startswith(tuple(NOT_RUN)):
                self.run_command(command)

    def run_command(self, command: str) -> None:
        first, program, *given = shlex.split(smaller(self.with_folders(command)), comments=True)
        assert first == "sshml", f"{command}: not known; add it to NOT_RUN, with the reason"
        if program not in ("train", "transfer"):
            main = import_module(f"sshml.{program}.__main__").main
            assert main(self._arguments(program, given)) == 0, command
            return
        composed = any(re.search(pattern, command) for pattern in COMPOSED)
        if composed:  # one configuration has no axes
            given = ["--cfg", "job", *(o for o in given if o != "-m" and "range(" not in o)]
        else:
            given += self._small(program, given)
        done = (self.run_train if program == "train" else self.run_transfer)(*given)
        assert done.status == 0, f"{command}\n{done.err}"
        if program == "train" and not composed and "-m" not in given:
            self.run = done.folder

    def _small(self, program: str, given: list[str]) -> list[str]:
        """What makes a command small, but for what it sets itself."""
        set_there = {word.strip("+").split("=")[0] for word in given}
        if set_there & {"resume", "rerun", "--help"}:
            return []
        if "ckpt_path" in set_there:  # one epoch more each time
            given[:] = [word for word in given if "max_epochs" not in word]
            self.epochs += 1
            return [f"trainer.max_epochs={self.epochs}"]
        small = [*SMALL]
        if "checkpoint" in set_there:
            small = ["logger=csv", "figures=false"]
        elif "data=arrays" in given:
            small = [o for o in SMALL if not o.startswith("data.n_")]
        if set_there & {"explanation", "report"}:
            small.remove("figures=false")
        if any(key.startswith("logger.") for key in set_there):
            small.remove("logger=csv")
        if "transfer=batch_norm" in given or "transfer=even_shares" in given:
            small.append("transfer.n_samples=20")
        if "+transfer@methods.even.transfer=even_shares" in given:
            small.append("methods.even.transfer.n_samples=20")
        if program == "transfer" and "data=arrays" not in given:
            small.append("data.W=0")
        return [o for o in small if o.split("=")[0] not in set_there]

    def _arguments(self, program: str, given: list[str]) -> list[str]:
        """Arguments of a program that is not Hydra's, with the files that the shell finds."""
        if program == "study" and not list(Path("runs").glob("**/manifest.json")):
            shutil.copytree(self._shared("sweeps"), "runs/sweeps")
        if program == "dataset":
            given = [*given, "data.n_cells=9", "data.n_val=20", "data.n_test=20"]
        if program in ("explain", "uncertainty") and "--chains" not in given:
            given = [*given, "--chains", "20"]
        return [path for word in given for path in _found(word)]

    def with_folders(self, text: str) -> str:
        """With the folders that RUN, OTHER_RUN and STUDY stand for."""
        for name in ("OTHER_RUN", "STUDY", "RUN"):
            if re.search(rf"\b{name}\b", text):
                folder = self.run if name == "RUN" and self.run else self._copy(name)
                text = re.sub(rf"\b{name}\b", str(folder), text)
        return text

    def _copy(self, name: str) -> Path:
        made = self._shared("study" if name == "STUDY" else "run")
        number = len(list(self.folder.glob("copies/*")))
        return shutil.copytree(made, self.folder / "copies" / f"{name}{number}")

    def _shared(self, name: str) -> Path:
        """A run, a study or a folder of sweeps that all pages share."""
        shared = self.shared / name
        if not shared.exists():
            if name == "run":
                done = self.run_train(*SMALL)
            elif name == "sweeps":
                done = self.run_train("-m", *SMALL, "data.W=0,0.5", "seed=0,1")
            else:
                augmented = "+augmentation@methods.localised_states.augmentation=localised_states"
                methods = ["+methods.plain={}", augmented, "seeds=2", "data.W=0"]
                done = self.run_transfer(*SMALL, *methods)
            assert done.status == 0, done.err
            (Path("runs/sweeps") if name == "sweeps" else done.folder).rename(shared)
        return shared


def _found(word: str) -> list[str]:
    """What the shell makes of a word."""
    return sorted(map(str, Path("/").glob(word[1:]))) if "*" in word or "?" in word else [word]


@pytest.fixture
def reader(
    run_train: Command,
    run_transfer: Command,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reader]:
    """In a folder with the files that the pages on one's own data and chains make."""
    shared = tmp_path_factory.getbasetemp() / "pages"
    shared.mkdir(exist_ok=True)
    write_files("docs/extending/own_chain.md", tmp_path)
    for text in code("docs/extending/own_data.md", "python"):
        exec(text, {})
    measured = np.load("measured.npz")
    for name in ("measured.h5", "other.h5"):
        with h5py.File(name, "w") as file:
            for array in measured.files:
                values = measured[array]
                file[array] = values.astype("S") if values.dtype.kind == "U" else values
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Reader(run_train, run_transfer, tmp_path, shared)
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def _notebook(printed: str) -> None:
    assert printed.strip().endswith("[1 0]")


def _maps(printed: str) -> None:
    assert printed.strip() == "True"


def _baselines(printed: str) -> None:
    topological, trivial = map(float, printed.strip(" []\n").split())
    assert topological > 1 > trivial


def _beyond(printed: str) -> None:
    of_table, of_diagram = printed.splitlines()
    assert min(map(float, of_table.strip("[]").split())) > 95
    scores = ast.literal_eval(of_diagram)
    assert (scores["method"], scores["accuracy"] > 0.95) == ("sublattice_separation", True)


def _own_data(printed: str) -> None:
    assert not printed
    assert Path("measured.npz").is_file()


# What the Python of a page has to print.
PRINTED: dict[str, Callable[[str], None]] = {
    "docs/concepts/baselines.md": _baselines,
    "docs/concepts/class_activation_maps.md": _maps,
    "docs/extending/own_data.md": _own_data,
    "docs/how_to/notebook.md": _notebook,
    "docs/results/beyond_the_thesis.md": _beyond,
}


@pytest.mark.parametrize("page", [page for page in PAGES if code(page, "bash")])
def test_commands(reader: Reader, page: str) -> None:
    (reader.folder / "my_conf").mkdir(exist_ok=True)
    write_files(page, reader.folder)
    reader.read(page)
    if page == "docs/extending/own_data.md":
        assert (reader.folder / "chains.h5.json").is_file()
        assert list(reader.folder.glob("runs/*/transfer*/predictions.csv"))


def examples(page: str) -> list[str]:
    files = {text for _, text in named_files(page)}
    return [text for text in code(page, "python") if text not in files]


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_examples_in_python(reader: Reader, page: str, capfd: pytest.CaptureFixture[str]) -> None:
    texts = [smaller(reader.with_folders(text)) for text in examples(page)]
    capfd.readouterr()
    for text in texts:
        exec(text, {})
    if page in PRINTED:
        PRINTED[page](capfd.readouterr().out)


TRANSCRIPTS = [text for page in PAGES for text in code(page, "text") if text.startswith("$ ")]


@pytest.mark.parametrize("text", TRANSCRIPTS)
def test_transcripts(run_train: Command, text: str) -> None:
    command, *printed = text.splitlines()
    assert command.startswith("$ sshml train ")
    done = run_train(*shlex.split(command)[3:])
    assert re.fullmatch(re.escape("\n".join(printed)).replace("…", ".*"), done.err.strip())


@pytest.mark.filterwarnings("ignore:MUMPS is not available")
@pytest.mark.parametrize("name", LIBRARIES)
def test_chains_of_other_libraries(reader: Reader, name: str) -> None:
    library, version = LIBRARIES[name]
    pytest.importorskip(library, minversion=version)
    (command,) = (c for c in commands("docs/extending/own_chain.md") if f"={name}." in c)
    reader.run_command(command)
    # A clean chain is the one of the kernels.
    own, ratio = MatrixHamiltonian(import_module(name).chain), np.array([0.5, 1.5])
    clean = 0 * ratio
    known = SSH().matrices(SSH().couplings(ratio, clean, np.zeros((2, SSH().n_random(8))), "thesis"))
    made = own.matrices(own.couplings(ratio, clean, np.zeros((2, 8)), "own"))
    np.testing.assert_allclose(made, known, atol=1e-12)


@pytest.mark.parametrize("page", PAGES)
def test_all_code_is_of_a_known_language(page: str) -> None:
    for language, text in fences(page):
        assert language in LANGUAGES or re.fullmatch(r"\{[\w-]+\}", language)
        # Code cells are run where the site is built.
        if language not in ("bash", "{code-cell}"):
            assert not re.search(r"^(sshml|python|pip) ", text, re.MULTILINE)


def test_lists_of_exceptions_have_nothing_else() -> None:
    said = [command for page in PAGES for command in commands(page)]
    for start in NOT_RUN:
        assert any(command.startswith(start) for command in said), start
    for pattern in COMPOSED:
        assert any(re.search(pattern, command) for command in said), pattern


@pytest.mark.parametrize("page", PAGES)
def test_modules_that_it_names_are_there(page: str) -> None:
    for path in re.findall(r"`(sshml/[\w/]+\.py)`", (ROOT / page).read_text()):
        assert (ROOT / path).is_file()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1500
