r"""Spectra and density profiles of open SSH chains.

Sites 0 ... 2M-1; site 2m is sublattice A of cell m, site 2m+1 sublattice B. In the basis (A, B) the
Hamiltonian is chiral, ``H = [[0, h], [h.T, 0]]`` with the lower bidiagonal block

    h = diag(intracell) + subdiagonal(intercell),

so one singular value decomposition ``h = U S V.T`` gives the whole spectrum: energies ±s with states
``(u, ±v)/sqrt(2)`` (Golub & Kahan 1965; Asboth, Oroszlany & Palyi, LNP 919, ch. 1). Profiles come from
kernels of O(M²) operations (:mod:`sshml.physics.kernels.states`); where these find that states are too
close in energy to be told apart with certainty, they come from LAPACK's decomposition of h instead.
"""

import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Inexact, Real
from numpy.typing import ArrayLike, DTypeLike, NDArray
from threadpoolctl import ThreadpoolController

from sshml.physics.numbers import Array, Floats, Lists, real

Images = np.ndarray[Any, np.dtype[np.floating]]

# Pixels that a thread makes at a time: enough work to be worth its start.
_PIXELS_AT_A_TIME = 2_000_000
# Sine of the angle by which a state may be off. A pixel is then off by less than a few times that.
_TOLERANCE = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 1e-9}


#: As a part of the largest energy of a chain, what is 0 to rounding.
AT_ZERO = 1e-12


class _OneBlasThread:
    """Context in which BLAS has one thread: how a product is split decides its last bits.

    The limit is the process's, so threads of Python that are within share it, and the last one out
    lifts it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    @functools.cached_property
    def _blas(self) -> ThreadpoolController:
        return ThreadpoolController()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._limit = self._blas.limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()


def _check_bonds(intracell: ArrayLike, intercell: ArrayLike) -> tuple[Floats, Floats]:
    """Bonds of open chains as float64, (n, M) and (n, M - 1)."""
    intra = np.asarray(real("intracell", intracell), dtype=np.float64)
    inter = np.asarray(real("intercell", intercell), dtype=np.float64)
    n_cells = intra.shape[-1] if intra.ndim else 0
    lengths = (n_cells, n_cells - 1)
    if (
        n_cells < 1
        or intra.ndim != 2
        or inter.ndim != 2
        or len(inter) != len(intra)
        or inter.shape[1] not in lengths
    ):
        raise ValueError(
            "intracell must have shape (n, M) and intercell (n, M) or (n, M - 1), "
            f"got {intra.shape} and {inter.shape}"
        )
    return intra, inter[:, : n_cells - 1]


def chiral_blocks(
    intracell: Real[Array, "n M"] | Lists, intercell: Real[Array, "n _"] | Lists
) -> Float64[Floats, "n M M"]:
    """Off-diagonal blocks h of the Hamiltonians of open chains, H = [[0, h], [h.T, 0]].

    Args:
        intracell: bonds A-B within each cell.
        intercell: M or M - 1 bonds from B of a cell to A of the next; a last bond that would close the
            ring is not used.

    Returns:
        Rows A sites, columns B sites.

    Raises:
        ValueError: for other shapes, or hoppings that are not real and finite.

    Example:
        >>> chiral_blocks([[0.5, 0.6]], [[1.0]]).tolist()
        [[[0.5, 0.0], [1.0, 0.6]]]
    """
    intra, inter = _check_bonds(intracell, intercell)
    n_cells = intra.shape[1]
    cell = np.arange(n_cells)
    block = np.zeros((len(intra), n_cells, n_cells))
    block[:, cell, cell] = intra
    block[:, cell[1:], cell[:-1]] = inter
    return block


def energies(
    intracell: Real[Array, "n M"] | Lists, intercell: Real[Array, "n _"] | Lists
) -> Float64[Floats, "n sites"]:
    """Energies of open chains, lowest first, in units of t2.

    Args:
        intracell: as for :func:`chiral_blocks`.
        intercell: likewise.

    Returns:
        Of 2M states, symmetric about 0.

    Raises:
        ValueError: as :func:`chiral_blocks`.

    Example:
        With equal bonds they are 2 cos(pi k / (2M + 1)), here with M = 1 and 2:

        >>> energies([[1.0]], [[1.0]]).tolist()
        [[-1.0, 1.0]]
        >>> energies([[1.0, 1.0]], [[1.0]]).round(3).tolist()
        [[-1.618, -0.618, 0.618, 1.618]]
    """
    with _one_blas_thread:
        values = np.linalg.svd(chiral_blocks(intracell, intercell), compute_uv=False)
    return np.concatenate([-values, values[:, ::-1]], axis=1)


def density_profiles(
    intracell: Real[Array, "n M"] | Lists,
    intercell: Real[Array, "n _"] | Lists,
    dtype: DTypeLike = np.float32,
    *,
    threads: int | None = None,
) -> Float[Images, "n sites sites"]:
    r"""Density profiles \|psi_state(site)\|² of open chains, in the chiral gauge.

    Column k and its mirror 2M-1-k are equal: u²/2 on A sites, v²/2 on B sites. This is unique as long
    as the singular values are distinct. Every row and every column sums to 1.

    Args:
        intracell: bonds A-B within each cell.
        intercell: M or M - 1 bonds between the cells; a last bond that would close the ring is not
            used.
        dtype: float32 or float64, of the images; the work itself is always float64.
        threads: how many threads to use; None for as many as the process has cores.

    Returns:
        Rows are sites, columns are states in order of energy, lowest first; 2M of each. Pixels are
        exact to 1e-6 (float32) or 1e-8 (float64) and usually to rounding. The bits of an image depend
        neither on the other chains of the call nor on threads nor, except where LAPACK had to help
        (:func:`solve_profiles` says where), on the machine.

    Raises:
        ValueError: as :func:`chiral_blocks`, or for another dtype.

    Example:
        >>> profile = density_profiles([[0.5] * 4], [[1.0] * 4])
        >>> profile.shape, bool(np.allclose(profile.sum(axis=1), 1))
        ((1, 8, 8), True)
    """
    return solve_profiles(intracell, intercell, dtype, threads=threads)[0]


def solve_profiles(
    intracell: Real[Array, "n M"] | Lists,
    intercell: Real[Array, "n _"] | Lists,
    dtype: DTypeLike = np.float32,
    *,
    threads: int | None = None,
) -> tuple[Float[Images, "n sites sites"], Bool[Array, " n"]]:
    """Density profiles, and which of them needed LAPACK's singular value decomposition.

    Args:
        intracell: as for :func:`density_profiles`.
        intercell: likewise.
        dtype: likewise.
        threads: likewise.

    Returns:
        The images, and whether states of the chain were too close in energy for the fast kernel.
        Where they are degenerate the profile itself is not unique, and what LAPACK takes is what one
        gets.

    Raises:
        ValueError: as :func:`density_profiles`.

    Example:
        Two cells alike that nothing joins have degenerate states:

        >>> images, by_lapack = solve_profiles([[1.0, 1.0]] * 2, [[0.5], [0.0]])
        >>> by_lapack.tolist()
        [False, True]
    """
    # Numba takes half a second to import, which `--help` and a typo need not wait for.
    from sshml.physics.kernels.states import draw_profiles  # noqa: PLC0415

    intra, inter = map(np.ascontiguousarray, _check_bonds(intracell, intercell))
    pixel = np.dtype(dtype)
    if pixel not in _TOLERANCE:
        raise ValueError(f"dtype must be float32 or float64, got {pixel}")
    n_chains, n_cells = intra.shape
    images = np.empty((n_chains, 2 * n_cells, 2 * n_cells), dtype=pixel)
    drawn = np.zeros(n_chains, dtype=np.bool_)

    at_a_time = max(16, _PIXELS_AT_A_TIME // (4 * n_cells**2))

    def draw(start: int) -> None:
        part = slice(start, start + at_a_time)
        drawn[part] = draw_profiles(intra[part], inter[part], images[part], _TOLERANCE[pixel])

    starts = range(0, n_chains, at_a_time)
    workers = min(threads or len(os.sched_getaffinity(0)), len(starts))
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(draw, starts))
    else:
        for start in starts:
            draw(start)
    # One at a time: with others in the call LAPACK might take other steps.
    for chain in np.flatnonzero(~drawn):
        with _one_blas_thread:
            u, _, vt = np.linalg.svd(chiral_blocks(intra[chain : chain + 1], inter[chain : chain + 1]))
        images[chain] = profiles_of_states(u, vt.swapaxes(1, 2), pixel)[0]
    return images, ~drawn


def solve_blocks(
    blocks: Real[Array, "n M M"] | Lists,
) -> tuple[Float64[Floats, "n M"], Float64[Floats, "n M M"], Float64[Floats, "n M M"]]:
    """Spectra and states of chiral chains from the singular value decomposition of their blocks.

    Where several states have energy 0 to rounding, as two edge states at one end have, they are those
    of definite place, the outermost last; LAPACK would return any mixture of them.

    Args:
        blocks: h of H = [[0, h], [h.T, 0]]: rows A sites, columns B sites.

    Returns:
        Singular values s, largest first; states u on A sites and v on B sites, columns in the same
        order. The energies are ±s, the states (u, ±v)/sqrt(2).

    Raises:
        ValueError: for numbers that are not real and finite, or other shapes.

    Example:
        >>> block = chiral_blocks([[0.5] * 4], [[1.0] * 4])
        >>> s, u, v = solve_blocks(block)
        >>> bool(np.allclose(u * s[:, None] @ v.swapaxes(1, 2), block))
        True
    """
    h = np.asarray(real("blocks", blocks), dtype=np.float64)
    if h.ndim != 3 or h.shape[1] != h.shape[2] or not h.shape[1]:
        raise ValueError(f"blocks must have shape (n, M, M), got {h.shape}")
    u, s, vt = _in_threads(np.linalg.svd, h)
    v = vt.swapaxes(1, 2)
    at_zero = (s <= AT_ZERO * s[:, :1]).sum(axis=1)
    for chain in np.flatnonzero(at_zero > 1):
        last = slice(h.shape[1] - at_zero[chain], None)
        for states in (u, v):
            states[chain, :, last] = _by_place(states[chain, :, last])
    return s, u, v


def _in_threads(
    decompose: Callable[[NDArray[Any]], Iterable[NDArray[Any]]], matrices: NDArray[Any]
) -> Iterator[NDArray[Any]]:
    """A decomposition of n matrices, a part of them on each core."""
    parts = np.array_split(matrices, min(len(matrices), len(os.sched_getaffinity(0))) or 1)
    with _one_blas_thread, ThreadPoolExecutor(len(parts)) as pool:
        return map(np.concatenate, zip(*pool.map(decompose, parts), strict=True))


def solve_matrices(
    matrices: Inexact[Array, "n sites sites"],
) -> tuple[Float64[Floats, "n sites"], Inexact[Array, "n sites sites"]]:
    """Spectra and states of chains from their whole matrices.

    Args:
        matrices: Hermitian, real or complex.

    Returns:
        Energies, lowest first, and states, columns in the same order. Of states of one energy LAPACK
        returns any orthogonal mixture.

    Example:
        >>> energies, states = solve_matrices(np.array([[[0.0, 1.0], [1.0, 0.0]]]))
        >>> energies.tolist(), (abs(states) ** 2).round(3).tolist()
        ([[-1.0, 1.0]], [[[0.5, 0.5], [0.5, 0.5]]])
    """
    energies, states = _in_threads(np.linalg.eigh, matrices)
    return energies, states


def _by_place(states: Floats) -> Floats:
    """Degenerate states, shape (M, k), as those of definite place, from the middle outwards."""
    cells = np.arange(len(states)) - (len(states) - 1) / 2
    places, rotation = np.linalg.eigh(states.T * cells @ states)
    return np.asarray(states @ rotation[:, np.abs(places).argsort()])


def profiles_of_states(
    u: Float64[Floats, "n M M"], v: Float64[Floats, "n M M"], dtype: DTypeLike = np.float32
) -> Float[Images, "n 2*M 2*M"]:
    """Density profiles of chiral chains from their states.

    Args:
        u: on A sites, columns from the largest energy to the smallest.
        v: on B sites, likewise.
        dtype: of the images.

    Returns:
        As :func:`density_profiles`.

    Example:
        >>> _, u, v = solve_blocks(chiral_blocks([[0.5] * 4], [[1.0] * 4]))
        >>> bool(np.allclose(profiles_of_states(u, v), density_profiles([[0.5] * 4], [[1.0] * 4])))
        True
    """
    n_chains, n_cells = len(u), u.shape[-1]
    images = np.empty((n_chains, 2 * n_cells, 2 * n_cells), dtype=dtype)
    # The lowest energy is minus the largest.
    images[:, 0::2, :n_cells] = u**2 / 2
    images[:, 1::2, :n_cells] = v**2 / 2
    images[:, :, n_cells:] = images[:, :, n_cells - 1 :: -1]
    return images


def profile_maxima(
    profiles: Float[Images, "*batch sites states"],
) -> Float[Images, "*batch sites states"]:
    """Keep the brightest site of every state, set the rest to 0.

    What the thesis' Fig. 6 calls the maximums of a density profile.

    Args:
        profiles: rows sites, columns states.

    Example:
        >>> profile_maxima(np.array([[0.1, 0.6], [0.9, 0.4]])).tolist()
        [[0.0, 0.6], [0.9, 0.0]]
    """
    brightest = profiles.max(axis=-2, keepdims=True)
    return np.where(profiles == brightest, profiles, 0)
