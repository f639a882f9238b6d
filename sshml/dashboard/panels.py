"""What the workspace and the report show, by the names that runs log."""

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces.reports.v2.interface import Panel

from sshml.thesis.published import FIG_7_W, FIG_7A, FIG_7B, SECTION_4_1
from sshml.transfer.baselines import BASELINES

# By these an earlier call's are found again; the workspace's address ends in ?nw=sshml.
_VIEW = "sshml"
_TITLE = "Topological phases of SSH chains"
# Strengths of the thesis' networks, as transfer.py writes them into the names of its map panels.
_TRAINED_AT = ("0", "0.25", "0.5", "0.75")

_MODEL, _W = wr.Config("model._target_"), wr.Config("data.W")
_TEST_ACCURACY = wr.SummaryMetric("test/accuracy")
# A run that broke off, or still goes on, would spoil a mean over seeds.
_TRAINED = "Metric('JobType') == 'train' and Metric('State') == 'finished'"
_TRANSFERRED = "Metric('JobType') == 'transfer' and Metric('State') == 'finished'"


def workspace(entity: str, project: str) -> ws.Workspace:
    """The workspace, a saved view of the project, one point or line a run.

    Args:
        entity: W&B user or team.
        project: W&B project.
    """
    sections = {
        "Learning curves": learning_curves(),
        "Accuracy against disorder": accuracy_against_disorder(),
        "Maps": maps(),
        "Transfer": transfer(),
        "Sweeps": sweeps(),
    }
    view = ws.Workspace(
        entity=entity,
        project=project,
        name=_VIEW,
        sections=[
            ws.Section(
                name=name,
                panels=panels,
                is_open=True,
                layout_settings=ws.SectionLayoutSettings(columns=3, rows=-(-len(panels) // 3)),
            )
            for name, panels in sections.items()
        ],
        settings=ws.WorkspaceSettings(max_runs=100),
        runset_settings=ws.RunsetSettings(
            pinned_columns=[
                "run:displayName", "run:jobType", "config:model.value._target_", "config:data.value.W",
                "config:seed.value", "summary:test/accuracy",
            ],
        ),
    )  # fmt: skip
    view._internal_name = f"nw-{_VIEW}-v"
    return view


def report(entity: str, project: str) -> wr.Report:
    """The report: the same panels, runs of the same network and strength averaged, with what they show.

    Args:
        entity: W&B user or team.
        project: W&B project.
    """
    trained = wr.Runset(name="trained networks", filters=_TRAINED)
    by_model = wr.Runset(
        name="trained networks, mean over seeds",
        filters=_TRAINED,
        groupby=["config.model._target_", "config.data.W"],
    )
    transferred = wr.Runset(name="transfer studies", filters=_TRANSFERRED)
    return wr.Report(
        entity=entity,
        project=project,
        title=_TITLE,
        description="A CNN and a ResNet18 tell the trivial from the topological phase of SSH chains.",
        width="fluid",
        blocks=[
            wr.TableOfContents(),
            wr.H2("Learning curves"),
            wr.P(
                "Mean and range over the seeds of each network and training strength W. Test values "
                "are those of the epoch with the lowest validation loss, so look at the lowest point "
                "of a curve, not at its end."
            ),
            wr.PanelGrid(runsets=[by_model], panels=learning_curves()),
            wr.H2("Accuracy against disorder"),
            wr.P(
                "Each network at the disorder strength it was trained at. The label t1 < t2 cannot "
                "be read off every disordered chain: even the exact invariant reaches only 98.8 % "
                "at W = 0.5 and 30 cells."
            ),
            wr.PanelGrid(runsets=[by_model], panels=accuracy_against_disorder()),
            wr.H2("Maps"),
            wr.P(
                "Where the networks look: class activation maps beside the profiles. The thesis says "
                "that both look at the edge states, ResNet18 more precisely."
            ),
            wr.PanelGrid(runsets=[trained], panels=maps()),
            wr.H2("Transfer"),
            wr.P(
                "Networks at disorder strengths other than that of their training, with baselines "
                f"that need no network: {', '.join(BASELINES).replace('_', ' ')}."
            ),
            wr.MarkdownBlock(_published()),
            wr.PanelGrid(runsets=[transferred], panels=transfer()),
            wr.H2("Sweeps"),
            wr.P("Importance of the hyper-parameters for the validation accuracy of the last epoch."),
            wr.PanelGrid(runsets=[trained], panels=sweeps()),
        ],
    )


def _published() -> str:
    """The thesis' accuracies, as a table in Markdown."""
    columns = sorted({*SECTION_4_1, *FIG_7_W})
    curves = {0: SECTION_4_1, 0.25: dict(zip(FIG_7_W, FIG_7A, strict=True)),
              0.75: dict(zip(FIG_7_W, FIG_7B, strict=True))}  # fmt: skip
    lines = [
        ["thesis: trained at W =", *(f"tested at {W:g}" for W in columns)],
        ["---"] * (1 + len(columns)),
        *(
            [f"{trained_at:g}", *(f"{values[W]:g} %" if W in values else "" for W in columns)]
            for trained_at, values in curves.items()
        ),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def learning_curves() -> list[Panel]:
    """Metrics of training and validation against the epoch."""
    return [
        _curve("Loss", ["train/loss", "val/loss"], log_y=True),
        _curve("Accuracy", ["train/accuracy", "val/accuracy"]),
        _curve("Expected calibration error", ["val/ece"]),
        _curve("Wrong predictions: false positives and negatives", ["val/fp", "val/fn"]),
        _curve("Learning rate", ["lr"]),
        _pictures("Learning curves", "learning_curves"),
    ]


def accuracy_against_disorder() -> list[Panel]:
    """Accuracy of the test against the strength that the network was trained at."""
    return [
        wr.ScatterPlot(
            title="Test accuracy against W; colour: number of cells (CNN 30, ResNet18 122)",
            x=_W,
            y=_TEST_ACCURACY,
            z=wr.Config("data.n_cells"),
        ),
        _bars("Test accuracy by W", groupby=_W),
        _bars("Test accuracy by network", groupby=_MODEL),
        _pictures("Accuracy against t1/t2", "accuracy_by_ratio"),
        _pictures("Confusion matrix", "confusion_matrix"),
    ]


def maps() -> list[Panel]:
    """Class activation maps: during training, of test samples, and single samples in a table."""
    return [
        _pictures("Maps of validation samples; slider: epoch", "maps"),
        _pictures("Maps of test samples", "maps_test"),
        _pictures("Density profiles of the training set", "profiles"),
        _table("test/examples"),
    ]


def transfer() -> list[Panel]:
    """Tests at other strengths: curves, matrix, confusion, maps and all numbers."""
    trained_maps = [f"maps_W{W}_seed0" for W in _TRAINED_AT]
    return [
        _against_W("Accuracy", "accuracy"),
        _against_W("Fraction predicted topological", "topological_share"),
        _against_W("Accuracy of the exact invariant (ceiling)", "ceiling"),
        _pictures("Networks and baselines", "accuracy_by_W"),
        _pictures("Transfer matrix", "matrix"),
        _pictures("Right and wrong predictions", "confusion_by_W"),
        _pictures("Maps; slider: 1000 times the test W", *trained_maps),
        _table("transfer"),
    ]


def sweeps() -> list[Panel]:
    """Hyper-parameters against the validation accuracy."""
    parameters = [
        "model._target_", "data.W", "data.n_train", "data.batch_size", "optimizer._target_",
        "optimizer.lr", "optimizer.weight_decay", "seed",
    ]  # fmt: skip
    columns = [
        wr.ParallelCoordinatesPlotColumn(wr.Config(name), display_name=name, log=name == "optimizer.lr")
        for name in parameters
    ]
    columns.append(wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric("val/accuracy")))
    return [
        wr.ParallelCoordinatesPlot(
            title="Hyper-parameters and validation accuracy", columns=columns, layout=_whole_width()
        ),
        wr.ParameterImportancePlot(with_respect_to="val/accuracy"),
        wr.RunComparer(diff_only=True),
    ]


def _curve(title: str, metrics: list[str], *, log_y: bool | None = None) -> wr.LinePlot:
    return wr.LinePlot(title=title, x="epoch", y=metrics, log_y=log_y)


def _against_W(title: str, score: str) -> wr.LinePlot:
    # transfer.py logs a curve a training strength and seed.
    pattern = f"transfer/.*trained_at_.*/seed_.*/{score}"
    return wr.LinePlot(title=f"{title} against test W", x="W", metric_regex=pattern)


def _bars(title: str, groupby: wr.Config) -> wr.BarPlot:
    return wr.BarPlot(
        title=f"{title}, mean and range",
        metrics=["test/accuracy"],
        groupby=groupby,
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        orientation="v",
    )


def _pictures(title: str, *figures: str) -> wr.MediaBrowser:
    return wr.MediaBrowser(title=title, media_keys=[f"figures/{name}" for name in figures])


def _table(name: str) -> wr.WeavePanelSummaryTable:
    return wr.WeavePanelSummaryTable(table_name=name, layout=_whole_width())


def _whole_width() -> wr.Layout:
    # A panel that is not given a layout is a third of a report's width, 8 × 6.
    return wr.Layout(w=24, h=12)
