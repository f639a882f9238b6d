"""Turns an error into one line instead of a traceback."""

import re
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sshml.config.moved import FIRST_PARTS
from sshml.config.options import dotted
from sshml.config.programs import CONF_DIR, of_other_program, top_level
from sshml.entry.arguments import FOLDERS, is_override, key_of
from sshml.errors import (
    CheckpointError,
    ConfigError,
    how_to_install,
    pip_install,
    printable,
    reason_of,
    unknown_key,
)

# Where Hydra reads the command line and the configuration files, and what these say of itself.
_COMPOSING = (
    "hydra._internal.callbacks.__init__",
    "hydra._internal.config_loader_impl",
    "hydra.core.override_parser",
    "hydra.core.plugins",
    "hydra.core.utils.configure_log",
)


def line_of(error: Exception, arguments: list[str], name: str) -> str | None:
    """The line for what a program raised; None if it is ours, and is to keep its traceback.

    Args:
        error: what was raised.
        arguments: of the command line, without the program's name.
        name: of the program.
    """
    if isinstance(error, ConfigError | CheckpointError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return how_to_install(error)
    # An InstantiationException is not of the command line, but of what it names.
    if isinstance(error, HydraException | OmegaConfBaseException) and not isinstance(
        error, InstantiationException
    ):
        return one_line(error, arguments, name)
    if isinstance(error, OSError) and (line := _of_file(error, arguments)):
        return line
    return _of_plugin(str(error), arguments) or _of_composing(error, arguments)


def _of_composing(error: Exception, arguments: list[str]) -> str | None:
    """The line for what Hydra raised while it read the command line and the configuration files."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    places = [f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}" for frame in frames]
    if not any(place.startswith(_COMPOSING) for place in places):
        return None
    return _no_option(arguments) or f"{printable(' '.join(arguments))}: {error}"


def _of_file(error: OSError, arguments: list[str]) -> str | None:
    if error.filename is None or error.strerror is None:
        return None
    given = {key_of(argument) for argument in arguments}
    key = next((key for key in FOLDERS if key in given), "paths.runs")
    return f"{error.filename}: {error.strerror}; set {key}=FOLDER to a folder that can be written to"


def _of_plugin(message: str, arguments: list[str]) -> str | None:
    """The line for a launcher that Hydra does not know, which an extra of the package brings."""
    unknown = re.match(r"Unknown plugin class : 'hydra_plugins\.hydra_(\w+)_launcher\.", message)
    if unknown is None:
        return None
    launcher = next((a for a in arguments if a.startswith("hydra/launcher=")), "hydra/launcher")
    return f"{launcher}: is not installed; run {pip_install(unknown[1])}"


def _of_package(message: str) -> str | None:
    """The line for a file of a group that overrides others without saying that it may."""
    found = re.match(r"In '(?P<file>[^']+)': Could not override '\w+@", message)
    if found is None:
        return None
    return f"{found['file']}.yaml: overrides other groups, so it must begin with # @package _global_"


def one_line(error: Exception, arguments: list[str], name: str = "train") -> str:
    """What a user needs to know of a mistake in a command line or a configuration file."""
    message = str(error) or reason_of(error.__cause__ or error)
    if known := _of_value(error, message, arguments) or _of_package(message):
        return known
    unknown = re.match(r"Could not (override|delete from config\.) '(?P<key>[^']+)'", message)
    if unknown:
        return _unknown_override(unknown["key"], arguments, name)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error.missing_cfg_file, arguments)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("object_type=", "reference_type="))]
    # The key comes first, as in every line here.
    lines = [re.sub(r"^full_key: (.+)", r"\1:", line) for line in lines]
    lines.sort(key=lambda line: f"full_key: {line[:-1]}" not in message)
    text = re.sub(r"([:,]);", r"\1", "; ".join(lines))
    text = re.sub(r"^.*: ConfigError raised while resolving interpolation: ", "", text)
    return _of_grammar(error, name, text) if isinstance(error, OverrideParseException) else text


def _of_grammar(error: OverrideParseException, name: str, text: str) -> str:
    """The line for an argument that Hydra cannot read, with what Hydra says of it."""
    if error.override.endswith(".ckpt") and "=" not in error.override:
        key = {"train": "ckpt_path", "transfer": "checkpoint"}.get(name, "checkpoint")
        return f"{error.override}: expected KEY=VALUE; did you mean {key}={error.override}?"
    if "=" not in error.override and not error.override.startswith("~"):
        return f"{error.override}: expected KEY=VALUE, without spaces around the ="
    key = str(error.override).partition("=")[0]
    return (
        f"{error.override}: expected KEY=VALUE in Hydra's grammar ({text}); a value with special "
        f"characters needs two pairs of quotes: \"{key}='VALUE'\""
    )


def _of_value(error: Exception, message: str, arguments: list[str]) -> str | None:
    """The line for a value that is missing, or that cannot be set or removed."""
    if again := re.match(r"Multiple values for ([\w/]+)", message):
        added = next((a for a in arguments if a.startswith(f"+{again[1]}=")), None)
        return f"{added}: the group {again[1]} already has an option; omit the +" if added else None
    if kept := re.fullmatch(r"Error merging override (~.*)", message):
        return f"{kept[1]}: its value depends on other keys, so Hydra cannot remove it; omit {kept[1]}"
    if merged := re.fullmatch(r"(?s)Error merging override (.+)", message):
        reason = str(error.__cause__ or error).partition("\n")[0]
        return f"{merged[1]}: {reason}"
    if several := re.match(r"(?:Ambiguous value for argument|Sweep parameters) '(.+?)'", message):
        key, _, values = several[1].partition("=")
        as_list = f'; as one value, a list, type "{key}=[{values}]"' if "," in values else ""
        return f"{several[1]}: has several values; add -m for a sweep over them{as_list}"
    lacking = re.match(r"Missing mandatory value|Interpolation key '(.+)' not found", message)
    if lacking and (key := getattr(error, "full_key", None)):
        why = f"is computed from {lacking[1]}, which is not set" if lacking[1] else "missing"
        return f"{key}: {why}; set {key}=VALUE"
    return None


def _unknown_override(key: str, arguments: list[str], config_name: str) -> str:
    """The line for a key that no configuration file has."""
    parent, _, name = key.rpartition(".")
    override = next((a for a in arguments if key_of(a) == key), key)
    if reason := of_other_program(key, config_name) or _misplaced(key, override, arguments):
        return f"{override}: {reason}"
    of_hydra = key.startswith("hydra.")
    groups = [a for a in arguments if "=" in a and "." not in key_of(a) and a != override]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        try:
            own = [f"hydra.searchpath=[file://{folder}]" for folder in _own_folders(arguments)]
            chosen = [a for a in groups if not a.startswith("-")]
            config = compose(config_name, [*own, *chosen], return_hydra_config=of_hydra)
        except HydraException:  # another mistake, or a sweep: the defaults will do
            config = compose(config_name, return_hydra_config=of_hydra)
    plain: Any = OmegaConf.to_container(config)  # without interpolations, which need a run
    while (node := _part(plain, parent)) is None:
        parent, _, name = parent.rpartition(".")
    known = {str(name) for name in node if name != "_target_"}
    if name in known and override.startswith("~"):
        return f"{override}: is already null, so there is nothing to remove; omit {override}"
    if name in known and key in (name, f"{parent}.{name}"):
        if several := next((a for a in groups if "," in a.partition("=")[2]), None):
            return f"{override}: not every option of {several} has this key; run them separately"
        return f"{override}: other options already set parts of {key}; use +{key}.NAME=VALUE"
    if not parent:
        known |= top_level(config_name)
    elsewhere = [k for k in dotted(plain) if k.rpartition(".")[2] == name]
    if not parent and elsewhere:
        text = f"no such key; did you mean {' or '.join(elsewhere)}?"
    elif key == f"{parent}.{name}" and _takes(parent, node, name):
        text = f"{node['_target_']} has this argument, conf/ does not set it; add it with +{override}"
    else:
        text = unknown_key(parent, name, known)
    return f"{override}: {text}"


def _takes(path: str, node: Mapping[str, Any], name: str) -> bool:
    """Whether the class that a node of conf/ or of the user's own files names has such an argument."""
    if "_target_" not in node:
        return False
    from sshml.config.nodes import signature_of  # noqa: PLC0415  # imports torch

    with suppress(ConfigError):
        return name in signature_of(path, node["_target_"])[0].parameters
    return False


def _misplaced(key: str, override: str, arguments: list[str]) -> str | None:
    """What to say of a key that there could be with other arguments."""
    group = key.partition(".")[0]
    if group in FIRST_PARTS:
        of_data = override.replace(group, f"data.{group}", 1)
        return f"{group}=NAME chooses one; its settings belong to data: {of_data}"
    for argument in arguments:
        of_removed = argument.startswith("~") and f"{key}.".startswith(f"{key_of(argument)}.")
        if of_removed and argument != override:
            return f"is removed by {argument}; omit one of them"
    keys = {key_of(argument) for argument in arguments}
    for part in FIRST_PARTS:  # that of a checkpoint is not known to Hydra
        if key.startswith(f"data.{part}.") and "checkpoint" in keys and part not in keys:
            return f"also name the {part} of the checkpoint: {part}=NAME {override}"
    return None


def _part(node: Any, key: str) -> dict[str, Any] | None:
    """The mapping with a dotted key; None if there is none."""
    for name in key.split(".") if key else ():
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _unknown_option(missing: str, arguments: list[str]) -> str:
    """The line for a file that a configuration group does not have."""
    if "/" not in missing:
        return f"{missing}: there is no such configuration; omit --config-name and --config-path"
    group, _, name = missing.partition("/")
    if group == "hydra" and "/" in name:
        group, _, name = missing.rpartition("/")
    override = next((a for a in arguments if a.endswith(f"={name}")), f"{group}={name}")
    text = unknown_key(group, name, _options(group, arguments), sign="=")
    if "did you mean" not in text and not _own_folders(arguments):
        text += "; for an option of your own, add --config-dir FOLDER"
    return f"{override}: {text}"


def _own_folders(arguments: list[str]) -> list[Path]:
    """The folder of the user's own configuration files, if the command line names one."""
    flags = get_args_parser().parse_known_args(arguments)[0]
    return [Path(flags.config_dir).absolute()] if flags.config_dir else []


def _options(group: str, arguments: list[str]) -> set[str]:
    options = {
        str(path.relative_to(folder / group).with_suffix(""))
        for folder in (CONF_DIR, *_own_folders(arguments))
        for path in (folder / group).rglob("*.yaml")
    }
    return options | ({"basic"} if group == "hydra/launcher" else set())


def _no_option(arguments: list[str]) -> str | None:
    """The line for a group that is set to what cannot be the name of an option."""
    for argument in filter(is_override, arguments):
        group, value = key_of(argument), argument.partition("=")[2]
        options = _options(group, arguments)
        if options and not options.issuperset(value.strip("[]").split(",")):
            return f"{argument}: {unknown_key(group, value, options, sign='=')}"
    return None
