"""Recognise the topological phase of SSH chains with neural networks, and see what they look at."""

from importlib.metadata import version
from typing import Any

__version__ = version("sshml")
__all__ = ["__version__", "load_classifier"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and sshml.physics works without it.
    if name == "load_classifier":
        from sshml.checkpoint import load_classifier  # noqa: PLC0415

        return load_classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
