"""Symptoms in logs: found however the log is cut, and joined with what their requirement comes to."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks.diagnose import Symptom, sightings
from clusterproof.profiles.load import builtin_names, load
from tests.cli.conftest import Run
from tests.cli.ownprofile import LOST, own_profile
from tests.cli.test_live import bare, stub  # noqa: F401 - fixtures
from tests.sources.kubernetes_api.crash import crashing
from tests.sources.kubernetes_api.stub import Stub

KNOWN = len({text for name in builtin_names() for one in load(name).requirements for text in one.symptoms})
"""Symptoms of the built-in profiles."""
LEASE = "Unable to create lease"
DEMO = ("--world", "demo")


def test_symptom_leads_to_requirement_verdict_hop_and_fix(run: Run, tmp_path: Path) -> None:
    """A log's line gives the requirement, its verdict now, the first hop that stops it, and the proven fix."""
    (tmp_path / "w.log").write_text(f"start\nok\nERR {LEASE} (a\x1b[31m)\n{LEASE}\n")
    done = run("diagnose", "--logs", "w.log", *DEMO)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"w.log, 68 bytes: 1 of {KNOWN} known symptoms\n" in done.stdout
    assert "FAIL  dynamo/etcd-from-gpu-nodes  MUST\n" in done.stdout
    assert f"  seen     {LEASE}  (w.log, line 3, 2 times)\n" in done.stdout
    assert "> ERR Unable to create lease (a\\x1b[31m)\n" in done.stdout
    assert "  stopped  gpu to system: security group ingress" in done.stdout
    assert "aws ec2 authorize-security-group-ingress" in done.stdout
    assert "nats" not in done.stdout


def test_json_holds_only_what_was_pointed_to(run: Run, tmp_path: Path) -> None:
    """The JSON has the sightings, the whole finding and the hop."""
    (tmp_path / "w.log").write_text(LEASE)
    data = json.loads(run("diagnose", "--logs", "w.log", *DEMO, "-o", "json").stdout)
    (item,) = data["diagnoses"]
    assert (data["schema"], data["exit_status"]) == ("clusterproof.diagnosis/1", 1)
    assert item["finding"]["verdict"] == "fail"
    assert item["finding"]["fix"]["proven"] is True
    assert (item["hop"]["layer"], item["pair"]) == ("security group ingress", "gpu to system")
    assert item["sightings"][0] | {"text": ""} == {
        "id": "dynamo/etcd-from-gpu-nodes",
        "symptom": LEASE,
        "log": "w.log",
        "line": 1,
        "text": "",
        "count": 1,
    }


def test_standard_input_is_the_log(run: Run) -> None:
    """What is piped in is the log, by itself and with --logs -."""
    assert run("diagnose", *DEMO, stdin=f"{LEASE}\n").returncode == 1
    assert run("diagnose", "--logs", "-", *DEMO, stdin="all is well\n").returncode == 0


@pytest.mark.usefixtures("bare")
def test_no_symptom_needs_no_cluster(run: Run, tmp_path: Path) -> None:
    """Nothing is read where nothing was found: status 0."""
    (tmp_path / "w.log").write_bytes(b"\x00\xff" * 1000)
    done = run("diagnose", "--logs", "w.log")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"w.log, 2,000 bytes: none of {KNOWN} known symptoms\n",
        "",
    )


@pytest.mark.usefixtures("bare")
def test_symptom_without_a_cluster_is_unknown(run: Run, tmp_path: Path) -> None:
    """Where there is nothing to judge by, the requirement is named and its verdict is unknown: status 3."""
    (tmp_path / "w.log").write_text(LEASE)
    done = run("diagnose", "--logs", "w.log")
    assert done.returncode == 3
    assert "UNKNOWN  dynamo/etcd-from-gpu-nodes" in done.stdout
    assert "no kubeconfig was found" in done.stdout


def test_profile_of_ones_own_brings_its_symptoms(run: Run, tmp_path: Path) -> None:
    """--profile adds to the built-in ones; its verdict is made as check makes it."""
    text = run("profiles", "show", "dynamo", "-o", "yaml").stdout
    (tmp_path / "mine.yaml").write_text(text.replace("name: dynamo\n", "name: mine\n", 1).replace(LEASE, "lease lost"))
    (tmp_path / "w.log").write_text("lease lost")
    done = run("diagnose", "--logs", "w.log", "--profile", "mine.yaml", *DEMO)
    assert done.returncode == 1, done.stderr
    assert "FAIL  mine/etcd-from-gpu-nodes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--logs", "nope", *DEMO], "nope: the log cannot be read"),
        (["--logs", ".", *DEMO], "it is a directory"),
        (["--logs", "-", "-"], "standard input is both SRC and --logs"),
        ([*DEMO], "SRC holds no logs"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, arguments: list[str], says: str) -> None:
    """What is wrong is said on stderr: status 2."""
    done = run("diagnose", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


# --- what the profile leaves open ---


def test_parameters_node_sets_and_workloads_are_taken(run: Run, tmp_path: Path) -> None:
    """What check is told, diagnose is told: the same verdict with the same values."""
    (tmp_path / "w.log").write_text(LEASE)
    command = ("diagnose", "--logs", "w.log", *DEMO, "-o", "json")
    for chosen in (
        ("--set", "dynamo.version=1.2.0"),
        ("--nodes", "gpu=system"),
        ("--workload", "dynamo-worker=deploy/dynamo/vllm-agg-frontend"),
    ):
        done = run(*command, *chosen)
        (item,) = json.loads(done.stdout)["diagnoses"]
        report = json.loads(run("check", *DEMO, "--profile", "dynamo", *chosen, "-o", "json").stdout)
        (checked,) = [f for f in report["findings"] if f["id"] == "dynamo/etcd-from-gpu-nodes"]
        assert (item["finding"]["verdict"], item["finding"]["summary"]) == (checked["verdict"], checked["summary"])
    assert run(*command, "--set", "dynamo.version=1.2.0").returncode == 0


def test_configuration_counts_for_diagnose(run: Run, tmp_path: Path) -> None:
    """Its parameters hold, its own profile's symptoms are looked for, and the command line wins."""
    (tmp_path / "w.log").write_text(f"{LEASE}\n{LOST}\n")
    (tmp_path / "clusterproof.yaml").write_text(f"profile: {own_profile(tmp_path)}\nparameters: {{strict: 'off'}}\n")

    def verdicts(*arguments: str) -> dict[str, str]:
        found = json.loads(run("diagnose", "--logs", "w.log", *DEMO, "-o", "json", *arguments).stdout)
        return {item["id"]: item["finding"]["verdict"] for item in found["diagnoses"]}

    assert verdicts() == {"dynamo/etcd-from-gpu-nodes": "fail", "own/free-of-labels": "not-applicable"}
    assert verdicts("--set", "strict=yes")["own/free-of-labels"] == "pass"
    assert verdicts("--set", "dynamo.version=1.2.0")["dynamo/etcd-from-gpu-nodes"] == "not-applicable"
    assert verdicts("--no-config") == {"dynamo/etcd-from-gpu-nodes": "fail"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "no.such=1"], "no profile has a parameter 'no.such'; there are: aicr.validator"),
        (["--nodes", "no=gpu"], "no profile has a node set 'no'; there are:"),
        (["--workload", "no=deploy/a/b"], "no profile has a workload 'no'; there are:"),
        (["--set", "dynamo.version"], "--set dynamo.version: expected PARAM=VALUE"),
        (["--nodes", "gpu=nope"], "there is no node group"),
    ],
)
def test_names_that_do_not_exist_are_refused(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    """A name that no profile has is one sentence, also where no symptom is in the log."""
    (tmp_path / "w.log").write_text("all is well" if "nope" not in arguments[1] else LEASE)
    done = run("diagnose", "--logs", "w.log", *DEMO, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_parameters_are_taken_live(run: Run, tmp_path: Path, stub: Stub) -> None:  # noqa: F811 - the fixture
    """With the logs of a pod that crashes: the verdict is that of the chosen value, by its own profile."""
    profile = own_profile(tmp_path)
    namespace, pod, name = crashing(stub)
    stub.logs[(namespace, pod, name, True)] = f"{LOST}\n".encode()
    stub.change("apps/v1", "deployments", "dynamo/vllm-agg-frontend", asking_for_a_label)
    for chosen, status in (
        ((), 0),
        (("--set", "selector=rack"), 1),
        (("--set", "selector=rack", "--set", "strict=off"), 0),
    ):
        done = run("diagnose", "--no-aws", "-q", "--profile", profile, *chosen)
        assert done.returncode == status, done


def asking_for_a_label(deployment: dict[str, Any]) -> None:
    """Changes a Deployment so that it wants nodes with the label ``rack``."""
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"rack": "a"}


# --- live logs ---


def test_logs_of_failing_pods_are_read_live(run: Run, stub: Stub) -> None:  # noqa: F811 - the fixture
    """Only the pod that crashes is asked for its logs, bounded, also those from before the restart."""
    namespace, pod, name = crashing(stub)
    stub.logs[(namespace, pod, name, True)] = f"x\n{LEASE}\n".encode()
    done = run("diagnose", "--no-aws", "-q")
    assert done.returncode == 3, done.stderr  # the account was left out: the requirement's verdict is unknown
    assert f"(pod/{namespace}/{pod} {name} (previous), line 2)" in " ".join(done.stdout.split())
    asked = [request for request in stub.requests if request.path.endswith("/log")]
    assert {request.path for request in asked} == {f"/api/v1/namespaces/{namespace}/pods/{pod}/log"}
    assert {request.query.get("previous") for request in asked} == {None, "true"}
    assert all(int(request.query["limitBytes"]) <= 1024 * 1024 for request in asked)


def test_logs_that_may_not_be_read_are_named(run: Run, stub: Stub) -> None:  # noqa: F811 - the same
    """Without get pods/log nothing is claimed: status 3, and the right is named."""
    crashing(stub)
    stub.fault(r".*/log", "403")
    done = run("diagnose", "--no-aws", "-q")
    assert done.returncode == 3
    assert "grant get pods/log" in done.stdout


def test_a_cluster_where_nothing_fails_has_nothing_to_say(run: Run, stub: Stub) -> None:  # noqa: F811 - the same
    """No pod fails, no log is read: status 0."""
    done = run("diagnose", "--no-aws", "-q")
    assert (done.returncode, done.stdout) == (
        0,
        "No pod crashes or is not ready, so there was no log to read.\n",
    )
    assert not [request for request in stub.requests if request.path.endswith("/log")]


# --- the search itself ---


@given(st.data())
def test_found_wherever_the_pieces_are_cut(data: st.DataObject) -> None:
    """Line, count and text are those of the whole log, however it is cut into pieces."""
    words = [b"needle", b"need", b"\n", b"x" * 500, b"\xff", b"n", b"nee"]
    log = b"".join(data.draw(st.lists(st.sampled_from(words), max_size=40)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=12)))
    pieces = [log[a:b] for a, b in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    read, found = sightings("l", pieces, [Symptom("p/r", "needle")])
    assert read.bytes == len(log)
    assert [item.count for item in found] == ([log.count(b"needle")] if b"needle" in log else [])
    if found:
        assert found[0].line == log[: log.index(b"needle")].count(b"\n") + 1
        assert "needle" in found[0].text
        assert "\n" not in found[0].text


def test_memory_does_not_grow_with_the_log() -> None:
    """A long log, all one line, is searched in the memory of a few pieces."""

    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b"x" * 65536
        yield LEASE.encode()

    tracemalloc.start()
    _, found = sightings("l", pieces(2000), [Symptom("p/r", LEASE)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(item.line, item.count, len(item.text)) for item in found] == [(1, 1, 422)]
    assert peak < 1_000_000
