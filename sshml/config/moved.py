"""What settings of earlier versions name otherwise, or lack."""

from collections.abc import Mapping
from typing import Any

from sshml.config.trust import TARGET

#: The family of chains of versions that had no other.
FIRST_HAMILTONIAN = {TARGET: "sshml.physics.hamiltonians.SSH"}
_MOVED = {"sshml.callbacks.": "sshml.training.callbacks.", "sshml.loggers.": "sshml.tracking."}


def renamed(settings: Any) -> Any:
    """Plain settings with the names of this version in every ``_target_``; data have a Hamiltonian."""
    if isinstance(settings, list):
        return [renamed(item) for item in settings]
    if not isinstance(settings, Mapping):
        return settings
    now = {
        key: _name(value) if key == TARGET and isinstance(value, str) else renamed(value)
        for key, value in settings.items()
    }
    if now.get(TARGET) == "sshml.data.datamodule.SSHDataModule":
        now.setdefault("hamiltonian", dict(FIRST_HAMILTONIAN))
    return now


def _name(target: str) -> str:
    for before, now in _MOVED.items():
        if target.startswith(before):
            return now + target.removeprefix(before)
    return target
