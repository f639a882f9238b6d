"""What --help and --version print, and how a key is added that no file of conf/ has."""

import re
from importlib.metadata import version

import pytest
from conftest import Command
from omegaconf import OmegaConf

from sshml.config.programs import CONF_DIR, top_level

ROW = re.compile(r"  ([\w./]+)=")
GROUPS, KEYS = "\nGroups, GROUP=OPTION", "\nKeys, KEY=VALUE"


@pytest.mark.parametrize("program", ["train", "transfer"])
def test_help_says_what_every_group_and_key_is(
    run_train: Command, run_transfer: Command, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    done = (run_train if program == "train" else run_transfer)("--help")
    assert done.status == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 110
    groups, keys = done.out.split(GROUPS)[1].split(KEYS)
    plain = OmegaConf.to_container(OmegaConf.load(CONF_DIR / f"{program}.yaml"))
    in_file = {group for part in plain.pop("defaults") if isinstance(part, dict) for group in part}
    assert set(ROW.findall(groups)) == in_file - {"hydra"}
    assert plain.keys() <= {key.partition(".")[0] for key in ROW.findall(keys)} <= top_level(program)
    for row in re.split(r"\n(?=  \S)", keys.split("\nFlags")[0])[1:]:
        key, _, text = row.partition("=")
        if not key.endswith("_target_") and not text.startswith(("{}", "null")):
            assert re.search(r"\s{2,}\S", text), f"{key} has no comment"
    assert (f"thesis/{'cnn_clean' if program == 'train' else 'fig7a'}") in groups
    assert (f"thesis/{'cnn_clean' if program == 'transfer' else 'fig7a'}") not in groups


def test_help_shows_what_the_command_line_chooses(run_train: Command) -> None:
    out = run_train("model=resnet18", "data.W=0.5", "--help").out
    assert "  model=resnet18 " in out
    assert re.search(r"  data\.n_cells=122 +The size", out)
    assert "  data.W=0.5 " in out
    assert "  model.pretrained=false " in out
    assert "model.widths" not in out


def test_version_is_that_of_sshml(run_train: Command) -> None:
    done = run_train("--version")
    assert (done.status, done.out) == (0, f"sshml {version('sshml')}\n")


@pytest.mark.parametrize("override", ["trainer.accumulate_grad_batches=2", "optimizer.nesterov=true"])
def test_a_key_that_the_class_takes_is_added_with_a_plus(run_train: Command, override: str) -> None:
    assert run_train(override, "--cfg", "job").err.endswith(f"; add it with +{override}\n")
    assert run_train(f"+{override}", "--cfg", "job").status == 0
    assert "add it with" not in run_train("trainer.accumulate_gradients=2", "--cfg", "job").err
