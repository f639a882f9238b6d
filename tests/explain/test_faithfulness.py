"""Explanations that are known in closed form, of networks that are known."""

import pytest
import torch
from torch import nn

from sshml.explain.faithfulness import area_under, curve, rank_correlations, untrained
from sshml.explain.methods import EXPLANATIONS, chosen
from sshml.networks import CNN, GlobalAveragePoolingNetwork

SIZE = 12


def linear_network(weight: torch.Tensor) -> GlobalAveragePoolingNetwork:
    """Logit of the topological phase: the mean over pixels of weight × image."""

    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", weight)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * self.weight

    network = GlobalAveragePoolingNetwork(Weighted(), 1)
    with torch.no_grad():
        network.head.weight.copy_(torch.tensor([[0.0], [1.0]]))
        network.head.bias.zero_()
    return network.eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def test_every_explanation_of_a_linear_network_is_what_each_pixel_adds(images):
    pytest.importorskip("captum")
    weight = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    network = linear_network(weight)
    added = images[:, 0] * weight
    torch.testing.assert_close(EXPLANATIONS["class_activation"](network, images), added)
    # Against states that are spread evenly; a window of Occlusion is one pixel of so small an image.
    against = (images[:, 0] - 1 / SIZE) * weight / SIZE**2
    for name in ("integrated_gradients", "occlusion"):
        torch.testing.assert_close(EXPLANATIONS[name](network, images), against)


def test_integrated_gradients_of_a_cnn_add_up_to_what_the_image_adds(images):
    pytest.importorskip("captum")
    torch.manual_seed(0)
    network = CNN(widths=[4, 4], pool_after=[1]).eval()
    maps = EXPLANATIONS["integrated_gradients"](network, images)
    even = torch.full_like(images, 1 / SIZE)
    added = (network(images) - network(even))[:, 1]
    assert added.abs().min() > 0.005
    torch.testing.assert_close(maps.sum(dim=(1, 2)), added, rtol=0.05, atol=0)


def test_grad_cam_of_such_a_network_is_the_class_activation_map(images):
    pytest.importorskip("captum")
    network = CNN(widths=[4, 4], pool_after=[1]).eval()
    plain, grad = (EXPLANATIONS[name](network, images) for name in ("class_activation", "grad_cam"))
    torch.testing.assert_close(grad * plain[0].numel(), plain, atol=1e-5, rtol=1e-4)


def test_the_true_map_deletes_and_inserts_faster_than_the_opposite_one(images):
    weight = 40 * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    network = linear_network(weight)
    true = EXPLANATIONS["class_activation"](network, images - 1 / SIZE)
    area = {
        (insert, sign): area_under(curve(network, images, sign * true, insert=insert))
        for insert in (False, True)
        for sign in (1, -1)
    }
    assert (area[False, 1] < area[False, -1]).all()
    assert (area[True, 1] > area[True, -1]).all()
    ends = curve(network, images, true, insert=True)[:, [0, -1]]
    empty, whole = (
        network(x).softmax(dim=1)[:, 1] for x in (torch.full_like(images, 1 / SIZE), images)
    )
    torch.testing.assert_close(ends, torch.stack([empty, whole], dim=1))
    torch.testing.assert_close(
        area_under(torch.linspace(0, 1, 17).expand(2, -1)), torch.tensor([0.5, 0.5])
    )


def test_untrained_copies_leave_the_network_and_what_is_not_theirs():
    network = CNN(widths=[4, 4], pool_after=[1]).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    head = untrained(network, head_only=True, seed=0)
    whole = untrained(network, head_only=False, seed=0)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        if name.startswith("features.") and value.ndim == 4:
            assert torch.equal(head.state_dict()[name], value)
            assert not torch.equal(whole.state_dict()[name], value)
    assert not torch.equal(head.head.weight, network.head.weight)


def test_rank_correlations_of_maps():
    maps = torch.arange(18.0).view(2, 3, 3)
    ordered = torch.stack([maps[0] ** 3, -maps[1]])
    torch.testing.assert_close(
        rank_correlations(maps, ordered),
        torch.tensor([1.0, -1.0], dtype=torch.float64),
        check_dtype=False,
    )


def test_all_names_them_all():
    pytest.importorskip("captum")
    assert chosen("all") == EXPLANATIONS
