"""What a study tests: methods, and the networks that they begin with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from sshml.config.build import build
from sshml.data.base import PhaseDataModule
from sshml.errors import ConfigError, named
from sshml.explanations import Explanation
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.methods import TransferMethod


@dataclass(frozen=True)
class Method:
    """A way to get networks that are to be right at other strengths.

    Attributes:
        name: in the tables.
        transfer: what is done to a trained network.
        training: settings of the training that are the method's own: ``augmentation`` and ``data``.
    """

    name: str
    transfer: TransferMethod
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedNetwork:
    """A network of a study, to be trained or there already, and the methods that begin with it.

    Attributes:
        train_W: strength it is trained at, or several, as one number or word for tables.
        seed: of its training.
        methods: to test, one or more.
        checkpoint: its file.
        tested_on: settings of the data it is tested on, but for W.
        run: settings of train.py that train it; None for one that is there.
        explanation: whose maps are drawn of its tests; None for no maps.
    """

    train_W: float | str  # noqa: N815  # the column's name
    seed: int
    methods: Sequence[Method]
    checkpoint: Path
    tested_on: Mapping[str, Any]
    run: Mapping[str, Any] | None
    explanation: Explanation | None

    @property
    def name(self) -> str:
        """For files."""
        W = self.train_W
        return f"W{W if isinstance(W, str) else format(W, 'g')}_seed{self.seed}"


def methods_of(settings: Mapping[str, Any]) -> list[Method]:
    """The methods of a study: those of ``methods``, or the one that ``transfer`` names.

    Raises:
        ConfigError: for a name that cannot be one, or no method at all.
    """
    default = settings["transfer"]
    if settings["methods"] is None:
        return [Method(ONLY_METHOD, _built("transfer", default))]
    if not settings["methods"]:
        raise ConfigError(
            "methods={}: expected one or more, such as methods={plain:{}}, or null to use transfer"
        )
    taken = (*BASELINES, ONLY_METHOD)
    for name in settings["methods"]:
        if name in taken or not re.fullmatch(r"[\w-]{1,100}", name):
            raise ConfigError(
                f"methods.{name}: expected a name of at most 100 letters, digits, - and _, and none "
                f"of {', '.join(taken)}, which the tables use"
            )
    return [
        Method(
            name,
            _built(f"methods.{name}.transfer", node.get("transfer") or default),
            _own_training(node, settings["augmentation"]),
        )
        for name, node in settings["methods"].items()
    ]


def _built(path: str, node: Mapping[str, Any]) -> TransferMethod:
    with named(path, node):
        method: TransferMethod = build(node)
    return method


def _own_training(node: Mapping[str, Any], augmentation: Mapping[str, Any]) -> dict[str, Any]:
    """What a method's training has of its own; an empty augmentation is none, whatever the study's."""
    own = {"data": node["data"]} if node.get("data") else {}
    if node.get("augmentation") not in (None, augmentation):
        own["augmentation"] = node["augmentation"]
    return own


def check_methods(methods: Sequence[Method], network: nn.Module, target: PhaseDataModule) -> None:
    """Every method must go with the network and the data of the targets."""
    for method in methods:
        with mistakes_of(method):
            method.transfer.check(network, target)


@contextmanager
def mistakes_of(method: Method) -> Iterator[None]:
    """Names the method, of several, that a mistake is of."""
    try:
        yield
    except ConfigError as error:
        of_method = "" if method.name == ONLY_METHOD else f"methods.{method.name}: "
        raise ConfigError(f"{of_method}{error}") from error
