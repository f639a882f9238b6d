"""The rows of a study, as they are read from its folder."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sshml.errors import ConfigError, printable
from sshml.files.stored import StoredError, read_json
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.scores import COLUMNS, Row

#: A method or baseline, what its network was trained at, the seed, and what it is tested at.
Cell = tuple[str, float | str, int, float]
Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class StoredCell(BaseModel):
    """Which cell of a study a row of a file is of."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    # As in sshml.transfer.protocol: a method's name is part of the names of files.
    method: Annotated[str, Field(pattern=r"^[\w-]+$")]
    train_W: float | Annotated[str, Field(pattern=r"^[\w.+-]+$")]  # noqa: N815
    W: float
    seed: _Count


class _Row(StoredCell):
    """What the tables and figures of a study need; older studies lack the columns with a default."""

    n: _Count
    accuracy: Share
    accuracy_low: Share
    accuracy_high: Share
    accuracy_sample: Share
    accuracy_thermodynamic: Share
    ceiling: Share
    topological_share: Share
    tp: _Count
    fp: _Count
    tn: _Count
    fn: _Count
    loss: float | None = None
    ece: Share | None = None
    accuracy_source: Share | None = None
    train_seconds: float | None = None
    adapt_seconds: float | None = None
    target_labelled: float | None = None
    target_unlabelled: float | None = None


# What W&B and TensorBoard show against W.
_SCORES = ("accuracy", "topological_share", "ceiling", "loss", "ece")
_ROWS = TypeAdapter(list[_Row])


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The cell of a row."""
    return row["method"], row["train_W"], row["seed"], row["W"]


def read_rows(folder: Path) -> list[Row]:
    """Rows of the study in a folder, with all columns; none where there is no ``transfer.json``.

    Raises:
        ConfigError: if the file is damaged or does not hold rows.
    """
    rows = read_list(folder / "transfer.json", _ROWS, "rows of a study")
    return [with_all_columns(row) for row in rows]


def read_list(path: Path, schema: TypeAdapter[Any], what: str) -> list[dict[str, Any]]:
    """A JSON file of a study's results; none where there is no file.

    Args:
        path: of the file.
        schema: of the list.
        what: the file holds.

    Raises:
        ConfigError: if the file is damaged or does not fit the schema.
    """
    if not path.exists():
        return []
    way_out = "or remove it to test the networks, which are kept, again"
    try:
        content: list[dict[str, Any]] = read_json(path)
        schema.validate_python(content)
    except StoredError as error:
        raise ConfigError(f"{error}, {way_out}") from error
    except ValidationError as error:
        where = printable(".".join(map(str, error.errors()[0]["loc"])) or "the whole")
        raise ConfigError(f"{path}: does not hold {what} ({where}); restore it, {way_out}") from error
    return content


def with_all_columns(row: Mapping[str, Any]) -> Row:
    """A row with None where a column is missing, or has a value that JSON does not have.

    Detectors cost nothing, and older studies did not record what a network cost.
    """
    values = {name: row.get(name) for name in COLUMNS}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def network_scores(rows: Iterable[Row]) -> list[tuple[float, dict[str, float]]]:
    """W of the test and scores of every cell of a network; names tell methods and networks apart.

    Args:
        rows: of a study.
    """
    found = []
    for row in rows:
        if row["method"] not in BASELINES:
            of_method = "" if row["method"] == ONLY_METHOD else f"{row['method']}/"
            name = f"transfer/{of_method}trained_at_{row['train_W']}/seed_{row['seed']}"
            found.append((row["W"], {f"{name}/{score}": row[score] for score in _SCORES}))
    return found
