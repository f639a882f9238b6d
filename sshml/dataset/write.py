"""Writes all samples of a data module to a file, in the format that ``data=arrays`` reads."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshml.config.limits import check_images
from sshml.data.arrays import LABEL
from sshml.data.base import PhaseDataModule
from sshml.data.samples import Batch
from sshml.data.streams import Split
from sshml.errors import ConfigError, pip_install
from sshml.files.provenance import git_revision, versions

#: Kinds of file.
ENDINGS = (".npz", ".h5", ".hdf5")
_ABOUT = {
    "images": "what a network sees; see representation for rows and columns",
    "labels": "class of each image, an index into classes",
    "split": "0 training, 1 validation, 2 test",
    "classes": "names of the classes, in the order of their labels",
}
Arrays = dict[str, NDArray[Any]]


def write_dataset(path: Path, data: PhaseDataModule) -> dict[str, Any]:
    """Write all three sets to one file.

    Args:
        path: of a new ``.npz`` file, which is made in memory, or HDF5 file, which grows batch by batch.
        data: whose samples.

    Returns:
        What there is to know of the file: its arrays, SHA-256 of the bytes of images and of labels, and
        what made it.

    Raises:
        ConfigError: for images that do not fit in memory.
        OSError: if the file cannot be written; nothing is left of it.

    Example:
        >>> import tempfile
        >>> from sshml.data import SSHDataModule
        >>> path = Path(tempfile.mkdtemp()) / "chains.npz"
        >>> card = write_dataset(path, SSHDataModule(n_cells=4, n_train=5, n_val=2, n_test=3))
        >>> card["arrays"]["images"]["shape"], np.load(path)["split"].tolist()
        ([10, 8, 8], [0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
    """
    n = sum(len(data.dataset(split)) for split in Split)
    part = path.with_name(f".{path.name}.part")
    try:
        write = _npz if path.suffix == ".npz" else _hdf5
        arrays, digests = write(part, data, n)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return {
        "file": path.name,
        "format": "arrays of equal length, in the layout that data=arrays of sshml reads",
        "arrays": {
            name: {"shape": shape, "dtype": dtype, "is": _meaning(name, data)}
            for name, (shape, dtype) in arrays.items()
        },
        "classes": list(data.classes),
        "representation": {
            "title": data.representation.title,
            "rows": data.representation.rows,
            "columns": data.representation.columns,
            "values": data.representation.quantity,
        },
        "sha256": digests,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_revision": git_revision(),
        "versions": versions(),
    }


def _meaning(name: str, data: PhaseDataModule) -> str:
    if name in data.known_parameters:
        return f"{data.known_parameters[name].title} of each sample"
    if name.startswith("labels_"):
        return f"another kind of label: {name.removeprefix('labels_')}"
    return _ABOUT[name]


def _batches(data: PhaseDataModule) -> Iterator[tuple[Split, Batch]]:
    for split in Split:
        samples = data.dataset(split)
        for start in range(0, len(samples), data.batch_size):
            yield split, samples.__getitems__(range(len(samples))[start : start + data.batch_size])


def _arrays_of(split: Split, batch: Batch) -> Arrays:
    """What a file has of a batch, by name."""
    images = batch["input"].numpy()
    others = {f"labels_{kind}": of.numpy() for kind, of in batch["labels"].items() if kind != LABEL}
    return {
        "images": images[:, 0] if images.shape[1] == 1 else images,
        "labels": batch["label"].numpy(),
        **others,
        **{name: of.numpy() for name, of in batch["parameters"].items()},
        "split": np.full(len(images), split, dtype=np.uint8),
    }


Written = tuple[dict[str, tuple[list[int], str]], dict[str, str]]
_HASHED = ("images", "labels")


def _hex(digests: Mapping[str, Any]) -> dict[str, str]:
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _npz(path: Path, data: PhaseDataModule, n: int) -> Written:
    check_images(f".npz of {n} images", "in memory they need", n, data.shape)
    parts: dict[str, list[NDArray[Any]]] = {}
    digests = {name: hashlib.sha256() for name in _HASHED}
    for split, batch in _batches(data):
        for name, values in _arrays_of(split, batch).items():
            parts.setdefault(name, []).append(values)
            if name in digests:
                digests[name].update(np.ascontiguousarray(values).tobytes())
    arrays: Arrays = {name: np.concatenate(of) for name, of in parts.items()}
    arrays["classes"] = np.array(data.classes)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return {name: (list(of.shape), _dtype(of)) for name, of in arrays.items()}, _hex(digests)


def _dtype(array: Any) -> str:
    return "text" if array.dtype.kind in "OU" else str(array.dtype)


def _hdf5(path: Path, data: PhaseDataModule, n: int) -> Written:
    try:
        h5py = import_module("h5py")
    except ImportError as error:
        raise ConfigError(f"HDF5: needs h5py; run {pip_install('arrays')}") from error
    digests, start = {name: hashlib.sha256() for name in _HASHED}, 0
    with h5py.File(path, "w") as file:
        for split, batch in _batches(data):
            found = _arrays_of(split, batch)
            end = start + len(found["split"])
            for name, values in found.items():
                if name not in file:
                    file.create_dataset(name, (n, *values.shape[1:]), values.dtype)
                file[name][start:end] = values
                if name in digests:
                    digests[name].update(np.ascontiguousarray(values).tobytes())
            start = end
        file["classes"] = list(data.classes)
        arrays = {name: (list(of.shape), _dtype(of)) for name, of in file.items()}
    return arrays, _hex(digests)
