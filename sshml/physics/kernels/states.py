r"""Spectrum and density profile of open SSH chains in O(M²) operations.

1. Eigenvalues s² of the tridiagonal h.T h, :data:`LANES` chains at a time, by the root-free QR
   algorithm. The smallest s, which may be exponentially small, comes from the trace of (h.T h)^-1: all
   its terms are positive (Fernando & Parlett, Numer. Math. 67, 191 (1994)), so nothing cancels.
2. For every s, :data:`LANES` states at a time, one twisted factorisation of H - s, where H, with its
   sites in the order of the chain, is tridiagonal with a zero diagonal (Dhillon & Parlett, Linear
   Algebra Appl. 387, 1 (2004); Willems & Lang, ETNA 39, 1 (2012)). It yields the state and the norm of
   its residual \|(H - s) psi\|.
3. A state is accepted if its residual is small against the distance to its neighbours in energy, which
   bounds its error (the sin theta theorem of Davis & Kahan). One state that is not, and the chain is
   left to the caller.

There are additions, multiplications, divisions and square roots only, in an order that depends on the
chain alone, so the bits of an image depend neither on the machine nor on the other chains of a call.
"""

import numpy as np
from numpy.typing import NDArray

from sshml.physics.kernels.compiled import compiled
from sshml.physics.kernels.eigenvalues import singular_values
from sshml.physics.kernels.lanes import LANES, absolute, broadcast, load, store, store_reversed, where
from sshml.physics.numbers import Floats

# Energies nearer than this, in units of the largest hopping, are a matter of rounding: a float64 SVD
# of the block knows them to about 1e-15, and mixes their states by 1e-15 / distance.
_LEAST_SPACING = 1e-8
# In place of a pivot that happens to be 0; far below any energy that is solved for.
_LEAST_PIVOT = 1e-90
# A zero mode with less energy is that of a semi-infinite chain, to all digits of a float64.
_ZERO_ENERGY = 1e-60
# Below this their squares, or products of two, underflow.
_LEAST_BOND = 1e-70
# Where the smallest singular value is this small against the next, the trace of the inverse gives it.
_ISOLATED = 0.1
# A running product is brought back when it leaves this range.
_BIG = 1e100

# Rows of the array in which a factorisation leaves its numbers, one column a state.
_RESIDUAL, _NORM = range(2)


@compiled(error_model="numpy")
def _twisted(bonds: Floats, energy: Floats, work: Floats, result: Floats) -> None:
    """States of LANES energies: squared amplitudes, up to their norm.

    Args:
        bonds: shape (2M - 1,), absolute hoppings along the chain.
        energy: shape (1, LANES).
        work: shape (3, 2M, LANES); ``work[2]`` becomes the squared amplitudes.
        result: shape (2, LANES); becomes the residual and the norm, both of the state whose largest
            amplitude is about 1.
    """
    forward, backward, density = work[0], work[1], work[2]
    sites = len(bonds) + 1
    s = load(energy, 0)
    floor = broadcast(_LEAST_PIVOT)
    # Ratios of neighbouring amplitudes, from either end. Both recursions in one loop: each waits for
    # its last division most of the time.
    left = s
    right = s
    for i in range(sites - 1):
        k = sites - 2 - i
        ratio = bonds[i] / left
        store(forward, i, 0, ratio)
        left = s - bonds[i] * ratio
        left = where(absolute(left) > _LEAST_PIVOT, left, floor)
        ratio = bonds[k] / right
        store(backward, k, 0, ratio)
        right = s - bonds[k] * ratio
        right = where(absolute(right) > _LEAST_PIVOT, right, floor)
    # They meet where they disagree least, near the largest amplitude.
    residual = absolute(right)
    meeting = broadcast(0.0)
    for i in range(1, sites):
        gamma = s - bonds[i - 1] * load(forward, i - 1)
        if i < sites - 1:
            gamma = gamma - bonds[i] * load(backward, i)
        gamma = absolute(gamma)
        better = residual > gamma
        residual = where(better, gamma, residual)
        meeting = where(better, broadcast(float(i)), meeting)
    one = broadcast(1.0)
    zero = broadcast(0.0)
    weight = one
    norm = one
    store(density, 0, 0, one)
    for i in range(sites - 1):
        ratio = load(backward, i)
        beyond = meeting <= float(i)
        weight = where(beyond, weight * (ratio * ratio), one)
        norm = norm + where(beyond, weight, zero)
        store(density, i + 1, 0, weight)
    weight = one
    for i in range(sites - 2, -1, -1):
        ratio = load(forward, i)
        before = meeting > float(i)
        weight = where(before, weight * (ratio * ratio), one)
        norm = norm + where(before, weight, zero)
        store(density, i, 0, where(before, weight, load(density, i)))
    store(result, _RESIDUAL, 0, residual)
    store(result, _NORM, 0, norm)


@compiled(error_model="numpy")
def _decay(bonds: Floats, first: int, step: int, density: Floats) -> float:
    """Zero mode of one sublattice: its squared amplitudes, from one end of the chain to the other.

    Args:
        bonds: shape (2M - 1,).
        first: site at which the recursion begins, 0 or 2M - 1.
        step: +1 or -1, the direction along the chain.
        density: shape (2M,); the sites of the sublattice are set, their sum 1/2.

    Returns:
        How far it is from a zero mode: the amplitude that the last bond carries out of it.
    """
    n_cells = (len(bonds) + 1) // 2
    levels = np.zeros(n_cells, np.int64)  # amplitudes are density * _BIG**level
    site = first
    weight = 1.0
    level = 0
    highest = 0
    density[site] = weight
    for cell in range(1, n_cells):
        near = bonds[site] if step > 0 else bonds[site - 1]
        far = bonds[site + 1] if step > 0 else bonds[site - 2]
        weight *= (near / far) ** 2
        while weight > _BIG:
            weight /= _BIG
            level += 1
        while weight < 1 / _BIG:
            weight *= _BIG
            level -= 1
        site += 2 * step
        density[site] = weight
        levels[cell] = level
        highest = max(highest, level)
    total = 0.0
    site = first
    for cell in range(n_cells):
        behind = highest - levels[cell]
        density[site] *= _BIG**-behind if behind < 3 else 0.0
        total += density[site]
        site += 2 * step
    site = first
    for _ in range(n_cells):
        density[site] /= 2 * total
        site += 2 * step
    last = site - 2 * step
    out = bonds[last] if step > 0 else bonds[last - 1]
    return out * np.sqrt(2 * density[last])


@compiled(error_model="numpy")
def _smallest(bonds: Floats, s: Floats) -> float:
    """Last of the singular values, from the trace of (h.T h)^-1 and the others."""
    d = bonds[0] ** 2
    trace = 1 / d
    for k in range(1, len(s)):
        d = bonds[2 * k] ** 2 * (d / (d + bonds[2 * k - 1] ** 2))
        trace += 1 / d
    for k in range(len(s) - 1):
        trace -= 1 / s[k] ** 2
    return 1 / np.sqrt(trace)


@compiled(error_model="numpy")
def _spacing(s: Floats, k: int) -> float:
    """Distance of energy s[k] > 0 to the nearest other energy of the chain, -s[k] among them."""
    distance = 2 * s[k]
    if k > 0:
        distance = min(distance, s[k - 1] - s[k])
    if k + 1 < len(s):
        distance = min(distance, s[k] - s[k + 1])
    return distance


@compiled(error_model="numpy")
def _store_states(density: Floats, norm: Floats, column: int, image: NDArray[np.floating]) -> None:
    """Columns of an image and their mirrors, from amplitudes² (2M, LANES) and norms (1, LANES)."""
    sites = len(density)
    n_cells = sites // 2
    scale = 1.0 / load(norm, 0)
    for site in range(sites):
        value = load(density, site) * scale
        if n_cells >= LANES:
            store(image, site, column, value)
            store_reversed(image, site, sites - LANES - column, value)
        else:
            store(density, site, 0, value)
            for k in range(n_cells):
                image[site, k] = density[site, k]
                image[site, sites - 1 - k] = density[site, k]


@compiled(error_model="numpy")
def _draw_zero_mode(bonds: Floats, image: NDArray[np.floating]) -> float:
    """The two columns of energy 0; returns how far they are from it."""
    sites = len(bonds) + 1
    density = np.empty(sites)
    leak = max(_decay(bonds, 0, 1, density), _decay(bonds, sites - 1, -1, density))
    for site in range(sites):
        image[site, sites // 2 - 1] = density[site]
        image[site, sites // 2] = density[site]
    return leak


@compiled(error_model="numpy")
def _draw(
    bonds: Floats, s: Floats, image: NDArray[np.floating], tolerance: float, work: Floats
) -> bool:
    """Image of one chain from its singular values, largest first; False if a state is not certain."""
    n_cells = len(s)
    for k in range(n_cells - 1):
        if not s[k] - s[k + 1] > _LEAST_SPACING:
            return False
    solved = n_cells - 1 if s[n_cells - 1] < _ZERO_ENERGY else n_cells
    energy = np.empty((1, LANES))
    result = np.empty((2, LANES))
    for start in range(0, n_cells, LANES):
        # The last states once more rather than a half-filled vector.
        column = max(0, min(start, n_cells - LANES))
        for lane in range(LANES):
            k = column + lane
            energy[0, lane] = s[k] if k < solved else 1.0
        _twisted(bonds, energy, work, result)
        for k in range(column, min(column + LANES, solved)):
            residual = result[_RESIDUAL, k - column] / np.sqrt(result[_NORM, k - column])
            if not residual <= tolerance * _spacing(s, k):
                return False
        _store_states(work[2], result[_NORM:], column, image)
    if solved < n_cells:
        # Its distance to the next energy; the only cell of a chain is never at energy 0.
        return _draw_zero_mode(bonds, image) <= tolerance * s[n_cells - 2]
    return True


@compiled(error_model="numpy")
def _draw_all(
    bonds: Floats,
    s: Floats,
    images: NDArray[np.floating],
    drawn: NDArray[np.bool_],
    tolerance: float,
) -> None:
    """Images of the chains whose ``drawn`` is set; unset where they are not certain."""
    n_chains, n_cells = s.shape
    work = np.empty((3, 2 * n_cells, LANES))
    for chain in range(n_chains):
        if not drawn[chain]:
            continue
        if n_cells > 1 and s[chain, n_cells - 1] < _ISOLATED * s[chain, n_cells - 2]:
            s[chain, n_cells - 1] = _smallest(bonds[chain], s[chain])
        drawn[chain] = _draw(bonds[chain], s[chain], images[chain], tolerance, work)


def draw_profiles(
    intracell: Floats, intercell: Floats, images: NDArray[np.floating], tolerance: float
) -> NDArray[np.bool_]:
    """Density profiles of open chains, where they are certain. Releases the GIL most of the time.

    Args:
        intracell: shape (n, M), finite.
        intercell: shape (n, M - 1), finite.
        images: shape (n, 2M, 2M), float32 or float64; becomes the profiles in the chiral gauge.
        tolerance: largest sine of the angle between a state that is drawn and the exact one.

    Returns:
        Shape (n,), whether the image is drawn. Where it is not, it holds no meaning.
    """
    n_chains, n_cells = intracell.shape
    bonds = np.empty((n_chains, 2 * n_cells - 1))
    bonds[:, 0::2] = np.abs(intracell)
    bonds[:, 1::2] = np.abs(intercell)
    # Energies in units of the largest hopping: no square overflows.
    bonds /= np.maximum(bonds.max(axis=1, keepdims=True), np.finfo(float).tiny)
    drawn = np.asarray(bonds.min(axis=1) > _LEAST_BOND)
    bonds[~drawn] = 1
    s = np.empty((n_chains, n_cells))
    singular_values(bonds, s, drawn)
    _draw_all(bonds, s, images, drawn, tolerance)
    return drawn
