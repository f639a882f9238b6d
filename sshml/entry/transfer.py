"""One run of transfer.py: a plan, its tests, their tables and pictures, and the thesis beside them."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from sshml.config.programs import command_of, is_sweep, own_configuration
from sshml.config.trust import own_trust, trusted
from sshml.errors import CheckpointError
from sshml.files.checkpoint import read_checkpoint
from sshml.files.run_folder import RunFolder, check_unused
from sshml.terminal import say_interrupted
from sshml.thesis.report import check_report, report_of_study
from sshml.tracking import PictureLogger, check_loggers, opened, pictured, upload_command
from sshml.training.train import quieten_libraries
from sshml.transfer.baselines import ONLY_METHOD
from sshml.transfer.columns import tested_at, trained_at
from sshml.transfer.execute import Tested, execute
from sshml.transfer.figures import drawn_figures, sample_figures, transfer_panel
from sshml.transfer.phase_diagram import diagrams_of, write_scores
from sshml.transfer.plan import Plan, planned
from sshml.transfer.progress import described, work_left
from sshml.transfer.summary import (
    print_accuracies,
    print_methods,
    print_scores,
    write_summary,
)
from sshml.transfer.table import Table, cells_of, network_scores, write_predictions


def transfer(settings: Mapping[str, Any], overrides: Sequence[str] = ()) -> Table:
    """Test networks at disorder strengths that they were not trained at.

    Args:
        settings: from :func:`sshml.config.schema.plain_config` with
            :class:`sshml.config.schema.TransferConfig`.
        overrides: what the command line changed of the configuration.

    Returns:
        The table: the rows of ``transfer.json``, and what failed.

    Raises:
        ConfigError: before any work, if the parts do not fit together.
        CheckpointError: before any work, if a checkpoint cannot be used.
    """
    quieten_libraries()
    plan = check_transfer(settings, overrides)
    check_unused(settings)
    run = RunFolder(settings["paths"]["run"], settings, overrides)
    status, stopped_by = "failed", None
    try:
        table = Table(run.path, len(plan.classes), plan.plane)
        with opened(settings, "transfer") as loggers:
            _work(settings, plan, run, table, pictured(loggers))
        status = "finished" if not table.failed else "failed"
    except (KeyboardInterrupt, SystemExit):
        status, stopped_by = "interrupted", "signal"
        if not is_sweep():  # a sweep says how to resume all of its jobs
            say_interrupted(way_on(run.path, settings))
        raise KeyboardInterrupt from None
    finally:
        run.finish(status, stopped_by)
    # A phase diagram has a table of its own.
    if plan.plane and table.lines:
        print_scores(diagrams_of(table.lines, plan.plane))
    elif table.rows:
        (print_methods if plan.several else print_accuracies)(table.rows)
    _print_places(run)
    return table


def print_plan(settings: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Check a study whole, and print what it has to do.

    Raises:
        ConfigError, CheckpointError: as :func:`transfer`.
    """
    quieten_libraries()
    plan = check_transfer(settings, overrides)
    check_unused(settings)
    folder = Path(settings["paths"]["run"])
    print(described(work_left(plan, cells_of(folder, len(plan.classes), plan.plane).__contains__)))
    print("nothing was run, since dry_run=true")


def check_transfer(settings: Mapping[str, Any], overrides: Sequence[str]) -> Plan:
    """Check a study whole, before any work; returns its plan.

    Raises:
        ConfigError: if the parts do not fit together.
        CheckpointError: before any work, if a checkpoint cannot be used.
    """
    check_loggers(settings)
    plan = planned(settings, overrides)
    first = plan.networks[0]
    models = [settings["model"] if first.run else _parameters(settings, first.checkpoint)["network"]]
    data = [first.tested_on]
    if settings["compare"] is not None:
        try:
            shown = _parameters(settings, settings["compare"])
        except CheckpointError as error:
            raise CheckpointError(f"compare={error}") from error
        models.append(shown["network"])
        data.append(shown["data"])
    for pair in zip(data, models, strict=True):
        check_report(settings["report"], *pair)
    return plan


def _parameters(settings: Mapping[str, Any], checkpoint: str | Path) -> dict[str, Any]:
    parameters: dict[str, Any] = read_checkpoint(checkpoint, trusted(settings))["hyper_parameters"]
    return parameters


def way_on(folder: Path, settings: Mapping[str, Any]) -> str:
    """What to do to have an unfinished study finished."""
    given = f"{own_configuration()}{shlex.quote(f'resume={folder}')}{own_trust(settings)}"
    return f"resume with: {command_of('transfer')} {given}"


def _work(
    settings: Mapping[str, Any],
    plan: Plan,
    run: RunFolder,
    table: Table,
    loggers: Sequence[PictureLogger],
) -> None:
    run.figures.mkdir(exist_ok=True)
    try:
        for tested in execute(plan, table):
            if tested.examples and (explanation := tested.network.explanation):
                _draw_maps(tested, explanation.title, run, loggers)
            if tested.W is None:
                _show_samples(tested, run, loggers)
            # Last: a cell that has its rows is not done again.
            table.add(tested.rows, tested.answers)
    finally:
        table.write()
    drawn: dict[str, Figure] = {}
    if table.rows:
        drawn = drawn_figures(table, plan)
        if plan.several:
            write_summary(run.path / "methods.csv", table.rows)
        if plan.plane:
            write_scores(run.path / "phase_diagram.csv", diagrams_of(table.lines, plan.plane))
        for logger in loggers:
            logger.rows(table.rows, network_scores(table.rows))
    for name, figure in drawn.items():
        figure.savefig(run.figures / f"{name}.png", dpi=120)
    if settings["report"]:
        drawn |= report_of_study(settings, run.path, plan, table)
    for name, figure in drawn.items():
        for logger in loggers:
            logger.figure(name, figure, 0)


def _show_samples(tested: Tested, run: RunFolder, loggers: Sequence[PictureLogger]) -> None:
    """Of data without strengths: what was said of each sample, and the accuracy by its parameters."""
    method = tested.method.name
    of_method = "" if method == ONLY_METHOD else f"_{method}"
    write_predictions(run.path / f"predictions{of_method}.csv", tested.answers, tested.tested_on)
    for name, figure in sample_figures(tested.answers, tested.tested_on).items():
        figure.savefig(run.figures / f"{name}{of_method}.png", dpi=120)
        for logger in loggers:
            logger.figure(f"{name}{of_method}", figure, 0)


def _draw_maps(tested: Tested, of_maps: str, run: RunFolder, loggers: Sequence[PictureLogger]) -> None:
    name, W = tested.method.name, tested.W
    of_method = "" if name == ONLY_METHOD else f"{name}_"
    figure = transfer_panel(
        tested.examples,
        of_method.replace("_", " ")
        + f"{trained_at(tested.network.train_W)}, {tested_at(W)}, {of_maps}",
    )
    of_network = f"maps_{of_method}{tested.network.name}"
    place = "" if W is None else f"_at_W{W:g}"
    figure.savefig(run.figures / f"{of_network}{place}.png", dpi=90)
    for logger in loggers:
        logger.figure(of_network, figure, W or 0.0)


def _print_places(run: RunFolder) -> None:
    """Print where everything is."""
    console = Console()
    for name, path in {
        "run folder": run.path,
        "rows": run.path / "transfer.csv",
        "table": run.path / "methods.csv",
        "predictions": run.path / "predictions.csv",
        "diagrams": run.path / "phase_diagram.csv",
        "figures": run.figures,
        "page": run.path / "report.html",
    }.items():
        if path.exists():
            console.print(f"{name + ':':<14}{path}", soft_wrap=True, highlight=False, markup=False)
    if upload := upload_command(run.path):
        console.print(f"{'upload with:':<14}{upload}", soft_wrap=True, highlight=False, markup=False)
