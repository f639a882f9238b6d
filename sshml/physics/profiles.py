r"""Spectra and density profiles of open SSH chains.

Sites 0 ... 2M-1; site 2m is sublattice A of cell m, site 2m+1 sublattice B. In the basis (A, B) the
Hamiltonian is chiral, ``H = [[0, h], [h.T, 0]]`` with the lower bidiagonal block

    h = diag(intracell) + subdiagonal(intercell),

so one singular value decomposition ``h = U S V.T`` gives the whole spectrum: energies ±s with states
``(u, ±v)/sqrt(2)`` (Golub & Kahan 1965; Asboth, Oroszlany & Palyi, LNP 919, ch. 1).
"""

import functools
import threading

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from threadpoolctl import ThreadpoolController

from sshml.physics.hoppings import Floats

# Chains decomposed at a time: bounds the workspace (3 float64 M×M blocks a chain) to 12 MB at M = 122.
_CHAINS_AT_A_TIME = 32


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
    intra = np.asarray(intracell, dtype=np.float64)
    inter = np.asarray(intercell, dtype=np.float64)
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
    if not (np.isfinite(intra).all() and np.isfinite(inter).all()):
        raise ValueError("hoppings must be finite")
    return intra, inter[:, : n_cells - 1]


def chiral_blocks(intracell: ArrayLike, intercell: ArrayLike) -> Floats:
    """Off-diagonal blocks h of the Hamiltonians of open chains, H = [[0, h], [h.T, 0]].

    Args:
        intracell: shape (n, M), bonds A-B within each cell.
        intercell: shape (n, M) or (n, M - 1), bonds from B of a cell to A of the next; a last bond
            that would close the ring is not used.

    Returns:
        Shape (n, M, M), rows A sites, columns B sites.

    Raises:
        ValueError: for other shapes, or hoppings that are not finite.
    """
    intra, inter = _check_bonds(intracell, intercell)
    n_cells = intra.shape[1]
    cell = np.arange(n_cells)
    block = np.zeros((len(intra), n_cells, n_cells))
    block[:, cell, cell] = intra
    block[:, cell[1:], cell[:-1]] = inter
    return block


def energies(intracell: ArrayLike, intercell: ArrayLike) -> Floats:
    """Energies of open chains, lowest first, in units of t2.

    Args:
        intracell: shape (n, M).
        intercell: shape (n, M) or (n, M - 1).

    Returns:
        Shape (n, 2M), symmetric about 0.

    Raises:
        ValueError: as :func:`chiral_blocks`.
    """
    with _one_blas_thread:
        values = np.linalg.svd(chiral_blocks(intracell, intercell), compute_uv=False)
    return np.concatenate([-values, values[:, ::-1]], axis=1)


def density_profiles(
    intracell: ArrayLike, intercell: ArrayLike, dtype: DTypeLike = np.float32
) -> NDArray[np.floating]:
    r"""Density profiles \|psi_state(site)\|² of open chains, in the chiral gauge.

    Column k and its mirror 2M-1-k are equal: u²/2 on A sites, v²/2 on B sites. This is unique as long
    as the singular values are distinct. Every row and every column sums to 1.

    Args:
        intracell: shape (n, M), bonds A-B within each cell.
        intercell: shape (n, M) or (n, M - 1); a last bond that would close the ring is not used.
        dtype: floating type of the images; the decomposition itself is always float64.

    Returns:
        Shape (n, 2M, 2M): rows are sites, columns are states in order of energy, lowest first. The
        bits of an image do not depend on the other chains of the call nor on threads; between
        machines they are those of the LAPACK in use.

    Raises:
        ValueError: as :func:`chiral_blocks`.

    Example:
        >>> profile = density_profiles([[0.5] * 4], [[1.0] * 4])
        >>> profile.shape, bool(np.allclose(profile.sum(axis=1), 1))
        ((1, 8, 8), True)
    """
    intra, inter = _check_bonds(intracell, intercell)
    n_chains, n_cells = intra.shape
    images = np.empty((n_chains, 2 * n_cells, 2 * n_cells), dtype=dtype)
    with _one_blas_thread:
        for start in range(0, n_chains, _CHAINS_AT_A_TIME):
            part = slice(start, start + _CHAINS_AT_A_TIME)
            u, _, vt = np.linalg.svd(chiral_blocks(intra[part], inter[part]))
            # Singular values come largest first, and the lowest energy is minus the largest.
            images[part, 0::2, :n_cells] = u**2 / 2
            images[part, 1::2, :n_cells] = vt.transpose(0, 2, 1) ** 2 / 2
    images[:, :, n_cells:] = images[:, :, n_cells - 1 :: -1]
    return images


def profile_maxima(profiles: NDArray[np.floating]) -> NDArray[np.floating]:
    """Keep the brightest site of every state, set the rest to 0.

    What the thesis' Fig. 6 calls the maximums of a density profile.

    Args:
        profiles: shape (..., 2M, 2M), rows sites, columns states.

    Returns:
        Shape (..., 2M, 2M).
    """
    brightest = profiles.max(axis=-2, keepdims=True)
    return np.where(profiles == brightest, profiles, 0)
