"""Damaged files of run folders, studies and sweeps, and the programs that read them."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.faults.places import READERS, copy
from tests.faults.programs import start
from tests.faults.runs import require
from tests.faults.trees import snapshot

# Seconds of the processor's time after which a program counts as hanging; it takes two.
CPU_S = 20
MEMORY = 3 << 30
_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
)
_NAMES = (
    "metrics.csv", "manifest.json", "config.yaml", "transfer.json", "phase_diagram.json",
    "metrics.json", "best.ckpt", "last.ckpt",
)  # fmt: skip
# What replaces a whole file: whatever it is, and by its kind.
_ANY = (b"", b"\x00" * 100, b"\x80\x81\xfe\xff", b"PK\x03\x04", b"\x1b[31m\n")
_OF_KIND = {
    ".json": (
        b"[]", b"{}", b"3", b"null", b'"text"', b"[[[]]]", b"[" * 100_000, b"1" * 10_000, b"NaN",
        b'{"a": NaN}', b"\xef\xbb\xbf{}", b'{"status": "finished"}', b'[{"a": "2024-01-01"}]',
    ),
    ".yaml": (
        *[_BOMB.encode()] * 8, b"a: 2024-01-01\n", b"- a\n", b"{}", b"null", b"text", b"a: [1",
        b"- " * 50_000,
        b"1: a\n", b"!!python/object/apply:os.getcwd []\n", b"x: &a {y: *a}\npaths: {run: x}\n",
        b"paths: {run: 3}\n", b"data: .nan\n",
    ),
    ".csv": (
        b"epoch\n", b"a,b\n1,2\n", b"epoch,val/loss\nNaN,1\n", b"epoch,val/loss\n0,text\n",
        b"epoch,val/loss\n0,1\n0,1\n", b"epoch,val/loss\n0,1,2,3\n", b"epoch,val/loss\ninf,1\n",
        b"epoch,val/loss\n1e400,1\n", b"epoch,val/loss\n0,NaN\n", b"epoch,val/loss\n2024-01-01,1\n",
    ),
    ".ckpt": (b"{}", b"\x80\x02N.", b"PK\x05\x06" + b"\x00" * 18),
}  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, [], {}, "", "text", -1, 1e308, float("nan"), float("inf"), True, [None], {"a": {}},
    "2024-01-01", 10**400, "\x1b[31m", "a\nb",
)  # fmt: skip


def attempt(rng: random.Random, folder: Path) -> None:
    """Damage a file, and run a program that reads it."""
    runs = copy(folder)
    name = rng.choice(_NAMES)
    reader = rng.choice([reader for reader in READERS if _named(name, reader.files(runs))])
    path = rng.choice(_named(name, reader.files(runs)))
    arguments = reader.arguments(folder)
    how = damage(rng, path)
    before = snapshot(runs)
    ended = start(reader.program, *arguments, folder=folder, cpu_s=CPU_S, memory=MEMORY).wait()
    what = f"{path.relative_to(folder)} {how}, {reader.program} {' '.join(arguments)[:60]}"
    fault = ended.fault(0, 1, 2) or _harm(before, runs, writes=reader.writes and ended.status != 2)
    require(fault and f"{what}: {fault}")


def _named(name: str, paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.name == name]


def _harm(before: dict[str, bytes], runs: Path, *, writes: bool) -> str | None:
    """What happened to files that were there."""
    now = snapshot(runs)
    if lost := before.keys() - now.keys():
        return f"lost {sorted(lost)[:3]}"
    if not writes and (changed := [name for name in before if before[name] != now[name]]):
        return f"changed {changed[:3]}"
    if emptied := [name for name in before if before[name] and not now[name]]:
        return f"emptied {emptied[:3]}"
    return None


def damage(rng: random.Random, path: Path) -> str:
    """Damage a file; returns how."""
    ways: dict[str, Callable[[random.Random, Path], str]] = {
        "cut": _cut, "other": _other, "missing": _missing, "flipped": _flipped, "value": _value
    }  # fmt: skip
    if path.suffix == ".ckpt" and rng.random() < 0.3:
        return _weight(rng, path)
    name = rng.choice(("cut", "other", "other", "other", "value", "value", "flipped", "missing"))
    return ways[name](rng, path)


def _cut(rng: random.Random, path: Path) -> str:
    content = path.read_bytes()
    size = rng.randrange(len(content))
    path.write_bytes(content[:size])
    return f"cut after {size} bytes"


def _other(rng: random.Random, path: Path) -> str:
    content = rng.choice(_ANY if rng.random() < 0.25 else _OF_KIND[path.suffix])
    followed = path.suffix in {".yaml", ".csv"} and rng.random() < 0.5
    path.write_bytes(path.read_bytes() + content if followed else content)
    return f"{'followed' if followed else 'replaced'} by {content[:30]!r}"


def _missing(rng: random.Random, path: Path) -> str:
    path.unlink()
    if rng.random() < 0.5:
        path.mkdir()
        return "a folder"
    path.symlink_to(path.name)
    return "a link to itself"


def _flipped(rng: random.Random, path: Path) -> str:
    content = bytearray(path.read_bytes())
    places = [rng.randrange(len(content)) for _ in range(rng.choice((1, 10, 100)))]
    for place in places:
        content[place] = rng.randrange(256)
    path.write_bytes(content)
    return f"with {len(places)} bytes of others"


def _value(rng: random.Random, path: Path) -> str:
    """Another value at a random place of a file that stays what it is."""
    if path.suffix == ".csv":
        rows = [line.split(",") for line in path.read_text().splitlines()]
        row = rng.choice(rows)
        place, value = rng.randrange(len(row)), str(rng.choice(_VALUES))
        where, row[place] = f"{place}: {row[place]}", value
        path.write_text("\n".join(",".join(row) for row in rows) + "\n")
        return f"with {value!r} at {where}"
    content, write = _opened(path)
    where, value = replace(rng, content, rng.choice(_VALUES))
    write(content)
    return f"with {str(value)[:30]!r} at {where}"


def _weight(rng: random.Random, path: Path) -> str:
    """Other numbers in a tensor of a checkpoint."""
    content = torch.load(path, weights_only=True)
    name = rng.choice(sorted(content["state_dict"]))
    weight = content["state_dict"][name]
    dtype = rng.choice((torch.float16, torch.float64, torch.int64, torch.bool, torch.complex64))
    value = rng.choice((float("nan"), float("inf"), -1.0, 1e30))
    if rng.random() < 0.5 or not weight.is_floating_point():
        content["state_dict"][name], how = weight.to(dtype), str(dtype)
    else:
        content["state_dict"][name], how = torch.full_like(weight, value), str(value)
    torch.save(content, path)
    return f"with {how} in {name}"


def _opened(path: Path) -> tuple[Any, Callable[[Any], object]]:
    """The content of a file, and what writes it back."""
    if path.suffix == ".ckpt":
        content = torch.load(path, weights_only=True)
        return content, lambda content: torch.save(content, path)
    if path.suffix == ".json":
        return json.loads(path.read_text()), lambda content: path.write_text(json.dumps(content))
    return yaml.safe_load(path.read_text()), lambda content: path.write_text(yaml.dump(content))


def replace(rng: random.Random, content: Any, value: Any) -> tuple[str, Any]:
    """Put a value at a random place of nested mappings and lists; or take away what is there.

    Returns:
        Where, and the value.
    """
    where = []
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        if not keys:
            return "".join(where), "nothing"
        key = rng.choice(keys)
        where.append(f"[{key!r}]")
        inner = content[key]
        if not (isinstance(inner, dict | list) and inner and rng.random() < 0.8):
            break
        content = inner
    if rng.random() < 0.2:
        del content[key]
        return "".join(where), "nothing"
    content[key] = value
    return "".join(where), value
