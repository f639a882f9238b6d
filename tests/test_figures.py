"""What the pictures of a run show, read off their axes."""

import numpy as np
import pytest

from sshml.data.datamodule import SSHDataModule
from sshml.figures import accuracy_by_parameter
from sshml.physics.hamiltonians import SSH, ExtendedSSH
from sshml.training.summary import profiles_figure


def test_a_parameter_of_a_few_values_has_a_point_at_each() -> None:
    values = np.repeat([1.0, 2.0, 5.0], 100)
    labels, predictions = np.zeros(300, int), (values == 2).astype(int)
    figure = accuracy_by_parameter(values, "T", labels, predictions, ["a", "b"])
    accuracy = figure.axes[0].get_lines()[0]
    assert accuracy.get_xdata().tolist() == [1, 2, 5]
    assert accuracy.get_ydata().tolist() == [100, 0, 100]


def test_of_three_classes_each_has_its_share() -> None:
    values, labels = np.linspace(0, 1, 300), np.arange(300) % 3
    figure = accuracy_by_parameter(values, "T", labels, labels, ["a", "b", "c"])
    named = [line.get_label() for line in figure.axes[0].get_lines()]
    assert named == ["accuracy", "fraction predicted a", "fraction predicted b", "fraction predicted c"]


class Shifted(SSH):
    """Changes its phase at 1.4 instead of 1, as far as its critical line says."""

    def critical_ratios(self, W, disorder):
        return 1.4 * super().critical_ratios(W, disorder)


@pytest.mark.parametrize(
    ("hamiltonian", "shown"),
    [
        (SSH(), [0.2, 0.6, 0.9, 0.98, 1.02, 1.1, 1.4, 1.8]),
        (Shifted(), [0.28, 0.84, 1.26, 1.372, 1.428, 1.54, 1.96, 2.52]),
        (ExtendedSSH(t3=0.7), [0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8]),
    ],
)
def test_samples_around_the_transition_are_shown(hamiltonian: SSH, shown: list[float]) -> None:
    data = SSHDataModule(hamiltonian=hamiltonian, n_cells=4, n_train=2800, ratio_range=(0, 2.8))
    titles = [axes.get_title() for axes in profiles_figure(data).axes]
    ratios = [float(title.split(" = ")[1].split(",")[0]) for title in titles if "=" in title]
    np.testing.assert_allclose(ratios, shown, atol=0.006)
