"""Networks without global average pooling: they train and are tested, with maps of another kind."""

from pathlib import Path

import pytest
import torch
import yaml
from conftest import TINY, Command, networks, one_error
from torch import nn
from torch.nn.functional import linear, relu

from sshml.networks import MLP, ViT

SMALL = [key for key in TINY if not key.startswith(("model.", "figures"))]
OF = {
    "mlp": ("model=mlp", "model.widths=[8]"),
    "vit": ("model=vit", "model.patch_size=4", "model.depth=1", "model.width=8"),
}


def test_an_mlp_is_its_linear_layers() -> None:
    network = MLP((4, 6), widths=[5, 3], n_classes=3, in_channels=2)
    images = torch.rand(7, 2, 4, 6)
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert [layer.in_features for layer in layers] == [48, 5, 3]
    expected = images.flatten(1)
    for layer in layers[:-1]:
        expected = relu(linear(expected, layer.weight, layer.bias))
    expected = linear(expected, layers[-1].weight, layers[-1].bias)
    torch.testing.assert_close(network(images), expected)


def test_a_transformer_sees_patches_in_any_order_but_for_their_positions() -> None:
    torch.manual_seed(0)
    network = ViT((8, 8), patch_size=4, depth=1, width=8, n_classes=3, in_channels=2).eval()
    nn.init.normal_(network.heads.head.weight)
    images = torch.rand(5, 2, 8, 8)
    swapped = images.roll(4, dims=-1)  # columns of patches change places
    with torch.no_grad():
        assert not torch.allclose(network(images), network(swapped), atol=1e-5)
        network.encoder.pos_embedding.zero_()
        torch.testing.assert_close(network(images), network(swapped))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MLP((4, 4), widths=[0]),
        lambda: MLP((4, 4), dropout=1.0),
        lambda: ViT((8, 10)),
        lambda: ViT((10, 10), patch_size=4),
        lambda: ViT((8, 8), patch_size=4, width=10),
        lambda: ViT((8, 8), patch_size=4, dropout=1.0),
    ],
)
def test_what_cannot_be_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="must"):
        wrong()


@pytest.mark.parametrize("name", OF)
def test_they_train_are_tested_and_go_on(run_train: Command, run_transfer: Command, name: str) -> None:
    done = run_train(*SMALL, *OF[name])
    assert done.status == 0, done.err
    assert (done.folder / "figures" / "maps_test.png").is_file()
    line = one_error(run_train(*SMALL, *OF[name], "explanation=class_activation"))
    assert "has no class activation maps" in line
    checkpoint = done.folder / "checkpoints" / "best.ckpt"
    tested = run_transfer(f"checkpoint={checkpoint}", "data.W=[0,0.5]", "logger=csv")
    assert tested.status == 0, tested.err
    (first, _) = networks(tested)
    assert first["accuracy"] == pytest.approx(done.metrics["test/accuracy"])
    line = one_error(run_transfer(f"checkpoint={checkpoint}", "data.n_cells=6", "logger=csv"))
    assert "data.n_cells=6: its images of 12x12 do not fit the network" in line
    adversarial = ("transfer=domain_adversarial", "transfer.n_samples=20", "logger=csv")
    line = one_error(run_transfer(f"checkpoint={checkpoint}", *adversarial))
    assert "has no `features` and linear `head`" in line
    line = one_error(run_transfer(f"checkpoint={checkpoint}", "report=[fig5]", "logger=csv"))
    assert "report=fig5: shows class activation maps" in line
    resumed = run_train(f"ckpt_path={checkpoint.with_name('last.ckpt')}", "trainer.max_epochs=2")
    assert resumed.status == 0, resumed.err


def test_a_network_brings_its_optimizer_unless_another_is_given(run_train: Command) -> None:
    optimizers = []
    for given in ((), ("optimizer=sgd",)):
        done = run_train("model=vit", *given, "--cfg", "job")
        optimizers.append(yaml.safe_load(done.out)["optimizer"]["_target_"])
    assert optimizers == ["torch.optim.AdamW", "torch.optim.SGD"]


def test_a_transformer_of_timm_needs_a_file_of_settings_only(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    pytest.importorskip("timm")
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "timm_vit.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /explanation: occlusion\nmodel:\n"
        "  _target_: timm.models.VisionTransformer\n  img_size: 16\n  in_chans: 1\n  num_classes: 2\n"
        "  patch_size: 4\n  embed_dim: 8\n  depth: 1\n  num_heads: 2\n"
    )
    done = run_train("--config-dir", str(tmp_path / "mine"), "model=timm_vit", *SMALL)
    assert done.status == 0, done.err
    checkpoint = done.folder / "checkpoints" / "best.ckpt"
    tested = run_transfer(f"checkpoint={checkpoint}", "data.W=[0.5]", "logger=csv", "trust=[timm]")
    assert tested.status == 0, tested.err


def test_a_study_trains_them(run_transfer: Command) -> None:
    done = run_transfer(*SMALL, *OF["mlp"], "data.W=[0]", "figures=false")
    assert done.status == 0, done.err
    assert networks(done)[0]["n"] == 20
