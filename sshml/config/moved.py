"""Classes that had another name in earlier versions, which settings of that time still have."""

from collections.abc import Mapping
from typing import Any

from sshml.config.trust import TARGET

_MOVED = {"sshml.callbacks.": "sshml.training.callbacks.", "sshml.loggers.": "sshml.tracking."}


def renamed(settings: Any) -> Any:
    """Plain settings in which every ``_target_`` has the name of this version."""
    if isinstance(settings, list):
        return [renamed(item) for item in settings]
    if not isinstance(settings, Mapping):
        return settings
    return {
        key: _name(value) if key == TARGET and isinstance(value, str) else renamed(value)
        for key, value in settings.items()
    }


def _name(target: str) -> str:
    for before, now in _MOVED.items():
        if target.startswith(before):
            return now + target.removeprefix(before)
    return target
