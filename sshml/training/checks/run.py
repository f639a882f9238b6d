"""All parts of a run together."""

import functools
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from sshml.augmentation import Augmentation
from sshml.config.build import TARGET, build, hamiltonian
from sshml.config.hardware import TRAINING
from sshml.config.limits import check_images, check_process_count, check_sizes
from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError, named
from sshml.files.stored import relocated
from sshml.networks import build_network
from sshml.physics.hamiltonians import Hamiltonian
from sshml.tracking import check_loggers
from sshml.training.checks.callbacks import check_callbacks, check_end
from sshml.training.checks.chains import check_chains
from sshml.training.checks.checkpoints import RUN
from sshml.training.checks.network import check_all_used, check_explanation, check_forward, meta_network
from sshml.training.checks.resumption import check_resumption
from sshml.training.checks.trainer import (
    FINDS_UNUSED,
    check_processes,
    check_schedule,
    check_steps,
    check_trainer,
)

# What decides which chains a run has, and what is seen of them.
_OF_CHAINS = ("hamiltonian", "representation", "disorder", "n_cells", "ratio_range")
# What a run is built from, beside its data and loggers.
_PARTS = (
    "model", "loss", "optimizer", "scheduler", "explanation", "trainer", "callbacks", "channels_last",
    "figures",
)  # fmt: skip
_STAGES = {"n_train": "training", "n_val": "validation", "n_test": "testing"}
# Images that augmentations are tried on.
_TRIED = 8


def check_run(settings: Mapping[str, Any]) -> PhaseDataModule:
    """Build every part of a run once and throw it away, but for its data.

    Args:
        settings: from :func:`sshml.config.schema.plain_config`.

    Returns:
        The run's data.

    Raises:
        ConfigError: naming the part that cannot be built, or does not fit the others.
        CheckpointError: if ``ckpt_path`` is not there, is not ours or does not fit the network.
    """
    module = check_samples(settings["data"])
    sizes = {f"n_{split.name.lower()}": len(module.dataset(split)) for split in Split}
    for name, size in sizes.items():
        if not size:
            raise ConfigError(
                f"data: has no samples for {_STAGES[name]}; a training needs all three sets "
                "(data.split or data.shares of data=arrays)"
            )
    # Runs of a sweep often differ in their seed and folder only.
    data = {
        **sizes,
        "batch_size": settings["data"]["batch_size"],
        "n_cells": settings["data"].get("n_cells"),
        "n_classes": len(module.classes),
        "shape": module.shape,
    }
    parts = {key: settings[key] for key in _PARTS}
    placeless = relocated({"data": data, **parts}, settings["paths"]["run"], RUN)
    _check_parts(json.dumps(placeless, sort_keys=True))
    _check_augmentation(settings["augmentation"], module, settings["data"])
    if settings["ckpt_path"] is not None:
        check_resumption(settings, module, meta_network(settings["model"]))
    n = check_processes({**settings, "data": {**settings["data"], **sizes}})
    if n > 1 and settings["trainer"].get("strategy", "auto") != FINDS_UNUSED:
        check_all_used(meta_network(settings["model"]), module.shape, settings["model"])
    check_loggers(settings)
    return module


def check_samples(data: Mapping[str, Any]) -> PhaseDataModule:
    """Build a data module, and try what it makes, or look at what it has.

    Raises:
        ConfigError: for settings that do not fit each other, the memory or the processor.
    """
    of_chains = "hamiltonian" in data
    if of_chains:
        check_sizes(data)
    workers = data.get("num_workers", 0)
    check_process_count(f"data.num_workers={workers}", workers)
    with named("data", data):
        module: PhaseDataModule = build(data)
    if of_chains:
        _check_chains(json.dumps({key: data[key] for key in _OF_CHAINS}, sort_keys=True))
    else:
        batch = data["batch_size"]
        check_images(f"data.batch_size={batch}", "a batch of images needs", batch, module.shape)
        module.check()
    return module


@functools.cache
def _check_chains(data: str) -> None:
    """Check, once, the chains of data settings that are given as JSON."""
    check_chains(json.loads(data))


@functools.cache
def _check_parts(parts: str) -> None:
    """Check, once, the parts of a run that are given as JSON."""
    settings = json.loads(parts)
    check_forward(settings, meta_network(settings["model"]))
    if settings["model"].get("pretrained"):  # downloaded once, and kept by torch
        with named("model", settings["model"]):
            build_network(settings["model"])
    data = settings["data"]
    if settings["figures"]:
        check_explanation(settings["explanation"], settings["model"], data["shape"], data["n_classes"])
    _check_loss(settings["loss"], data["n_classes"])
    with named("optimizer", settings["optimizer"]):
        # As those of a convolution, whose layout some cannot take.
        layout = torch.channels_last if settings["channels_last"] else torch.contiguous_format
        weight = nn.Parameter(torch.zeros(2, 2, 3, 3).to(memory_format=layout))
        optimizer = build(settings["optimizer"], [weight])
        if "lr" not in optimizer.param_groups[0]:
            raise ValueError("its parameter groups have no lr, which runs log and schedulers change")
        optimizer.step(partial(_loss, weight))  # some find what they cannot do only now
    if settings["scheduler"]:
        check_schedule(settings["scheduler"])
        with named("scheduler", settings["scheduler"]):
            scheduler = build(settings["scheduler"], optimizer)
            if not isinstance(scheduler, LRScheduler | ReduceLROnPlateau):
                raise TypeError("expected a class derived from torch.optim.lr_scheduler.LRScheduler")
            optimizer.step(partial(_loss, weight))
            scheduler.step()  # some find a period of 0 only now
            optimizer.step(partial(_loss, weight))
    precision = settings["trainer"].get("precision", "32-true")
    if precision not in TRAINING:
        raise ConfigError(
            f"trainer.precision={precision}: expected {', '.join(map(repr, TRAINING[:-1]))} or "
            f"{TRAINING[-1]!r}, which keep the weights in float32; tests and maps need this"
        )
    check_trainer(settings["trainer"], settings["data"])
    if settings["scheduler"]:
        check_steps(scheduler, settings["trainer"], settings["data"])
    check_callbacks(settings["callbacks"], settings["data"]["n_classes"])
    check_end(settings["trainer"], settings["callbacks"])


def _check_loss(node: Mapping[str, Any], n_classes: int) -> None:
    """Try the loss on a batch with all classes."""
    with named("loss", node):
        loss: nn.Module = build(node)
        if kept := loss.state_dict().keys() or dict(loss.named_parameters()).keys():
            raise ValueError(
                f"it has the weight {min(kept)}; expected none, since the optimizer would not train it"
            )
        logits = torch.zeros(n_classes, n_classes, requires_grad=True)
        value = loss(logits, torch.arange(n_classes))
        if not isinstance(value, torch.Tensor) or value.shape != () or not value.isfinite():
            raise ValueError(
                f"expected one finite number for {n_classes} logits and labels, got {value!r}"
            )
        if not value.requires_grad:
            raise ValueError("it does not depend on the logits; expected no detach() in forward()")


def _check_augmentation(
    nodes: Mapping[str, Mapping[str, Any]], module: PhaseDataModule, data: Mapping[str, Any]
) -> None:
    """Try the augmentations, if they are for such chains and images, on the first of the training."""
    if not nodes:
        return
    samples = module.dataset(Split.TRAIN)
    batch = samples.__getitems__(range(min(_TRIED, len(samples))))
    images, labels = batch["input"], batch["label"]
    before = labels.clone()
    for name, node in nodes.items():
        with named(f"augmentation.{name}", node):
            augmentation: Augmentation = build(node)
        _check_for(name, augmentation, data, module)
        with named(f"augmentation.{name}", node), torch.random.fork_rng(devices=()):
            state = augmentation.state_dict().keys()
            changed = augmentation(images, labels)
            if not labels.equal(before):
                raise ValueError("it changes the labels in place; expected them unchanged")
            alike = (
                isinstance(changed, torch.Tensor)
                and (changed.shape, changed.dtype) == (images.shape, images.dtype)
                and changed.isfinite().all()
            )
            if not alike:
                raise ValueError("it must return images of the same shape with finite float32 values")
            if augmentation.state_dict().keys() != state:
                raise ValueError(
                    "it must register its buffers in __init__, so that runs can be resumed"
                )
        images = changed


def _check_for(name: str, made: Augmentation, data: Mapping[str, Any], module: PhaseDataModule) -> None:
    """An augmentation must be made for the chains and images of a run."""
    shown = module.representation
    of_chains = made.chains is Hamiltonian or (
        "hamiltonian" in data and isinstance(hamiltonian(data), made.chains)
    )
    of_mirror = "hamiltonian" not in data or hamiltonian(data).is_chiral
    for part, needs, has in (
        ("hamiltonian", f"chains of {made.chains.__name__}", of_chains),
        ("hamiltonian", "chains of two phases", len(module.classes) == 2 or not made.of_two_phases),
        ("representation", "images whose rows are sites", shown.rows_are_sites or not made.of_sites),
        ("hamiltonian", "chiral chains", of_mirror or not made.of_states),
        (
            "representation",
            "images whose columns are states",
            shown.columns_are_states or not made.of_states,
        ),
    ):
        if not has:
            raise ConfigError(f"augmentation.{name}: needs {needs}, not {_given(data, part)}; omit it")


def _given(data: Mapping[str, Any], part: str) -> str:
    """A part of the data, or the data themselves, as set."""
    if part in data:
        return f"data.{part}._target_={data[part][TARGET]}"
    return f"data._target_={data[TARGET]}"


def _loss(weight: nn.Parameter) -> torch.Tensor:
    """A loss of one weight, with its gradient, as optimisers take them."""
    weight.grad = torch.zeros_like(weight)
    return (weight * 0).sum().detach()
