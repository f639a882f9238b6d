"""Integrated gradients."""

import torch
from torch import Tensor, nn

from sshml.explain.methods.base import TOPOLOGICAL

_BATCH = 100
_STEPS = 16


def integrated_gradients(network: nn.Module, images: Tensor) -> Tensor:
    """Integrated gradients (arXiv:1703.01365) from states that are spread evenly, shape (n, H, W).

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> tuple(integrated_gradients(CNN().eval(), torch.full((1, 1, 60, 60), 1 / 60)).shape)
        (1, 60, 60)
    """
    from captum.attr import IntegratedGradients  # noqa: PLC0415

    method = IntegratedGradients(network)
    maps = [
        method.attribute(
            part, baselines=1 / part.shape[-2], target=TOPOLOGICAL, n_steps=_STEPS,
            internal_batch_size=len(part),
        )
        for part in images.split(_BATCH)  # type: ignore[no-untyped-call]
    ]  # fmt: skip
    return torch.cat(maps)[:, 0].detach()
