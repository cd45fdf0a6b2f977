"""What could not be read, live, is told as that: in the head, beside node groups, on stderr, and never as "not found"."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.e2e.served import Served, served_demo

DEMO = ("--profile", "dynamo")
WORLD = Path(__file__).resolve().parents[2] / "src" / "clusterproof" / "worlds" / "demo"


@pytest.fixture(scope="module")
def served_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo's cluster and account, served."""
    with served_demo(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def served(served_once: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The same without faults; the environment leads to it."""
    for name, value in served_once.env.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    served_once.stub.clear()
    yield served_once
    served_once.stub.clear()
    served_once.stub.grants = None


def flat(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())


def test_files_without_nodes_say_so_too(run: Run, tmp_path: Path) -> None:
    """In a dump that lacks the nodes there are not "0 nodes", and the odds say what they lack."""
    shutil.copytree(WORLD, tmp_path / "dump")
    (tmp_path / "dump" / "kubernetes" / "nodes.json").unlink()
    text = flat(run("check", "dump", *DEMO).stdout)
    assert "3 node groups, nodes not read" in text
    assert "gpu (nodes not read) cannot reach etcd:2379" in text
    assert "odds not known: nodes not collected" in text
    assert "no nodes yet" not in text
    assert "0 nodes" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("403", "RBAC refused it"),
        ("404", "404"),
        ("410", "the list changed while it was read (410 Gone)"),
        ("500", "500"),
        ("html", "answered with text/html, not with JSON"),
        ("garbage", "the API server's answer was cut off (its JSON is not whole)"),
        ("reset", "the connection broke in the middle of the answer"),
        ("cut", "the connection broke in the middle of the answer"),
    ],
)
def test_nodes_that_were_not_read_are_not_none(run: Run, served: Served, fault: str, why: str) -> None:
    """Head and findings say that nodes were not read, and one line on stderr says why, whatever the fault."""
    served.stub.fault(r"/api/v1/nodes", fault)
    done = run("check", *DEMO, "-o", "table", "-o", "markdown=r.md", "-o", "json=r.json")
    text = flat(done.stdout)
    assert "3 node groups, nodes not read, read 20" in text
    assert "gpu (nodes not read) cannot reach etcd:2379" in text
    assert "no nodes yet" not in text
    assert "0 nodes" not in text
    page = flat(Path("r.md").read_text("utf-8"))
    assert "nodes not read" in page
    assert "no nodes yet" not in page
    report = json.loads(Path("r.json").read_text("utf-8"))
    assert report["cluster"]["unread_nodes"]["detail"].startswith("nodes could not be listed: ")
    matrix = next(finding["matrix"] for finding in report["findings"] if finding["matrix"])
    assert all(side["unread"] for side in matrix["clients"])
    (line,) = [line for line in done.stderr.splitlines() if "could not be read" in line]
    assert line.startswith("clusterproof: 1 kind could not be read: nodes (")
    assert why in line


@pytest.mark.slow
def test_nodes_that_were_read_need_no_word(run: Run, served: Served) -> None:
    """Without a fault the JSON says nothing of unread nodes, and stderr names no kind."""
    done = run("check", *DEMO, "-o", "json")
    assert served.stub.requests
    report = json.loads(done.stdout)
    assert (report["cluster"]["nodes"], "unread" in done.stdout, "could not" in done.stderr) == (12, False, False)


@pytest.mark.slow
def test_many_kinds_are_one_line(run: Run, served: Served) -> None:
    """The first three with their causes and how many more; -v names all; a command without -v does not promise it."""
    served.stub.fault(r"/api.*/(nodes|pods|services)", "html")
    served.stub.fault(r"/api.*/(deployments|jobs)", "500")
    lines = [line for line in run("check", *DEMO).stderr.splitlines() if "could not be read" in line]
    assert len(lines) == 1
    assert lines[0].startswith("clusterproof: 5 kinds could not be read: ")
    assert lines[0].endswith(" and 2 more; -v names them")
    (every,) = [line for line in run("check", *DEMO, "-v").stderr.splitlines() if "could not be read" in line]
    assert all(name in every for name in ("nodes", "pods", "services", "deployments and jobs (500)"))
    assert "more" not in every
    (bare,) = [line for line in run("fix", *DEMO).stderr.splitlines() if "could not be read" in line]
    assert bare.endswith(" and 2 more")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "why"),
    [("500", "the API server answered 500"), ("404", "the API server answered 404"), ("html", "text/html")],
)
def test_cluster_that_answers_nothing_beside_an_account(run: Run, served: Served, fault: str, why: str) -> None:
    """Said once on stderr; in the report nothing is "not found", and what makes it known stands at the end."""
    served.stub.fault(r"/.*", fault)
    done = run("check", *DEMO)
    assert done.returncode == 3
    assert "does not name" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "cluster: not read: " in line]
    assert why in line
    text = flat(done.stdout)
    assert "whether etcd is installed is not known" in text
    assert "not known pods could not be read: the cluster of context demo: " in text
    assert "dynamo-worker (assumed) may run on gpu; whether one is installed is not known" in text
    for wrong in ("not found", "(not collected)", "no worker is installed", "deploy/dynamo/dynamo-worker"):
        assert wrong not in text
    assert "To decide what is unknown: " in text


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["garbage", "410", "429"])
def test_services_that_were_not_read_hide_nothing(run: Run, served: Served, fault: str) -> None:
    """A workload that is found by its Service is not "not found" where Services could not be read."""
    served.stub.fault(r"/api/v1/services", fault)
    text = flat(run("check", *DEMO).stdout)
    assert "prometheus-from-validator whether prometheus is installed is not known" in text
    assert "not found" not in text


@pytest.mark.slow
def test_without_a_kubeconfig_the_last_lines_stand_alone(
    run: Run, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be done is said with what is wrong: nothing on the screen has to be looked for."""
    monkeypatch.setenv("KUBECONFIG", "/nope")
    done = run("check", *DEMO)
    assert served.ids
    text = flat(done.stdout)
    assert "To decide what is unknown: mend this, then read again: no kubeconfig was found (/nope is not there)" in text


@pytest.mark.slow
def test_difference_to_a_kind_that_was_not_read(run: Run, served: Served) -> None:
    """Objects of a kind that was not read now are not "removed": the kind is the cause, in one clause."""
    assert run("snapshot", "-o", "old.snapshot", "-q").returncode == 0
    served.stub.fault(r"/api/v1/services", "500")
    done = run("diff", "old.snapshot", *DEMO, "-v", "-q")
    text = flat(done.stdout)
    assert done.returncode == 3
    assert "removed" not in text
    said = "services: read then, not read whole now (services could not be listed: the API server answered 500)"
    assert f"by {said}" in text
    assert "1 object differs" in text
