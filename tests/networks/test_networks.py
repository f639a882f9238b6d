import pytest
import torch
import torchvision
from torch import nn

from sshml.networks import CNN, Cybinski, GlobalAveragePoolingNetwork, ResNet18, build_network
from sshml.networks.resnet import one_channel


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def shake_batch_norms(network):
    """Other statistics and weights than the initial 0 and 1, which would hide mistakes."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


@pytest.mark.parametrize(
    ("network", "size", "shape"),
    [(CNN, 60, (32, 7, 7)), (ResNet18, 244, (512, 8, 8)), (Cybinski, 50, (9, 26, 26))],
)
def test_features_of_the_thesis(network, size, shape):
    net = network().eval()
    with torch.no_grad():
        features = net.features(torch.rand(1, 1, size, size))
    assert features.shape == (1, *shape)
    assert net.head(features.mean(dim=(2, 3))).shape == (1, 2)
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == 1
    assert net.head.in_features == shape[0]


@pytest.mark.parametrize("network", [CNN, ResNet18, Cybinski])
def test_forward_is_the_head_of_the_mean_features(network):
    net = shake_batch_norms(network(n_classes=3))
    images = torch.rand(2, 1, 64, 64)
    expected = net.features(images).mean(dim=(2, 3)) @ net.head.weight.T + net.head.bias
    torch.testing.assert_close(net(images), expected)
    assert expected.shape == (2, 3)


def test_the_small_network_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in Cybinski().parameters()) == 1024


def test_any_trunk_can_be_given_the_form():
    trunk = nn.Conv2d(1, 4, 3)
    net = GlobalAveragePoolingNetwork(trunk, n_features=4)
    images = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(net(images), net.head(trunk(images).flatten(2).mean(2)))
    assert net(images).shape == (3, 2)


@pytest.mark.parametrize("training", [False, True])
def test_cnn_is_the_network_of_the_thesis(training):
    # The blocks as the thesis has them, ReLU before the max-pool: the order must not matter.
    layers, n_in = [], 1
    for number, width in enumerate((16, 32, 32, 32, 32), start=1):
        layers += [
            nn.Conv2d(n_in, width, 5, padding=2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        layers += [nn.MaxPool2d(2)] if number in {1, 3, 5} else []
        n_in = width
    net, expected = shake_batch_norms(CNN()), nn.Sequential(*layers)
    learnt = [m for m in expected if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    own = [m for m in net.features if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    for target, source in zip(learnt, own, strict=True):
        target.load_state_dict(source.state_dict())
    net.train(training)
    expected.train(training)
    images = torch.rand(3, 1, 60, 60)
    assert torch.equal(net.features(images), expected(images))


def test_cnn_takes_its_arguments():
    net = CNN(widths=(3, 5), kernel_size=3, pool_after=(), dropout=0.2, n_classes=4)
    assert net.features(torch.rand(2, 1, 10, 10)).shape == (2, 5, 10, 10)
    assert net(torch.rand(2, 1, 10, 10)).shape == (2, 4)
    dropouts = [m for m in net.modules() if isinstance(m, nn.Dropout2d)]
    assert [m.p for m in dropouts] == [0.2, 0.2]
    assert not [m for m in CNN().modules() if isinstance(m, nn.Dropout2d)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 4}, "kernel_size must be odd and positive, got 4"),
        ({"kernel_size": 0}, "kernel_size must be odd and positive, got 0"),
        ({"kernel_size": -1}, "kernel_size must be odd and positive, got -1"),
        ({"pool_after": (1, 6)}, r"pool_after must name blocks 1 to 5, got \[1, 6\]"),
        ({"pool_after": (0,)}, r"pool_after must name blocks 1 to 5, got \[0\]"),
        ({"widths": (), "pool_after": ()}, r"widths must be one positive number per block, got \[\]"),
        ({"widths": (16, 0), "pool_after": ()}, r"widths must be .* got \[16, 0\]"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
    ],
)
def test_cnn_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        CNN(**arguments)


def test_resnet18_is_torchvisions():
    net = shake_batch_norms(ResNet18(pretrained=False))
    reference = torchvision.models.resnet18(num_classes=2)
    reference.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    own = {
        key.removeprefix("features.").replace("head.", "fc."): value
        for key, value in net.state_dict().items()
    }
    reference.load_state_dict(own, strict=True)
    images = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(net(images), reference.eval()(images))


def test_one_channel_is_the_colour_convolution_of_a_grey_image():
    colour = nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False)
    grey = torch.rand(2, 1, 20, 20)
    torch.testing.assert_close(one_channel(colour)(grey), colour(grey.expand(-1, 3, -1, -1)))


def test_pretrained_resnet18_sees_a_grey_image_as_the_colour_network_does(monkeypatch):
    # The real weights are a download: a network with random ones stands in for it.
    colour, asked = torchvision.models.resnet18(), []

    def resnet18(weights):
        asked.append(weights)
        return colour

    monkeypatch.setattr(torchvision.models, "resnet18", resnet18)
    net = ResNet18(pretrained=True).eval()
    assert asked == [torchvision.models.ResNet18_Weights.IMAGENET1K_V1]
    colour.fc = net.head
    grey = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(net(grey), colour.eval()(grey.expand(-1, 3, -1, -1)))


def test_build_network_builds_what_the_node_names():
    node = {"_target_": "sshml.networks.CNN", "widths": [4, 6], "pool_after": [2]}
    net = build_network(node)
    assert isinstance(net, CNN)
    assert net.head.in_features == 6
    assert "_target_" in node
    assert isinstance(
        build_network({"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}),
        nn.Linear,
    )


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": "sshml.networks.NoSuchNet"}, "no network class 'sshml.networks.NoSuchNet'"),
        ({"_target_": "no_such_module.Net"}, "no network class 'no_such_module.Net'"),
        ({"_target_": ""}, "no network class ''"),
        ({}, "no network class None"),
        ({"_target_": "os.system", "command": "false"}, r"os.system is not a torch.nn.Module"),
        ({"_target_": "builtins.eval"}, "builtins.eval is not a torch.nn.Module"),
        ({"_target_": "subprocess.Popen", "args": "false"}, "subprocess.Popen is not a torch.nn"),
        ({"_target_": "sshml.networks.build_network"}, "is not a torch.nn.Module"),
    ],
)
def test_build_network_errors(node, message):
    with pytest.raises(ValueError, match=message):
        build_network(node)
