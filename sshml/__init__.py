"""Recognise the topological phase of SSH chains with neural networks, and see what they look at."""

import sys
from importlib import import_module
from typing import Any

__all__ = [
    "__version__", "augmentation", "cam", "data", "explanations", "load_classifier", "networks",
    "physics", "trained",
]  # fmt: skip

# `python -m sshml.…`, before its imports, which take seconds. Python has the name only here by now.
if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv:
    _module = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    if _module.startswith("sshml."):
        from sshml.entry.start import start_command

        start_command(_module)


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and sshml.physics works without it.
    if name == "load_classifier":
        from sshml.files.checkpoint import load_classifier  # noqa: PLC0415

        return load_classifier
    if name == "__version__":  # what a clone that is not installed does not have
        from importlib.metadata import version  # noqa: PLC0415

        return version("sshml")
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
