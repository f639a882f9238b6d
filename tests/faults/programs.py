"""Starting the programs as a user does, in a scratch folder, and reading how they end."""

import atexit
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.server import ROOT, Request
from tests.faults.strike import Strike

_MARK = "FAULTS_FOLDER"
# A hang is recognised by time of the processor where there is one; a loaded machine is no hang.
_HANG_S = 180.0


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        status: its exit status, negative for the signal that killed it; None if it hung.
        out: what it wrote to its standard output.
        err: likewise, to its standard error.
        seconds: how long it took.
    """

    status: int | None
    out: str
    err: str
    seconds: float

    @property
    def errors(self) -> list[str]:
        """Its lines that begin with ``error:``."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]

    def fault(self, *statuses: int) -> str | None:
        """What is wrong whatever was tried: a traceback, several lines, a hang, another status."""
        if self.status is None:
            return "it hangs"
        if self.status in (-signal.SIGXCPU, -signal.SIGKILL):
            return "it takes too long"
        for text in (self.err, self.out):
            if "Traceback (most recent call last)" in text or "this is a bug in sshml" in text:
                return f"a traceback: {text.strip().splitlines()[-1][:200]}"
        if len(self.errors) > 1:
            return f"{len(self.errors)} error lines, the first: {self.errors[0][:200]}"
        if self.status not in statuses:
            last = next(reversed(self.err.strip().splitlines()), "")
            return f"exit status {self.status} ({last[:200]})"
        return None


class Running:
    """A program that was started."""

    def __init__(self, request: Request) -> None:
        self._log = Path(request["log"])
        self._folder = request["folder"]
        self._start = time.monotonic()

    @property
    def pid(self) -> int:
        """Number of its process."""
        return int(self._wait_for(".pid", 60.0) or -1)

    def ended(self) -> bool:
        """Whether it has."""
        return self._log.with_suffix(".end").is_file()

    def wait(self, limit_s: float = _HANG_S) -> Ended:
        """Wait for its end; it is killed if that does not come."""
        pid = self.pid
        status = self._wait_for(".end", limit_s)
        seconds = time.monotonic() - self._start
        if status is None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        texts = (
            self._log.with_suffix(suffix).read_text(errors="replace") for suffix in (".out", ".err")
        )
        return Ended(None if status is None else int(status), *texts, seconds)

    def _wait_for(self, suffix: str, limit_s: float) -> str | None:
        path = self._log.with_suffix(suffix)
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError):
                if text := path.read_text():
                    return text
            time.sleep(0.01)
        return None


class _Server:
    """The process that makes copies of itself, started by the first program."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._logs = Path(tempfile.mkdtemp(prefix="sshml_faults_"))
        atexit.register(self._stop)

    def start(self, request: Request) -> Running:
        with self._lock:
            if self._process is None:
                self._process = self._begin()
            assert self._process.stdin is not None
            request["log"] = str(self._logs / f"{next(self._numbers)}")
            running = Running(request)
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return running

    def _begin(self) -> subprocess.Popen[str]:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        places = [str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
        paths = {"PYTHONPATH": os.pathsep.join(places)}
        environment = {**os.environ, **threads, **paths, "WANDB_SILENT": "true"}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def _stop(self) -> None:
        import shutil

        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
        shutil.rmtree(self._logs, ignore_errors=True)


_server = _Server()


def start(
    program: str,
    *arguments: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    strike: Strike | None = None,
    fresh: bool = False,
    cpu_s: int | None = None,
    memory: int | None = None,
) -> Running:
    """Start a program; see :class:`tests.faults.server.Request` for the arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    return _server.start(
        {
            "program": program,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": {_MARK: str(folder), **(environment or {})},
            "strike": strike,
            "fresh": fresh,
            "cpu_s": cpu_s,
            "memory": memory,
            "log": "",
        }
    )


def left_processes(running: Running, folder: Path) -> list[psutil.Process]:
    """Processes of a program that has ended, or that it started, which still run."""
    return [
        process
        for process in psutil.process_iter()
        if _belongs(process, running.pid, folder) and process.status() != psutil.STATUS_ZOMBIE
    ]


def _belongs(process: psutil.Process, session: int, folder: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return os.getsid(process.pid) == session or process.environ().get(_MARK) == str(folder)
    return False
