"""Chains made on the fly: which chain is sample i, what a network sees of it, and batches of them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sshml.data.arrays import ArraysDataModule
    from sshml.data.base import PhaseDataModule
    from sshml.data.datamodule import ProfileDataset, SSHDataModule
    from sshml.data.ensemble import Ensemble
    from sshml.data.representations import (
        CorrelationMatrix,
        DensityProfile,
        Image,
        MidGapPair,
        Representation,
    )
    from sshml.data.samples import Batch, Parameter, Samples
    from sshml.data.streams import Split

__all__ = [
    "ArraysDataModule",
    "Batch",
    "CorrelationMatrix",
    "DensityProfile",
    "Ensemble",
    "Image",
    "MidGapPair",
    "Parameter",
    "PhaseDataModule",
    "ProfileDataset",
    "Representation",
    "SSHDataModule",
    "Samples",
    "Split",
]

# Imported when asked for: `--help` needs none of them, and Lightning takes seconds to import.
_MODULES = ("representations", "streams", "ensemble", "samples", "base", "datamodule", "arrays")


def __getattr__(name: str) -> Any:
    if name in __all__:
        modules = (import_module(f"{__name__}.{module}") for module in _MODULES)
        return next(getattr(module, name) for module in modules if hasattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
