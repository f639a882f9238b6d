"""Checks that the parts of a run fit together, before any work starts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from sshml.checkpoint import network_state, read_checkpoint
from sshml.errors import CheckpointError, ConfigError
from sshml.metrics import LOGGED
from sshml.networks import build_network


def check_run(settings: Mapping[str, Any]) -> None:
    """Build every part of a run once and throw it away.

    Args:
        settings: from :func:`sshml.config.plain_config`.

    Raises:
        ConfigError: naming the part that cannot be built, or does not fit the others.
        CheckpointError: if ``ckpt_path`` is not there, is not ours or does not fit the network.
    """
    network = _meta_network(settings["model"])
    _check_forward(settings, network)
    if settings["ckpt_path"]:
        _check_checkpoint(settings, network)
    with _named("optimizer", settings["optimizer"]):
        optimizer = instantiate(settings["optimizer"], [nn.Parameter(torch.zeros(1))])
    if settings["scheduler"]:
        with _named("scheduler", settings["scheduler"]):
            instantiate(settings["scheduler"], optimizer)
    epochs = settings["trainer"]["max_epochs"]
    if epochs is None or epochs == 0 or epochs < -1:
        raise ConfigError(
            f"trainer.max_epochs={epochs}: expected at least 1, or -1 for an end that only "
            "callbacks=early_stopping sets"
        )
    with _named("trainer", settings["trainer"]):
        instantiate(settings["trainer"], logger=False)
    for name, node in settings["callbacks"].items():
        monitor = node.get("monitor")
        if monitor is not None and monitor not in LOGGED:
            raise ConfigError(
                f"callbacks.{name}.monitor={monitor}: no such value; expected one of "
                f"{', '.join(LOGGED)}"
            )
        with _named(f"callbacks.{name}", node):
            instantiate(node, _convert_="all")


@contextmanager
def _named(path: str, node: Mapping[str, Any]) -> Iterator[None]:
    """Turns what a constructor says of its arguments into an error of their node."""
    try:
        yield
    except (InstantiationException, MisconfigurationException, ValueError) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        reason = " ".join(str(cause or error).split()).rstrip(".!")
        given = " ".join(f"{path}.{name}={value}" for name, value in node.items() if name[0] != "_")
        raise ConfigError(f"{path}: {reason}; change one of {given}") from error


def _meta_network(node: Mapping[str, Any]) -> nn.Module:
    """The network without memory or downloads."""
    try:
        with torch.device("meta"):
            network = build_network({**node, **({"pretrained": False} if "pretrained" in node else {})})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"model: {error}") from error
    if hasattr(network, "features") and isinstance(getattr(network, "head", None), nn.Linear):
        return network
    raise ConfigError(
        f"model._target_={node['_target_']}: expected a network with `features` and a linear "
        "`head`; derive it from sshml.networks.GlobalAveragePoolingNetwork"
    )


def _check_forward(settings: Mapping[str, Any], network: nn.Module) -> None:
    data, target = settings["data"], settings["model"]["_target_"]
    size = 2 * data["n_cells"]
    # The smallest batch, the last of an epoch, is the one that a batch norm may refuse.
    batch = data["n_train"] % data["batch_size"] or min(data["n_train"], data["batch_size"])
    try:
        logits = network(torch.empty(batch, 1, size, size, device="meta"))
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"data.n_cells={data['n_cells']}: {target} cannot train on {batch} image(s) of "
            f"{size}x{size} ({' '.join(str(error).split())}); choose a larger data.n_cells, or a "
            "data.batch_size that leaves no single image over"
        ) from error
    if logits.shape != (batch, 2):
        raise ConfigError(
            f"model._target_={target}: expected logits of shape ({batch}, 2) for {batch} images, "
            f"got {tuple(logits.shape)}"
        )


def _check_checkpoint(settings: Mapping[str, Any], network: nn.Module) -> None:
    path = settings["ckpt_path"]
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        raise CheckpointError(f"ckpt_path={error}") from error
    try:
        network_state(network, checkpoint)
    except CheckpointError as error:
        raise CheckpointError(
            f"ckpt_path={path}: does not fit the network ({error}); choose the model it was "
            "trained with"
        ) from error
    trained, wanted = checkpoint["hyper_parameters"]["data"]["n_cells"], settings["data"]["n_cells"]
    if trained != wanted:
        raise ConfigError(
            f"data.n_cells={wanted}: expected {trained}, the size that ckpt_path={path} was "
            f"trained at; leave it away, or set data.n_cells={trained}"
        )
