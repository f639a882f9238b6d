"""What of a chain a network sees. A new one is one file here and one YAML."""

from sshml.data.representations.base import Representation
from sshml.data.representations.density_profile import DensityProfile

__all__ = ["DensityProfile", "Representation"]
