"""What the packages export: examples that run, light imports, and shapes that hold while testing."""

import inspect
import subprocess
import sys
from enum import Enum
from types import ModuleType
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

import sshml.cam
import sshml.data
import sshml.explain
import sshml.explanations
import sshml.networks
import sshml.physics
import sshml.physics.hamiltonians
from sshml.cam import class_activation_maps, positive_share
from sshml.networks import CNN
from sshml.physics import density_profiles, profile_maxima

PACKAGES = (
    sshml.physics, sshml.physics.hamiltonians, sshml.data, sshml.networks, sshml.explanations,
    sshml.explain,
)  # fmt: skip


def with_examples(module: ModuleType, names: list[str]) -> list[Any]:
    """The functions and classes of these names, but for bases to derive from."""
    found = {name: getattr(module, name) for name in names}
    return [
        pytest.param(value, id=f"{module.__name__}.{name}")
        for name, value in found.items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and not inspect.isabstract(value)
        and not (inspect.isclass(value) and issubclass(value, Enum))
    ]


OF_MAPS = [
    name
    for name, function in inspect.getmembers(sshml.cam, inspect.isfunction)
    if function.__module__ == "sshml.cam" and not name.startswith("_")
]
PUBLIC = with_examples(sshml.cam, OF_MAPS)
for package in PACKAGES:
    PUBLIC += with_examples(package, package.__all__)


@pytest.mark.parametrize("public", PUBLIC)
def test_every_public_function_has_an_example(public: object) -> None:
    """That it runs is pytest's to see: it collects doctests."""
    _, _, example = (inspect.getdoc(public) or "").partition("Example:\n")
    assert ">>> " in example


def test_the_list_is_not_empty() -> None:
    names = {param.id for param in PUBLIC}
    assert names > {
        "sshml.cam.network_maps",
        "sshml.physics.winding_number",
        "sshml.data.Ensemble",
        "sshml.explain.curve",
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_packages_export_what_they_list(package: ModuleType) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_data_imports_nothing_that_takes_long() -> None:
    script = (
        "import sys, sshml.data; assert not {'torch', 'numba', 'pytorch_lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: density_profiles(np.ones(4), np.ones(4)),
        lambda: density_profiles(np.ones((2, 4)), np.ones((3, 4))),
        lambda: profile_maxima(np.ones(4)),
        lambda: class_activation_maps(torch.ones(3, 4, 4), torch.ones(2, 3)),
        lambda: class_activation_maps(torch.ones(1, 3, 4, 4), torch.ones(2, 4)),
        lambda: positive_share(torch.ones(2, 4, 4), torch.ones(1, 1)),
        lambda: CNN()(torch.ones(1, 60, 60)),
    ],
)
def test_a_wrong_shape_is_found_while_testing(wrong) -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="checking the parameters of sshml"):
        wrong()


def test_a_result_of_a_wrong_shape_is_found_while_testing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.einsum", lambda *_: torch.ones(2, 2))
    with pytest.raises(jaxtyping.TypeCheckError, match="checking the return value of sshml"):
        class_activation_maps(torch.ones(1, 3, 4, 4), torch.ones(2, 3))


def test_nothing_is_checked_outside_of_tests() -> None:
    script = (
        "import sys, torch; from sshml.cam import positive_share\n"
        "assert positive_share(torch.ones(2, 4, 4), torch.ones(1, 1)).tolist() == [1, 1]\n"
        "assert 'beartype' not in sys.modules\n"
        "assert not hasattr(positive_share, '__wrapped__')"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
