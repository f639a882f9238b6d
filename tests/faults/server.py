"""A process that has imported everything and makes copies of itself, which run a program each.

A start of Python with torch takes ten seconds, a copy none. ``python -m tests.faults.server`` reads a
request in JSON from every line of its input.
"""

import atexit
import gc
import json
import os
import resource
import runpy
import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import NoReturn, TypedDict

from tests.faults.strike import Strike, install

ROOT = Path(__file__).resolve().parent.parent.parent
HOOK = Path(__file__).resolve().parent / "hook"


class Request(TypedDict):
    """What to run, and where.

    Attributes:
        program: ``train.py``, or a module such as ``sshml.study``.
        arguments: of its command line.
        folder: the working directory.
        environment: variables that are added.
        strike: a signal that it gets; None for none.
        fresh: start a new Python instead of a copy.
        cpu_s: seconds of the processor's time that it may take.
        memory: bytes of memory that it may ask for, beside what it has.
        log: its output is LOG.out and LOG.err; LOG.pid and, at its end, LOG.end come beside.
    """

    program: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    strike: Strike | None
    fresh: bool
    cpu_s: int | None
    memory: int | None
    log: str


def warm() -> None:
    """Import what the programs import, and compile; without a thread, which a copy would not have."""
    import pandas  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import torch
    import wandb  # noqa: F401
    from hydra import compose, initialize_config_dir

    import sshml.entry.sweep
    import sshml.entry.transfer
    import sshml.explain.measures
    import sshml.study.report
    import sshml.uncertainty  # noqa: F401
    from sshml.config.programs import CONF_DIR
    from sshml.data.datamodule import SSHDataModule
    from sshml.data.streams import Split
    from sshml.files.provenance import git_revision, versions

    torch.set_num_threads(1)
    data = SSHDataModule(n_cells=8, n_train=4, n_val=4, n_test=4, batch_size=2, W=[0, 0.5])
    data.dataset(Split.TEST).__getitems__(range(4))
    git_revision()
    versions()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        compose("train", ["data.n_cells=8"])


def copies() -> Request:
    """Make a copy for every request; returns in the copies only, and ends with the input."""
    for line in sys.stdin:
        request: Request = json.loads(line)
        if os.fork() == 0:
            _attend(request)
            return request
        os.wait()
    sys.exit()


def _attend(request: Request) -> None:
    """Fork twice, so that a process is there to write down how the program ends."""
    if os.fork():
        os._exit(0)
    log = Path(request["log"])
    if pid := os.fork():
        log.with_suffix(".pid").write_text(str(pid))
        _, status = os.waitpid(pid, 0)
        part = log.with_suffix(".part")
        part.write_text(str(os.waitstatus_to_exitcode(status)))
        part.rename(log.with_suffix(".end"))
        os._exit(0)


def become(request: Request) -> None:
    """Run the program in this process."""
    os.setsid()
    # A shell has its background jobs ignore SIGINT, and the suite may be one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    for number, path in ((0, os.devnull), (1, f"{request['log']}.out"), (2, f"{request['log']}.err")):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # it may be another one now
    _limit(request["cpu_s"], request["memory"])
    script = ROOT / request["program"]
    if request["fresh"]:
        if request["strike"] is not None:
            os.environ["FAULTS_STRIKE"] = json.dumps(request["strike"])
        os.environ["PYTHONPATH"] = f"{HOOK}:{os.environ['PYTHONPATH']}"
        program = [str(script)] if script.is_file() else ["-m", request["program"]]
        os.execv(sys.executable, [sys.executable, *program, *request["arguments"]])
    sys.argv = [str(script), *request["arguments"]]
    if request["strike"] is not None:
        install(request["strike"])
    if script.is_file():
        runpy.run_path(str(script), run_name="__main__")
    else:
        runpy.run_module(request["program"], run_name="__main__", alter_sys=True)


def _limit(cpu_s: int | None, memory: int | None) -> None:
    if cpu_s is not None:
        spent = resource.getrusage(resource.RUSAGE_SELF)
        limit = cpu_s + int(spent.ru_utime + spent.ru_stime) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    if memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def end_shortly(request: Request) -> NoReturn:
    """Run the program, and end without taking the interpreter to pieces, which takes a second."""
    status: object = 0
    try:
        become(request)
    except SystemExit as error:
        status = error.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    warm()
    gc.freeze()  # or the end of every copy would copy all memory, to count what refers to what
    own = copies()
    if own["strike"] is None:
        end_shortly(own)
    become(own)
