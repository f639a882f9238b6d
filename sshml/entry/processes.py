"""The processes of a sweep: one works on a folder, and those of its jobs end with it."""

import errno
import functools
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from sshml.errors import ConfigError, shown

#: Of a folder that one process works on at a time.
LOCK = ".lock"
#: Seconds that jobs have to write their last state after Ctrl-C, or when the sweep's process is gone.
PATIENCE = 3.0
# Seconds between two looks at whether it is.
_WATCH = 0.5
# Characters of what a lock says of its process.
_LONGEST = 500
_working = threading.Event()


@functools.cache
def end_with_parent() -> None:
    """Let a process that joblib has started end when the process of the sweep is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_watch, args=(parent.pid,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH)
    if _working.is_set():  # as Ctrl-C does, so that the job keeps its state
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(PATIENCE)
    os._exit(130)


@contextmanager
def ended_when_alone() -> Iterator[None]:
    """Within a job; of one that nobody waits for any more the process ends without a word."""
    parent = multiprocessing.parent_process()
    _working.set()
    try:
        yield
    except KeyboardInterrupt:
        if parent is not None and os.getppid() != parent.pid:
            os._exit(130)
        raise
    finally:
        _working.clear()


@contextmanager
def only_process(folder: Path, what: str, timeout: float = 0) -> Iterator[None]:
    """Keep a folder to one process; the lock ends with the process, however that ends.

    Args:
        folder: of a sweep or a job.
        what: it is, for the message.
        timeout: seconds to wait for another process.

    Raises:
        ConfigError: if another process works there, or the lock cannot be a file.
    """
    lock = FileLock(folder / LOCK, timeout=timeout)
    try:
        lock.acquire()
    except Timeout as error:
        owner = shown(Path(lock.lock_file).read_text(errors="replace")[:_LONGEST])
        raise ConfigError(
            f"{folder}: another process is running this {what} ({owner or 'unknown'}); wait for it "
            "to end, or choose another folder with hydra.sweep.dir=FOLDER"
        ) from error
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.ELOOP):
            raise
        raise ConfigError(f"{lock.lock_file}: is a folder or a link; move it away") from error
    with lock:
        Path(lock.lock_file).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield


def children() -> set[psutil.Process]:
    """Processes of this one; those of jobs, such as MPI's and W&B's, end with them."""
    return set(psutil.Process().children(recursive="ray" in sys.modules))


def end_jobs(started: set[psutil.Process]) -> None:
    """Interrupt the processes of jobs, as Ctrl-C does, and kill those that do not end."""
    ray = sys.modules.get("ray")
    # Without its own processes Ray would take ten seconds to end.
    jobs = [child for child in started if not ray or _name_of(child).startswith("ray::")]
    for job in jobs:
        with suppress(psutil.NoSuchProcess):
            job.send_signal(signal.SIGINT)
    psutil.wait_procs(jobs, timeout=PATIENCE)
    if ray:
        ray.shutdown()
    for child in started:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _name_of(process: psutil.Process) -> str:
    try:
        return process.cmdline()[0]
    except (psutil.NoSuchProcess, IndexError):
        return ""
