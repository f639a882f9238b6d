import pytest
import torch
from torch import nn

from sshml.cam import class_activation_maps, network_maps
from sshml.networks import CNN, GlobalAveragePoolingNetwork, ResNet18


def custom():
    # Features of both signs, no square image, three classes.
    trunk = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2), nn.Tanh())
    return GlobalAveragePoolingNetwork(trunk, n_features=6, n_classes=3)


@pytest.fixture
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.usefixtures("_seed")
@pytest.mark.parametrize(("build", "size"), [(CNN, (60, 60)), (ResNet18, (64, 64)), (custom, (21, 30))])
def test_mean_of_a_map_and_bias_is_the_logit(build, size):
    net = build().eval().double()
    images = torch.rand(2, 1, *size, dtype=torch.float64)
    features = net.features(images)
    maps = class_activation_maps(features, net.head.weight)
    assert maps.shape == (2, net.head.out_features, *features.shape[2:])
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + net.head.bias, net(images))


@pytest.mark.usefixtures("_seed")
@pytest.mark.parametrize("training", [False, True])
def test_maps_of_a_network_are_those_in_eval_mode(training):
    # In training mode the batch norms would use, and change, the statistics of the images.
    net = CNN(dropout=0.5).train(training)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    images = torch.rand(3, 1, 60, 60)
    maps = network_maps(net, images)
    assert (maps.dtype, maps.device.type, maps.requires_grad) == (torch.float32, "cpu", False)
    assert all(module.training == training for module in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + net.head.bias, net.eval()(images))


@pytest.mark.usefixtures("_unchecked")
def test_maps_leave_the_modes_of_a_network_as_they_were():
    net = CNN().train()
    net.features[1].eval()  # a frozen batch norm
    modes = [module.training for module in net.modules()]
    network_maps(net, torch.rand(1, 1, 60, 60))
    assert [module.training for module in net.modules()] == modes
    with pytest.raises(RuntimeError):
        network_maps(net, torch.rand(1, 2, 60, 60))
    assert [module.training for module in net.modules()] == modes


def test_case_by_hand():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, -1.0]]]])
    weight = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]])
    expected = torch.tensor(
        [[[[1.0, 4.0], [3.0, 2.0]], [[-1.0, -1.5], [-3.0, -4.5]], [[0.0, 0.0], [0.0, 0.0]]]]
    )
    assert torch.equal(class_activation_maps(features, weight), expected)


@pytest.mark.usefixtures("_seed")
@pytest.mark.parametrize("c", [0, 1])
def test_cnn_agrees_with_torchcam(c):
    methods = pytest.importorskip("torchcam.methods")
    net = CNN().eval()
    images = torch.rand(3, 1, 60, 60)
    with methods.CAM(net, "features", "head", input_shape=(1, 60, 60)) as extractor:
        with torch.no_grad():
            net(images)
        raw = extractor(class_idx=c, normalized=False)[0]
        normalised = extractor(class_idx=c)[0]
    own = class_activation_maps(net.features(images), net.head.weight)[:, c].detach()
    torch.testing.assert_close(own, raw)
    own -= own.amin(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(own / own.amax(dim=(1, 2), keepdim=True), normalised)


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    ("features", "weight"),
    [((1, 3, 4, 4), (2, 4)), ((3, 4, 4), (2, 3)), ((1, 3, 4, 4), (3,)), ((1, 3, 16), (2, 3))],
)
def test_shapes_that_do_not_fit(features, weight):
    with pytest.raises(ValueError, match=r"features must have shape \(n, K, h, w\) and weight"):
        class_activation_maps(torch.zeros(features), torch.zeros(weight))
