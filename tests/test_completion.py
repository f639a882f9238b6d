"""Completion of the command in a real bash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.fixture
def bash(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that has the command of this clone."""
    command = tmp_path / "sshml"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sshml "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tra"], {"train", "transfer"}),
        (
            ["train", "model="],
            {f"model={name}" for name in ("cnn", "cybinski", "mlp", "resnet18", "vit")},
        ),
        (["train", "model=cnn", "data.W"], {"data.W="}),
        (["transfer", "transfer=f"], {"transfer=fine_tune"}),
        (["study", "ru"], set()),  # names of files, which the shell knows
    ],
)
def test_completion(bash: dict[str, str], words: list[str], expected: set[str]) -> None:
    line = " ".join(["sshml", *words])
    script = f"""
        eval "$(sshml train -sc install=bash)"
        complete -p sshml > /dev/null || exit 1
        COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD={len(words)}
        _sshml
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], env=bash, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected
