"""The rows of a study, as they are read from its folder."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sshml.errors import ConfigError, printable
from sshml.stored import StoredError, read_json
from sshml.transfer.scores import COLUMNS, Row

_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Row(BaseModel):
    """What the tables and figures of a study need; older studies lack the columns with a default."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    # As in sshml.transfer.protocol: a method's name is part of the names of files.
    method: Annotated[str, Field(pattern=r"^[\w-]+$")]
    train_W: float | Annotated[str, Field(pattern=r"^[\w.+-]+$")]  # noqa: N815
    W: float
    seed: _Count
    n: _Count
    accuracy: _Share
    accuracy_low: _Share
    accuracy_high: _Share
    accuracy_sample: _Share
    accuracy_thermodynamic: _Share
    ceiling: _Share
    topological_share: _Share
    tp: _Count
    fp: _Count
    tn: _Count
    fn: _Count
    loss: float | None = None
    ece: _Share | None = None
    accuracy_source: _Share | None = None
    train_seconds: float | None = None
    adapt_seconds: float | None = None
    target_labelled: float | None = None
    target_unlabelled: float | None = None


_ROWS = TypeAdapter(list[_Row])


def read_rows(folder: Path) -> list[Row]:
    """Rows of the study in a folder, with all columns; none where there is no ``transfer.json``.

    Raises:
        ConfigError: if the file is damaged or does not hold rows.
    """
    path = folder / "transfer.json"
    if not path.exists():
        return []
    way_out = "or remove it to test the networks, which are kept, again"
    try:
        rows = read_json(path)
        _ROWS.validate_python(rows)
    except StoredError as error:
        raise ConfigError(f"{error}, {way_out}") from error
    except ValidationError as error:
        where = printable(".".join(map(str, error.errors()[0]["loc"])) or "the whole")
        raise ConfigError(
            f"{path}: does not hold rows of a study ({where}); restore it, {way_out}"
        ) from error
    return [with_all_columns(row) for row in rows]


def with_all_columns(row: Mapping[str, Any]) -> Row:
    """A row with None where a column is missing, or has a value that JSON does not have.

    Detectors cost nothing, and older studies did not record what a network cost.
    """
    values = {name: row.get(name) for name in COLUMNS}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
