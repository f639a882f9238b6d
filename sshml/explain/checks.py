"""Whether networks can be asked about, and together, before any work."""

import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import torch

from sshml.config.build import TARGET, hamiltonian, representation
from sshml.config.limits import check_images
from sshml.data.grid import strength_grid
from sshml.data.streams import Split
from sshml.errors import ConfigError, reason_of
from sshml.explanations import (
    ClassActivation,
    Explanation,
    GradCAM,
    IntegratedGradients,
    Occlusion,
    TorchCAM,
)
from sshml.explanations.torch_cam import torch_cam_methods
from sshml.trained import TrainedNetwork

#: By name.
EXPLANATIONS: dict[str, Callable[[], Explanation]] = {
    "class_activation": ClassActivation,
    "grad_cam": GradCAM,
    "integrated_gradients": IntegratedGradients,
    "occlusion": Occlusion,
}


def strengths(text: str) -> list[float]:
    """The strengths that an option names, ``0,0.5`` or ``start:stop:step``.

    Raises:
        ConfigError: naming the option.
    """
    try:
        return strength_grid(text if ":" in text else text.strip("[]").split(","))
    except ValueError as error:
        raise ConfigError(f"--W={text}: {error}") from error


def chosen(names: str) -> dict[str, Explanation]:
    """Explanations by their names, with commas between them.

    Args:
        names: some of :data:`EXPLANATIONS`, or ``all`` of them; methods of torch-cam, such as
            ``LayerCAM``; classes of the user's own, such as ``my_package.MyExplanation``.

    Raises:
        ConfigError: for a name that there is not, or a missing library.
    """
    return {name: _named(name) for name in (EXPLANATIONS if names == "all" else names.split(","))}


def _named(name: str) -> Explanation:
    option = f"--explanations={name}"
    if name in EXPLANATIONS:
        return EXPLANATIONS[name]()
    if "." in name:
        try:
            own = pkgutil.resolve_name(name)
            made = own()
        except Exception as error:  # of the user's own, it may be any
            raise ConfigError(f"{option}: cannot be used ({reason_of(error)})") from error
        if not isinstance(made, Explanation):
            raise ConfigError(f"{option}: expected a class derived from sshml.explanations.Explanation")
        return made
    if find_spec("torchcam") is None or name not in torch_cam_methods():
        raise ConfigError(
            f"{option}: expected some of {', '.join(EXPLANATIONS)}, or all, a method of torch-cam "
            "such as LayerCAM, or your own class such as my_package.MyExplanation"
        )
    return TorchCAM(name)


def check_once(checkpoints: Sequence[str]) -> None:
    """Networks that are asked about together are named once each.

    Raises:
        ConfigError: naming the first that is not.
    """
    files: set[str] = set()
    for path in checkpoints:
        file = os.path.realpath(path)  # Path.resolve raises where links lead in a circle
        if file in files:
            raise ConfigError(f"{path}: is given twice; omit one")
        files.add(file)


def check_together(networks: Sequence[TrainedNetwork], chains: int) -> None:
    """Networks that are asked about together are of one kind of chain, disorder and image.

    Args:
        networks: one or more.
        chains: test chains of each strength.

    Raises:
        ConfigError: naming the first that does not go with the others, or if so few chains tell
            nothing, or so many do not fit in memory.
    """
    for network in networks:
        if "hamiltonian" not in network.data:
            raise ConfigError(
                f"{network.checkpoint}: was trained on data from a file, but this program tests "
                "networks on chains generated at each strength; train.py and transfer.py draw its "
                "maps"
            )
    first_path, first = networks[0].checkpoint, networks[0].data
    if chains < 2:
        raise ConfigError(f"--chains={chains}: expected at least 2")
    check_images(f"--chains={chains}", "their images need", chains, networks[0].data_module().shape)
    for network in networks:
        data = network.data
        for key in ("hamiltonian", "representation", "n_cells", "disorder"):
            if data[key] != first[key]:
                raise ConfigError(
                    f"{network.checkpoint}: trained with data.{key}={data[key]}, and {first_path} "
                    f"with {first[key]}; their scores cannot be compared, so run the program for "
                    "each of them"
                )


def check_two_phases(network: TrainedNetwork, chains: int) -> None:
    """Explanations compare two phases, between regions that are known of the images.

    Raises:
        ConfigError: for other chains or images, or if the test chains are all of one phase.
    """
    path, data = network.checkpoint, network.data
    classes, shown = hamiltonian(data).classes, representation(data)
    if len(classes) != 2:
        raise ConfigError(
            f"{path}: its chains have {len(classes)} phases, but this program compares two; train.py "
            "draws maps for all of them"
        )
    if not shown.regions(torch.zeros(1, *shown.shape(2))):
        raise ConfigError(
            f"{path}: trained with data.representation._target_={data['representation'][TARGET]}, "
            "whose images have no known regions to score maps by; train.py draws its maps"
        )
    if not hamiltonian(data).is_chiral:
        raise ConfigError(
            f"{path}: its chains are not chiral, but edits of profiles act on pairs of states at ±E; "
            "train.py draws its maps"
        )
    ensemble = network.data_module(n_test=chains).ensemble
    labels = ensemble.chains(Split.TEST, range(chains)).labels["ratio"]
    if labels.min() == labels.max():
        raise ConfigError(
            f"{path}: its {chains} test chains are all {classes[labels[0]]}, "
            f"data.ratio_range={list(data['ratio_range'])}; increase --chains, or choose a network "
            "trained on both phases"
        )


def check_explanations(network: TrainedNetwork, explanations: Mapping[str, Explanation]) -> None:
    """Let explanations make a map of a network.

    Raises:
        ConfigError: naming the first that cannot.
    """
    images = torch.rand(1, *network.data_module().shape)
    for name, explanation in explanations.items():
        try:
            explanation.check(network.network, images)
            explanation.maps(network.network, images, labels=(1,))
        except Exception as error:  # of the user's own, it may be any
            raise ConfigError(
                f"--explanations={name}: fails on the network of {network.checkpoint} "
                f"({reason_of(error)}); choose another explanation, such as occlusion"
            ) from error
