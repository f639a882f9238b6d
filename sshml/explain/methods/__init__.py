"""Maps of what speaks for the topological phase: one file each."""

from importlib.util import find_spec

from sshml.errors import ConfigError
from sshml.explain.methods.base import Explanation
from sshml.explain.methods.class_activation import class_activation
from sshml.explain.methods.grad_cam import grad_cam
from sshml.explain.methods.integrated_gradients import integrated_gradients
from sshml.explain.methods.occlusion import occlusion

__all__ = [
    "EXPLANATIONS",
    "Explanation",
    "chosen",
    "class_activation",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
]

_BY_CAPTUM: tuple[Explanation, ...] = (grad_cam, integrated_gradients, occlusion)
#: By name.
EXPLANATIONS: dict[str, Explanation] = {
    function.__name__: function for function in (class_activation, *_BY_CAPTUM)
}


def chosen(names: str) -> dict[str, Explanation]:
    """Explanations by their names, with commas between them, or ``all``.

    Raises:
        ConfigError: for a name that there is not, or a missing library.
    """
    wanted = list(EXPLANATIONS) if names == "all" else names.split(",")
    for name in wanted:
        if name not in EXPLANATIONS:
            raise ConfigError(
                f"--explanations={names}: expected some of {', '.join(EXPLANATIONS)}, or all"
            )
        if EXPLANATIONS[name] in _BY_CAPTUM and find_spec("captum") is None:
            raise ConfigError(
                f'--explanations={names}: {name} needs captum; pip install -e ".[explain]"'
            )
    return {name: EXPLANATIONS[name] for name in wanted}
