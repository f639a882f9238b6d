"""Philox 4×64 (Salmon et al., SC 2011), compiled: many short streams at once."""

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from sshml.physics.kernels.compiled import compiled
from sshml.physics.numbers import Floats

# Multipliers and key increments of Philox 4×64 (Salmon et al., SC 2011, table 2).
_MULTIPLIERS = uint64(0xD2E7470EE14C6C93), uint64(0xCA5A826395121157)
_INCREMENTS = uint64(0x9E3779B97F4A7C15), uint64(0xBB67AE8584CAA73B)
_ROUNDS = 10


@compiled()
def _high_product(a: np.uint64, b: np.uint64) -> np.uint64:
    """Upper 64 bits of a product of two 64-bit integers."""
    mask, half = uint64(0xFFFFFFFF), uint64(32)
    low_a, high_a, low_b, high_b = a & mask, a >> half, b & mask, b >> half
    cross = high_a * low_b + ((low_a * low_b) >> half)
    other = low_a * high_b + (cross & mask)
    return high_a * high_b + (cross >> half) + (other >> half)


@compiled()
def philox_uniforms(
    key: NDArray[np.uint64],
    index: NDArray[np.uint64],
    epoch: np.uint64,
    purpose: np.uint64,
    uniforms: Floats,
) -> None:
    """The numbers that ``Streams.generator`` yields for samples, for all of them at once.

    A generator of numpy for each sample would take as long as the sample's image.

    Args:
        key: shape (2,).
        index: the samples' numbers, shape (m,).
        epoch: third word of the counter.
        purpose: fourth word of the counter.
        uniforms: shape (m, n); becomes the numbers.
    """
    for row in range(len(index)):
        for start in range(0, uniforms.shape[1], 4):
            # numpy counts up before it draws, so the first block is that of 1.
            c0, c1, c2, c3 = uint64(start // 4 + 1), index[row], epoch, purpose
            k0, k1 = key[0], key[1]
            for _ in range(_ROUNDS):
                high0, low0 = _high_product(_MULTIPLIERS[0], c0), _MULTIPLIERS[0] * c0
                high1, low1 = _high_product(_MULTIPLIERS[1], c2), _MULTIPLIERS[1] * c2
                c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
                k0, k1 = k0 + _INCREMENTS[0], k1 + _INCREMENTS[1]
            block = (c0, c1, c2, c3)
            for j in range(min(4, uniforms.shape[1] - start)):
                # 53 bits, as numpy makes a double of 64.
                uniforms[row, start + j] = (block[j] >> uint64(11)) * 2.0**-53
