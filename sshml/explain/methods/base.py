"""What an explanation is."""

from collections.abc import Callable

from torch import Tensor, nn

#: A network of two phases and n images to raw maps (n, h, w) of what speaks for the topological phase:
#: signed, not normalised.
Explanation = Callable[[nn.Module, Tensor], Tensor]
#: The class that is explained.
TOPOLOGICAL = 1
