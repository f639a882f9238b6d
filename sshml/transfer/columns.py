"""The columns of a study's table: what each row of ``transfer.json`` and ``transfer.csv`` has."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sshml.training.metrics import count_names

#: A row by its columns.
Row = dict[str, Any]
#: A method or baseline, what its network was trained at, the seed, and the strength that it is tested
#: at; None for data without strengths, such as those of a file.
Cell = tuple[str, float | str, int, float | None]
Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class OfCell(BaseModel):
    """Which cell of a study an item of a file is of."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    # As in sshml.transfer.networks: a method's name is part of the names of files.
    method: Annotated[str, Field(pattern=r"^[\w-]+$")]
    train_W: float | Annotated[str, Field(pattern=r"^[\w.+-]+$")]  # noqa: N815
    W: float | None
    seed: _Count


class Columns(OfCell):
    """The columns, in order; older studies lack those with a default.

    ``accuracy_source`` is that of a network, as it was carried over to W, on test chains as it was
    trained on; the last four are what it has cost.
    """

    n: Annotated[int, Field(ge=1, lt=2**63)]
    accuracy: Share
    accuracy_low: Share
    accuracy_high: Share
    accuracy_sample: Share | None
    accuracy_thermodynamic: Share | None
    ceiling: Share | None
    loss: float | None = None
    tp: _Count | None
    fp: _Count | None
    tn: _Count | None
    fn: _Count | None
    topological_share: Share | None
    ece: Share | None = None
    accuracy_source: Share | None = None
    train_seconds: float | None = None
    adapt_seconds: float | None = None
    target_labelled: float | None = None
    target_unlabelled: float | None = None


# Several strengths, or an interval of them, as a word.
_STRENGTHS = r"[\d.eE+-]+"
#: Their names.
COLUMNS = tuple(Columns.model_fields)
#: Those that loggers show against W.
CURVES = ("accuracy", "topological_share", "ceiling", "loss", "ece")


def columns(n_classes: int) -> tuple[str, ...]:
    """Columns of a study: :data:`COLUMNS`, for more than two classes macro accuracy and counts too."""
    return COLUMNS if n_classes == 2 else (*COLUMNS, "macro_accuracy", *count_names(n_classes))


def tested_at(W: float | None) -> str:
    """A strength that a network is tested at, as one reads it."""
    return "tested on the file" if W is None else f"tested at W = {W:g}"


def strength_name(W: float | str | Sequence[float]) -> float | str:
    """A strength, or several, as one number or word, for tables."""
    return W if isinstance(W, int | float | str) else "+".join(f"{w:g}" for w in dict.fromkeys(W))


def trained_at(train_W: float | str) -> str:
    """What a network was trained at, or the file that it was trained on, as one reads it."""
    if isinstance(train_W, str) and not re.fullmatch(_STRENGTHS, train_W):
        return f"trained on {train_W}"
    return f"trained at W = {train_W if isinstance(train_W, str) else format(train_W, 'g')}"


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The cell of a row."""
    return row["method"], row["train_W"], row["seed"], row["W"]
