"""Families of chains whose phases a network learns. A new one is one file here and one YAML."""

from sshml.physics.hamiltonians.base import Couplings, Hamiltonian, Labels
from sshml.physics.hamiltonians.extended_ssh import ExtendedSSH
from sshml.physics.hamiltonians.kitaev import Kitaev
from sshml.physics.hamiltonians.matrix import MatrixHamiltonian
from sshml.physics.hamiltonians.ssh import SSH

__all__ = ["SSH", "Couplings", "ExtendedSSH", "Hamiltonian", "Kitaev", "Labels", "MatrixHamiltonian"]
