"""Images and labels of the user's own, read from a file."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, SupportsIndex

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from sshml.data.array_files import opened
from sshml.data.base import PhaseDataModule
from sshml.data.representations import Image, Representation
from sshml.data.samples import Batch, Parameter, Samples
from sshml.data.streams import Purpose, Split, Streams
from sshml.errors import ConfigError, printable, reason_of
from sshml.physics.numbers import Floats, Integers

#: The kind of label that a network is trained on; a file may have others, as ``labels_KIND``.
LABEL = "label"
_NAMES = tuple(split.name.lower() for split in Split)
# Bytes of images that are looked at together.
_AT_ONCE = 2**26
# Files that were found to be right.
_LOOKED_AT: set[tuple[object, ...]] = set()
# Of a list of names in a line.
_NAMED = 20


class ArraySamples(Samples):
    """The samples of one split, read from the file when asked for, a batch at a time.

    Args:
        data: whose samples.
        rows: of the file, shape (n,).

    Attributes:
        rows: of the file, shape (n,).
    """

    def __init__(self, data: "ArraysDataModule", rows: Integers) -> None:
        self._data = data
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, index: Sequence[SupportsIndex]) -> Batch:
        """The samples with these numbers as one batch."""
        data, rows = self._data, self.rows[np.asarray(index, dtype=np.int64)]
        with data.file() as file:
            images = _rows_of(file[data.names.images], rows).astype(np.float32)
        labels = {kind: torch.from_numpy(of[rows]) for kind, of in data.content.labels.items()}
        return Batch(
            input=torch.from_numpy(images).reshape(len(rows), *data.shape),
            label=labels[LABEL],
            labels=labels,
            parameters={
                name: torch.from_numpy(of[rows]).float() for name, of in data.content.parameters.items()
            },
            index=torch.as_tensor(index),
        )

    def parameters(self) -> dict[str, Floats]:
        """Those of all samples."""
        return {name: of[self.rows] for name, of in self._data.content.parameters.items()}


class ArraysDataModule(PhaseDataModule):
    """Images and labels from a file: ``.npz``, HDF5 (``.h5``, ``.hdf5``) or ``.zarr``.

    Images of HDF5 and zarr are read in batches, so they may be larger than the memory; labels and
    parameters are kept.

    Args:
        path: of the file.
        images: name of the array of images, shape (n, H, W) or (n, C, H, W), real.
        labels: name of the array of labels, shape (n,), from 0 to C-1. Beside ``labels``, an array
            ``labels_sample`` has the exact invariants, against which networks are scored too.
        parameters: names of arrays of numbers, shape (n,), to group results by; None for all of them.
        classes: names of the classes in the order of their labels; None for the file's array
            ``classes``, or the labels themselves.
        shape: channels, height and width of an image; None for the file's.
        split: name of an array of ``train``, ``val`` and ``test``, or 0, 1 and 2, shape (n,). Without
            it images are drawn at random.
        shares: of training, validation and test, where they are drawn.
        representation: what an image is; None for any image.
        batch_size: images a batch; several processes share it.
        num_workers: processes that read batches; 0 reads them in a thread of the training process.
        seed: of the drawing, and of the order of training.

    Raises:
        ConfigError: if the file cannot be read, or lacks what it needs.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/measured.npz"
        >>> np.savez(path, images=np.ones((10, 4, 4)), labels=[0, 1] * 5, U=np.arange(10))
        >>> data = ArraysDataModule(path=path, batch_size=5)
        >>> data.classes, data.shape, list(data.known_parameters)
        (('class 0', 'class 1'), (1, 4, 4), ['U'])
        >>> [len(data.dataset(split)) for split in Split]
        [7, 1, 2]
    """

    def __init__(
        self,
        *,
        path: str,
        images: str = "images",
        labels: str = "labels",
        parameters: Sequence[str] | None = None,
        classes: Annotated[Sequence[str], Field(min_length=2)] | None = None,
        shape: Annotated[Sequence[PositiveInt], Field(min_length=3, max_length=3)] | None = None,
        split: str | None = "split",
        shares: Annotated[
            Sequence[Annotated[float, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)
        ] = (0.7, 0.1, 0.2),
        representation: Representation | None = None,
        batch_size: PositiveInt = 100,
        num_workers: NonNegativeInt = 0,
        seed: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        super().__init__(batch_size, num_workers)
        if abs(sum(shares) - 1) > 1e-6:
            raise ConfigError(f"data.shares={list(shares)}: expected three shares that add up to 1")
        self.path = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  # with any letters
        self.names = _Names(images, labels, split or "")
        self.shares = shares
        self.representation = representation or Image()
        self._streams = Streams(seed)
        self._content: _Content | None = None
        if parameters is None or classes is None or shape is None:
            with self.file() as file:
                parameters = _parameters_in(file, self.names) if parameters is None else parameters
                named = (
                    _classes_in(file, self.names) if classes is None else _names_in(file, self.names)
                )
                classes = _one_order(named, classes)
                shape = _shape_in(file, self.names)
        self.classes = tuple(classes)
        self.shape = (shape[0], shape[1], shape[2])
        # Between two dollars matplotlib would look for a formula.
        self.known_parameters = {name: Parameter(name, name.replace("$", r"\$")) for name in parameters}

    @property
    def label_kinds(self) -> tuple[str, ...]:  # type: ignore[override]  # known once the file is read
        """Those that the file has."""
        return tuple(self.content.labels)

    def recorded(self) -> dict[str, Any]:
        """What only the file says, for a checkpoint that is used without it."""
        return {
            "path": self.path,
            "classes": list(self.classes),
            "shape": list(self.shape),
            "parameters": list(self.known_parameters),
        }

    @contextmanager
    def file(self) -> Iterator[Mapping[str, Any]]:
        """The arrays of the file."""
        try:
            with opened(self.path) as arrays:
                yield arrays
        except ConfigError:
            raise
        except Exception as error:  # of a damaged file, each library has its own
            raise ConfigError(f"data.path={self.path}: {printable(error)}") from error

    @property
    def content(self) -> "_Content":
        """Labels, parameters and splits, checked."""
        if self._content is None:
            with self.file() as file:
                self._content = _Content(self, file)
        return self._content

    def dataset(self, split: Split) -> ArraySamples:
        """The samples of one split."""
        return ArraySamples(self, self.content.rows[split])

    def order(self, epoch: int) -> Integers:
        """Training samples in the order in which an epoch visits them."""
        generator = self._streams.generator(Split.TRAIN, Purpose.ORDER, epoch)
        return generator.permutation(len(self.content.rows[Split.TRAIN]))

    def check(self) -> None:
        """Look at everything in the file.

        Raises:
            ConfigError: naming the first row of an image or label that is not what it should be.
        """
        n, shown = len(self.content.labels[LABEL]), self.representation
        stat = Path(self.path).stat()
        looked_at = (self.path, stat.st_mtime_ns, stat.st_size, self.names.images, type(shown))
        if looked_at in _LOOKED_AT:  # by an earlier job of a sweep
            return
        self.check_kind()
        with self.file() as file:
            images = file[self.names.images]
            step = max(1, _AT_ONCE // max(1, 8 * int(np.prod(images.shape[1:]))))
            for start in range(0, n, step):
                self._check_images(np.asarray(images[start : start + step]), start)
        _LOOKED_AT.add(looked_at)

    def check_kind(self) -> None:
        """Check that the images are such as the representation says.

        Raises:
            ConfigError: if its regions or detectors cannot be read off them.
        """
        shown = self.representation
        with self.file() as file:
            images = np.asarray(file[self.names.images][:1], dtype=np.float32)
        first = images.reshape(1, *self.shape)[:, 0]
        try:
            shown.regions(torch.from_numpy(first))
            for detect in shown.detectors.values():
                detect(first)
        except Exception as error:  # of a representation of the user's own, it may be any
            raise ConfigError(
                f"data.representation: images of {_by(self.shape[1:])} cannot be a {shown.title} "
                f"({reason_of(error)}); choose representation=image"
            ) from error

    def _check_images(self, images: NDArray[Any], start: int) -> None:
        with np.errstate(over="ignore"):
            flat = images.reshape(len(images), -1).astype(np.float32)
        wrong = {"a value that is not finite as float32": ~np.isfinite(flat).all(axis=1)}
        if self.representation.is_density:
            wrong["a negative density"] = (flat < 0).any(axis=1)
        for what, rows in wrong.items():
            if rows.any():
                raise ConfigError(
                    f"data.path={self.path}: {self.names.images}[{start + int(rows.argmax())}] has "
                    f"{what}; correct or remove it"
                )

    def draw(self, n: int) -> list[Integers]:
        """Rows of training, validation and test out of n, at random."""
        order = self._streams.generator(Split.TRAIN, Purpose.GRID).permutation(n)
        ends = np.rint(np.cumsum(self.shares) * n).astype(int)
        return [np.sort(part) for part in np.split(order, ends[:2])]


@dataclass(frozen=True)
class _Names:
    """Of the arrays in the file."""

    images: str
    labels: str
    split: str


class _Content:
    """What is kept of a file: labels and parameters of all samples, and the rows of each split."""

    def __init__(self, data: ArraysDataModule, file: Mapping[str, Any]) -> None:
        where, names = f"data.path={data.path}", data.names
        shape = _shape_in(file, names)
        if shape != data.shape:
            raise ConfigError(f"{where}: images are {_by(shape)}; expected {_by(data.shape)}")
        n = file[names.images].shape[0]
        kinds = {LABEL: names.labels, **_kinds_in(file, names)}
        self.labels = {kind: _labels_in(file, names.images, name) for kind, name in kinds.items()}
        for kind, labels in self.labels.items():
            if labels.max() >= len(data.classes):
                raise ConfigError(
                    f"{where}: {kinds[kind]}[{int(labels.argmax())}] is {labels.max()}; expected "
                    f"labels below {len(data.classes)}, of the classes {', '.join(data.classes)}"
                )
        self.parameters: dict[str, Floats] = {}
        for name in data.known_parameters:
            values = _array(file, name, f"data.parameters=[{name}]")
            if values.shape != (n,) or values.dtype.kind not in "fiub":
                raise ConfigError(
                    f"{where}: {name} has dtype {values.dtype} and shape {values.shape}; expected "
                    f"{n} real numbers"
                )
            self.parameters[name] = np.asarray(values[:], dtype=np.float64)
            _refuse_rows(where, name, ~np.isfinite(self.parameters[name]), "is not finite")
        self.rows: list[Integers] = (
            _split_in(file, names.split, n) if names.split in file else data.draw(n)
        )


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _rows_of(array: Any, rows: Integers) -> NDArray[Any]:
    """Rows of an array in a file, in any order; HDF5 wants them in order, each once."""
    unique, place = np.unique(rows, return_inverse=True)
    found = array.oindex[unique] if hasattr(array, "oindex") else array[unique]
    return np.asarray(found)[place]


def _array(file: Mapping[str, Any], name: str, key: str) -> Any:
    if name not in file or not hasattr(file[name], "shape"):
        has = ", ".join(printable(known) for known in [*file][:_NAMED]) or "nothing"
        raise ConfigError(f"{key}: the file has no array of this name; it has {has}")
    return file[name]


def _shape_in(file: Mapping[str, Any], names: _Names) -> tuple[int, ...]:
    """Channels, height and width."""
    key = f"data.images={names.images}"
    images = _array(file, names.images, key)
    if len(images.shape) not in (3, 4) or 0 in images.shape or images.dtype.kind not in "fiub":
        raise ConfigError(
            f"{key}: is {images.dtype} of shape {tuple(images.shape)}; expected real numbers of shape "
            "(n,H,W) or (n,C,H,W)"
        )
    shape = tuple(int(size) for size in images.shape[1:])
    if len(shape) == 3 and shape[2] <= 4 < shape[0]:
        print(f"{key}: taken as {shape[0]} channels of {shape[1]}x{shape[2]}; (n,C,H,W) is expected")
    return shape if len(shape) == 3 else (1, *shape)


def _kinds_in(file: Mapping[str, Any], names: _Names) -> dict[str, str]:
    """Names of the arrays of labels of other kinds, by kind."""
    beside = f"{names.labels}_"
    return {name.removeprefix(beside): name for name in sorted(file) if name.startswith(beside)}


def _labels_in(file: Mapping[str, Any], images: str, name: str) -> Int64[Integers, " n"]:
    key = f"data.labels={name}"
    labels, n = _array(file, name, key), file[images].shape[0]
    if tuple(labels.shape) != (n,) or labels.dtype.kind not in "fiub":
        raise ConfigError(
            f"{key}: is {labels.dtype} of shape {tuple(labels.shape)}; expected whole numbers of shape "
            f"({n},), one for each image"
        )
    if n == 0:
        raise ConfigError(f"data.images={images}: has no images; expected at least one of each class")
    values = np.asarray(labels[:])
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    for row in np.flatnonzero((whole != values) | (whole < 0))[:1]:
        raise ConfigError(f"{key}: {name}[{row}] is {values[row]}; expected 0, 1, … for each class")
    return whole


def _names_in(file: Mapping[str, Any], names: _Names) -> tuple[str, ...] | None:
    """Names of the classes, as far as the file has them."""
    if "classes" not in file or file["classes"].ndim != 1 or names.labels == "classes":
        return None
    found = np.asarray(file["classes"][:]).tolist()
    named = tuple(c.decode() if isinstance(c, bytes) else str(c) for c in found)
    if len(set(named)) != len(named) or len(named) < 2:
        raise ConfigError(
            f"data.path: the file names its classes {', '.join(named)}; expected at least two "
            "different names"
        )
    return named


def _one_order(named: tuple[str, ...] | None, given: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the classes: those given, which must not be those of the file in another order."""
    if given is None or named is None:
        return tuple(given or named or ())
    if set(named) & set(given) and named != tuple(given):
        raise ConfigError(
            f"data.classes={list(given)}: the file names its classes {', '.join(named)}; omit it"
        )
    return tuple(given)


def _classes_in(file: Mapping[str, Any], names: _Names) -> tuple[str, ...]:
    if named := _names_in(file, names):
        return named
    labels = _labels_in(file, names.images, names.labels)
    n_classes = int(labels.max()) + 1
    if missing := set(range(n_classes)) - set(labels.tolist()):
        raise ConfigError(
            f"data.labels={names.labels}: no label is {min(missing)}, but one is {n_classes - 1}; "
            "expected 0 to C-1, each at least once, or all names in data.classes=[…]"
        )
    if n_classes < 2:
        raise ConfigError(
            f"data.labels={names.labels}: all are 0; expected at least two classes, or their names "
            "in data.classes=[…]"
        )
    return tuple(f"class {label}" for label in range(n_classes))


def _parameters_in(file: Mapping[str, Any], names: _Names) -> list[str]:
    """All other arrays of a number for each image, whose names can be part of a file's."""
    n = _array(file, names.images, f"data.images={names.images}").shape[0]
    taken = {names.images, names.labels, names.split, *_kinds_in(file, names).values()}
    return [
        name
        for name in file
        if name not in taken
        and re.fullmatch(r"[\w.+-]{1,50}", name)
        and getattr(file[name], "shape", None) == (n,)
        and file[name].dtype.kind in "fiub"
    ]


def _split_in(file: Mapping[str, Any], name: str, n: int) -> list[Integers]:
    key, array = f"data.split={name}", file[name]
    if tuple(array.shape) != (n,):
        raise ConfigError(f"{key}: has shape {tuple(array.shape)}; expected ({n},)")
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in np.asarray(array[:]).tolist()]
    numbers = {**{name: split for split, name in enumerate(_NAMES)}, "0": 0, "1": 1, "2": 2}
    for row, text in enumerate(texts):
        if text not in numbers:
            raise ConfigError(
                f"{key}: {name}[{row}] is {printable(text)}; expected {', '.join(_NAMES)}, or "
                "0, 1 and 2"
            )
    of_split = np.array([numbers[text] for text in texts])
    return [np.flatnonzero(of_split == split) for split in Split]


def _refuse_rows(where: str, name: str, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise ConfigError(f"{where}: {name}[{int(wrong.argmax())}] {what}; correct or remove it")
