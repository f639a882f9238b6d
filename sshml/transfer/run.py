"""One run of transfer.py: networks, their tests at every strength, figures, a report."""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from torch import nn

from sshml.cam import network_maps
from sshml.checkpoint import network_state, read_checkpoint
from sshml.checks import check_run, n_processes
from sshml.config import dotted
from sshml.data.streams import Split
from sshml.errors import CheckpointError, ConfigError
from sshml.figures import Example
from sshml.loggers import check_loggers, opened, pictured, upload_command
from sshml.networks import build_network
from sshml.provenance import git_revision, versions
from sshml.reproduction.maps import Shown
from sshml.reproduction.report import Results, check_report, write_report
from sshml.run_folder import MANIFEST, RunFolder, relocated
from sshml.training import quieten_libraries
from sshml.transfer import figures
from sshml.transfer.phase_diagram import HIGHEST_RATIO, Diagrams, draw, print_scores, write_scores
from sshml.transfer.protocol import BASELINES, methods_of, print_methods, summary, write_summary
from sshml.transfer.scores import Answers, Row
from sshml.transfer.study import (
    ONLY_METHOD,
    Matrix,
    Method,
    Source,
    Training,
    fill,
    source_settings,
    strength_name,
    trained_source,
)

# What a study may be gone on with changed: it grows, shows more, or moves to another machine.
_MAY_CHANGE = (
    "resume", "report", "compare", "logger.", "callbacks.maps.", "paths.", "source.", "seeds", "data.W",
    "trainer.precision", "trainer.accelerator", "trainer.devices",
)  # fmt: skip
# Examples of each kind, right and wrong, of both phases, in a panel of maps.
_EXAMPLES = 2


def transfer(settings: Mapping[str, Any], overrides: Sequence[str] = ()) -> Matrix:
    """Test networks at disorder strengths that they were not trained at.

    Args:
        settings: from :func:`sshml.config.plain_config` with
            :class:`sshml.config.TransferConfig`.
        overrides: what the command line changed of the configuration.

    Returns:
        The matrix: the rows of ``transfer.json``, and what failed.

    Raises:
        ConfigError: before any work, if the parts do not fit together.
        CheckpointError: likewise, for a checkpoint.
    """
    quieten_libraries()
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
        _check_compare(settings["compare"])
    trainings = _trainings(settings, overrides, methods)
    run = RunFolder(settings["paths"]["run"], settings, overrides)
    matrix = Matrix(run.path)
    status = "failed"
    try:
        _fill_and_draw(settings, run, matrix, trainings)
        status = "finished" if not matrix.failed else "failed"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        print(f"interrupted; go on with: python transfer.py resume={run.path}", file=sys.stderr)
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


def _trainings(
    settings: Mapping[str, Any], overrides: Sequence[str], methods: Sequence[Method]
) -> list[Training]:
    """The networks of a study with the methods that begin with each; checks all before any work."""
    typed = {override.lstrip("+~").split("=")[0] for override in overrides}
    if settings["resume"] is not None:
        _check_resumed(settings)
    if settings["checkpoint"] is not None:
        return [_of_checkpoint(settings, typed, methods)]
    if not settings["source"]["W"]:
        raise ConfigError(
            "source.W=null: there is no network to test; set checkpoint=RUN/checkpoints/best.ckpt, or "
            "the strengths to train networks at"
        )
    _check_diagram(settings, settings["data"])
    for method in methods:
        try:
            method.transfer.check(_empty_network(settings["model"]), settings["data"])
        except ConfigError as error:
            of_method = "" if method.name == ONLY_METHOD else f"methods.{method.name}: "
            raise ConfigError(f"{of_method}{error}") from error
    alike: dict[str, list[Method]] = {}
    for method in methods:
        alike.setdefault(json.dumps(method.training, sort_keys=True), []).append(method)
    trainings = []
    for W in settings["source"]["W"] or ():
        for seed in range(settings["seed"], settings["seed"] + settings["seeds"]):
            for group in alike.values():
                run = source_settings(settings, W, seed, group[0])
                check_run({**run, "ckpt_path": None})
                make = partial(trained_source, run, settings["data"])
                trainings.append(Training(make, strength_name(run["data"]["W"]), seed, group))
    return trainings


def _check_diagram(settings: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """A diagram needs test chains in all of its bins."""
    bins = settings["phase_diagram"]
    if bins is None:
        return
    if list(data["ratio_range"]) != [0, HIGHEST_RATIO]:
        raise ConfigError(
            f"data.ratio_range={list(data['ratio_range'])}: a phase diagram is drawn over "
            f"[0, {HIGHEST_RATIO:g}]; leave it away, or set phase_diagram=null"
        )
    if data["n_test"] < bins:
        raise ConfigError(
            f"phase_diagram={bins}: has more bins than there are test chains, "
            f"data.n_test={data['n_test']}; set fewer bins, or more chains"
        )


def _check_resumed(settings: Mapping[str, Any]) -> None:
    """A study is gone on with by what it was: rows of other settings must not join it."""
    folder = Path(settings["resume"])
    if not (folder / MANIFEST).is_file():
        raise ConfigError(
            f"resume={folder}: no run folder of transfer.py; expected one that has {MANIFEST}"
        )
    stored: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    if "source" not in stored:
        raise ConfigError(
            f"resume={folder}: a run of train.py; go on with it by python train.py "
            f"ckpt_path={folder}/checkpoints/last.ckpt"
        )
    _check_grown(stored, settings)
    before = dotted(relocated(stored, stored["paths"]["run"], settings["paths"]["run"]))
    now = dotted(settings)
    for key in sorted(before.keys() | now.keys()):
        if not key.startswith(_MAY_CHANGE) and before.get(key) != now.get(key):
            raise ConfigError(
                f"{key}={now.get(key)}: the study resume={folder} has {key}={before.get(key)}, and its "
                "rows would not go with new ones; leave it away, or start a new study"
            )


def _check_grown(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """What a study has of methods, strengths and seeds must be among what it is to have."""

    def of(settings: Mapping[str, Any]) -> dict[str, set[Any]]:
        return {
            "methods": set(settings.get("methods") or ()),
            "data.W": set(settings["data"]["W"]),
            "source.W": set(settings["source"]["W"] or ()),
            "seeds": set(range(settings["seeds"])),
        }

    wanted = of(now)
    for key, had in of(before).items():
        if missing := had - wanted[key]:
            names = ", ".join(
                sorted(f"{value:g}" if key.endswith("W") else f"{value}" for value in missing)
            )
            lacks = f"has {before['seeds']}" if key == "seeds" else f"has {names} too"
            raise ConfigError(
                f"{key}: the study resume={now['resume']} {lacks}; it can be gone on with by more, not "
                "less; leave it away, or start a new study"
            )


def _empty_network(node: Mapping[str, Any]) -> nn.Module:
    try:
        with torch.device("meta"):
            return build_network(node, download=False)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"model: {error}") from error


def _of_checkpoint(settings: Mapping[str, Any], typed: set[str], methods: Sequence[Method]) -> Training:
    """The one network that a checkpoint is; says what is tested otherwise than it was trained."""
    path = settings["checkpoint"]
    if "source.W" in typed or "seeds" in typed:
        raise ConfigError(
            f"checkpoint={path}: is one trained network; leave away source.W and seeds, or the "
            "checkpoint"
        )
    for method in methods:
        if method.training:
            raise ConfigError(
                f"checkpoint={path}: is trained already, and methods.{method.name} sets its training; "
                "leave away the checkpoint, or the method"
            )
    of_model: list[str] = []
    try:
        content = read_checkpoint(path)
        network = _empty_network(content["hyper_parameters"]["network"])
        network_state(network, content)
        of_model = sorted(key for key in typed if key.split(".")[0] == "model")
        if of_model:
            network_state(_empty_network(settings["model"]), content)
    except CheckpointError as error:
        way_out = f"; leave {of_model[0]} away, the checkpoint has its own" if of_model else ""
        raise CheckpointError(f"checkpoint={path}: {error}{way_out}") from error
    trained = content["hyper_parameters"]["data"]
    data = dict(trained)
    for key, value in settings["data"].items():
        if (f"data.{key}" in typed or (key == "seed" and "seed" in typed)) and key != "W":
            data[key] = value
            if trained.get(key) != value:
                print(f"data.{key}={value}: the network was trained with {trained.get(key)}")
    if data["n_cells"] != trained["n_cells"]:
        print(
            f"data.n_cells={data['n_cells']}: images of another size than the network was trained on; "
            "its global average pooling takes any"
        )
    print(
        f"tested on {data['n_test']} chains of M = {data['n_cells']} a strength, made as those of its "
        "training but for what the command line changes (an experiment's data settings do not)"
    )
    _check_diagram(settings, data)
    for method in methods:
        method.transfer.check(network, data)
    size = 2 * data["n_cells"]
    try:
        network(torch.empty(2, 1, size, size, device="meta"))
    except RuntimeError as error:
        raise ConfigError(
            f"data.n_cells={data['n_cells']}: too small for the network of checkpoint={path} "
            f"({' '.join(str(error).split())}); choose a larger data.n_cells"
        ) from error
    W = trained["W"]
    strength = tuple(W) if isinstance(W, list) else W
    source = Source(strength, trained["seed"], Path(path), trained, data)
    return Training(lambda: source, source.train_W, source.seed, methods)


def _fill_and_draw(
    settings: Mapping[str, Any],
    run: RunFolder,
    matrix: Matrix,
    trainings: Sequence[Training],
) -> None:
    with opened(settings, "transfer") as opened_loggers:
        loggers = pictured(opened_loggers)
        run.figures.mkdir(exist_ok=True)
        diagrams = Diagrams(run.path, settings["phase_diagram"] or 0)

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

        sources = fill(matrix, trainings, settings["data"]["W"], show)
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
                logger.rows(matrix.rows)
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
    shown = [Shown.load(path) for path in checkpoints]
    data = sources[0].tested_on if sources else settings["data"]
    network = Shown.load(sources[0].checkpoint).name if sources else "physics"
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


def _check_compare(path: str) -> None:
    try:
        read_checkpoint(path)
    except CheckpointError as error:
        raise CheckpointError(f"compare={error}") from error


def pick_examples(source: Source, W: float, answers: Answers, network: nn.Module) -> list[Example]:
    """The first test samples of each kind, right and wrong, of both phases, with their maps."""
    ratio = answers.labels["ratio"]
    index = [
        i
        for label in (0, 1)
        for said in (0, 1)
        for i in np.flatnonzero((ratio == label) & (answers.predictions == said))[:_EXAMPLES]
    ]
    batch = source.test_set(W).dataset(Split.TEST).__getitems__(index)
    maps = network_maps(network, batch["profile"])
    probability = answers.logits.softmax(dim=1)[index, 1]
    return [
        Example(
            profile=batch["profile"][k, 0].numpy(),
            maps=maps[k].numpy(),
            t1=float(batch["t1"][k]),
            W=float(batch["W"][k]),
            label=int(ratio[i]),
            probability=float(probability[k]),
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
        console.print(f"{name + ':':<14}{path}", soft_wrap=True, highlight=False)
    if upload := upload_command(run.path):
        console.print(f"{'upload with:':<14}{upload}", soft_wrap=True, highlight=False)
