import pytest
import torch
from torch import nn

from sshml.cam import class_activation_maps
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
    features, logits = net.features_and_logits(torch.rand(2, 1, *size, dtype=torch.float64))
    maps = class_activation_maps(features, net.head.weight)
    assert maps.shape == (2, net.head.out_features, *features.shape[2:])
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + net.head.bias, logits)


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


@pytest.mark.parametrize(
    ("features", "weight"),
    [((1, 3, 4, 4), (2, 4)), ((3, 4, 4), (2, 3)), ((1, 3, 4, 4), (3,)), ((1, 3, 16), (2, 3))],
)
def test_shapes_that_do_not_fit(features, weight):
    with pytest.raises(ValueError, match=r"features must have shape \(n, K, h, w\) and weight"):
        class_activation_maps(torch.zeros(features), torch.zeros(weight))
