"""What settings of earlier versions name otherwise, or lack."""

import copy
from collections.abc import Mapping
from typing import Any

from sshml.config.trust import TARGET

#: The parts of data settings of versions that had no others.
FIRST_PARTS: dict[str, dict[str, str]] = {
    "hamiltonian": {TARGET: "sshml.physics.hamiltonians.ssh.SSH"},
    "representation": {TARGET: "sshml.data.representations.density_profile.DensityProfile"},
}
#: Groups that settings of earlier versions do not have, as they were.
FIRST_GROUPS: dict[str, dict[str, Any]] = {
    "loss": {
        TARGET: "sshml.training.losses.CrossEntropy", "label_smoothing": 0.0, "class_weights": []
    },
    "explanation": {TARGET: "sshml.explanations.ClassActivation"},
}  # fmt: skip
_MOVED = {
    "sshml.callbacks.": "sshml.training.callbacks.",
    "sshml.loggers.": "sshml.tracking.",
    "sshml.physics.hamiltonians.SSH": FIRST_PARTS["hamiltonian"][TARGET],
    "sshml.data.representations.DensityProfile": FIRST_PARTS["representation"][TARGET],
}


def of_this_version(settings: Any) -> Any:
    """Plain settings with the names of this version in every ``_target_``; data have a Hamiltonian."""
    if isinstance(settings, list):
        return [of_this_version(item) for item in settings]
    if not isinstance(settings, Mapping):
        return settings
    now = {
        key: _name(value) if key == TARGET and isinstance(value, str) else of_this_version(value)
        for key, value in settings.items()
    }
    if now.get(TARGET) == "sshml.data.datamodule.SSHDataModule":
        return {**copy.deepcopy(FIRST_PARTS), **now}
    return now


def _name(target: str) -> str:
    for before, now in _MOVED.items():
        if target.startswith(before):
            return now + target.removeprefix(before)
    return target
