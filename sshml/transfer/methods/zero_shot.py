"""The network as it is."""

from torch import nn

from sshml.data.base import PhaseDataModule
from sshml.transfer.methods.base import TransferMethod


class ZeroShot(TransferMethod):
    """Test the network as it is."""

    def adapt(
        self,
        network: nn.Module,
        source: PhaseDataModule,  # noqa: ARG002
        target: PhaseDataModule,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> nn.Module:
        """The network itself."""
        return network
