"""How batches are asked for: in which order, by which process, and ahead of time."""

import atexit
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DataLoader, Sampler

from sshml.data.samples import Batch


class EpochSampler(Sampler[int]):
    """Visits the training set in a seeded order that depends on the epoch alone.

    So a resumed run goes on exactly as an uninterrupted one. Lightning calls :meth:`set_epoch`.

    Args:
        order: numbers of the samples in the order in which an epoch visits them.
        size: how many there are.
    """

    def __init__(self, order: Callable[[int], NDArray[np.int64]], size: int) -> None:
        self._order = order
        self._size = size
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(self._order(self._epoch).tolist())

    def __len__(self) -> int:
        return self._size


class BatchShares(BatchSampler):
    """One process's share of every batch: every P-th of its samples, where there are P processes.

    Nothing is left out or seen twice, so shares of a batch may differ in size by one.

    Args:
        sampler: visits the samples, in the same order in all processes.
        batch_size: samples a batch, those of all processes together.
        rank: number of the process, counted from 0.
        n_processes: P.
    """

    def __init__(self, sampler: Sampler[int], batch_size: int, rank: int, n_processes: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)
        self._share = slice(rank, None, n_processes)

    def __iter__(self) -> Iterator[list[int]]:
        return (batch[self._share] for batch in super().__iter__())


def as_is(batch: Any) -> Any:
    """Collate nothing: a dataset with ``__getitems__`` hands over whole batches."""
    return batch


class PrefetchingLoader(DataLoader[Batch]):
    """A DataLoader whose next batches are made by a thread while the last one is trained on.

    Making profiles releases the GIL, so a thread overlaps with training as well as a process would,
    and has nothing to copy. With ``num_workers > 0`` this is an ordinary DataLoader.
    """

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # an iterator is all that is used
        batches = super().__iter__()
        return batches if self.num_workers else _made_ahead(batches)


# Threads that make batches, and what tells each of them to end.
_makers: dict[Thread, "SimpleQueue[bool]"] = {}


@atexit.register
def _end_makers() -> None:
    """Let no thread make a batch while Python ends, which would abort the process."""
    for thread, wanted in list(_makers.items()):
        wanted.put(False)
        thread.join()


def _made_ahead(batches: Iterator[Batch], ahead: int = 2) -> Iterator[Batch]:
    """The same batches, each begun when the one ``ahead`` places before it is handed out."""
    # Queues in C and a thread that nobody waits for: Ctrl-C inside the locks of a ThreadPoolExecutor,
    # which are Python, can leave one locked for ever.
    wanted: SimpleQueue[bool] = SimpleQueue()
    made: SimpleQueue[Batch | BaseException | None] = SimpleQueue()

    def make() -> None:
        while wanted.get():
            try:
                made.put(next(batches, None))
            except BaseException as error:  # is raised where the batch is asked for
                made.put(error)
        _makers.pop(current_thread(), None)

    thread = Thread(target=make, name="profiles", daemon=True)
    _makers[thread] = wanted
    try:
        thread.start()
        for _ in range(ahead):
            wanted.put(True)
        while (batch := made.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            wanted.put(True)
            yield batch
    finally:
        wanted.put(False)
