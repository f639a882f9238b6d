"""Compiled kernels (Numba) behind :mod:`sshml.physics.profiles`."""
