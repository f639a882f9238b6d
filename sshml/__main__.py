"""The command ``sshml``: every program of the package by one name."""

import difflib
import os
import sys
from importlib import import_module

from sshml.config.programs import BY_COMMAND, PROGRAMS
from sshml.entry.completion import BASH
from sshml.entry.start import start, start_command

_COMMANDS = {
    "study": "compare the runs of a sweep: tables, figures, an HTML page",
    "explain": "explain networks: class activation maps, and edits that flip predictions",
    "uncertainty": "combine networks of several seeds, and find out when to doubt them",
    "dataset": "write a generated data set to a file",
    "dashboard": "make a W&B workspace and report of all runs",
}


def main() -> int:
    """Run the program that the command line names; returns the exit status."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    os.environ[BY_COMMAND] = "1"
    if name in PROGRAMS and sys.argv[2:] == ["-sc", "install=bash"]:
        print(BASH.replace("{programs}", " ".join((*PROGRAMS, *_COMMANDS))))
        return 0
    if name in PROGRAMS:
        # Lightning starts further processes of a run by this file, and not by `-m`.
        sys.modules["__main__"].__spec__ = None
        program = import_module(f"sshml.programs.{name}")
        sys.argv = [str(program.__file__), *sys.argv[2:]]
        return start(program.main, name)
    if name in _COMMANDS:
        start_command(f"sshml.{name}")
        status: int = import_module(f"sshml.{name}.__main__").main(sys.argv[2:])
        return status
    if name == "--version":
        from importlib.metadata import version  # noqa: PLC0415  # takes a while

        print(f"sshml {version('sshml')}")
        return 0
    if name in ("-h", "--help"):
        print(_help())
        return 0
    names = (*PROGRAMS, *_COMMANDS)
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean sshml {close[0]}?" if close else ""
    expected = f"no such program; expected one of {', '.join(names)}{meant}"
    print(f"error: sshml {name}: {expected}", file=sys.stderr)
    return 2


def _help() -> str:
    lines = [f"  {name:<12} {about}" for name, about in (PROGRAMS | _COMMANDS).items()]
    shown = "\n".join(lines)
    return (
        f"usage: sshml PROGRAM [ARGUMENTS]\n\n{shown}\n\n"
        "sshml PROGRAM --help describes each program; sshml --version prints the version."
    )


if __name__ == "__main__":
    sys.exit(main())
