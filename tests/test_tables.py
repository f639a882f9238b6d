"""Tables for spreadsheets, and text for terminals."""

import csv
import io

import pytest

from sshml.errors import shown
from sshml.files.tables import csv_text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-x", "'-x"),
        ("@SUM(1)", "'@SUM(1)"), ("\t=1", r"\t=1"), ("\r=1", r"\r=1"), ("a\nb", r"a\nb"),
        ("-0.5", "-0.5"), (-0.5, "-0.5"), (-3, "-3"), ("+1e3", "+1e3"), (0.1, "0.1"), (True, "True"),
        ("a=1", "a=1"), ('a "b", c', 'a "b", c'), (None, ""),
    ],
)  # fmt: skip
def test_text_that_is_a_formula_to_a_spreadsheet_is_quoted(value: object, cell: str) -> None:
    text = csv_text(["=a", "b"], [{"=a": value, "c": 1}])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["'=a", "b"], [cell, ""]]


def test_a_terminal_gets_no_control_characters() -> None:
    assert shown("W = 0.5, naïve, |ψ|²") == "W = 0.5, naïve, |ψ|²"
    assert shown("\x1b[2J a\nb\r\x07\x9b\u202e\udce9") == r"\x1b[2J a\nb\r\x07\x9b\u202e\udce9"
