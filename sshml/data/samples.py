"""What a sample is, and a batch of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import SupportsIndex, TypedDict, cast

from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import Dataset

from sshml.physics.numbers import Floats


class Batch(TypedDict):
    """One batch of n samples.

    ``input`` float32 (n, C, H, W), 1×2M×2M for density profiles; ``label`` int64 (n,), the kind that is
    trained on; ``labels`` int64 (n,) by kind; ``parameters`` float32 (n,) by name: of chains ``ratio``,
    the Hamiltonian's control, and ``W``; ``index`` int64 (n,), the sample's number in its split.

    Example:
        >>> from sshml.data import SSHDataModule
        >>> batch = next(iter(SSHDataModule(n_cells=6, n_test=5).test_dataloader()))
        >>> batch["input"].shape, batch["label"].shape, sorted(batch["parameters"])
        (torch.Size([5, 1, 12, 12]), torch.Size([5]), ['W', 'ratio'])
    """

    input: Tensor
    label: Tensor
    labels: dict[str, Tensor]
    parameters: dict[str, Tensor]
    index: Tensor


@dataclass(frozen=True)
class Parameter:
    """What is known of every sample beside its label, such as t1/t2.

    Attributes:
        title: in tables.
        symbol: in figures, as TeX.

    Example:
        >>> Parameter("t1/t2", "$t_1/t_2$").title
        't1/t2'
    """

    title: str
    symbol: str


class Samples(Dataset[Batch], ABC):
    """The samples of one split."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitems__(self, index: Sequence[SupportsIndex]) -> Batch:
        """The samples with these numbers as one batch; a DataLoader's way to ask for it."""

    @abstractmethod
    def parameters(self) -> Mapping[str, Floats]:
        """Parameters of all samples, shape (n,) each, without their images."""

    def __getitem__(self, index: int) -> Batch:
        """Sample ``index`` without the batch dimension."""
        return cast("Batch", tree_map(lambda values: values[0], self.__getitems__([index])))
