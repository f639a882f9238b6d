"""How a network is carried over to another disorder strength: one file each.

The open config group ``transfer``.
"""

from sshml.transfer.methods.base import TransferMethod, check_enough, labelled_profiles
from sshml.transfer.methods.batch_norm import BatchNormStatistics
from sshml.transfer.methods.domain_adversarial import DomainAdversarial
from sshml.transfer.methods.fine_tune import FineTune
from sshml.transfer.methods.zero_shot import ZeroShot

__all__ = [
    "BatchNormStatistics", "DomainAdversarial", "FineTune", "TransferMethod", "ZeroShot",
    "check_enough", "labelled_profiles",
]  # fmt: skip
