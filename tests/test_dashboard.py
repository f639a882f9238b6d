"""The dashboard: what would be sent to W&B, and that it names only what runs log."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import wandb
from conftest import ROOT, TINY, Command, environment

from sshml.dashboard.__main__ import main

ACCOUNT = {"WANDB_API_KEY": "0" * 40}
SECTIONS = ["Learning curves", "Accuracy against disorder", "Maps", "Transfer", "Sweeps"]


@contextmanager
def graphql_server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """As much of W&B's server as saving needs; gives its address and the views that were saved."""
    saved: list[dict[str, Any]] = []

    def answer(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "upsertView" in query:
            saved.append(variables)
            view = {"id": variables.get("id") or f"id{len(saved)}", "name": variables["name"]}
            project = {"name": variables["projectName"], "entityName": variables["entityName"]}
            view |= {"displayName": variables["displayName"], "project": project, "description": ""}
            return {"upsertView": {"view": {**view, "spec": variables["spec"]}, "inserted": True}}
        if "allViews" in query:
            if variables.get("project") == "typo":
                return {"project": None}
            nodes = [
                {"node": {**view, "id": f"id{i}"}, "cursor": ""}
                for i, view in enumerate(saved, start=1)
                if view["type"] == variables.get("viewType", "runs")
                and variables.get("viewName") in (None, view["name"])
            ]
            pages = {"endCursor": None, "hasNextPage": False}
            return {"project": {"allViews": {"edges": nodes, "pageInfo": pages}}}
        if "models(" in query:
            pages = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
            return {"models": {"edges": [], "pageInfo": pages}}
        return {"viewer": {"id": "1", "entity": "me", "username": "me", "flags": "{}"}}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = json.loads(body) if self.path == "/graphql" else {"query": ""}
            data = answer(request["query"], request.get("variables") or {})
            content = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", saved
        server.shutdown()


def run_dashboard(
    folder: Path, url: str, *calls: list[str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """Calls the command in a process of its own, as W&B keeps what it knows of an account in one."""
    own = {k: v for k, v in environment(ROOT).items() if not k.startswith(("WANDB_", "NETRC"))}
    own |= {"WANDB_BASE_URL": url, "WANDB_ERROR_REPORTING": "false", "HOME": str(folder), **variables}
    code = "from sshml.dashboard.__main__ import main\n"
    code += "".join(f"print('status', main({call}))\n" for call in calls)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=own,
        text=True, capture_output=True, check=True,
    )  # fmt: skip


def nodes(specification: Any) -> Iterator[dict[str, Any]]:
    """All mappings in a specification, however deep."""
    children = specification.values() if isinstance(specification, dict) else specification
    if isinstance(specification, dict):
        yield specification
    for child in children:
        if isinstance(child, dict | list):
            yield from nodes(child)


def without_ids(specification: Any) -> Any:
    """A specification without the random names of its panels."""
    if isinstance(specification, dict):
        return {k: without_ids(v) for k, v in specification.items() if k not in ("id", "__id__")}
    return list(map(without_ids, specification)) if isinstance(specification, list) else specification


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "written.json"
    assert main(["--entity", "me", "--file", str(path)]) == 0
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_workspace_and_report_are_sent_and_a_second_time_replaced(
    tmp_path: Path, written: dict[str, Any]
) -> None:
    call, typo = ["--entity", "me"], ["--entity", "me", "--project", "typo"]
    with graphql_server() as (url, saved):
        done = run_dashboard(tmp_path, url, call, call, typo, **ACCOUNT)
    workspace, report, workspace_again, report_again = saved
    for view in saved:
        assert (view["entityName"], view["projectName"]) == ("me", "sshml")
    assert (workspace["type"], report["type"]) == ("project-view", "runs")
    assert (workspace.get("id"), report.get("id")) == (None, None)
    assert (workspace_again["id"], report_again["id"]) == ("id1", "id2")
    assert f"{url}/me/sshml?nw=sshml\n" in done.stdout
    assert without_ids(json.loads(workspace["spec"])) == without_ids(written["workspace"]["spec"])
    assert without_ids(json.loads(report["spec"])) == without_ids(written["report"]["spec"])
    assert done.stdout.endswith("status 2\n")
    assert done.stderr.startswith("error: --entity=me --project=typo: no such project on W&B")
    assert not (tmp_path / "dashboard.json").exists()


def test_the_thesis_panels(written: dict[str, Any]) -> None:
    bank = written["workspace"]["spec"]["section"]["panelBankConfig"]
    assert [section["name"] for section in bank["sections"]] == SECTIONS
    blocks = written["report"]["spec"]["blocks"]
    headings = [b["children"][0]["text"] for b in blocks if b["type"] == "heading"]
    assert headings == SECTIONS
    (table,) = (block["content"] for block in blocks if block["type"] == "markdown-block")
    assert "99.7 %" in table
    assert "53.73 %" in table
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    for grid, section in zip(grids, bank["sections"], strict=True):
        panels = grid["panelBankSectionConfig"]["panels"]
        assert [p["viewType"] for p in panels] == [p["viewType"] for p in section["panels"]]
        for a, b in combinations([panel["layout"] for panel in panels], 2):
            assert (
                a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
                or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            )  # fmt: skip
    (job_types, states) = (
        [f["value"] for grid in grids for f in grid["runSets"][0]["filters"]["filters"]
         if f["key"] == {"section": "run", "name": name}]
        for name in ("jobType", "state")
    )  # fmt: skip
    assert job_types == ["train", "train", "train", "transfer", "train"]
    assert states == ["finished"] * 5


def test_every_name_in_it_is_logged(
    written: dict[str, Any], run_transfer: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: set[str] = set()
    tables: set[str] = set()
    configs: dict[str, dict[str, Any]] = {}
    really_log = wandb.Run.log

    def log(run: wandb.Run, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        logged.update(data)
        tables.update(name for name, value in data.items() if isinstance(value, wandb.Table))
        configs[run.id] = dict(run.config)
        really_log(run, data, *args, **kwargs)

    monkeypatch.setattr(wandb.Run, "log", log)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    tiny = [*TINY, "logger=wandb", "figures=true"]
    tiny += ["callbacks.maps.every_n_epochs=1", "source.W=[0]", "data.W=0.5"]
    done = run_transfer(*tiny)  # trains a network, which is a run of its own, and tests it
    assert done.status == 0, done.err

    named = list(nodes(written))
    metrics = {name for node in named for name in node.get("metrics", ())}
    metrics |= {
        node["xAxis"] for node in named if "chartTitle" in node and ":" not in node.get("xAxis", ":")
    }
    metrics |= {node["targetKey"] for node in named if "targetKey" in node}
    accessors = {
        node[axis] for node in named for axis in ("xAxis", "yAxis", "zAxis", "accessor") if axis in node
    }
    accessors |= {column for node in named for column in node.get("columnOrder", ())}
    metrics |= {name.removeprefix("summary:") for name in accessors if name.startswith("summary:")}
    pictures = {name for node in named for name in node.get("mediaKeys", ())}
    assert {"train/loss", "val/accuracy", "test/accuracy", "epoch", "W", "lr"} <= metrics <= logged
    assert {re.sub(r"_W[\d.]+_", "_W0_", name) for name in pictures} <= logged
    assert {node["key"]["val"] for node in named if "val" in node.get("key", ())} == tables

    patterns = {node["metricRegex"] for node in named if "metricRegex" in node}
    assert len(patterns) == 3
    assert all(any(re.fullmatch(pattern, name) for name in logged) for pattern in patterns)

    parameters = {name.removeprefix("config:") for name in accessors if name.startswith("config:")}
    parameters |= {node["groupBy"] for node in named if "groupBy" in node}
    parameters |= {
        key["name"] for node in named for key in node.get("grouping", ()) if key["section"] == "config"
    }
    assert {"data.value.W", "model.value._target_", "optimizer.value.lr", "seed.value"} <= parameters
    (config,) = (config for config in configs.values() if "ckpt_path" in config)
    for parameter in parameters:  # as W&B keeps it: {"data": {"value": {"W": 0.5}}}
        value: Any = {name: {"value": content} for name, content in config.items()}
        for part in parameter.split("."):
            value = value[part]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [({**ACCOUNT, "WANDB_HTTP_TIMEOUT": "1"}, "cannot be reached"), ({}, "no account here")],
    ids=["no network", "no account"],
)
def test_without_a_network_or_an_account_it_is_written_to_a_file(
    tmp_path: Path, written: dict[str, Any], variables: dict[str, str], reason: str
) -> None:
    call = ["--entity", "me", "--project", "p"]
    done = run_dashboard(tmp_path, "http://127.0.0.1:9", call, **variables)
    line, status = done.stdout.splitlines()
    assert (status, done.stderr) == ("status 0", "")
    assert reason in line
    assert line.endswith("dashboard.json; to send it: wandb login, then python -m sshml.dashboard "
                         "--entity me --project p")  # fmt: skip
    content = json.loads((tmp_path / "dashboard.json").read_text())
    assert content["workspace"]["project"] == content["report"]["project"]["name"] == "p"
    assert without_ids(content["report"]["spec"]) == without_ids(written["report"]["spec"])


def test_a_process_of_wandb_that_does_not_start_is_not_waited_for(tmp_path: Path) -> None:
    short = "import sshml.dashboard.__main__ as m; m._SEND_S = 5; m.main(['--entity', 'me'])"
    variables = environment(WANDB__SERVICE_WAIT="0", **ACCOUNT)
    done = subprocess.run(
        [sys.executable, "-c", short],
        cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "hangs (no answer within 5 s): the specification" in done.stdout


def test_earlier_files_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_dashboard(tmp_path, "http://127.0.0.1:9", ["--entity", "me"], ["--entity", "you"])
    assert "is in dashboard.json; " in done.stdout
    assert "is in dashboard_2.json; " in done.stdout
    file = tmp_path / "dashboard.json"
    written = file.read_text()
    assert main(["--entity", "me", "--file", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"error: --file={file}: already exists and is not overwritten; expected a new file\n"
    )
    assert file.read_text() == written


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "the following arguments are required: --entity"),
        (["--entity", "me/sshml"], "--entity=me/sshml: expected a name"),
        (["--entity", ""], "--entity=: expected a name"),
        (["--entity", "me", "--project", "a" * 129], "expected a name of 1 to 128 characters"),
        (["--entity", "me", "--file", "no/such/d.json"], "--file=no/such/d.json: cannot be written"),
        (["--entity", "me", "--offline"], "unrecognized arguments: --offline"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert line in error
    assert error.count("\n") == 1


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    monkeypatch.delitem(sys.modules, "sshml.dashboard.panels", raising=False)
    monkeypatch.delattr("sshml.dashboard.panels", raising=False)
    assert main(["--entity", "me"]) == 2
    assert 'pip install -e ".[dashboard]"' in capsys.readouterr().err
