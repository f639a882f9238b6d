"""Kernels where Numba can keep nothing, as in a container with a read-only package and no home."""

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, environment

CODE = """
import numpy as np
import sshml.physics.kernels.states
from sshml.data.streams import Split, Streams
print(sshml.__file__)
print(Streams(3).sample_uniforms(Split.TEST, 0, np.arange(2), 2).tolist())
"""


def run(package: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in environment(package).items() if key != "NUMBA_CACHE_DIR"}
    return subprocess.run(
        [sys.executable, "-c", CODE], cwd="/", env={**own, **variables},
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_without_a_place_for_its_cache_numba_compiles_and_one_warning_says_so(tmp_path: Path) -> None:
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sshml", tmp_path / "sshml", ignore=no_caches)
    # Permissions do not bind root, who may run these tests; that a file is in the way does.
    for folder in [path.parent for path in (tmp_path / "sshml").rglob("__init__.py")]:
        (folder / "__pycache__").write_text("")
    nowhere = "/proc/nowhere"
    done = run(tmp_path, HOME=nowhere, XDG_CACHE_HOME=nowhere)
    usual = run(ROOT)
    assert done.stdout.splitlines()[0] == str(tmp_path / "sshml" / "__init__.py")
    assert done.stdout.splitlines()[1] == usual.stdout.splitlines()[1]
    assert done.stderr.count("Warning: ") == 1
    assert "set NUMBA_CACHE_DIR to a folder that can be written to" in done.stderr
    assert usual.stderr == ""
    kept = run(tmp_path, HOME=nowhere, XDG_CACHE_HOME=nowhere, NUMBA_CACHE_DIR=str(tmp_path / "kept"))
    assert kept.stdout == done.stdout
    assert kept.stderr == ""
    assert list(tmp_path.glob("kept/*/*.nbi"))


def test_debuggers_may_turn_numba_off() -> None:
    """They set this for code of the user's own; the kernels run in no other way."""
    assert run(ROOT, NUMBA_DISABLE_JIT="1").stdout == run(ROOT).stdout
