"""Eigenvalues of symmetric tridiagonal matrices, several matrices at a time.

The singular values of a bidiagonal block h are the roots of the eigenvalues of h.T h.
"""

import numpy as np
from numpy.typing import NDArray

from sshml.physics.kernels.compiled import compiled
from sshml.physics.kernels.lanes import LANES, broadcast, load, store, where
from sshml.physics.numbers import Floats

# Rows of the array that carries a transformation's numbers in and out, one column a matrix.
_LAST, _SHIFT, _CORNER, _COUPLING = range(4)
# Couplings this small against the matrix are 0: they move an eigenvalue by less than their size.
_NEGLIGIBLE = 1e-11
# Below this a product of squares may have underflowed, and has lost its digits.
_UNDERFLOW = 1e-280
# Wilkinson's shift takes two transformations an eigenvalue; this many mean that numbers are not finite.
_MOST_TRANSFORMATIONS = 30


@compiled(error_model="numpy")
def _transform(diagonal: Floats, coupling: Floats, size: int, state: Floats) -> None:
    """One root-free QR transformation with a shift, each lane on its leading LAST + 1 rows.

    The rational form of QR by Pal, Walker and Kahan (Parlett, The Symmetric Eigenvalue Problem, 8.15).
    """
    last = load(state, _LAST)
    shift = load(state, _SHIFT)
    gamma = load(diagonal, 0) - shift
    p = gamma * gamma
    cosine = broadcast(1.0)
    sine = broadcast(0.0)
    for i in range(size - 1):
        active = last > float(i)
        off = load(coupling, i + 1)
        coupled = off > _UNDERFLOW  # else 0 / 0 may lie ahead
        r = p + off
        store(coupling, i, 0, where(active, sine * r, load(coupling, i)))
        inverse = 1.0 / r
        next_cosine = where(coupled, p * inverse, broadcast(1.0))
        next_sine = where(coupled, off * inverse, broadcast(0.0))
        below = load(diagonal, i + 1)
        next_gamma = next_cosine * (below - shift) - next_sine * gamma
        store(diagonal, i, 0, where(active, gamma + (below - next_gamma), load(diagonal, i)))
        squared = next_gamma * next_gamma
        regular = where(coupled, squared * (r / p), squared)
        p = where(active, where(next_cosine > _UNDERFLOW, regular, cosine * off), p)
        gamma = where(active, next_gamma, gamma)
        cosine = where(active, next_cosine, cosine)
        sine = where(active, next_sine, sine)
    store(state, _CORNER, 0, shift + gamma)
    store(state, _COUPLING, 0, sine * p)


@compiled(error_model="numpy")
def _eigenvalues(diagonal: Floats, coupling: Floats) -> bool:
    """Eigenvalues by the root-free QR algorithm, to about 1e-15 of the largest bound on them.

    A lane's result does not depend on the other lanes.

    Args:
        diagonal: shape (M, LANES), one matrix a lane; overwritten by its eigenvalues, in any order.
        coupling: shape (M, LANES), row i the square of the element between i - 1 and i, row 0 zero;
            overwritten. Elements are at most about 1.

    Returns:
        Whether all of them converged.
    """
    size = len(diagonal)
    state = np.zeros((4, LANES))
    state[_LAST] = size - 1
    for _ in range(_MOST_TRANSFORMATIONS * size):
        longest = 0
        for lane in range(LANES):
            last = int(state[_LAST, lane])
            while last > 0 and coupling[last, lane] <= _NEGLIGIBLE**2:
                last -= 1
            state[_LAST, lane] = last
            longest = max(longest, last)
            if last > 0:  # Wilkinson's shift: the eigenvalue of the last two rows nearest to the corner
                half = (diagonal[last - 1, lane] - diagonal[last, lane]) / 2
                root = np.sqrt(half * half + coupling[last, lane])
                step = coupling[last, lane] / (half + (root if half >= 0 else -root))
                state[_SHIFT, lane] = diagonal[last, lane] - step
        if longest == 0:
            return True
        _transform(diagonal, coupling, longest + 1, state)
        for lane in range(LANES):
            last = int(state[_LAST, lane])
            if last > 0:
                diagonal[last, lane] = state[_CORNER, lane]
                coupling[last, lane] = state[_COUPLING, lane]
    return False


@compiled(error_model="numpy")
def singular_values(bonds: Floats, s: Floats, converged: NDArray[np.bool_]) -> None:
    """Singular values of the blocks h of open chains; their squares are exact to about 1e-15.

    Args:
        bonds: shape (n, 2M - 1), absolute hoppings along each chain, 1 at most.
        s: shape (n, M); becomes the singular values, largest first.
        converged: shape (n,); unset where the algorithm did not come to an end.
    """
    n_chains, n_cells = s.shape
    diagonal = np.empty((n_cells, LANES))
    coupling = np.empty((n_cells, LANES))
    for start in range(0, n_chains, LANES):
        for lane in range(LANES):
            chain = min(start + lane, n_chains - 1)
            inter = 0.0
            for m in range(n_cells):
                intra = bonds[chain, 2 * m] ** 2
                coupling[m, lane] = inter * intra
                inter = bonds[chain, 2 * m + 1] ** 2 if m < n_cells - 1 else 0.0
                diagonal[m, lane] = intra + inter
        done = _eigenvalues(diagonal, coupling)
        for lane in range(min(LANES, n_chains - start)):
            chain = start + lane
            converged[chain] = converged[chain] and done
            for m in range(n_cells):  # insertion sort: they come almost in order
                value = np.sqrt(max(diagonal[m, lane], 0.0))
                k = m
                while k > 0 and s[chain, k - 1] < value:
                    s[chain, k] = s[chain, k - 1]
                    k -= 1
                s[chain, k] = value
