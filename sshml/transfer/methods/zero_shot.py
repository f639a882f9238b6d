"""The network as it is."""

from torch import nn

from sshml.data.datamodule import SSHDataModule
from sshml.transfer.methods.base import TransferMethod


class ZeroShot(TransferMethod):
    """Test the network as it is."""

    def adapt(
        self,
        network: nn.Module,
        source: SSHDataModule,  # noqa: ARG002
        target: SSHDataModule,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> nn.Module:
        """The network itself."""
        return network
