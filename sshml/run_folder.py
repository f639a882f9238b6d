"""The folder that a run leaves behind."""

import json
import math
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning.utilities import rank_zero_only

from sshml.provenance import git_revision, machine, versions
from sshml.stored import MANIFEST


@rank_zero_only
def write_atomically(path: Path, text: str) -> None:
    """Write a file so that no reader, and no kill, ever meets half of it; in one process only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # in C, ten times as fast


class _Dumper(_SafeDumper):  # type: ignore[misc]
    """Writes YAML that OmegaConf reads back as it was."""


def _quoted_number(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """A string; quoted where OmegaConf, unlike YAML 1.1, would take it for a number, such as 1e3."""
    try:
        float(value)
    except ValueError:
        return dumper.represent_str(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'")


_Dumper.add_representer(str, _quoted_number)


def relocated(settings: Any, before: str, after: str) -> Any:
    """Settings with another run folder in every path that lies in the folder before."""
    if isinstance(settings, Mapping):
        return {key: relocated(value, before, after) for key, value in settings.items()}
    if isinstance(settings, list):
        return [relocated(value, before, after) for value in settings]
    if isinstance(settings, str) and (settings == before or settings.startswith(f"{before}/")):
        return after + settings.removeprefix(before)
    return settings


class RunFolder:
    """Configuration, manifest, metrics, checkpoints and figures of one run.

    Args:
        path: the folder; made if it is not there.
        settings: the resolved configuration.
        overrides: what the command line changed of it.
    """

    def __init__(self, path: str | Path, settings: Mapping[str, Any], overrides: Sequence[str]) -> None:
        self.path = Path(path)
        self.figures = self.path / "figures"
        self._start = time.monotonic()
        earlier = self._earlier_manifest()
        self._manifest: dict[str, Any] = {
            "status": "running",
            "command": shlex.join(sys.orig_argv),  # as typed; sys.argv has a resumed run's settings too
            "overrides": [o for o in overrides if not o.startswith("ckpt_path=")],
            "seed": settings["seed"],
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_time_s": None,
            "git_revision": git_revision(),
            "versions": versions(),
            "machine": machine(),
            "earlier": [*earlier.pop("earlier", []), earlier] if earlier else [],
        }
        write_atomically(
            self.path / "config.yaml", yaml.dump(dict(settings), Dumper=_Dumper, sort_keys=False)
        )
        self._write_manifest()

    def _earlier_manifest(self) -> dict[str, Any]:
        """The manifest of the run that is gone on with, if any."""
        path = self.path / MANIFEST
        manifest: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return manifest

    def _write_manifest(self) -> None:
        write_atomically(self.path / MANIFEST, json.dumps(self._manifest, indent=2) + "\n")

    def finish(self, status: str) -> None:
        """Record how the run ended: ``finished``, ``interrupted`` or ``failed``."""
        self._manifest["status"] = status
        self._manifest["wall_time_s"] = round(time.monotonic() - self._start, 1)
        self._write_manifest()

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write the final values, ``metrics.json``; null for one that is not finite."""
        values = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        write_atomically(self.path / "metrics.json", json.dumps(values, indent=2) + "\n")
