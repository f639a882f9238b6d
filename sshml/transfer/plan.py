"""What a study is to do: its networks, the methods that begin with each, the strengths to test at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshml.config.build import build
from sshml.config.programs import command_of
from sshml.config.trust import trusted
from sshml.data.base import PhaseDataModule
from sshml.errors import ConfigError
from sshml.training.checks.trainer import n_processes
from sshml.transfer.baselines import BASELINES, baselines_of
from sshml.transfer.checks import check_resumed
from sshml.transfer.columns import cell_of
from sshml.transfer.given import given_network
from sshml.transfer.networks import PlannedNetwork, methods_of
from sshml.transfer.phase_diagram import Plane
from sshml.transfer.table import DIAGRAMS, ROWS, read_lines, read_rows
from sshml.transfer.trainings import networks_to_train


@dataclass(frozen=True)
class Plan:
    """All that a study is to do.

    Attributes:
        networks: to test.
        strengths: to test at; None alone for data without them.
        several: whether the study is one of several methods side by side.
        trust: what checkpoints may name, beside what :mod:`sshml.config.trust` lets pass.
        plane: where phase diagrams are drawn; None for a study without.
        baselines: what stands beside the networks.
    """

    networks: Sequence[PlannedNetwork]
    strengths: Sequence[float | None]
    several: bool
    trust: Sequence[str]
    plane: Plane | None
    baselines: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The phases."""
        data: PhaseDataModule = build(self.networks[0].tested_on)
        return data.classes


def planned(settings: Mapping[str, Any], overrides: Sequence[str]) -> Plan:
    """Check a study whole, before any work.

    Args:
        settings: of the study.
        overrides: what the command line changed of the configuration.

    Raises:
        ConfigError: if the parts do not fit together.
        CheckpointError: before any work, if a checkpoint cannot be used.
    """
    if n_processes(settings["trainer"]) > 1:
        raise ConfigError(
            f"trainer.devices={settings['trainer']['devices']}: expected 1 in a study; train with "
            f"{command_of('train')} trainer=ddp, then test with {command_of('transfer')} "
            "checkpoint=RUN/checkpoints/best.ckpt"
        )
    methods = methods_of(settings)
    typed = {override.lstrip("+~").split("=")[0] for override in overrides}
    if settings["resume"] is not None:
        check_resumed(settings)
    if settings["checkpoint"] is not None:
        networks = [given_network(settings, typed, methods)]
    else:
        networks = list(networks_to_train(settings, typed, methods))
    bins, data = settings["phase_diagram"], networks[0].tested_on
    plane = Plane.of_data(data, bins) if bins else None
    plan = Plan(
        networks=networks,
        strengths=settings["data"]["W"] if "W" in data else [None],
        several=settings["methods"] is not None,
        trust=trusted(settings),
        plane=plane,
        baselines=baselines_of(build(data)),
    )
    if settings["resume"] is not None:
        _check_results(Path(settings["resume"]), plan)
    return plan


def _check_results(folder: Path, plan: Plan) -> None:
    """The results that a study has must be whole, and of the cells that it tests."""
    rows = read_rows(folder, len(plan.classes))
    lines = read_lines(folder, plan.plane) if plan.plane else {}
    planned_cells = {
        (method, network.train_W, network.seed, W)
        for network in plan.networks
        for method in (*(method.name for method in network.methods), *BASELINES)
        for W in plan.strengths
    }
    if foreign := {*map(cell_of, rows), *lines} - planned_cells:
        method, train_W, seed, W = min(foreign, key=str)
        raise ConfigError(
            f"resume={folder}: has results at W={W:g} of {method}, trained at W={train_W}, "
            f"seed {seed}, in {ROWS} or {DIAGRAMS}, but not in config.yaml; restore them"
        )
