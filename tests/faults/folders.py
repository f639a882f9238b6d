"""Folders from a stranger, which name code to run and places to write to."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.faults.files import CPU_S, MEMORY
from tests.faults.places import READERS, copy
from tests.faults.programs import Ended, start
from tests.faults.runs import require

_SECRET = "not_to_be_seen_4711"
_ESCAPE = "\x1b[31mred"
# Where settings of a run have a node, or a value that may be one.
_KEYS = (
    "callbacks.x", "callbacks.x", "logger.x", "logger.x", "augmentation.x", "data.seed",
    "data.W", "data.label", "data.x",
    "optimizer.foreach", "optimizer.x", "scheduler", "trainer.profiler", "trainer.strategy",
    "trainer.plugins", "trainer.accelerator", "model.widths", "model", "callbacks.maps.examples",
    "callbacks.checkpoint.dirpath", "transfer", "transfer.x", "source.W", "x", "trust",
)  # fmt: skip
# What a working directory has in the end; `out` is where programs write.
_EXPECTED = {"runs", "out", "evil.py", "searched", "victim"}
_LOGGERS = ("WandbLogger, offline: true", "CSVLogger", "TensorBoardLogger")
_RESUMING = [reader for reader in READERS if reader.writes]
_PARTS = ("network", "optimizer", "scheduler", "data", "augmentation", "seed", "x")


def attempt(rng: random.Random, folder: Path) -> None:
    """Let a program read a folder with one to three hostile settings."""
    runs = copy(folder)
    (folder / "victim").mkdir()
    (folder / "victim" / "file").write_text("")
    (folder / "evil.py").write_text(f"open({str(folder / 'canary')!r}, 'w')\n")
    # Resuming replays what a manifest names, so most is to be gained there.
    reader = rng.choice((*READERS, *_RESUMING, *_RESUMING, *_RESUMING))
    found = reader.files(runs)
    manifests = [path for path in found if path.name == "manifest.json"]
    some = manifests if manifests and rng.random() < 0.6 else found
    spoiled = rng.sample(some, min(len(some), rng.choice((1, 1, 1, 2, 3))))
    what = [_spoil(rng, path, folder) for path in spoiled]
    arguments = reader.arguments(folder)
    ended = start(
        reader.program, *arguments, folder=folder, environment={"FAULTS_SECRET": _SECRET},
        cpu_s=CPU_S, memory=MEMORY,
    ).wait()  # fmt: skip
    fault = _harm(ended, folder) or ended.fault(0, 1, 2)
    require(fault and f"{'; '.join(what)}: {reader.program} {' '.join(arguments)[:60]}: {fault}")


def _harm(ended: Ended, folder: Path) -> str | None:
    if (folder / "canary").exists():
        return "code was run"
    if (folder / "outside").exists() or {path.name for path in folder.iterdir()} - _EXPECTED:
        return "something was written elsewhere"
    if not (folder / "victim" / "file").is_file():
        return "something was removed elsewhere"
    if _SECRET in ended.out + ended.err or any(
        _SECRET.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file()
    ):
        return "a variable of the environment was written"
    if _ESCAPE in ended.out + ended.err:
        return "an escape code was printed"
    return None


def _spoil(rng: random.Random, path: Path, folder: Path) -> str:
    """Put something hostile into a file; returns what."""
    spoils: dict[str, Callable[[random.Random, Path, Path], str]] = {
        "manifest.json": _manifest, "config.yaml": _config, "best.ckpt": _checkpoint,
        "last.ckpt": _checkpoint, "transfer.json": _rows, "phase_diagram.json": _rows,
    }  # fmt: skip
    spoil = spoils.get(path.name, _nothing)
    return f"{path.relative_to(folder)}: {spoil(rng, path, folder)[:200]}"


def _nothing(_rng: random.Random, path: Path, _folder: Path) -> str:
    with path.open("a") as file:
        file.write(_ESCAPE)
    return "an escape code"


def _node(rng: random.Random, folder: Path) -> Any:
    """Settings that do something if they are built."""
    canary = str(folder / "canary")
    node = rng.choice(
        (
            {"_target_": "os.system", "command": f"touch {canary}"},
            {"_target_": "os.mkdir", "path": canary},
            {"_target_": "builtins.open", "file": canary, "mode": "w"},
            {"_target_": "subprocess.run", "args": ["touch", canary]},
            {"_target_": "os.popen", "cmd": f"touch {canary}"},
            {"_target_": "builtins.exec", "_args_": [f"open('{canary}', 'w')"]},
            {"_target_": "evil.Net"},
            {"_target_": "evil"},
            {"_target_": "torch.save", "obj": 1, "f": canary},
            {
                "_target_": "torch.hub.download_url_to_file",
                "url": "file:///etc/hostname",
                "dst": canary,
            },
            {"_target_": "hydra.utils.get_object", "path": "evil.Net"},
            {"_target_": "sshml.files.run_folder.write_atomically", "path": canary, "text": "x"},
            {"_target_": "sshml.tracking.TensorBoardLogger", "folder": str(folder / "outside")},
        )
    )
    wrapped = (node, node, [node], {"_target_": "builtins.dict", "a": node}, {"a": [node]})
    return rng.choice(wrapped)


def _typed(value: Any) -> str:
    """A value in the grammar of Hydra's command line."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_typed, value)) + "]"
    return '"' + value.replace('"', '\\"') + '"' if isinstance(value, str) else str(value)


def _manifest(rng: random.Random, path: Path, folder: Path) -> str:
    outside = folder / "outside"
    override = rng.choice(
        (
            *[f"++{rng.choice(_KEYS)}={_typed(_node(rng, folder))}"] * 15,
            f"++paths.run={outside}", f"paths.runs={outside}", f"hydra.run.dir={outside}",
            f"hydra.sweep.dir={outside}", "hydra/launcher=joblib", "hydra.mode=MULTIRUN",
            f"hydra.searchpath=[file://{_searched(folder)}]\n+evil=evil",
            f"++trainer.default_root_dir={outside}",
            f"++callbacks.checkpoint.dirpath={outside}", f"++callbacks.last.dirpath={outside}",
            f"++hydra.output_subdir={outside}", "++hydra.job.chdir=true",
            "++trainer.default_root_dir=null", "++callbacks.checkpoint.dirpath=null",
            "++callbacks.maps.every_n_epochs=1\n++figures=true\n++trainer.default_root_dir=null",
            *[f"+logger.x={{_target_: pytorch_lightning.loggers.{rng.choice(_LOGGERS)}}}"] * 5,
            "++logger.wandb.name=${oc.env:FAULTS_SECRET}", "++paths.x=${oc.env:FAULTS_SECRET}",
            "++callbacks.checkpoint.filename=${oc.env:FAULTS_SECRET}",
            "++callbacks.checkpoint.filename=../../../outside/x", f"++x={_ESCAPE}", "--help", "-m",
            "--cfg=job", f"--config-path={_searched(folder)}", f"--config-dir={_searched(folder)}",
        )
    )  # fmt: skip
    content = json.loads(path.read_text())
    content["overrides"] += override.splitlines()
    path.write_text(json.dumps(content))
    return override


def _searched(folder: Path) -> Path:
    """A folder of configuration files, one of which has a hostile callback."""
    place = folder / "searched"
    (place / "evil").mkdir(parents=True, exist_ok=True)
    node = {"x": {"_target_": "os.system", "command": f"touch {folder / 'canary'}"}}
    (place / "evil" / "evil.yaml").write_text(f"# @package callbacks\n{yaml.dump(node)}")
    return place


def _config(rng: random.Random, path: Path, folder: Path) -> str:
    content = yaml.safe_load(path.read_text())
    key = rng.choice((*_KEYS, "paths.run", "paths.runs"))
    values = (_node(rng, folder), str(folder / "outside"), "${oc.env:FAULTS_SECRET}", _ESCAPE)
    value = rng.choice((values[0], *values))
    node = content
    *parents, name = key.split(".")
    for parent in parents:
        if not isinstance(node.get(parent), dict):
            node[parent] = {}
        node = node[parent]
    node[name] = value
    path.write_text(yaml.dump(content))
    return f"{key}={value}"


class _Pickled:
    """Runs code where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def _checkpoint(rng: random.Random, path: Path, folder: Path) -> str:
    content = torch.load(path, weights_only=True)
    if "callbacks" in content and rng.random() < 0.5:
        return _removal(rng, content, path, folder)
    parts = content["hyper_parameters"]
    part = rng.choice([name for name in _PARTS if name in parts] or ["x"])
    value = _node(rng, folder)
    if rng.random() < 0.1:
        content["x"] = value = _Pickled(str(folder / "canary"))
    elif isinstance(parts.get(part), dict) and rng.random() < 0.8:
        key = rng.choice((*parts[part], "x"))
        parts[part][key] = value if key != "_target_" else rng.choice(("os.system", "evil.Net", "evil"))
        part = f"{part}.{key}"
    else:
        parts[part] = value
    torch.save(content, path)
    return f"{part}={value}"


def _removal(rng: random.Random, content: dict[str, Any], path: Path, folder: Path) -> str:
    """Name something else as the best network, which is removed when a better one comes."""
    if not (link := path.parent / "link").is_symlink():
        link.symlink_to(folder / "victim")
    own = rng.choice((str(path.parent), "/a"))
    name = rng.choice(
        (
            "link",
            "link/.",
            "link/.",
            "link/file",
            "..",
            ".",
            "",
            "../../../../victim",
            str(folder / "victim"),
        )
    )
    victim = name if name.startswith("/") else f"{own}/{name}"
    for state in content["callbacks"].values():
        if "best_k_models" in state:
            score = torch.tensor(9.0)
            # The best network has to be there, or Lightning begins again from nothing.
            state.update(dirpath=own, best_model_path=f"{own}/best.ckpt", kth_best_model_path=victim)
            state.update(best_k_models={victim: score}, best_model_score=score, kth_value=score)
    torch.save(content, path)
    return f"best network {victim}"


def _rows(rng: random.Random, path: Path, _folder: Path) -> str:
    content = json.loads(path.read_text())
    row = rng.choice(content)
    key = rng.choice([key for key, value in row.items() if isinstance(value, str)] or ["x"])
    row[key] = rng.choice((_ESCAPE, "=1+1", "../../outside/x", "<script>", "${oc.env:FAULTS_SECRET}"))
    path.write_text(json.dumps(content))
    return f"{key}={row[key]!r}"
