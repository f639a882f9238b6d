r"""Density profiles of open SSH chains, made in the memory of the device that their hoppings are on.

The images of :func:`sshml.physics.solve_profiles`, by operations on tensors of many chains and states.
A GPU mostly waits for operations to be launched, so there is one for each site, whatever the number of
chains and states, and the host waits for the device once, at the end. H has its sites in the order of
the chain, so it is tridiagonal with a zero diagonal.

1. Singular values by bisection: as many are above s as s - H has negative pivots (Demmel, Dhillon &
   Ren, ETNA 3, 116 (1995)). The smallest, too, come out to all digits (Demmel & Kahan, SIAM J. Sci.
   Stat. Comput. 11, 873 (1990)).
2. For every s, one twisted factorisation of s - H (Dhillon & Parlett, Linear Algebra Appl. 387, 1
   (2004)): the state, and the norm of its residual \|(H - s) psi\|.
3. A state is accepted if its residual is small against the distance to its neighbours in energy, which
   bounds its error (Davis & Kahan). Then no two intervals s ± residual overlap, and each holds just one
   singular value, however s was found. One state not accepted, and the chain is decomposed in full.
"""

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

# Sine of the angle by which a state may be off, as in sshml.physics.profiles.
_TOLERANCE = {torch.float32: 1e-7, torch.float64: 1e-9}
# As in sshml.physics.kernels.states, which says why; in units of the largest hopping of a chain.
_LEAST_SPACING = 1e-8
_ZERO_ENERGY = 1e-60
_LEAST_BOND = 1e-70
# Positive float64 numbers are in the order of the integers with the same bits, and bisection is on
# those. This is 2^-254, and 2^60 numbers on is 4; energies are 2 at most.
_LOWEST = (1023 - 254) << 52
_BITS = 60
# About as many numbers as an operation takes along with its launch. Few chains have fewer: then a
# bracket has several points, for up to so many bits at once.
_LANES = {"cpu": 2**14, "cuda": 2**19}
_MOST_BITS = 5
_ROWS = 32  # sites whose pivots are kept before their signs are counted, together
# Pixels made at a time, each of which takes about 40 bytes meanwhile.
_PIXELS_AT_A_TIME = {"cpu": 2**20, "cuda": 2**24}


def _n_above(s: Tensor, squares: Tensor) -> Tensor:
    """How many singular values of each chain are above s, (n, V).

    Args:
        s: shape (n, V), positive.
        squares: shape (2M - 1, 2, n, 1), squared bonds from the left and from the right end.
    """
    n_cells = (len(squares) + 1) // 2
    pivots = s.new_empty(min(n_cells, _ROWS), 2, *s.shape)
    pivots[0], rows = s, pivots.unbind()
    above = torch.zeros_like(s, dtype=torch.int64)
    # From both ends to the middle: half as many steps. After a pivot of 0 come -inf and s, as is right.
    for site, square in enumerate(squares[: n_cells - 1].unbind(), start=1):
        row = site % len(rows)
        if row == 0:
            above += pivots.signbit().sum((0, 1))
        torch.addcdiv(s, square, rows[row - 1], value=-1, out=rows[row])
    last = (n_cells - 1) % len(rows)
    left, right = rows[last].unbind()
    right.addcdiv_(squares[n_cells - 1, 0], left, value=-1)
    return above.add_(pivots[: last + 1].signbit().sum((0, 1)))


def _singular_values(squares: Tensor) -> Tensor:
    """Singular values of each chain, largest first, (n, M), from ``squares`` as for `_n_above`.

    Narrowed down to neighbouring float64 numbers, so that their bits do not depend on how many points
    are tried at a time. One below 2^-254 becomes 2^-254.
    """
    n_cells, n_chains = (len(squares) + 1) // 2, squares.shape[2]
    points_each = _LANES[squares.device.type] // (2 * n_chains * n_cells)
    bits_at_once = min(max((points_each + 1).bit_length() - 1, 1), _MOST_BITS)
    rank = torch.arange(1, n_cells + 1, device=squares.device)[:, None]
    low = torch.full((n_chains, 1), _LOWEST, device=squares.device)
    # At first all have one bracket, and share its points.
    width, bits = _BITS, (n_cells * (2**bits_at_once - 1) + 1).bit_length() - 1
    while width > 0:
        bits = min(bits, width)
        width -= bits
        points = low[:, :, None] + torch.arange(1, 2**bits, device=low.device) * 2**width
        above = _n_above(points.view(torch.float64).flatten(1), squares).view_as(points)
        low = low + (above >= rank).sum(2) * 2**width
        bits = bits_at_once
    return low.view(torch.float64)


def _sum(terms: Tensor) -> Tensor:
    """Sum over the first dimension, in an order that, unlike torch.sum's, depends on its size alone."""
    while len(terms) > 1:
        half = len(terms) // 2
        terms = torch.cat([terms[:half] + terms[half : 2 * half], terms[2 * half :]])
    return terms[0]


def _states(s: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """States by twisted factorisations of s - H.

    Args:
        s: shape (n, M), at least ``_ZERO_ENERGY``.
        squares: as for `_n_above`.

    Returns:
        Densities of sum 1, shape (2M, n, M), and norms of the residuals, shape (n, M).
    """
    pivots = s.new_empty(len(squares) + 1, 2, *s.shape)
    pivots[0] = s
    for square, row, following in zip(squares, pivots, pivots[1:], strict=False):
        torch.addcdiv(s, square, row, value=-1, out=following)
    bonds2, left, right = squares[:, 0], pivots[:-1, 0], pivots[:-1, 1].flip(0)
    # The ends meet where they disagree least, near the largest amplitude.
    gamma = pivots[:, 0].clone()
    gamma[:-1].addcdiv_(bonds2, right, value=-1)
    residual, meeting = gamma.abs_().min(0)
    # From there on, products of squared ratios of neighbours, to either side. A pivot that happens to
    # be 0 makes 0 times inf of them, and its state one that is not accepted.
    beyond = torch.arange(len(squares), device=s.device)[:, None, None] >= meeting
    before = (bonds2 / left.square()).masked_fill_(beyond, 1)
    density = torch.ones_like(gamma)
    density[1:] = (bonds2 / right.square_()).masked_fill_(~beyond, 1).cumprod_(0)
    density[:-1] *= before.flip(0).cumprod_(0).flip(0)
    norm = _sum(density)
    return density.div_(norm), residual / norm.sqrt()


def _zero_modes(bonds: Tensor) -> tuple[Tensor, Tensor]:
    """States of energy 0 of semi-infinite chains, the left end's on A and the right end's on B sites.

    From bonds > 0 of shape (n, 2M - 1), M > 1: densities of sum 1/2 on each sublattice, (n, 2M), and
    how far the states are from zero modes, (n,), which is the amplitude that the last bond carries out.
    """
    intracell, intercell = bonds.T[0::2, :, None].log(), bonds.T[1::2, :, None].log()
    # A mask rather than cumsum, which is not deterministic on CUDA.
    behind = bonds.new_ones(len(intercell), len(intracell)).triu_(1)[:, None]
    a = _sum((intracell[:-1] - intercell) * behind)
    b = _sum((intracell[1:] - intercell) * (1 - behind))
    density = torch.stack([(2 * a).softmax(1), (2 * b).softmax(1)], 2).flatten(1) / 2
    out = torch.maximum(bonds[:, -1].square() * density[:, -2], bonds[:, 0].square() * density[:, 1])
    return density, (2 * out).sqrt()


def _draw(bonds: Tensor, images: Tensor) -> Tensor:
    """Images of chains from their absolute bonds; returns whether they are certain, (n,)."""
    n_cells, tolerance = images.shape[1] // 2, _TOLERANCE[images.dtype]
    certain = bonds.amin(1) > _LEAST_BOND
    bonds = torch.where(certain[:, None], bonds, 1)
    squares = torch.stack([bonds.T, bonds.T.flip(0)], 1).square_()[..., None]
    s = _singular_values(squares)
    zero = s < _ZERO_ENERGY
    density, residual = _states(s.masked_fill(zero, 1), squares)
    spacing, gaps = 2 * s, s[:, :-1] - s[:, 1:]  # -s is a neighbour, too
    torch.minimum(spacing[:, 1:], gaps, out=spacing[:, 1:])
    torch.minimum(spacing[:, :-1], gaps, out=spacing[:, :-1])
    certain &= ((residual <= tolerance * spacing) | zero).all(1)
    if n_cells > 1:  # the energy of a single cell is never 0
        certain &= gaps.amin(1) > _LEAST_SPACING
        mode, leak = _zero_modes(bonds)
        density[:, :, -1] = torch.where(zero[:, -1], mode.T, density[:, :, -1])
        certain &= ~zero[:, -1] | (leak <= tolerance * s[:, -2])
    images[:, :, :n_cells] = density.transpose(0, 1)
    images[:, :, n_cells:] = images[:, :, :n_cells].flip(2)
    return certain


def _draw_by_svd(bonds: Tensor) -> Tensor:
    """Images (n, 2M, 2M), float64, of any chains."""
    blocks = bonds[:, 0::2].diag_embed()
    blocks.diagonal(-1, 1, 2).copy_(bonds[:, 1::2])
    # As on the CPU, by QR; CUDA's default is Jacobi's method, and blocks here may lack full rank.
    u, _, vh = torch.linalg.svd(blocks, driver="gesvd" if blocks.is_cuda else None)
    states = torch.stack([u.square(), vh.mT.square()], 2).flatten(1, 2) / 2
    return torch.cat([states, states.flip(2)], 2)


def _checked_bonds(intracell: Tensor, intercell: Tensor, dtype: torch.dtype) -> Tensor:
    """Bonds along open chains in units of the largest of each, float64, (n, 2M - 1)."""
    intra, inter = tuple(intracell.shape), tuple(intercell.shape)
    n_cells = intra[1] if len(intra) == 2 else 0
    if n_cells < 1 or inter not in (intra, (intra[0], n_cells - 1)):
        raise ValueError(
            "intracell must have shape (n, M) and intercell (n, M) or (n, M - 1), "
            f"got {intra} and {inter}"
        )
    if dtype not in _TOLERANCE:
        raise ValueError(f"dtype must be float32 or float64, got {dtype}")
    one, other = intracell.device, intercell.device
    if one != other or one.type not in _LANES:
        raise ValueError(f"hoppings must be on one device, CPU or CUDA, got {one} and {other}")
    bonds = torch.empty(intra[0], 2 * n_cells - 1, dtype=torch.float64, device=one)
    bonds[:, 0::2], bonds[:, 1::2] = intracell, intercell[:, : n_cells - 1]
    return bonds.div_(bonds.abs().amax(1, keepdim=True).clamp_(min=torch.finfo(torch.float64).tiny))


@torch.no_grad()
def solve_on_device(
    intracell: Real[Tensor, "n M"],
    intercell: Real[Tensor, "n _"],
    dtype: torch.dtype = torch.float32,
) -> tuple[Float[Tensor, "n 2*M 2*M"], Bool[Tensor, " n"]]:
    """Density profiles, and which of them needed a singular value decomposition.

    Args:
        intracell: as for :func:`device_profiles`.
        intercell: likewise.
        dtype: likewise.

    Returns:
        The images, and whether states of the chain were too close in energy to be certain. Where they
        are degenerate, the profile is one of many.

    Raises:
        ValueError: as :func:`device_profiles`.

    Example:
        Two cells alike that nothing joins have degenerate states:

        >>> images, by_svd = solve_on_device(torch.ones(2, 2), torch.tensor([[0.5], [0.0]]))
        >>> by_svd.tolist()
        [False, True]
    """
    bonds = _checked_bonds(intracell, intercell, dtype)
    sites = bonds.shape[1] + 1
    images = bonds.new_empty(len(bonds), sites, sites, dtype=dtype)
    by_svd = bonds.new_empty(len(bonds), dtype=torch.bool)
    at_a_time = max(1, _PIXELS_AT_A_TIME[bonds.device.type] // sites**2)
    for start in range(0, len(bonds), at_a_time):
        part = slice(start, start + at_a_time)
        by_svd[part] = ~_draw(bonds[part].abs(), images[part])
    left = by_svd.nonzero()[:, 0]  # here the host waits; all that is not finite is among them
    if len(left) and not bonds[left].isfinite().all():
        raise ValueError("hoppings must be finite")
    for start in range(0, len(left), at_a_time):
        chains = left[start : start + at_a_time]
        images[chains] = _draw_by_svd(bonds[chains]).to(dtype)
    return images, by_svd


def device_profiles(
    intracell: Real[Tensor, "n M"],
    intercell: Real[Tensor, "n _"],
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "n 2*M 2*M"]:
    r"""Density profiles \|psi_state(site)\|² of open chains, in the chiral gauge, on their device.

    Args:
        intracell: bonds A-B within each cell, on the CPU or a CUDA device.
        intercell: M or M - 1 bonds from B of a cell to A of the next, on the same device; a last bond
            that would close the ring is not used.
        dtype: float32 or float64, of the images; the work itself is always float64.

    Returns:
        Rows are sites, columns are states in order of energy, lowest first. Pixels are exact to 1e-6
        (float32) or 1e-8 (float64) and usually to rounding. The bits of an image do not depend on the
        other chains of the call.

    Raises:
        ValueError: for other shapes, dtypes or devices, or hoppings that are not finite.

    Example:
        >>> profile = device_profiles(torch.full((1, 4), 0.5), torch.ones(1, 4))
        >>> profile.shape, bool(torch.allclose(profile.sum(1), torch.ones(1, 8)))
        (torch.Size([1, 8, 8]), True)
    """
    return solve_on_device(intracell, intercell, dtype)[0]
