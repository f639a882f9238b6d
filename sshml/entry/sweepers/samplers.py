"""The samplers and pruners of searches, and their short names."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

from omegaconf import OmegaConf

from sshml.errors import ConfigError, named, unknown_key

# Classes by the short names that the command line may use.
_SHORT = {
    "sampler": {
        "tpe": "TPESampler", "random": "RandomSampler", "gp": "GPSampler", "cmaes": "CmaEsSampler"
    },
    "pruner": {"median": "MedianPruner", "hyperband": "HyperbandPruner"},
}  # fmt: skip


def built(kind: Literal["sampler", "pruner"], chosen: object, **arguments: Any) -> Any:
    """Build the sampler or the pruner that the settings choose.

    Args:
        kind: of the two.
        chosen: a short name, or a node with the ``_target_`` of a class and arguments of it, as Hydra
            composed it.
        arguments: of a class that is chosen by its short name.

    Raises:
        ConfigError: if there is no such class, or it does not take the arguments.
    """
    import optuna  # noqa: PLC0415

    from sshml.config.build import TARGET, build  # noqa: PLC0415  # imports much

    key, short = f"hydra.sweeper.{kind}", _SHORT[kind]
    if OmegaConf.is_config(chosen):
        chosen = OmegaConf.to_container(chosen, resolve=True)
    if isinstance(chosen, str):
        if chosen not in short:
            raise ConfigError(f"{key}={chosen}: {unknown_key(key, chosen, short, '=')}")
        node: Mapping[str, Any] = {TARGET: f"optuna.{kind}s.{short[chosen]}", **arguments}
    elif isinstance(chosen, Mapping) and TARGET in chosen:
        node = chosen
    else:
        raise ConfigError(
            f"{key}={chosen}: expected one of {', '.join(short)}, or a node with {TARGET}"
        )
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    with named(key, node):
        part = build(node)
    base = optuna.samplers.BaseSampler if kind == "sampler" else optuna.pruners.BasePruner
    if not isinstance(part, base):
        raise ConfigError(
            f"{key}.{TARGET}={node[TARGET]}: expected a class derived from {base.__name__}"
        )
    return part
