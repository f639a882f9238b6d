"""Random command lines, from the configuration's own keys and against them."""

import functools
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONF = Path(__file__).resolve().parents[2] / "conf"

# As they are typed, so that Hydra's grammar and YAML's are both in it.
_ODDITIES = (
    "", " ", "~", "null", "Null", ".inf", "-.inf", "inf", "nan", ".nan", "1e999", "-1e999", "1e3",
    "0o17", "0x1F", "017", "1_000", "1:30", "190:20:30", "2001-12-14", "2001-12-14t21:59:43.10-05:00",
    "yes", "No", "true", "on", "-0", "+1", "--1", "1.", ".5", "1,2", ",", "a,b", "[]", "{}", "[[]]",
    "[null]", "[nan]", "[1", "1]", "{a", "{a:1}", "{a:{b:[c,{d:null}]}}", "{1:2}", "{null:1}",
    "{true:1}", "['']", "[{}]", "[a,1,2.5,null]", "''", '""', "'", '"', "'a b'", "'a\nb'", '"x\ty"',
    "a\nb", "\n", "\t", "\r\n", "a b", "\\", "\\\\", "\\n", "a\\,b", "=", "a=b", "==", "$", "${",
    "${}", "${x}", "${seed}", "${data}", "${.}", "${..}", "${.x}", "${data.W}",
    "${trainer.max_epochs}", "${callbacks}", "${paths.run}", "${oc.env:HOME}",
    "${oc.env:NO_SUCH_VARIABLE}", "${oc.env:X,1}", "${oc.decode:'[1'}", "${oc.create:1}", "${now:%Y}",
    "${hydra:runtime.cwd}", "${hydra:no.such}", "${hydra:}", "${no.such:1}", "${sshml.steps:a,b,c}",
    "${sshml.steps:1,2,0}", "${sshml.run_folder:a}", "${sshml.job_name:}", "${sshml.group:1}",
    "${oc.select:a.b}", "${oc.dict.keys:data}", "${oc.deprecated:seed}", "${${x}}", "${a:${b:${c}}}",
    "!!python/object/apply:os.getcwd", "!!python/name:os.getcwd []", "!!int 5", "!x", "&a b", "*a",
    "- 1", "a: b", "a:", ": a", "# a", "a # b", "|", ">", "%", "@", "`", "?", "? a", "---", "...",
    "<<", "é", "状態", "🙂", "\u202eabc", "\x1b[31m", "\x07", "a\u2028b", "\u00a0", "Ⅷ", "١٢", "½",
    "x" * 300, "x" * 5000, "1" * 30, "1" * 400, "9" * 5000, "0." + "1" * 400, "-1", "0", "1", "2",
    "161", "0.5", "1e-320", "5e-324", "1.7976931348623157e308", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "18446744073709551616", "1000000000", "4294967295",
    "4294967296", "choice(1,2)", "range(5)", "interval(0,1)", "glob(*)", "shuffle(1,2)", "sort(3,1)",
    "tag(a,b)", "int(3.5)", "float(x)", "str(1)", "bool(2)", "json_str('{}')", "extend_list(1)", "f(",
    "f(1)", "()", "sshml", "torch", "torch.nn.Linear", "sshml.networks.CNN", "os.getcwd",
    "builtins.dict", "no.such.name", ".", "..", "a..b", "/", "//", "../..", "-", "_", "__class__",
    "_target_", "_partial_", "self",
)  # fmt: skip
_FLAGS = (
    "--resolve", "--shell-completion", "-sc", "-p", "-p x", "--package=data", "--cfg", "--cfg x",
    "--cfg job", "--cfg=all", "-c hydra", "--cfg job -p data", "--cfg job -p no.such",
    "--cfg job --resolve", "--info", "--info x", "--info config", "-i defaults", "--info=searchpath",
    "--info plugins", "--hydra-help", "--help", "-h", "--version", "--experimental-rerun=x",
    "--experimental-rerun", "--config-path=x", "--config-path", "-cp /", "--config-name=x",
    "--config-name=config", "-cn train", "--config-name=transfer", "--config-dir=x", "-cd .",
    "--config-dir", "--run --multirun", "-r", "-r --cfg job", "--conf", "--no-such", "-x", "-", "--",
    "-1", "--shell-completion install=bash2", "--shell-completion install",
    "--shell-completion query=x", "--multirun=3", "-c", "--seed=1", "--hydra-help --resolve",
)  # fmt: skip
_EXTRA_KEYS = (
    "", "hydra", "hydra.run.dir", "hydra.mode", "hydra.sweep.dir", "hydra.job.name", "hydra.verbose",
    "hydra.job.chdir", "hydra.output_subdir", "hydra/launcher", "hydra/sweeper", "hydra.launcher",
    "hydra.sweeper", "hydra.searchpath", "hydra.callbacks", "hydra.runtime.output_dir",
    "hydra.job_logging", "hydra/job_logging", "hydra.job.env_set", "hydra.help.template", "defaults",
    "_target_", "_self_", "group", "a.b.c", "no_such", "x" * 300, "data.", ".data", "data..W",
    "data[0]", "data.W.0", "data.W[0]", "状態", "a b", "1", "callbacks.x", "callbacks.x._target_",
    "callbacks.maps", "logger.x", "logger.x._target_", "augmentation.x", "augmentation.x._target_",
    "trainer.default_root_dir.x", "trainer.profiler", "trainer.strategy", "trainer.devices",
    "trainer.max_time", "trainer.logger", "optimizer.betas", "optimizer.params", "optimizer.foreach",
    "scheduler.x", "model@data", "data@model", "data@x", "model@", "@x", "/data", "/data@x",
    "methods.x", "methods.x.data", "methods.x.transfer", "methods.x.augmentation", "methods.x.data.W",
    "transfer.x", "source.x", "paths.x", "paths", "experiment", "debug", "sweep", "rerun",
    "hydra/hydra_logging", "override hydra/launcher", "optional data",
)  # fmt: skip


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    """The dotted keys of a configuration file."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if key != "defaults":
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


@functools.cache
def _known() -> tuple[list[str], dict[str, list[str]]]:
    """All keys of ``conf/``, and its groups with their options."""
    keys: set[str] = set(_EXTRA_KEYS)
    groups: dict[str, list[str]] = {}
    for path in sorted(CONF.rglob("*.yaml")):
        group = path.parent.relative_to(CONF).as_posix()
        text = path.read_text()
        whole = group == "." or "@package _global_" in text
        keys |= set(_keys(yaml.safe_load(text), "" if whole else f"{group.replace('/', '.')}."))
        if group != ".":
            groups.setdefault(group, []).append(path.stem)
    return sorted(keys), groups


def _value(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if kind < 0.75 or depth > 3:
        return rng.choice(_ODDITIES)
    if kind < 0.82:
        return str(
            rng.choice((rng.randint(-5, 300), rng.random(), -rng.random() * 10 ** rng.randint(-9, 9)))
        )
    if kind < 0.88:
        return "".join(
            chr(rng.choice((rng.randint(1, 0x7F), rng.randint(1, 0xD7FF)))) for _ in range(5)
        )
    parts = [_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if kind < 0.94:
        return f"[{','.join(parts)}]"
    names = ("_target_", "a", "1", "lr", "W", "seed", "_args_", "null", "a b")
    return "{" + ",".join(f"{rng.choice(names)}:{part}" for part in parts) + "}"


def _override(rng: random.Random, keys: list[str], groups: dict[str, list[str]]) -> str:
    kind = rng.random()
    if kind < 0.12:
        group = rng.choice(sorted(groups))
        return f"{rng.choice(('', '', '+', '++'))}{group}={rng.choice(groups[group])}"
    if kind < 0.3:
        return f"{rng.choice(('', '+', '++'))}{rng.choice(sorted(groups))}={_value(rng)}"
    key = rng.choice(keys)
    if kind < 0.36:
        return f"~{key}" + rng.choice(("", f"={_value(rng)}"))
    if kind < 0.42:
        key = f"{key}.{rng.choice(('x', '_target_', '0', 'W', 'lr', '状', ''))}"
    if kind < 0.45:
        return rng.choice((key, f"{key}:{_value(rng)}", f"{key} = {_value(rng)}", _value(rng)))
    return f"{rng.choice(('', '', '', '', '+', '++'))}{key}={_value(rng)}"


def configurations(seed: int) -> Iterator[list[str]]:
    """Endless command lines, without the program's name; the same for the same seed.

    None of them names what would do harm if it were built or written to.
    """
    rng = random.Random(seed)
    keys, groups = _known()
    while True:
        arguments = [_override(rng, keys, groups) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5)))]
        if rng.random() < 0.08:
            arguments += rng.choice(_FLAGS).split()
        if rng.random() < 0.03:
            arguments.append("-m")
        rng.shuffle(arguments)
        yield arguments


def held(status: int, out: str, err: str) -> bool:
    """Whether a command took its arguments, or refused them in one line."""
    lines = err.splitlines()
    one_line = len(lines) == 1 and lines[0].startswith("error: ")
    ours = "Traceback" in out + err or "this is a bug in sshml" in err
    return not ours and ((status == 0 and not lines) or (status == 2 and one_line))


def check_train(config: "DictConfig") -> None:
    """The part of train.py before any work."""
    from sshml.config.schema import plain_config
    from sshml.entry.cli import is_sweep, user_mistakes
    from sshml.training.checks.run import check_run
    from sshml.training.train import quieten_libraries

    if is_sweep():
        sys.exit(0)  # the sweep has checked all its jobs before this one
    with user_mistakes():
        quieten_libraries()
        check_run(plain_config(config))


def check_study(config: "DictConfig") -> None:
    """The part of transfer.py before any work."""
    from sshml.config.schema import TransferConfig, plain_config
    from sshml.entry.cli import is_sweep, overrides, user_mistakes
    from sshml.entry.transfer import check_transfer
    from sshml.training.train import quieten_libraries

    if is_sweep():
        sys.exit(0)  # the sweep has checked all its jobs before this one
    with user_mistakes():
        quieten_libraries()
        check_transfer(plain_config(config, TransferConfig), overrides())


CHECKS: dict[str, Callable[["DictConfig"], None]] = {"train": check_train, "transfer": check_study}


def command(name: str) -> Callable[[], int]:
    """What composes and checks the arguments of ``sys.argv``, and stops there; returns the status."""
    from sshml.entry.cli import run

    return partial(run, CHECKS[name], name)
