"""What tells the phases apart without a network, and stands beside the networks of every study."""

from collections.abc import Mapping
from dataclasses import dataclass

from sshml.data.base import PhaseDataModule
from sshml.data.representations.base import Detector
from sshml.errors import ConfigError

#: Name of the method of a study that has one only.
ONLY_METHOD = "network"


@dataclass(frozen=True)
class Baseline:
    """How a baseline is shown.

    Attributes:
        label: in figures.
        colour: of its line, as matplotlib names it.
        line: style of its line, likewise.
    """

    label: str
    colour: str
    line: str | tuple[int, tuple[int, ...]]


EXACT = "exact_invariant"
#: The kind of label that is the exact invariant.
EXACT_LABEL = "sample"
#: By their names in tables and files, in the order of columns: detectors of :mod:`sshml.physics`, and
#: the exact invariant of each chain.
BASELINES = {
    "brightest_pixel": Baseline("brightest pixel", "0.6", ":"),
    "edge_weight": Baseline("edge weight of the mid-gap pair", "0.35", "--"),
    "sublattice_separation": Baseline("sublattice separation of the mid-gap pair", "0.2", (0, (8, 2))),
    EXACT: Baseline("exact invariant (ceiling)", "0.0", "-."),
}


def detectors_of(data: PhaseDataModule) -> Mapping[str, Detector]:
    """The baselines that read a number off an image: of two phases, those the representation has.

    Raises:
        ConfigError: for one that :data:`BASELINES` does not know how to show.
    """
    shown = data.representation
    if len(data.classes) != 2:
        return {}
    if unknown := shown.detectors.keys() - BASELINES.keys():
        raise ConfigError(
            f"{type(shown).__name__}.detectors: {min(unknown)} has no label and line style; "
            f"next to your class, set sshml.transfer.baselines.BASELINES[{min(unknown)!r}] = "
            'Baseline("its label", "0.5", "--")'
        )
    return shown.detectors


def baselines_of(data: PhaseDataModule) -> tuple[str, ...]:
    """Names of what stands beside a network that is tested on some data."""
    return *detectors_of(data), *((EXACT,) if EXACT_LABEL in data.label_kinds else ())
