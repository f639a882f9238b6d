"""The network of a run: whether it can be built, and train on the run's images."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sshml.config.build import TARGET, build
from sshml.config.limits import check_network
from sshml.errors import ConfigError, named, pip_install, reason_of
from sshml.explanations import Explanation
from sshml.networks import build_network


def meta_network(node: Mapping[str, Any]) -> nn.Module:
    """The network without memory or downloads.

    Raises:
        ConfigError: if it cannot be built, or checkpoints cannot be made of it.
    """
    try:
        with torch.device("meta"):
            network = build_network(node, download=False)
            state = network.state_dict()
            trains = network.train()
    except Exception as error:  # a custom class may raise anything
        raise ConfigError(f"model: {reason_of(error)}") from error
    target = node["_target_"]
    if other := [name for name, value in state.items() if not isinstance(value, torch.Tensor)]:
        raise ConfigError(
            f"model._target_={target}: {other[0]} in its state_dict() is not a tensor, but a "
            "checkpoint stores only tensors; register it as a buffer"
        )
    if trains is not network:
        raise ConfigError(f"model._target_={target}: its train() must return the network itself")
    if lost := dict(network.named_parameters()).keys() - state.keys():
        raise ConfigError(
            f"model._target_={target}: its state_dict() lacks {min(lost)}, so no checkpoint "
            "would store it"
        )
    for name, value in state.items():
        if is_lazy(value) or (value.is_floating_point() and value.dtype != torch.float32):
            what = "has no shape yet" if is_lazy(value) else f"is {value.dtype}"
            raise ConfigError(
                f"model._target_={target}: its weight {name} {what}; expected float32 weights of a "
                "fixed shape"
            )
    return network


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def check_forward(settings: Mapping[str, Any], network: nn.Module) -> None:
    """Let a network on the meta device answer the smallest batch of its run.

    Raises:
        ConfigError: if it fails, takes too much memory, or gives no logits that can be trained.
    """
    data, target = settings["data"], settings["model"]["_target_"]
    channels, height, width = data["shape"]
    # The smallest batch, the last of an epoch, is the one that a batch norm may refuse.
    batch = data["n_train"] % data["batch_size"] or min(data["n_train"], data["batch_size"])
    shapes = _shapes(network)
    try:
        images = torch.empty(batch, channels, height, width, device="meta")
        logits = check_network(network, images, min(data["n_train"], data["batch_size"]))
    except ConfigError:
        raise
    except Exception as error:  # likewise
        if not target.startswith("sshml."):
            raise ConfigError(
                f"model._target_={target}: fails on {batch} image(s) of {height}x{width} "
                f"({type(error).__name__}: {reason_of(error)})"
            ) from error
        n_cells = data["n_cells"]
        given = f"model._target_={target}" if n_cells is None else f"data.n_cells={n_cells}: {target}"
        larger = "another model" if n_cells is None else "a larger data.n_cells"
        raise ConfigError(
            f"{given} cannot train on {batch} image(s) of {height}x{width} ({reason_of(error)}); "
            f"choose {larger}, or a data.batch_size that leaves no single image in the last batch"
        ) from error
    if changed := dict(_shapes(network).items() - shapes.items()):
        raise ConfigError(
            f"model._target_={target}: the shape of {min(changed)} changes when it sees images, so "
            "no checkpoint would fit; expected buffers of a fixed shape"
        )
    expected = (batch, data["n_classes"])
    is_tensor = isinstance(logits, torch.Tensor)
    if not is_tensor or logits.shape != expected or not logits.is_floating_point():
        got = f"{tuple(logits.shape)} of {logits.dtype}" if is_tensor else type(logits).__name__
        raise ConfigError(
            f"model._target_={target}: expected real logits of shape {expected} for {batch} images of "
            f"{data['n_classes']} classes, got {got}"
        )
    if not logits.requires_grad:
        raise ConfigError(
            f"model._target_={target}: its logits do not depend on any trainable weight; expected "
            "parameters with requires_grad=True, and no detach() in forward()"
        )


def check_all_used(network: nn.Module, shape: Sequence[int], node: Mapping[str, Any]) -> None:
    """Several processes wait for a gradient of every weight.

    Args:
        network: on the meta device.
        shape: of an input: channels, height and width.
        node: of the network.

    Raises:
        ConfigError: naming a weight that the logits do not depend on.
    """
    network(torch.empty(2, *shape, device="meta")).sum().backward()
    for name, weight in network.named_parameters():
        if weight.requires_grad and weight.grad is None:
            raise ConfigError(
                f"model._target_={node['_target_']}: its logits do not depend on {name}, but "
                "training in several processes needs its gradient; remove it, or set "
                "trainer.strategy=ddp_find_unused_parameters_true"
            )


def check_explanation(
    node: Mapping[str, Any], model: Mapping[str, Any], shape: Sequence[int], n_classes: int
) -> Explanation:
    """Let an explanation make maps of an untrained network.

    Args:
        node: of the explanation.
        model: node of the network.
        shape: of an input: channels, height and width.
        n_classes: of the network.

    Returns:
        The explanation.

    Raises:
        ConfigError: if it cannot.
    """
    with named("explanation", node):
        explanation: Explanation = build(node)
    with torch.random.fork_rng(devices=()):
        network, images = build_network(model, download=False).eval(), torch.rand(1, *shape)
    given = f"explanation._target_={node[TARGET]}"
    if not isinstance(getattr(explanation, "title", None), str):
        raise ConfigError(f"{given}: has no title; expected text, which figures show")
    try:
        explanation.check(network, images)
    except Exception as error:  # a class of the user's own may raise anything
        others = " or ".join(f"explanation={name}" for name in ("integrated_gradients", "occlusion"))
        needs = f" ({pip_install('explain')})" if find_spec("captum") is None else ""
        raise ConfigError(
            f"{given}: {reason_of(error)}; change it, or choose {others}{needs}"
        ) from error
    try:
        maps = explanation.maps(network, images, range(n_classes))
    except Exception as error:  # likewise
        raise ConfigError(
            f"{given}: fails on the network {model[TARGET]} ({type(error).__name__}: "
            f"{reason_of(error)}); change it, or choose another explanation"
        ) from error
    if maps.ndim != 4 or maps.shape[:2] != (1, n_classes) or not maps.isfinite().all():
        raise ConfigError(
            f"{given}: expected a finite map of two axes for each of {n_classes} classes of an image, "
            f"got shape {tuple(maps.shape[1:])}; change it, or choose another explanation"
        )
    return explanation
