"""One run of transfer.py: networks, their tests at every strength, figures, a report."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from torch import nn

from sshml.cam import network_maps
from sshml.config.trust import trusted
from sshml.data.streams import Split
from sshml.errors import ConfigError
from sshml.figures import Example
from sshml.files.provenance import git_revision, versions
from sshml.files.run_folder import RunFolder, check_unused
from sshml.thesis.maps import Shown
from sshml.thesis.report import Results, check_report, write_report
from sshml.tracking import check_loggers, opened, pictured, upload_command
from sshml.training.checks.trainer import n_processes
from sshml.training.train import quieten_libraries
from sshml.transfer import figures
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.checks import check_compare
from sshml.transfer.phase_diagram import Diagrams, draw, print_scores, write_scores
from sshml.transfer.protocol import methods_of, print_methods, summary, write_summary
from sshml.transfer.rows import Cell, network_scores
from sshml.transfer.scores import Answers, Row
from sshml.transfer.study import Matrix, Method, Source, Training, fill
from sshml.transfer.trainings import trainings_of

# Examples of each kind, right and wrong, of both phases, in a panel of maps.
_EXAMPLES = 2


def transfer(settings: Mapping[str, Any], overrides: Sequence[str] = ()) -> Matrix:
    """Test networks at disorder strengths that they were not trained at.

    Args:
        settings: from :func:`sshml.config.schema.plain_config` with
            :class:`sshml.config.schema.TransferConfig`.
        overrides: what the command line changed of the configuration.

    Returns:
        The matrix: the rows of ``transfer.json``, and what failed.

    Raises:
        ConfigError: before any work, if the parts do not fit together.
        CheckpointError: likewise, for a checkpoint.
    """
    quieten_libraries()
    trainings = planned(settings, overrides)
    check_unused(settings)
    run = RunFolder(settings["paths"]["run"], settings, overrides)
    status = "failed"
    try:
        matrix = Matrix(run.path)
        _fill_and_draw(settings, run, matrix, trainings)
        status = "finished" if not matrix.failed else "failed"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        print(f"interrupted; {way_on(run.path)}", file=sys.stderr)
        raise KeyboardInterrupt from None
    finally:
        run.finish(status)
    # A phase diagram has a table of its own, which is printed where it is made.
    if matrix.rows and not settings["phase_diagram"]:
        if settings["methods"] is not None:
            print_methods(matrix.rows)
        else:
            print_accuracies(matrix.rows)
    print_places(run)
    return matrix


def way_on(folder: Path) -> str:
    """What to do to have an unfinished study finished."""
    return f"resume with: python transfer.py {shlex.quote(f'resume={folder}')}"


def planned(settings: Mapping[str, Any], overrides: Sequence[str]) -> list[Training]:
    """Check a study whole, before any work; returns its networks.

    Raises:
        ConfigError: if the parts do not fit together.
        CheckpointError: likewise, for a checkpoint.
    """
    if n_processes(settings["trainer"]) > 1:
        raise ConfigError(
            f"trainer.devices={settings['trainer']['devices']}: expected 1 here; train with "
            "python train.py trainer=ddp, then test by python transfer.py "
            "checkpoint=RUN/checkpoints/best.ckpt"
        )
    methods = methods_of(settings)
    check_report(settings["report"])
    check_loggers(settings)
    if settings["compare"] is not None:
        check_compare(settings["compare"], trusted(settings))
    return trainings_of(settings, overrides, methods)


def _fill_and_draw(
    settings: Mapping[str, Any],
    run: RunFolder,
    matrix: Matrix,
    trainings: Sequence[Training],
) -> None:
    with opened(settings, "transfer") as opened_loggers:
        loggers = pictured(opened_loggers)
        run.figures.mkdir(exist_ok=True)
        diagrams = Diagrams(run.path, settings["phase_diagram"])

        def show(
            source: Source, method: Method, W: float, answers: Answers, network: nn.Module
        ) -> None:
            if settings["phase_diagram"]:
                diagrams.add(method.name, source.train_W, source.seed, W, answers)
            own_seed = source.seed == settings["seed"] or settings["checkpoint"] is not None
            if not (own_seed and settings["figures"]):
                return  # one seed's maps are enough to look at
            of_method = "" if method.name == ONLY_METHOD else f"{method.name}_"
            examples = pick_examples(source, W, answers, network)
            title = of_method.replace("_", " ") + (
                f"trained at W = {figures.strength(source.train_W)}, tested at W = {W:g}"
            )
            figure = figures.transfer_panel(examples, title)
            figure.savefig(run.figures / f"maps_{of_method}{source.name}_at_W{W:g}.png", dpi=90)
            for logger in loggers:
                logger.figure(f"maps_{of_method}{source.name}", figure, W)

        def is_done(cell: Cell) -> bool:
            return matrix.has(cell) and (not settings["phase_diagram"] or cell in diagrams.cells)

        sources = fill(matrix, trainings, settings["data"]["W"], is_done, show)
        if matrix.rows:
            drawn = _figures(matrix.rows, several=settings["methods"] is not None)
            if settings["methods"] is not None:
                write_summary(run.path / "methods.csv", matrix.rows)
            if found := diagrams.read():
                disorder = settings["data"]["disorder"]
                print_scores(write_scores(run.path / "phase_diagram.csv", found, disorder))
                drawn["phase_diagram"] = draw(found, disorder)
            for name, figure in drawn.items():
                figure.savefig(run.figures / f"{name}.png", dpi=120)
                for logger in loggers:
                    logger.figure(name, figure, 0)
            for logger in loggers:
                logger.rows(matrix.rows, network_scores(matrix.rows))
        if settings["report"]:
            drawn = _report(settings, run, matrix, sources)
            for logger in loggers:
                for name, figure in drawn.items():
                    logger.figure(name, figure, 0)


def _figures(rows: Sequence[Row], *, several: bool) -> dict[str, Figure]:
    """The pictures of a study of one method, or of several."""
    if several:
        return {"methods": figures.methods_curve(summary(rows))}
    return {
        "accuracy_by_W": figures.accuracy_curve(rows),
        "matrix": figures.matrix_map(rows),
        "confusion_by_W": figures.confusion_shares(rows),
    }


def _report(
    settings: Mapping[str, Any], run: RunFolder, matrix: Matrix, sources: Sequence[Source]
) -> dict[str, Figure]:
    """Write the page of the thesis' results; maps are those of the first network of clean chains."""
    checkpoints = [source.checkpoint for source in sources if source.W == 0][:1]
    checkpoints += [Path(settings["compare"])] if settings["compare"] else []
    shown = [Shown.load(path, trusted(settings)) for path in checkpoints]
    data = sources[0].tested_on if sources else settings["data"]
    network = Shown.load(sources[0].checkpoint, trusted(settings)).name if sources else "physics"
    parts = [f"M = {data['n_cells']}"]
    if settings["checkpoint"] is not None:
        parts.append(f"the network of {settings['checkpoint']}")
    elif sources:
        epochs = settings["trainer"]["max_epochs"]
        parts.append(f"{epochs} epochs of {data['n_train']} chains (the thesis: 100 of 10000)")
    if matrix.rows:
        seeds = len({row["seed"] for row in matrix.rows})
        sizes = " or ".join(sorted({str(row["n"]) for row in matrix.rows}))
        parts.append(f"{seeds} seed{'s' if seeds > 1 else ''}, tests of {sizes} chains")
    origin = (
        f"{', '.join(parts)}. sshml {versions()['sshml']}, git {git_revision()}; settings in "
        "config.yaml, all rows in transfer.csv."
    )
    results = Results(matrix.rows, shown, data["n_cells"], settings["seed"], network)
    return write_report(run.path, settings["report"], results, origin)


def pick_examples(source: Source, W: float, answers: Answers, network: nn.Module) -> list[Example]:
    """The first test samples of each kind, right and wrong, of both phases, with their maps."""
    ratio = answers.labels["ratio"]
    index = [
        i
        for label in (0, 1)
        for said in (0, 1)
        for i in np.flatnonzero((ratio == label) & (answers.predictions == said))[:_EXAMPLES]
    ]
    dataset = source.test_set(W).dataset(Split.TEST)
    batch = dataset.__getitems__(index)
    maps = network_maps(network, batch["input"])
    probabilities = answers.logits.softmax(dim=1)[index]
    return [
        Example(
            image=batch["input"][k, 0].numpy(),
            maps=maps[k].numpy(),
            ratio=float(batch["parameters"]["ratio"][k]),
            W=float(batch["parameters"]["W"][k]),
            label=int(ratio[i]),
            probabilities=probabilities[k].tolist(),
            hamiltonian=dataset.ensemble.hamiltonian,
            representation=dataset.representation,
        )
        for k, i in enumerate(index)
    ]


def print_accuracies(rows: Sequence[Row]) -> None:
    """Print accuracies, strength trained at × strength tested at."""
    grid = sorted({row["W"] for row in rows})
    table = Table(title="accuracy (%) against the ratio label, mean ± spread over seeds", box=SIMPLE)
    table.add_column("W of\nthe test", justify="right")
    columns = [(W, ONLY_METHOD) for W in figures.train_strengths(rows)]
    first = columns[0][0] if columns else None
    columns += [(first, name) for name in BASELINES]
    for train_W, name in columns:
        head = (
            f"trained\nat {figures.strength(train_W)}"
            if name == ONLY_METHOD
            else name.replace("_", "\n")
        )
        table.add_column(head, justify="right", no_wrap=True)
    for W in grid:
        cells = []
        for train_W, name in columns:
            values = [
                100 * r["accuracy"]
                for r in rows
                if (r["method"], r["train_W"], r["W"]) == (name, train_W, W)
            ]
            spread = f"±{np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.1f}{spread}" if values else "failed")
        table.add_row(f"{W:g}", *cells)
    Console().print(table)


def print_places(run: RunFolder) -> None:
    """Print where everything is."""
    console = Console()
    for name, path in {
        "run folder": run.path,
        "rows": run.path / "transfer.csv",
        "table": run.path / "methods.csv",
        "diagrams": run.path / "phase_diagram.csv",
        "figures": run.figures,
        "page": run.path / "report.html",
    }.items():
        if not path.exists():
            continue
        console.print(f"{name + ':':<14}{path}", soft_wrap=True, highlight=False, markup=False)
    if upload := upload_command(run.path):
        console.print(f"{'upload with:':<14}{upload}", soft_wrap=True, highlight=False, markup=False)
