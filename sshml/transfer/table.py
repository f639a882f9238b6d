"""What a study has found so far, kept in its folder as it comes."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError, printable
from sshml.files.growing import append_to_csv, append_to_list, list_text, whole_part
from sshml.files.run_folder import write_atomically
from sshml.files.stored import StoredError, parsed_json, read_text
from sshml.files.tables import csv_text
from sshml.training.metrics import count_names
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.columns import CURVES, Cell, Columns, OfCell, Row, Share, cell_of, columns
from sshml.transfer.phase_diagram import Line, Plane
from sshml.transfer.scores import Answers

ROWS = "transfer.json"
#: The file of a study that keeps its diagrams.
DIAGRAMS = "phase_diagram.json"
#: All cells of a network.
NetworkCell = tuple[str, float | str, int, None]
_Shares = list[Share | None]


class _Line(OfCell):
    """Shares in bins: of class 1 for two classes, else of each but the first."""

    predicted: _Shares | list[_Shares]
    exact: _Shares | list[_Shares]
    accuracy: Share


# Of sums of shares.
_ROUNDING = 1e-9
_ROWS, _LINES = TypeAdapter(list[Columns]), TypeAdapter(list[_Line])


def cells_of(folder: Path, n_classes: int, plane: Plane | None) -> set[Cell]:
    """The cells of which a study has all that it keeps."""
    cells = {cell_of(row) for row in read_rows(folder, n_classes)}
    return cells & read_lines(folder, plane).keys() if plane else cells


class Table:
    """Rows of a study, and the lines of its phase diagrams.

    Adding a cell takes the same time whatever the table has: ``transfer.json``, ``transfer.csv`` and
    ``phase_diagram.json`` grow, and are written in order once, at the end.

    Args:
        folder: of the run; what it has from an earlier one is taken up.
        n_classes: of the chains.
        plane: of the diagrams; None for a study without.

    Attributes:
        failed: what went wrong in cells that have no row, by (method, train W, seed, W).
        lines: of diagrams, by cell.

    Raises:
        ConfigError: if a file is damaged, or has diagrams of another number of bins.
    """

    def __init__(self, folder: Path, n_classes: int, plane: Plane | None) -> None:
        self._json, self._csv = folder / ROWS, folder / "transfer.csv"
        self._diagrams = folder / DIAGRAMS
        self._columns = columns(n_classes)
        self._plane = plane
        self._rows = {cell_of(row): self._whole(row) for row in read_rows(folder, n_classes)}
        self.lines = read_lines(folder, plane) if plane else {}
        self.failed: dict[Cell | NetworkCell, str] = {}
        self.write()

    @property
    def rows(self) -> list[Row]:
        """One row per cell, in order, with :func:`sshml.transfer.columns.columns`."""
        return sorted(self._rows.values(), key=lambda r: (str(r["train_W"]), r["seed"], r["W"]))

    def has(self, cell: Cell) -> bool:
        """Whether a cell has all that the study keeps of it."""
        return cell in self._rows and (self._plane is None or cell in self.lines)

    def add(self, rows: Iterable[Row], answers: Answers) -> None:
        """Add the rows of a cell, and what its answers are in a diagram.

        The first row is of a network. Another method may have added the baselines: those stay.
        """
        new = {cell_of(row): self._whole(row) for row in rows}
        predictions = dict(zip(new, (answers.predictions, *answers.baselines.values()), strict=True))
        lines = {}
        if self._plane:
            network = next(iter(new))
            lines = {
                cell: self._plane.line(answers, classes)
                for cell, classes in predictions.items()
                if cell == network or cell not in self.lines
            }
            again = lines.keys() & self.lines.keys()
            self.lines |= lines
            if again:  # of a study that has lost its rows
                write_atomically(self._diagrams, list_text(map(_stored, self.lines.items())))
            else:
                append_to_list(self._diagrams, [*map(_stored, lines.items())])
        new = {cell: row for cell, row in new.items() if cell not in self._rows}
        self._rows |= new
        append_to_csv(self._csv, self._columns, new.values())
        append_to_list(self._json, [*new.values()])

    def write(self) -> None:
        """Write all files in order, if there is anything to write."""
        if not self._rows and not self.lines:
            return
        write_atomically(self._csv, csv_text(self._columns, self.rows))
        write_atomically(self._json, list_text(self.rows))
        if self._plane:
            write_atomically(self._diagrams, list_text(map(_stored, self.lines.items())))

    def _whole(self, row: Mapping[str, Any]) -> Row:
        """A row with None where a column is missing, or has a value that JSON does not have.

        Detectors cost nothing, and older studies did not record what a network cost.
        """
        values = {name: row.get(name) for name in self._columns}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }


def read_rows(folder: Path, n_classes: int) -> list[Row]:
    """Rows of the study in a folder; none where there is no ``transfer.json``.

    Raises:
        ConfigError: if the file is damaged, or does not hold rows of chains with so many classes.
    """
    path = folder / ROWS
    rows = _read_list(path, _ROWS, "rows of a study")
    for number, row in enumerate(rows):
        counts: list[Any] = [row.get(name) for name in count_names(n_classes)]
        if not all(isinstance(count, int) for count in counts) or sum(counts) != row["n"]:
            raise ConfigError(
                f"{path}: the counts in row {number + 1} do not add up to n={row['n']} chains of "
                f"{n_classes} classes; restore it, or remove it to repeat the tests (the trained "
                "networks are kept)"
            )
    return rows


def read_lines(folder: Path, plane: Plane) -> dict[Cell, Line]:
    """Lines of the diagrams of the study in a folder; none where there is no ``phase_diagram.json``.

    Raises:
        ConfigError: if the file is damaged, or its diagrams do not fit the plane.
    """
    path = folder / DIAGRAMS
    expected = (len(plane.hamiltonian.classes) - 1, plane.bins)
    lines = {}
    for row in _read_list(path, _LINES, "diagrams of a study"):
        predicted, exact = (_shares(row[name]) for name in ("predicted", "exact"))
        is_whole = predicted.shape == exact.shape == expected and not (
            np.isnan(exact).all()
            or (np.isnan(predicted) != np.isnan(exact)).any()
            # Shares of the classes of a bin.
            or max(np.nanmax(of.sum(axis=0)) for of in (predicted, exact)) > 1 + _ROUNDING
        )
        if not is_whole:
            raise ConfigError(
                f"{path}: does not hold diagrams of phase_diagram={plane.bins} bins; restore it, or "
                "remove it to repeat the tests (the trained networks are kept)"
            )
        lines[cell_of(row)] = Line(predicted, exact, row["accuracy"])
    return lines


def _shares(values: list[Any]) -> NDArray[np.float64]:
    """Shares as a file has them, shape (classes - 1, bins); of another shape if they are none."""
    try:
        return np.atleast_2d(np.array(values, np.float64))
    except ValueError:  # of lists of several lengths
        return np.empty(0)


def _stored(item: tuple[Cell, Line]) -> dict[str, Any]:
    """What the file has of a line; null in bins without a chain."""
    (method, train_W, seed, W), line = item
    shares = {
        name: [[None if math.isnan(share) else share for share in row] for row in values.tolist()]
        for name, values in (("predicted", line.predicted), ("exact", line.exact))
    }
    flat = {name: values[0] if len(values) == 1 else values for name, values in shares.items()}
    return {
        "method": method, "train_W": train_W, "seed": seed, "W": W, **flat, "accuracy": line.accuracy
    }  # fmt: skip


def _read_list(path: Path, schema: TypeAdapter[Any], what: str) -> list[dict[str, Any]]:
    """A JSON list of a study's results, up to the last whole item; none where there is no file.

    Raises:
        ConfigError: if the file is damaged or does not fit the schema.
    """
    if not path.exists():
        return []
    way_out = "or remove it to repeat the tests (the trained networks are kept)"
    try:
        content: list[dict[str, Any]] = parsed_json(path, whole_part(read_text(path)))
        schema.validate_python(content)
    except StoredError as error:
        raise ConfigError(f"{error}, {way_out}") from error
    except ValidationError as error:
        # Without what pydantic calls the members of a union.
        parts = [f"{part}" for part in error.errors()[0]["loc"] if re.fullmatch(r"\w+", f"{part}")]
        where = printable(".".join(parts) or "the whole")
        raise ConfigError(f"{path}: does not hold {what} ({where}); restore it, {way_out}") from error
    cells = [cell_of(item) for item in content]
    if len(set(cells)) < len(cells):
        raise ConfigError(f"{path}: holds a cell of the study twice; restore it, {way_out}")
    return content


def network_scores(rows: Iterable[Row]) -> list[tuple[float, dict[str, float]]]:
    """W of the test and scores of every cell of a network that has one; names tell networks apart.

    Args:
        rows: of a study.
    """
    found = []
    for row in rows:
        if row["method"] not in BASELINES and row["W"] is not None:
            of_method = "" if row["method"] == ONLY_METHOD else f"{row['method']}/"
            name = f"transfer/{of_method}trained_at_{row['train_W']}/seed_{row['seed']}"
            known = {f"{name}/{score}": row[score] for score in CURVES if row[score] is not None}
            found.append((row["W"], known))
    return found


def write_predictions(path: Path, answers: Answers, data: PhaseDataModule) -> None:
    """Write what a network says of each test sample as a CSV file.

    Columns are the sample's number in the test set, or its ``row`` in the file, its parameters, the
    label, the prediction, and the probability of each class.
    """
    samples = data.dataset(Split.TEST)
    rows = getattr(samples, "rows", range(len(samples)))
    probabilities = answers.logits.softmax(dim=1).tolist()
    own = ("row", "label", "predicted")
    # A parameter of the file may have the name of a column.
    named = {
        f"{name} of the file" if name in own else name: of for name, of in answers.parameters.items()
    }
    text = csv_text(
        ("row", *named, "label", "predicted", *(f"p({name})" for name in data.classes)),
        (
            {
                "row": int(row),
                **{name: float(values[k]) for name, values in named.items()},
                "label": data.classes[answers.label[k]],
                "predicted": data.classes[answers.predictions[k]],
                **{f"p({name})": probabilities[k][c] for c, name in enumerate(data.classes)},
            }
            for k, row in enumerate(rows)
        ),
    )
    write_atomically(path, text)
