"""Whether maps show what a network decides by, in numbers."""

from sshml.explain.counterfactuals import (
    erased_edge_pair,
    erased_localised_pair,
    pasted_localised_states,
    swapped_mid_gap_pair,
)
from sshml.explain.faithfulness import area_under, curve, rank_correlations, untrained
from sshml.explain.scores import score

__all__ = [
    "area_under",
    "curve",
    "erased_edge_pair",
    "erased_localised_pair",
    "pasted_localised_states",
    "rank_correlations",
    "score",
    "swapped_mid_gap_pair",
    "untrained",
]
