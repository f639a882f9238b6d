"""All parts of a run together."""

import functools
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from sshml.augmentation import Augmentation
from sshml.config.build import TARGET, build, hamiltonian, representation
from sshml.config.hardware import TRAINING
from sshml.config.limits import check_process_count, check_sizes
from sshml.data.datamodule import SSHDataModule
from sshml.data.representations import Representation
from sshml.errors import ConfigError, named
from sshml.files.stored import relocated
from sshml.networks import build_network
from sshml.physics.hamiltonians import Hamiltonian
from sshml.tracking import check_loggers
from sshml.training.checks.callbacks import check_callbacks, check_end
from sshml.training.checks.chains import TRIED_CELLS, check_chains
from sshml.training.checks.checkpoints import RUN
from sshml.training.checks.network import check_forward, meta_network
from sshml.training.checks.resumption import check_resumption
from sshml.training.checks.trainer import check_processes, check_schedule, check_steps, check_trainer

# What decides which chains a run has, and what is seen of them.
_OF_CHAINS = ("hamiltonian", "representation", "disorder", "n_cells", "ratio_range")
# What a run is built from, beside its data and loggers.
_OF_DATA = ("hamiltonian", "representation", "disorder", "n_cells", "n_train", "batch_size")
_PARTS = ("model", "augmentation", "optimizer", "scheduler", "trainer", "callbacks", "channels_last")


def check_run(settings: Mapping[str, Any]) -> SSHDataModule:
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
    # Runs of a sweep often differ in their seed and folder only.
    data = {key: settings["data"][key] for key in _OF_DATA}
    data["n_classes"] = len(module.ensemble.hamiltonian.classes)
    data["shape"] = module.representation.shape(data["n_cells"])
    parts = {key: settings[key] for key in _PARTS}
    placeless = relocated({"data": data, **parts}, settings["paths"]["run"], RUN)
    _check_parts(json.dumps(placeless, sort_keys=True))
    if settings["ckpt_path"] is not None:
        check_resumption(settings, meta_network(settings["model"]))
    check_processes(settings)
    check_loggers(settings)
    return module


def check_samples(data: Mapping[str, Any]) -> SSHDataModule:
    """Build a data module, and try what it makes.

    Raises:
        ConfigError: for settings that do not fit each other, the memory or the processor.
    """
    check_sizes(data)
    workers = data.get("num_workers", 0)
    check_process_count(f"data.num_workers={workers}", workers)
    with named("data", data):
        module: SSHDataModule = build(data)
    _check_chains(json.dumps({key: data[key] for key in _OF_CHAINS}, sort_keys=True))
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
    _check_augmentation(settings["augmentation"], settings["data"])
    with named("optimizer", settings["optimizer"]):
        # As those of a convolution, whose layout some cannot take.
        layout = torch.channels_last if settings["channels_last"] else torch.contiguous_format
        weight = nn.Parameter(torch.zeros(2, 2, 3, 3).to(memory_format=layout))
        optimizer = build(settings["optimizer"], [weight])
        if "lr" not in optimizer.param_groups[0]:
            raise ValueError("its parameter groups have no lr, which a run reports and schedulers set")
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
            f"{TRAINING[-1]!r}, which keep the weights in float32, as tests and maps need them"
        )
    check_trainer(settings["trainer"], settings["data"])
    if settings["scheduler"]:
        check_steps(scheduler, settings["trainer"], settings["data"])
    check_callbacks(settings["callbacks"], settings["data"]["n_classes"])
    check_end(settings["trainer"], settings["callbacks"])


def _check_augmentation(nodes: Mapping[str, Mapping[str, Any]], data: Mapping[str, Any]) -> None:
    """Try the augmentations, if they are for such chains and images, on clean chains of all phases."""
    if not nodes:
        return
    chain, shown = hamiltonian(data), representation(data)
    disorder = data["disorder"] or chain.disorders[0]
    ratio, clean = np.linspace(0.2, 1.8, 8), np.zeros(8)
    uniforms = np.full((8, chain.n_random(min(data["n_cells"], TRIED_CELLS))), 0.5)
    couplings = chain.couplings(ratio, clean, uniforms, disorder)
    images = torch.from_numpy(shown.images(chain, couplings)).unsqueeze(1)
    labels = torch.from_numpy(chain.labels(ratio, clean, couplings, disorder)["ratio"])
    before = labels.clone()
    for name, node in nodes.items():
        with named(f"augmentation.{name}", node):
            augmentation: Augmentation = build(node)
        _check_for(name, augmentation, data, chain, shown)
        with named(f"augmentation.{name}", node), torch.random.fork_rng(devices=()):
            state = augmentation.state_dict().keys()
            changed = augmentation(images, labels)
            if not labels.equal(before):
                raise ValueError("it changes the labels in place; expected them to stay")
            alike = (
                isinstance(changed, torch.Tensor)
                and (changed.shape, changed.dtype) == (images.shape, images.dtype)
                and changed.isfinite().all()
            )
            if not alike:
                raise ValueError("it has to return images of the same shape with finite float32 values")
            if augmentation.state_dict().keys() != state:
                raise ValueError("it has to register its buffers when it is made, to be resumed")
        images = changed


def _check_for(
    name: str,
    made: Augmentation,
    data: Mapping[str, Any],
    chain: Hamiltonian,
    shown: Representation,
) -> None:
    """An augmentation must be made for the chains and images of a run."""
    for part, needs, has in (
        ("hamiltonian", f"chains of {made.chains.__name__}", isinstance(chain, made.chains)),
        ("hamiltonian", "chains of two phases", len(chain.classes) == 2 or not made.of_two_phases),
        ("representation", "images whose rows are sites", shown.rows_are_sites or not made.of_sites),
        (
            "representation",
            "images whose columns are states",
            shown.columns_are_states or not made.of_states,
        ),
    ):
        if not has:
            raise ConfigError(
                f"augmentation.{name}: is for {needs}, not for data.{part}._target_="
                f"{data[part][TARGET]}; leave it out"
            )


def _loss(weight: nn.Parameter) -> torch.Tensor:
    """A loss of one weight, with its gradient, as optimisers take them."""
    weight.grad = torch.zeros_like(weight)
    return (weight * 0).sum().detach()
