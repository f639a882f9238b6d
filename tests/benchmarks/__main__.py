"""All benchmarks: ``python -m tests.benchmarks [--json FILE] [--plot FILE] [SECTION ...]``."""

import argparse
import json
import sys
from pathlib import Path

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

from tests.benchmarks import generation, studies, sweeps, training
from tests.benchmarks.measure import machine

mpl.use("agg")
SECTIONS = {
    "cost": generation.cost,
    "two_cores": generation.two_cores,
    "accuracy": generation.accuracy,
    "scaling": generation.scaling,
    "throughput": training.throughput,
    "evaluation": training.evaluation,
    "start_up": training.start_up,
    "memory": training.memory_over_epochs,
    "sweep": sweeps.overhead,
    "study": studies.collecting,
    "table": studies.table,
}
METHODS = {
    "eigh_ms": "numpy.linalg.eigh of H, chain by chain",
    "torch_svd_ms": "torch.linalg.svd of h, batched",
    "ours_ms": "sshml",
    "write_ms": "writing the float32 image",
}


def show(title: str, rows: list[dict[str, object]]) -> None:
    """Print one table."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)


def plot(scaling: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Time of an image against M, all methods."""
    figure = mpl.figure.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    rows = scaling["by_size"]
    for key, label in METHODS.items():
        style = "k--" if key == "write_ms" else "o-"
        axes.loglog([row["M"] for row in rows], [row[key] for row in rows], style, label=label)
    axes.set(xlabel="unit cells M", ylabel="time of one image on one core (ms)")
    axes.set_xticks([row["M"] for row in rows], [str(row["M"]) for row in rows])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run what was asked for, print tables, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    parser.add_argument("--plot", type=Path, help="picture of the section `scaling`")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"no section {sorted(unknown)}; there are {', '.join(SECTIONS)}")
    results: dict[str, object] = {"machine": machine()}
    show("machine", [{"": key, "value": value} for key, value in results["machine"].items()])  # type: ignore[attr-defined]
    for name in arguments.sections or SECTIONS:
        result = SECTIONS[name]()
        results[name] = result
        if name == "scaling":
            show("time of an image", result["by_size"])
            show("number of chains", result["by_number"])
            print(f"time grows as M^{result['slope_60_to_1000']:.2f} from M = 60 to 1000")
        else:
            show(name, result if isinstance(result, list) else [result])
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
        sys.stdout.flush()
    if arguments.plot and "scaling" in results:
        plot(results["scaling"], arguments.plot)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
