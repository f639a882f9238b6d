"""Whether maps say what a network does, of networks that are known."""

import pytest
import torch
from known_networks import linear_network

from sshml.explain.faithfulness import area_under, curve, rank_correlations, untrained
from sshml.explanations import ClassActivation
from sshml.networks import CNN

SIZE = 12


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def test_the_true_map_deletes_and_inserts_faster_than_the_opposite_one(images):
    weight = 40 * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    network = linear_network(weight)
    true = ClassActivation().maps(network, images - 1 / SIZE, labels=(1,))[:, 0]
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
