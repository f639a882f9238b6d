"""Functions that make the matrix of a chain, as a user would write them."""

# ruff: noqa: ARG001

from collections.abc import Mapping
from typing import Any

import numpy as np


def ssh(parameters: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Bonds of 2M sites in a row, with disorder of all of them."""
    M, W = parameters["n_cells"], parameters["W"]
    bonds = np.tile([parameters["ratio"], 1.0], M)[:-1] + W * (rng.random(2 * M - 1) - 0.5)
    return np.diag(bonds, 1) + np.diag(bonds, -1)


def rice_mele(
    parameters: Mapping[str, Any], rng: np.random.Generator, delta: float = 0.2
) -> np.ndarray:
    """With the energies ±delta of the two sublattices."""
    return ssh(parameters, rng) + np.diag(delta * (-1.0) ** np.arange(2 * parameters["n_cells"]))


def of_another_shape(parameters: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    return np.ones((3, 3))


def not_hermitian(parameters: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    return np.triu(ssh(parameters, rng))


def of_no_key(parameters: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    return np.eye(2 * parameters["M"])


def of_numpy(parameters: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    """What is random does not come from rng."""
    return np.diag(np.random.rand(2 * parameters["n_cells"]))  # noqa: NPY002


def aubry_andre(
    parameters: Mapping[str, Any], rng: np.random.Generator, beta: float = (np.sqrt(5) - 1) / 2
) -> np.ndarray:
    """Energies that vary along the chain with a period of their own, and a random phase."""
    sites = np.arange(2 * parameters["n_cells"])
    energies = 2 * parameters["ratio"] * np.cos(2 * np.pi * (beta * sites + rng.random()))
    return (
        np.diag(energies) + np.diag(np.ones(len(sites) - 1), 1) + np.diag(np.ones(len(sites) - 1), -1)
    )
