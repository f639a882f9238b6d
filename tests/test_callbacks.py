"""Which examples a panel shows, and that their maps are those of the network."""

import torch

from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.explanations import ClassActivation
from sshml.figures import map_panel
from sshml.networks import CNN
from sshml.training.callbacks import ExampleSet


def test_examples_of_every_kind_with_maps_that_add_up_to_their_logits() -> None:
    torch.manual_seed(0)
    data = SSHDataModule(n_cells=30, W=0.5, n_train=40, batch_size=10)
    network = CNN(widths=(4, 4), pool_after=(1,)).eval()
    chosen = ExampleSet(per_kind=2)
    answer_to = {}
    for start in range(0, 40, 10):
        batch = data.dataset(Split.TRAIN).__getitems__(range(start, start + 10))
        answers = batch["index"] % 2  # right or wrong by chance, so that all four kinds occur
        chosen.add(batch, torch.stack([1.0 - answers, answers.float()], dim=1))
        answer_to |= dict(zip(batch["parameters"]["ratio"].tolist(), answers.tolist(), strict=True))
    examples = chosen.explain(network, data, ClassActivation())
    kinds = [(e.label, e.prediction) for e in examples]
    assert sorted(kinds) == [(0, 0)] * 2 + [(0, 1)] * 2 + [(1, 0)] * 2 + [(1, 1)] * 2
    for example in examples:
        assert example.prediction == answer_to[next(iter(example.parameters.values()))]
        profile = torch.from_numpy(example.image)[None, None]
        mean = torch.from_numpy(example.maps).mean(dim=(1, 2))
        torch.testing.assert_close(mean + network.head.bias, network(profile)[0])
    assert chosen.explain(network, data, ClassActivation()) == []
    assert len(map_panel(examples, "all").axes) == 8 * 4
