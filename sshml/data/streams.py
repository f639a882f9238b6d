"""Random numbers that depend on what they are for, not on the order in which they are drawn."""

from enum import IntEnum

import numpy as np

from sshml.physics.hoppings import Floats


class Split(IntEnum):
    """The three sets of a data set; the numbers are part of every sample's seed."""

    TRAIN = 0
    VAL = 1
    TEST = 2


class Purpose(IntEnum):
    """What a stream is for; the numbers are part of every sample's seed."""

    SAMPLE = 0  # the random numbers of one chain
    GRID = 1  # the offset and order of the t1 values of a split
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
        self._key = np.random.SeedSequence(seed).generate_state(2, np.uint64)

    def generator(
        self, split: Split, purpose: Purpose, epoch: int = 0, index: int = 0
    ) -> np.random.Generator:
        """The generator of one stream, at its start."""
        counter = np.array([0, index, epoch, len(Purpose) * split + purpose], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self._key, counter=counter))

    def sample_uniforms(self, split: Split, epoch: int, index: np.ndarray, n: int) -> Floats:
        """The first n numbers, uniform on [0, 1), of the streams of samples.

        Args:
            split: the samples' split.
            epoch: the samples' epoch.
            index: integers, shape (m,).
            n: how many numbers of each stream.

        Returns:
            Shape (m, n).
        """
        generator = self.generator(split, Purpose.SAMPLE, epoch)
        # Setting the counter takes a fifth of the time that a new generator for each sample would.
        state = generator.bit_generator.state
        uniforms = np.empty((len(index), n))
        for row, i in enumerate(index):
            state["state"]["counter"][1] = i
            generator.bit_generator.state = state
            generator.random(out=uniforms[row])
        return uniforms
