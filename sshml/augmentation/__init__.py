"""Changes to training images that take a cue away, or show a symmetry: one file each.

The open config group ``augmentation``. No disordered chain is diagonalised for any of them, but
:class:`ZeroModes` shows the mid-gap pairs of such chains: domain randomisation. They draw from torch's
global random numbers, which :class:`sshml.training.module.PhaseClassifier` seeds at every step.
"""

from sshml.augmentation.base import Augmentation
from sshml.augmentation.column_permutation import ColumnPermutation
from sshml.augmentation.localised_states import LocalisedStates
from sshml.augmentation.site_reversal import SiteReversal
from sshml.augmentation.zero_modes import ZeroModes

__all__ = ["Augmentation", "ColumnPermutation", "LocalisedStates", "SiteReversal", "ZeroModes"]
