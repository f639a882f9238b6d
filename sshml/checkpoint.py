"""Reading checkpoints as data. Needs torch only, neither Lightning nor Hydra."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sshml.errors import CheckpointError
from sshml.networks import build_network
from sshml.provenance import git_revision, versions

CHECKPOINT_KEY = "sshml"
CHECKPOINT_FORMAT = 1
_NETWORK_PREFIX = "network."


def checkpoint_origin() -> dict[str, Any]:
    """What every checkpoint says of itself: format, versions, git revision."""
    return {
        "format": CHECKPOINT_FORMAT,
        "versions": versions(),
        "git_revision": git_revision(),
    }


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint written by ``train.py``, on the CPU and without running code of its own.

    Args:
        path: a ``.ckpt`` file.

    Returns:
        ``state_dict``, ``hyper_parameters`` (``network``, ``optimizer``, ``scheduler``, ``data``),
        ``sshml`` (format, versions, git revision), ``epoch`` and what Lightning keeps beside them.

    Raises:
        CheckpointError: if there is no such file, or it is cut short or not ours.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: there is no such file; expected a .ckpt that train.py wrote")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a file that is anything at all, torch may raise anything
        raise CheckpointError(
            f"{path}: not a checkpoint, or cut short; expected a .ckpt that train.py wrote"
        ) from error
    origin = checkpoint.get(CHECKPOINT_KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(origin, dict):
        raise CheckpointError(f"{path}: not written by sshml; expected a .ckpt that train.py wrote")
    if origin.get("format") != CHECKPOINT_FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {origin.get('format')}, expected {CHECKPOINT_FORMAT}; "
            f"read it with sshml {origin.get('versions', {}).get('sshml')}"
        )
    return checkpoint


def network_state(network: nn.Module, checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint, which are to fit a network.

    Args:
        network: of the class and size that the checkpoint was made with.
        checkpoint: from :func:`read_checkpoint`.

    Returns:
        A ``state_dict`` for the network.

    Raises:
        CheckpointError: naming the first weight that is missing, surplus or of another shape.
    """
    state = {
        name.removeprefix(_NETWORK_PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(_NETWORK_PREFIX)
    }
    expected = network.state_dict()
    for name in sorted(expected.keys() | state.keys()):
        shapes = [tuple(s[name].shape) if name in s else None for s in (state, expected)]
        if shapes[0] != shapes[1]:
            raise CheckpointError(
                f"weight {name} has shape {shapes[0]} in the checkpoint of "
                f"{checkpoint['hyper_parameters']['network']['_target_']}, "
                f"but {type(network).__name__} expects {shapes[1]}"
            )
    return state


def load_classifier(checkpoint: str | Path) -> nn.Module:
    """Load a trained network.

    Args:
        checkpoint: path of a checkpoint written by ``train.py``.

    Returns:
        The network on the CPU in eval mode: profiles (n, 1, 2M, 2M) float32 to logits (n, 2), class
        1 = topological.

    Raises:
        CheckpointError: if the file is not there, cut short or not ours.
    """
    content = read_checkpoint(checkpoint)
    network = build_network(content["hyper_parameters"]["network"], download=False)
    network.load_state_dict(network_state(network, content))
    return network.eval()
