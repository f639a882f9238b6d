"""The rows that every study has beside its networks: what tells the phases without one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sshml.physics import brightest_pixel, edge_weight, sublattice_separation
from sshml.physics.hoppings import Floats

#: Name of the method of a study that has one only.
ONLY_METHOD = "network"


@dataclass(frozen=True)
class Baseline:
    """Something that tells the phases without a network.

    Attributes:
        label: in figures.
        colour: of its line, as matplotlib names it.
        line: style of its line, likewise.
        detector: reads a number off each profile, (n, 2M, 2M) to (n,), high in the topological phase;
            None for what does not look at profiles.
    """

    label: str
    colour: str
    line: str | tuple[int, tuple[int, ...]]
    detector: Callable[[NDArray[np.floating]], Floats] | None = None


#: By their names in tables and files, in the order of columns.
BASELINES = {
    "brightest_pixel": Baseline("brightest pixel", "0.6", ":", brightest_pixel),
    "edge_weight": Baseline("edge weight of the mid-gap pair", "0.35", "--", edge_weight),
    "sublattice_separation": Baseline(
        "sublattice separation of the mid-gap pair", "0.2", (0, (8, 2)), sublattice_separation
    ),
    "exact_invariant": Baseline("exact invariant (ceiling)", "0.0", "-."),
}
#: Those that read a number off each profile.
DETECTORS = {name: known.detector for name, known in BASELINES.items() if known.detector is not None}
