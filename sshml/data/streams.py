"""Random numbers that depend on what they are for, not on the order in which they are drawn."""

from enum import IntEnum

import numpy as np
from jaxtyping import Float64, Int

from sshml.data.philox import philox_uniforms
from sshml.physics.numbers import Array, Floats


class Split(IntEnum):
    """The three sets of a data set; the numbers are part of every sample's seed."""

    TRAIN = 0
    VAL = 1
    TEST = 2


class Purpose(IntEnum):
    """What a stream is for; the numbers, and how many there are, are part of every sample's seed."""

    SAMPLE = 0  # the random numbers of one chain
    GRID = 1  # the offset and order of the ratios of a split; which images of a file are of which split
    ORDER = 2  # the order in which an epoch visits the training set
    FROZEN = 3  # the one disorder realisation of a data set of frozen disorder


class Streams:
    """Independent streams of one seed, one for each (split, purpose, epoch, index).

    Philox 4×64 (Salmon et al., SC 2011) is a counter-based generator: the seed makes its key, the
    four names its counter, so two streams never overlap, and any of them is reached at once.

    Args:
        seed: integer >= 0.
    """

    def __init__(self, seed: int) -> None:
        self._key = np.random.SeedSequence(seed).generate_state(2, np.uint64).astype(np.uint64)

    def generator(
        self, split: Split, purpose: Purpose, epoch: int = 0, index: int = 0
    ) -> np.random.Generator:
        """The generator of one stream, at its start."""
        counter = np.array([0, index, epoch, len(Purpose) * split + purpose], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self._key, counter=counter))

    def sample_uniforms(
        self, split: Split, epoch: int, index: Int[Array, " m"], n: int
    ) -> Float64[Floats, "m {n}"]:
        """The first n numbers, uniform on [0, 1), of the streams of samples.

        Args:
            split: the samples' split.
            epoch: the samples' epoch.
            index: the samples' numbers.
            n: how many numbers of each stream.
        """
        uniforms = np.empty((len(index), n))
        purpose = len(Purpose) * split + Purpose.SAMPLE
        numbers = np.ascontiguousarray(index, dtype=np.uint64)
        philox_uniforms(self._key, numbers, np.uint64(epoch), np.uint64(purpose), uniforms)
        return uniforms
