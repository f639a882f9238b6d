"""Programs end quietly, from their first line to their last."""

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, TINY, environment

COMMANDS = {
    "train.py": [str(ROOT / "train.py"), *TINY],
    "transfer.py": [str(ROOT / "transfer.py"), *TINY, "data.W=0"],
    "study": ["-m", "sshml.study", "runs"],
}


def started(arguments: list[str], folder: Path) -> "subprocess.Popen[str]":
    # A shell has its background jobs ignore SIGINT; if these tests are one, the child would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def installed(process: "subprocess.Popen[str]", number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def has_its_own_handler(process: "subprocess.Popen[str]") -> bool:
    # Python has one for SIGINT from its start, but none for SIGTERM.
    return installed(process, signal.SIGTERM)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_work_leaves_nothing(
    tmp_path: Path, name: str, number: signal.Signals
) -> None:
    process = started(COMMANDS[name], tmp_path)
    while not has_its_own_handler(process):
        assert process.poll() is None, process.communicate()
    time.sleep(random.random())  # anywhere in the imports
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert (out, err) == ("", "")
    assert not list(tmp_path.glob("runs/*"))


def test_further_signals_do_not_disturb_the_end(tmp_path: Path) -> None:
    process = started([*COMMANDS["train.py"], "trainer.max_epochs=100000"], tmp_path)
    while not list(tmp_path.glob("runs/*/*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.05)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    (manifest,) = tmp_path.glob("runs/*/*/manifest.json")
    assert '"status": "interrupted"' in manifest.read_text()


@pytest.mark.parametrize("name", ["train.py", "transfer.py"])
def test_a_signal_that_a_library_swallows_ends_the_run_all_the_same(tmp_path: Path, name: str) -> None:
    own = "+callbacks.own={_target_: failing.SwallowsASignal}"
    done = subprocess.run(
        [sys.executable, *COMMANDS[name], own],
        check=False, cwd=tmp_path, env=environment(ROOT, ROOT / "tests"),
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    (manifest,) = tmp_path.glob("runs/*/*/manifest.json")
    assert '"status": "interrupted"' in manifest.read_text()


# Of no user's own: the lines of a program given by -c have no file.
FAULTS = {
    "train.py": """
from sshml.entry import start
start._checked = lambda *_: int("a fault")
raise SystemExit(start.start(print, "train"))
""",
    "study": """
from sshml.entry import start
start.start_command("sshml.study")
from sshml.study import __main__
__main__._study = lambda *_: int("a fault")
__main__.main(["."])
""",
    # In which frames of the traceback are of no file.
    "compiled": """
from sshml.entry import start
start.start_command("sshml.study")
import yaml
from sshml.study import __main__
__main__._study = lambda *_: yaml.dump("\\udcff", Dumper=yaml.CSafeDumper)
__main__.main(["."])
""",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_ours_is_one_line_and_a_file_to_report(tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS[name]],
        check=False, cwd=tmp_path, env=environment(ROOT, TMPDIR=str(tmp_path)),
        capture_output=True, text=True,
    )  # fmt: skip
    (report,) = tmp_path.glob("sshml_*.txt")
    of_compiled = "UnicodeEncodeError: 'utf-8' codec can't encode character"
    what = (
        of_compiled if name == "compiled" else "ValueError: invalid literal for int() with base 10: 'a"
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {what}")
    assert done.stderr.endswith(f"; this is a bug in sshml, please report it with {report}\n")
    assert done.stderr.count("\n") == 1
    assert report.read_text().startswith("Traceback")
    assert what in report.read_text()


def test_a_fault_in_code_of_ones_own_keeps_its_traceback(tmp_path: Path) -> None:
    own = "+callbacks.own={_target_: failing.FailsIfEven, number: 2}"
    done = subprocess.run(
        [sys.executable, *COMMANDS["train.py"], own],
        check=False, cwd=tmp_path, env=environment(ROOT, ROOT / "tests"),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "failing.py" in done.stderr
    assert done.stderr.endswith("RuntimeError: 2 is even\n")


@pytest.mark.parametrize("name", ["train.py", "study"])
def test_a_library_that_cannot_be_loaded_is_one_line(tmp_path: Path, name: str) -> None:
    reason = "libtorch.so: failed to map segment from shared object"
    for library in ("hydra", "pandas"):
        (tmp_path / f"{library}.py").write_text(f"raise ImportError({reason!r}, name='library')")
    done = subprocess.run(
        [sys.executable, *COMMANDS[name]],
        check=False, cwd=tmp_path, env=environment(tmp_path, ROOT), capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, f"error: library: {reason}\n")


def test_a_file_that_no_command_can_open_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    done = subprocess.run(
        [sys.executable, *COMMANDS["study"], "--out", "x" * 300],
        check=False, cwd=tmp_path, env=environment(ROOT), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_output_whose_encoding_lacks_a_character(tmp_path: Path) -> None:
    folder = tmp_path / "größe"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "sshml.study", str(folder)],
        check=False, cwd=tmp_path, env=environment(ROOT, PYTHONIOENCODING="ascii"),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert r"gr\xf6\xdfe" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["train.py", "transfer.py", "study"])
def test_a_closed_pipe(tmp_path: Path, name: str) -> None:
    command = f"{sys.executable} {COMMANDS[name][0]} "
    command += "sshml.study --help" if name == "study" else "--help"
    done = subprocess.run(
        f"{command} | true",
        shell=True,
        cwd=tmp_path,
        env=environment(ROOT),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.parametrize("output", ["| true", ">/dev/full"])
def test_a_training_whose_lines_nobody_reads_goes_on(tmp_path: Path, output: str) -> None:
    subprocess.run(
        f"{shlex.join([sys.executable, *COMMANDS['train.py']])} {output}",
        shell=True, check=False, cwd=tmp_path, capture_output=True, env=environment(ROOT),
    )  # fmt: skip
    (manifest,) = tmp_path.glob("runs/*/*/manifest.json")
    assert json.loads(manifest.read_text())["status"] == "finished"


@pytest.mark.parametrize(
    ("output", "status", "line"),
    [(">&-", 0, ""), (">/dev/full", 1, "error: standard output"), ("--help >/dev/full", 2, "error: s")],
)
def test_an_output_that_takes_nothing(tmp_path: Path, output: str, status: int, line: str) -> None:
    done = subprocess.run(
        f"{shlex.join([sys.executable, *COMMANDS['train.py']])} {output}",
        shell=True, check=False, cwd=tmp_path, capture_output=True, text=True,
        env=environment(ROOT, MPLBACKEND="nonsense"),  # as a notebook may have it
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == bool(line)


def test_no_working_directory(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    for arguments in COMMANDS.values():
        done = subprocess.run(
            f"cd {gone} && rmdir {gone} && {sys.executable} {' '.join(arguments)}",
            shell=True,
            env=environment(ROOT),
            capture_output=True,
            text=True,
            check=False,
        )
        gone.mkdir()
        assert done.returncode == 2
        assert done.stderr == "error: the working directory no longer exists; cd to one that does\n"


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/M\xfcller"
    Path(os.fsdecode(folder)).mkdir()
    for arguments in COMMANDS.values():
        for typed, place in (([folder], os.fsencode(tmp_path)), ([], folder)):
            done = subprocess.run(
                [sys.executable, *arguments, *typed],
                cwd=place, env=environment(ROOT), capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 2
            assert done.stderr.startswith("error: ")
            assert done.stderr.endswith(r"M\udcfcller: is not UTF-8; rename it" + "\n")
            assert done.stderr.count("\n") == 1


def test_a_clone_that_is_not_installed(tmp_path: Path) -> None:
    for part in ("train.py", "sshml", "conf"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    for arguments in (["train.py"], ["-m", "sshml.study"]):
        # Without site-packages nothing is installed.
        done = subprocess.run(
            [sys.executable, "-S", "-E", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: sshml: not installed; run pip install -e .")
        assert done.stderr.count("\n") == 1


def test_a_package_that_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    for arguments in (COMMANDS["train.py"], COMMANDS["transfer.py"], ["-m", "sshml.explain", "x"]):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment(tmp_path, ROOT),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr == "error: torch: not installed; run pip install -e .\n"
    assert not list(tmp_path.glob("runs/*"))


def test_torch_and_torchvision_of_different_builds(tmp_path: Path) -> None:
    # What the one of PyPI raises beside a torch for CPUs only.
    broken = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "torchvision.py").write_text(broken)
    for arguments in (COMMANDS["train.py"], ["-m", "sshml.explain", "x"]):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path, env=environment(tmp_path, ROOT), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        line = done.stderr.splitlines()[-1]
        assert line.startswith(
            "error: torchvision: is built for another version of torch; reinstall both"
        )
