"""What of a chain a network sees. A new one is one file here and one YAML."""

from sshml.data.representations.base import Representation
from sshml.data.representations.correlation_matrix import CorrelationMatrix
from sshml.data.representations.density_profile import DensityProfile
from sshml.data.representations.image import Image
from sshml.data.representations.mid_gap_pair import MidGapPair

__all__ = ["CorrelationMatrix", "DensityProfile", "Image", "MidGapPair", "Representation"]
