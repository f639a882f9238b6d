"""A Hamiltonian and a representation: whether they give what the rest of the program takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sshml.config.build import hamiltonian, representation
from sshml.errors import named

# Of what two calls with the same arguments give.
_OTHERS = "differ between two calls; what is random has to come from the given numbers alone"
# Chains that are made to see that both work.
_TRIED = 4
#: Cells of the chains that parts of a run are tried on, at most.
TRIED_CELLS = 122


def check_chains(data: Mapping[str, Any]) -> None:
    """Make and solve a few chains, and check what comes of them.

    Args:
        data: settings of the data.

    Raises:
        ConfigError: for a Hamiltonian or a representation that does not keep its contract,
            :class:`sshml.physics.hamiltonians.Hamiltonian` and
            :class:`sshml.data.representations.Representation`.
    """
    n_cells = min(data["n_cells"], TRIED_CELLS)
    low, high = data["ratio_range"]
    ratio, W = np.linspace(low, high, _TRIED + 2)[1:-1], np.full(_TRIED, 0.1)
    with named("data.hamiltonian", data["hamiltonian"]):
        chain = hamiltonian(data)
        disorder = data["disorder"] or chain.disorders[0]
        n_classes = len(chain.classes)
        _expect(
            isinstance(chain.classes, tuple) and len(set(chain.classes)) == n_classes > 1,
            f"classes is {chain.classes!r}; expected a tuple of two names or more",
        )
        if "ratio" not in chain.label_kinds:
            raise ValueError("it has no labels ratio, which networks are scored by")
        uniforms = np.random.default_rng(0).random((_TRIED, chain.n_random(n_cells)))
        couplings = chain.couplings(ratio, W, uniforms, disorder)
        again = chain.couplings(ratio, W, uniforms.copy(), disorder)
        for name, of in couplings.items():
            _expect_array(f"couplings {name}", of, "f", (_TRIED, n_cells))
            _expect(np.array_equal(of, again[name]), f"couplings {name} {_OTHERS}")
        labels = chain.labels(ratio, W, couplings, disorder)
        for kind in chain.label_kinds:
            _expect_array(f"labels {kind}", labels.get(kind), "i", (_TRIED,))
            _expect(
                set(labels[kind].tolist()) <= set(range(n_classes)),
                f"the labels {kind} are {sorted(set(labels[kind].tolist()))}; expected numbers of its "
                f"{n_classes} classes, counted from 0",
            )
        lines = chain.critical_ratios(np.zeros(1), disorder)
        _expect(
            isinstance(lines, np.ndarray) and lines.ndim == 2 and lines.shape[1] == 1,
            "critical_ratios of one W has to be an array of shape (transitions, 1)",
        )
        if chain.is_chiral:
            _expect_array("blocks", chain.blocks(couplings), "f", (_TRIED, n_cells, n_cells))
        else:
            matrices = chain.matrices(couplings)
            _expect_hermitian(matrices, n_cells)
            _expect(np.array_equal(matrices, chain.matrices(couplings)), f"matrices {_OTHERS}")
    with named("data.representation", data["representation"]):
        shown = representation(data)
        for name in ("title", "rows", "columns", "quantity"):
            has = isinstance(getattr(shown, name, None), str)
            _expect(has, f"has no {name}; expected text, for figures")
        shape = shown.shape(n_cells)
        _expect(
            isinstance(shape, tuple)
            and len(shape) in (2, 3)
            and all(isinstance(n, int) for n in shape),
            f"shape({n_cells}) is {shape!r}; expected (height, width) or (channels, height, width)",
        )
        images = shown.images(chain, couplings)
        _expect_array("images", images, "f", (_TRIED, *shape))
        _expect(images.dtype == np.float32, f"images are {images.dtype}; expected float32")
        is_density = not shown.is_density or images.min() >= 0
        _expect(is_density, "images are negative; expected is_density = False")
        _expect(images.flags.writeable, "images are read-only; expected a copy")
        torch.from_numpy(images)  # which takes no mirrored view


def _expect_hermitian(matrices: Any, n_cells: int) -> None:
    kind = "c" if np.iscomplexobj(matrices) else "f"
    _expect_array("matrices", matrices, kind, (_TRIED, 2 * n_cells, 2 * n_cells))
    _expect(np.allclose(matrices, matrices.conj().swapaxes(1, 2)), "matrices: not Hermitian")


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _expect_array(what: str, values: object, kind: str, shape: tuple[int, ...]) -> None:
    """Check for a NumPy array of finite numbers, of floats (f), integers (i) or complex numbers (c)."""
    numbers = {"f": "floats", "i": "integers", "c": "complex numbers"}[kind]
    expected = f"expected a NumPy array of {numbers} of shape {shape}"
    if not isinstance(values, np.ndarray):
        raise TypeError(f"{what}: got {type(values).__name__}; {expected}")
    _expect(
        values.dtype.kind == kind and values.shape == shape,
        f"{what}: got {values.dtype} of shape {values.shape}; {expected}",
    )
    _expect(bool(np.isfinite(values).all()), f"{what}: not finite")
