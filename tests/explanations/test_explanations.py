"""Explanations: closed forms of networks that are known, and every one as a choice of the programs."""

import json
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, Command, one_error
from known_networks import linear_network
from torch import nn

from sshml.explain.checks import EXPLANATIONS, chosen
from sshml.explanations import (
    ClassActivation,
    Explanation,
    GradCAM,
    IntegratedGradients,
    Occlusion,
    TorchCAM,
)
from sshml.explanations.torch_cam import torch_cam_methods
from sshml.networks import CNN, MLP, ViT

SIZE = 12
GROUP = sorted(path.stem for path in (ROOT / "conf" / "explanation").glob("*.yaml"))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network() -> CNN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CNN(widths=[4, 4], pool_after=[1])


def test_every_explanation_of_a_linear_network_is_what_each_pixel_adds(images: torch.Tensor) -> None:
    weight = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    linear = linear_network(weight)
    added = images[:, 0] * weight
    torch.testing.assert_close(ClassActivation().maps(linear, images, (1,))[:, 0], added)
    # Against each image's mean; a window of Occlusion is one pixel of so small an image.
    against = (images[:, 0] - images.mean((1, 2, 3))[:, None, None]) * weight / SIZE**2
    for explanation in (IntegratedGradients(), Occlusion()):
        maps = explanation.maps(linear, images, (0, 1))
        torch.testing.assert_close(maps[:, 1], against)
        assert not maps[:, 0].any()


def test_integrated_gradients_of_all_channels_add_up_to_what_the_image_adds() -> None:
    torch.manual_seed(0)
    images = torch.rand(3, 2, SIZE, SIZE)
    network = CNN(widths=[4, 4], pool_after=[1], n_classes=3, in_channels=2).eval()
    maps = IntegratedGradients(steps=64).maps(network, images, range(3))
    even = images.mean((2, 3), keepdim=True).expand_as(images)
    with torch.no_grad():
        added = network(images) - network(even)
    assert added.abs().mean() > 0.01
    torch.testing.assert_close(maps.sum(dim=(2, 3)), added, rtol=0.01, atol=2e-4)


def test_grad_cam_of_global_average_pooling_is_the_class_activation_map(
    network: CNN, images: torch.Tensor
) -> None:
    plain = ClassActivation().maps(network, images, (0, 1))
    n = plain[0, 0].numel()
    torch.testing.assert_close(GradCAM().maps(network, images, (0, 1)) * n, plain, atol=1e-5, rtol=1e-4)
    positive = TorchCAM("GradCAM").maps(network, images, (0, 1)) * n
    torch.testing.assert_close(positive, plain.clamp(min=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(TorchCAM("CAM").maps(network, images, (0, 1)), plain)


@pytest.mark.parametrize("method", sorted({*torch_cam_methods()} - {"LeGrad", "RefineCAM"}))
def test_every_method_of_torch_cam_makes_maps(method: str, network: CNN, images: torch.Tensor) -> None:
    explanation = TorchCAM(method)
    explanation.check(network, images)
    maps = explanation.maps(network, images, (0, 1))
    assert maps.shape == (3, 2, SIZE // 2, SIZE // 2)
    assert maps.isfinite().all()
    assert torch.equal(maps, explanation.maps(network, images, (0, 1)))
    assert not any(module._forward_hooks for module in network.modules())


def test_methods_of_torch_cam_of_several_layers(network: CNN, images: torch.Tensor) -> None:
    refined = TorchCAM("RefineCAM", ["features.0", "features"]).maps(network, images, (1,))
    assert refined.shape == (3, 1, SIZE, SIZE)  # as the larger of them
    transformer = ViT(image_size=(SIZE, SIZE), patch_size=3, depth=2)
    blocks = [f"encoder.layers.encoder_layer_{k}" for k in range(2)]
    of_attention = TorchCAM("LeGrad", blocks).maps(transformer, images, (0, 1))
    assert of_attention.shape == (3, 2, 4, 4)
    assert (of_attention >= 0).all()


@pytest.mark.parametrize("explanation", [*map(chosen, EXPLANATIONS), chosen("SmoothGradCAMpp")])
def test_a_network_and_chance_are_left_as_they_were(
    explanation: dict[str, Explanation], network: CNN, images: torch.Tensor
) -> None:
    network.features[1].eval()  # a frozen batch norm
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (own,) = explanation.values()
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    with torch.inference_mode():  # as Lightning validates
        own.maps(network, images, (0, 1))
    assert torch.equal(torch.rand(2), expected)
    assert network.training
    assert not network.features[1].training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


class HeadOfPixels(nn.Module):
    """Has features and a linear head, but between them more than their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).amax((-2, -1)))


@pytest.mark.parametrize(
    ("explanation", "network", "line"),
    [
        (
            ClassActivation(),
            MLP((SIZE, SIZE)),
            "MLP has no class activation maps, which need `features`",
        ),
        (
            ClassActivation(),
            HeadOfPixels(),
            "which need only global",
        ),
        (GradCAM("feature"), CNN(), "CNN has no layer feature; it has features, head"),
        (TorchCAM("CAM", ["body"]), CNN(), "CNN has no layer body; it has features, head"),
    ],
)
def test_what_a_network_lacks_is_said(explanation: Explanation, network: nn.Module, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        explanation.check(network.eval(), torch.rand(1, 1, SIZE, SIZE))


def test_names() -> None:
    assert chosen("all").keys() == EXPLANATIONS.keys()
    assert set(GROUP) == {*EXPLANATIONS, "torch_cam"}
    assert isinstance(chosen("LayerCAM")["LayerCAM"], TorchCAM)
    own = "sshml.explanations.Occlusion"
    assert isinstance(chosen(own)[own], Occlusion)


@pytest.mark.parametrize("name", GROUP)
def test_panels_show_the_chosen_one(
    run_train: Command, run_transfer: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    titles: list[str] = []
    for module in ("sshml.training.callbacks.map_panel", "sshml.entry.transfer.transfer_panel"):
        owner, _, function = module.rpartition(".")
        drawn = getattr(__import__(owner, fromlist=[function]), function)

        def kept(examples, title, drawn=drawn):
            titles.append(title)
            return drawn(examples, title)

        monkeypatch.setattr(module, kept)
    tiny = (*TINY, "figures=true", f"explanation={name}")
    done = run_train(*tiny)
    assert done.status == 0, done.err
    assert (done.folder / "figures" / "maps_test.png").is_file()
    # The explanation of its training, where none is given.
    checkpoint = done.folder / "checkpoints" / "best.ckpt"
    tested = run_transfer(f"checkpoint={checkpoint}", "data.W=[0.5]", "logger=csv")
    assert tested.status == 0, tested.err
    (title,) = {title.rpartition(", ")[2] for title in titles if "tested at" in title}
    assert title == chosen("LayerCAM" if name == "torch_cam" else name).popitem()[1].title
    assert titles[0].lower() == f"{title}, test".lower()


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ("explanation=torch_cam", "explanation.method=Nothing"),
            "explanation: method must be one of CAM",
        ),
        (("explanation=torch_cam", "explanation.layers=[]"), "explanation.layers=[]: expected"),
        (
            ("explanation=torch_cam", "explanation.method=RefineCAM"),
            "requires at least two target layers",
        ),
        (("explanation=grad_cam", "explanation.layer=head"), "expected a finite map of two axes"),
        (("explanation=occlusion", "explanation.windows=0"), "explanation.windows=0: expected greater"),
        (
            ("explanation._target_=sshml.networks.CNN",),
            "expected a class derived from sshml.explanations",
        ),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    run_train: Command, tmp_path: Path, overrides: tuple[str, ...], line: str
) -> None:
    done = run_train(*TINY, "figures=true", *overrides)
    assert line in one_error(done)
    assert not list(tmp_path.glob("runs/*/*/*"))


def test_an_explanation_of_the_command_line_wins(run_train: Command, run_transfer: Command) -> None:
    done = run_train(*TINY, "explanation=occlusion", "explanation.windows=3")
    checkpoint = done.folder / "checkpoints" / "best.ckpt"
    assert "maps_" not in str(list((done.folder / "figures").glob("*")))  # figures=false
    stored = torch.load(checkpoint, weights_only=True)["hyper_parameters"]["explanation"]
    assert stored == {"_target_": "sshml.explanations.Occlusion", "windows": 3}
    line = one_error(
        run_transfer(f"checkpoint={checkpoint}", "explanation=grad_cam", "explanation.layer=nothing")
    )
    assert "CNN has no layer nothing" in line
    manifest = json.loads((done.folder / "manifest.json").read_text())
    assert "explanation=occlusion" in manifest["overrides"]
