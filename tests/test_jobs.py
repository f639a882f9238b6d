"""What the jobs of a sweep are called, and the folders they have."""

import re
from pathlib import Path

import pytest

from sshml.entry.jobs import axes_text, folder_names, job_in, make_folder, short_value


def made(folder: Path, jobs: dict[str, str]) -> dict[str, str]:
    """Name the folders of some jobs, and make them."""
    folder.mkdir(exist_ok=True)
    names = folder_names(folder, jobs)
    for job, name in names.items():
        make_folder(folder / name, job)
    return names


def test_a_folder_has_the_values_on_the_axes_the_seed_last() -> None:
    axes = {"seed": "1", "model": "cnn", "data.W": "0.25", "+model.a.p": "1", "model.b.p": "2"}
    assert axes_text(axes, ",") == "model=cnn,W=0.25,model.a.p=1,model.b.p=2,seed=1"


@pytest.mark.parametrize(
    "value",
    ["$HOME", "a b", "'it''s'", "*", "a;b", "{a: 1}", "`ls`", "../..", "/etc/passwd", "é", "a\nb", ""],
)
def test_a_value_has_no_characters_that_a_shell_or_a_path_would_take(value: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.+-]*", short_value(value))
    assert f"x={short_value(value)}" == Path("sweep", f"x={short_value(value)}").name


def test_a_hash_is_where_names_would_be_the_same_too_long_or_empty(tmp_path: Path) -> None:
    jobs = {"CNN_a1": "W=0", "CNN_a2": "W=0", "CNN_a3": "w=0", "CNN_a4": "x" * 300, "CNN_a5": ""}
    assert made(tmp_path / "sweep", jobs) == {
        "CNN_a1": "W=0", "CNN_a2": "W=0_a2", "CNN_a3": "w=0_a3", "CNN_a4": "x" * 120 + "_a4",
        "CNN_a5": "CNN_a5",
    }  # fmt: skip


def test_a_job_keeps_its_folder_and_takes_no_other(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    made(sweep, {"CNN_a": "W=0", "CNN_b": "W=1"})
    (sweep / "W=1").rename(sweep / "best")
    (sweep / "CNN_old").mkdir()  # of a version that knew no other names
    (sweep / "seed=0").mkdir()  # of nobody knows what
    names = folder_names(
        sweep, {"CNN_a": "W=0,seed=0", "CNN_b": "W=1", "CNN_old": "W=2", "CNN_new": "seed=0"}
    )
    assert names == {
        "CNN_a": "W=0", "CNN_b": "best", "CNN_old": "CNN_old", "CNN_new": "seed=0_new"
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * 10_000])
def test_a_folder_whose_note_is_damaged_is_of_no_other_job(tmp_path: Path, content: bytes) -> None:
    made(tmp_path / "sweep", {"CNN_a": "W=0"})
    (tmp_path / "sweep" / "W=0" / ".job").write_bytes(content)
    assert job_in(tmp_path / "sweep" / "W=0") == "W=0"
    assert folder_names(tmp_path / "sweep", {"CNN_a": "W=0"}) == {"CNN_a": "W=0_a"}
