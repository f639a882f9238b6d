"""The SSH chain: hoppings, density profiles, invariants. Needs no torch."""

from sshml.physics.detectors import (
    best_threshold,
    brightest_pixel,
    edge_weight,
    inverse_participation_ratio,
    sublattice_separation,
)
from sshml.physics.disorder import DISORDER_CONVENTIONS
from sshml.physics.hoppings import disordered_hoppings, sample_hoppings
from sshml.physics.profiles import (
    chiral_blocks,
    density_profiles,
    energies,
    profile_maxima,
    solve_matrices,
    solve_profiles,
)
from sshml.physics.topology import (
    band_gap,
    critical_ratio,
    lyapunov_exponent,
    sample_invariant,
    winding_number,
)

__all__ = [
    "DISORDER_CONVENTIONS",
    "band_gap",
    "best_threshold",
    "brightest_pixel",
    "chiral_blocks",
    "critical_ratio",
    "density_profiles",
    "disordered_hoppings",
    "edge_weight",
    "energies",
    "inverse_participation_ratio",
    "lyapunov_exponent",
    "profile_maxima",
    "sample_hoppings",
    "sample_invariant",
    "solve_matrices",
    "solve_profiles",
    "sublattice_separation",
    "winding_number",
]
