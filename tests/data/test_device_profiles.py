"""Oracles: numpy's singular value decomposition, and the profiles that Numba's kernels make."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sshml.data import device_profiles as module
from sshml.data.device_profiles import device_profiles, solve_on_device
from sshml.physics import chiral_blocks, density_profiles, sample_hoppings
from sshml.physics.disorder import DISORDER_CONVENTIONS

LIMIT = {torch.float32: 1e-6, torch.float64: 1e-8}
DTYPES = pytest.mark.parametrize("dtype", LIMIT)


def disordered(n, M, W=0.5, disorder="thesis", seed=0, t1=(0, 2)):
    rng = np.random.default_rng(seed)
    bonds = sample_hoppings(rng.uniform(*t1, n), W, M, disorder=disorder, rng=rng)
    return tuple(map(torch.from_numpy, bonds))


def by_numpy(intracell, intercell):
    blocks = chiral_blocks(intracell.numpy(), intercell.numpy())
    u, _, vt = np.linalg.svd(blocks)
    half = np.empty((len(u), 2 * u.shape[1], u.shape[1]))
    half[:, 0::2], half[:, 1::2] = u**2 / 2, vt.transpose(0, 2, 1) ** 2 / 2
    return np.concatenate([half, half[:, :, ::-1]], axis=2)


def assert_exact(intracell, intercell, dtype=torch.float32):
    images, by_svd = solve_on_device(intracell, intercell, dtype)
    assert images.dtype == dtype
    np.testing.assert_allclose(images, by_numpy(intracell, intercell), rtol=0, atol=LIMIT[dtype])
    return by_svd


@DTYPES
@pytest.mark.parametrize("disorder", DISORDER_CONVENTIONS)
@pytest.mark.parametrize("W", [0, 0.5, 3])
@pytest.mark.parametrize(("M", "n"), [(1, 9), (2, 50), (3, 50), (7, 50), (30, 20)])
def test_profiles_of_disordered_chains(M, n, W, disorder, dtype):
    bonds = disordered(n, M, W, disorder)
    assert not assert_exact(*bonds, dtype).any()
    kernels = density_profiles(
        *(bond.numpy() for bond in bonds), dtype=str(dtype).removeprefix("torch.")
    )
    np.testing.assert_allclose(device_profiles(*bonds, dtype), kernels, rtol=0, atol=LIMIT[dtype])


@DTYPES
def test_long_chains(dtype):
    # One of each phase; the energy of the edge pair is below the least that is solved for.
    bonds = disordered(2, 122, 0.5)
    bonds[0][:] *= torch.tensor([[0.25], [1.5]]) / bonds[0].mean(1, keepdim=True)
    assert not assert_exact(*bonds, dtype).any()


@DTYPES
@pytest.mark.parametrize("t1", [1e-2, 1e-4, 1e-9, 1e-30])
def test_edge_pairs_of_any_small_energy(t1, dtype):
    # From 1e-21 down to 0 in float64.
    bonds = disordered(5, 10, 0.5, t1=(t1 / 2, t1))
    assert not assert_exact(*bonds, dtype).any()


def test_several_states_near_zero_are_told_apart():
    # Two walls: four states at 1e-5 and below, which the squares of the energies would mix.
    intracell = torch.tensor([[0.02] * 3 + [1.0] * 4 + [0.01] * 3]).double()
    intercell = torch.tensor([[1.0] * 3 + [0.03] * 3 + [1.0] * 3]).double()
    s = np.linalg.svd(chiral_blocks(intracell.numpy(), intercell.numpy())[0], compute_uv=False)
    assert (s < 2e-5).sum() == 2
    intracell += torch.linspace(0, 1e-3, 10)
    assert not assert_exact(intracell, intercell).any()


@DTYPES
def test_bonds_of_zero_fall_back(dtype):
    intracell, intercell = disordered(3, 6, W=1)
    intercell[1, 2] = 0
    assert assert_exact(intracell, intercell, dtype).tolist() == [False, True, False]


@pytest.mark.parametrize("M", [1, 2, 5, 30])
@pytest.mark.parametrize(("t1", "t2"), [(0, 1), (1, 0), (0, 0), (1, 1), (1, 1 + 1e-12)])
def test_degenerate_chains_are_doubly_stochastic(M, t1, t2):
    bonds = torch.full((2, M), float(t1)), torch.full((2, M), float(t2))
    images, by_svd = solve_on_device(*bonds, torch.float64)
    torch.testing.assert_close(images.sum(1), torch.ones(2, 2 * M).double(), rtol=0, atol=1e-8)
    torch.testing.assert_close(images.sum(2), torch.ones(2, 2 * M).double(), rtol=0, atol=1e-8)
    assert by_svd.all() or t1 * t2 or (M == 1 and t1)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8).flatmap(lambda M: arrays(float, (2, 2, M), elements=st.floats(-3, 3))))
def test_any_chains_are_doubly_stochastic_and_mirror_symmetric(bonds):
    images = device_profiles(*torch.from_numpy(bonds), torch.float64)
    assert (images >= 0).all()
    one = torch.ones_like(images[:, 0])
    torch.testing.assert_close(images.sum(1), one, rtol=0, atol=1e-12)
    torch.testing.assert_close(images.sum(2), one, rtol=0, atol=1e-7)
    assert torch.equal(images, images.flip(2))


@pytest.mark.parametrize("scale", [1e-200, -1.0, 1e200])
def test_scale_and_sign_do_not_matter(scale):
    bonds = disordered(4, 6, W=1)
    signs = torch.tensor([1, -1, 1, 1, -1, 1]).double() * scale
    changed = [bond * signs for bond in bonds]
    images, by_svd = solve_on_device(*changed, torch.float64)
    assert not by_svd.any()
    torch.testing.assert_close(images, device_profiles(*bonds, torch.float64), rtol=0, atol=1e-11)


@pytest.mark.parametrize("M", [1, 3, 30])
def test_bits_do_not_depend_on_the_other_chains(M, monkeypatch):
    bonds = disordered(7, M)
    together = device_profiles(*bonds, torch.float64)
    for i in range(7):
        assert torch.equal(
            device_profiles(*(bond[[i]] for bond in bonds), torch.float64), together[[i]]
        )
    # Nor on how many are done at a time, and with how many points.
    monkeypatch.setitem(module._PIXELS_AT_A_TIME, "cpu", 3 * (2 * M) ** 2)
    monkeypatch.setitem(module._LANES, "cpu", 2**9)
    monkeypatch.setattr(module, "_ROWS", 4)
    assert torch.equal(device_profiles(*bonds, torch.float64), together)


def test_no_chains_and_other_types():
    assert device_profiles(torch.ones(0, 3), torch.ones(0, 2)).shape == (0, 6, 6)
    bonds = torch.tensor([[1, 2, 4]]), torch.tensor([[3.0, 1.0]], requires_grad=True)
    images = device_profiles(*bonds)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    np.testing.assert_allclose(images, by_numpy(bonds[0], bonds[1].detach()), atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("M", [1, 2, 30, 122])
def test_gpu_makes_the_same_images(M):
    bonds = [torch.cat(pair) for pair in zip(disordered(6, M), disordered(6, M, 3), strict=True)]
    bonds[0][0] = 0  # degenerate
    images, by_svd = solve_on_device(*(bond.cuda() for bond in bonds), torch.float64)
    expected, expected_by_svd = solve_on_device(*bonds, torch.float64)
    assert images.is_cuda
    assert torch.equal(by_svd.cpu(), expected_by_svd)
    torch.testing.assert_close(images[1:].cpu(), expected[1:], rtol=0, atol=1e-6)
    torch.testing.assert_close(images.sum(2), torch.ones_like(images[:, 0]), rtol=0, atol=1e-7)
    alone = device_profiles(*(bond[[3]].cuda() for bond in bonds), torch.float64)
    assert torch.equal(alone, images[[3]])


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    ("intracell", "intercell"),
    [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (2, 4)), ((2, 3), (1, 3)), ((), ())],
)
def test_wrong_shapes(intracell, intercell):
    with pytest.raises(ValueError, match=r"shape \(n, M\) and intercell \(n, M\) or \(n, M - 1\), got"):
        device_profiles(torch.ones(intracell), torch.ones(intercell))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_hoppings_must_be_finite(value, where):
    bonds = disordered(2, 4)
    bonds[where][1, 1] = value
    with pytest.raises(ValueError, match="hoppings must be finite"):
        device_profiles(*bonds)


def test_other_types_and_devices():
    bonds = disordered(2, 4)
    with pytest.raises(ValueError, match=r"dtype must be float32 or float64, got torch\.float16"):
        device_profiles(*bonds, torch.float16)
    for device in ("meta", "cpu"):
        with pytest.raises(ValueError, match="on one device, CPU or CUDA, got meta and"):
            device_profiles(bonds[0].to("meta"), bonds[1].to(device))
