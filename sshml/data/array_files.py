"""Files of arrays that other programs write: ``.npz``, HDF5 and zarr."""

import functools
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from sshml.errors import pip_install, reason_of


class ArrayFileError(ValueError):
    """A file of arrays cannot be read; the message says why, and what to do."""


@contextmanager
def opened(path: str) -> Iterator[Mapping[str, Any]]:
    """The arrays of a file by name, which are read where they are indexed.

    Args:
        path: ``.npz``, of which whole arrays are kept in memory; ``.h5`` or ``.hdf5``; ``.zarr``.

    Raises:
        ArrayFileError: if there is no such file, it is of another kind, damaged, or its library is not
            installed.
    """
    file = Path(path)
    if file.suffix not in _READERS:
        raise ArrayFileError(f"expected a file with one of the endings {', '.join(_READERS)}")
    if not (file.is_file() or file.is_dir()):
        raise ArrayFileError("there is no such file")
    try:
        content = _READERS[file.suffix](file)
    except ImportError as error:
        raise ArrayFileError(
            f"is read by {error.name}, which is not installed; run {pip_install('arrays')}"
        ) from error
    except Exception as error:  # of a damaged file, each library has its own
        raise ArrayFileError(f"cannot be read ({reason_of(error)})") from error
    try:
        yield content
    finally:
        if close := getattr(content, "close", None):
            close()


def _npz(file: Path) -> Mapping[str, NDArray[Any]]:
    stat = file.stat()
    return _Npz.of(str(file), stat.st_mtime_ns, stat.st_size)


class _Npz(dict[str, NDArray[Any]]):
    """Arrays of an ``.npz`` file, read when they are first asked for."""

    def __init__(self, file: str) -> None:
        with zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            size = sum(part.file_size for part in archive.infolist())
        if size > (memory := psutil.virtual_memory().total):
            raise ValueError(
                f"its arrays need {size / 1e9:.3g} GB, more than the {memory / 1e9:.3g} GB of memory "
                "here; HDF5 and zarr are read in batches"
            )
        super().__init__(dict.fromkeys(names))  # type: ignore[arg-type]
        self._file = file

    @staticmethod
    @functools.lru_cache(maxsize=2)
    def of(file: str, _changed: int, _size: int) -> "_Npz":
        """The content of a file as it is now."""
        return _Npz(file)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if super().__getitem__(name) is None:
            with np.load(self._file, allow_pickle=False) as archive:
                self[name] = archive[name]
        return super().__getitem__(name)


def _hdf5(file: Path) -> Mapping[str, Any]:
    opened_file: Mapping[str, Any] = import_module("h5py").File(file, "r")
    return opened_file


def _zarr(file: Path) -> Mapping[str, Any]:
    return dict(import_module("zarr").open_group(str(file), mode="r").arrays())


_READERS: dict[str, Callable[[Path], Mapping[str, Any]]] = {
    ".npz": _npz, ".h5": _hdf5, ".hdf5": _hdf5, ".zarr": _zarr
}  # fmt: skip
