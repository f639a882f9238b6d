"""A Hamiltonian and a representation: whether they give what the rest of the program takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sshml.config.build import hamiltonian, representation
from sshml.errors import named
from sshml.physics.hamiltonians import Hamiltonian
from sshml.physics.hamiltonians.base import Labels
from sshml.physics.numbers import Floats

# Of what two calls with the same arguments give.
_OTHERS = "differ between two calls; all randomness must come from the given numbers"
# Chains that are labelled, and of these so many that are solved, to see that both work.
_LABELLED, _TRIED = 200, 4
# Share of clean chains whose exact invariant is their label: all but those close to a transition.
_ALIKE = 0.9
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
    ratio = np.linspace(low, high, _LABELLED + 2)[1:-1]
    W = np.full(_LABELLED, 0.1)
    with named("data.hamiltonian", data["hamiltonian"]):
        chain = hamiltonian(data)
        disorder = data["disorder"] or chain.disorders[0]
        _expect(
            isinstance(chain.classes, tuple) and len(set(chain.classes)) == len(chain.classes) > 1,
            f"classes is {chain.classes!r}; expected a tuple of two names or more",
        )
        if "ratio" not in chain.label_kinds:
            raise ValueError("it has no labels `ratio`, which networks are scored against")
        n_random = chain.n_random(n_cells)
        _expect(isinstance(n_random, int), f"n_random is {n_random!r}; expected a whole number")
        uniforms = np.random.default_rng(0).random((_LABELLED, n_random))
        given = {"ratio": ratio, "W": W, "uniforms": uniforms}
        before = {name: of.copy() for name, of in given.items()}
        couplings = chain.couplings(ratio, W, uniforms, disorder)
        for name, of in given.items():
            _expect(np.array_equal(of, before[name]), f"couplings changes {name}; expected a copy")
        again = chain.couplings(ratio, W, uniforms, disorder)
        for name, of in couplings.items():
            _expect_array(f"couplings {name}", of, "f", (_LABELLED, n_cells))
            _expect(np.array_equal(of, again[name]), f"couplings {name} {_OTHERS}")
        _check_labels(chain, chain.labels(ratio, W, couplings, disorder))
        _check_clean(chain, ratio, uniforms, disorder)
        some = np.linspace(0, _LABELLED - 1, _TRIED).astype(int)
        couplings = {name: of[some] for name, of in couplings.items()}
        if chain.is_chiral:
            _expect_array("blocks", chain.blocks(couplings), "f", (_TRIED, n_cells, n_cells))
        else:
            matrices = chain.matrices(couplings)
            _expect_hermitian(matrices, n_cells)
            _expect(np.array_equal(matrices, chain.matrices(couplings)), f"matrices {_OTHERS}")
    with named("data.representation", data["representation"]):
        shown = representation(data)
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


def _check_labels(chain: Hamiltonian, labels: Labels) -> None:
    n_classes = len(chain.classes)
    for kind in chain.label_kinds:
        _expect_array(f"labels {kind}", labels.get(kind), "i", (_LABELLED,))
        _expect(
            set(labels[kind].tolist()) <= set(range(n_classes)),
            f"the labels {kind} are {sorted(set(labels[kind].tolist()))}; expected numbers of its "
            f"{n_classes} classes, counted from 0",
        )


def _check_clean(chain: Hamiltonian, ratio: Floats, uniforms: Floats, disorder: str) -> None:
    """Of clean chains the labels, the critical ratios and the exact invariant say the same."""
    clean = np.zeros_like(ratio)
    labels = chain.labels(ratio, clean, chain.couplings(ratio, clean, uniforms, disorder), disorder)
    lines = chain.critical_ratios(np.zeros(1), disorder)
    _expect(
        isinstance(lines, np.ndarray) and lines.ndim == 2 and lines.shape[1] == 1,
        "critical_ratios of a single W must be an array of shape (transitions, 1)",
    )
    changes = np.flatnonzero(np.diff(labels["ratio"]))
    for before, after in zip(ratio[changes], ratio[changes + 1], strict=True):
        known = ((lines >= before) & (lines <= after)) | np.isnan(lines)
        _expect(
            bool(known.any()),
            f"the labels ratio of clean chains change between {before:g} and {after:g}, where "
            "critical_ratios has no transition; expected both at the same places",
        )
    if "sample" in chain.label_kinds:
        alike = (labels["sample"] == labels["ratio"]).mean()
        _expect(
            alike > _ALIKE,
            f"for clean chains, the labels `sample` agree with `ratio` on {alike:.0%} only; expected "
            "the same phases",
        )


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
