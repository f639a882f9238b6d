"""Building what a configuration names."""

import functools
from collections.abc import Mapping
from typing import Any

from hydra.utils import get_object

from sshml.config.trust import TARGET
from sshml.data.representations import Representation
from sshml.physics.hamiltonians import Hamiltonian

#: Of a node that names a function which is called later, as Hydra has it.
PARTIAL = "_partial_"
__all__ = ["PARTIAL", "TARGET", "build", "hamiltonian", "representation"]


def build(node: Mapping[str, Any], *arguments: Any, **parts: Any) -> Any:
    """Build what a node of a checked configuration names, and the nodes within it.

    As ``hydra.utils.instantiate`` does with plain values, which it takes some ms to copy and resolve;
    a sweep of small jobs would feel that.

    Args:
        node: ``_target_``, the dotted name of a class or function, and arguments of it.
        arguments: others, before those of the node.
        parts: others by name, in place of those of the node.

    Returns:
        What was built; of a node with ``_partial_`` the function itself, with its arguments bound.
    """
    own = {
        name: build(value) if isinstance(value, Mapping) and TARGET in value else value
        for name, value in node.items()
        if name not in (TARGET, PARTIAL)
    }
    named: Any = get_object(node[TARGET])
    bound = functools.partial(named, *arguments, **{**own, **parts})
    return bound if node.get(PARTIAL) else bound()


def hamiltonian(data: Mapping[str, Any]) -> Hamiltonian:
    """The Hamiltonian of checked data settings."""
    built: Hamiltonian = build(data["hamiltonian"])
    return built


def representation(data: Mapping[str, Any]) -> Representation:
    """The representation of checked data settings."""
    built: Representation = build(data["representation"])
    return built
