"""``clusterproof place`` as users run it: forms of the name, bad input, statuses, pipes, and the live cluster."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from clusterproof.reports.schema import placement
from tests.cli.conftest import Run
from tests.cli.live_faults import refused
from tests.sources.kubernetes_api.stub import Stub

FRONT = "deploy/dynamo/vllm-agg-frontend"
DEMO = ("--world", "demo")


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """The demo's kubectl and aws output as a directory ``dump`` where the command runs."""
    with resources.as_file(resources.files("clusterproof") / "worlds" / "demo") as path:
        shutil.copytree(path, tmp_path / "dump")
    return tmp_path / "dump"


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """The demo's Kubernetes API, which the kubeconfig leads to; there are no AWS credentials."""
    for name in ("KUBECONFIG", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with Stub("demo").serve() as served:
        monkeypatch.setenv("KUBECONFIG", served.kubeconfig(tmp_path))
        yield served


@pytest.mark.parametrize(
    "name", [FRONT, "deployment.apps/vllm-agg-frontend", "dynamo/vllm-agg-frontend", "vllm-agg-frontend"]
)
def test_less_than_the_whole_name_is_enough(run: Run, name: str) -> None:
    """Every form gives the same page, with nothing on stderr."""
    done = run("place", name, *DEMO)
    assert (done.returncode, done.stderr) == (0, "")
    assert done == run("place", FRONT, *DEMO)
    assert done.stdout.startswith(
        f"{FRONT}: 1 pod wanted, 1 running\nIt may land on system, and on no other node group."
    )


def test_files_and_world_say_the_same(run: Run, dump: Path) -> None:
    """A directory, standard input's place and the shipped world: the same page."""
    assert dump.is_dir()
    assert run("place", FRONT, "dump").stdout == run("place", FRONT, *DEMO).stdout
    done = run("place", "dump", FRONT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"clusterproof: the files come last: clusterproof place {FRONT} dump\n"


def test_one_page_has_one_scheduler(run: Run) -> None:
    """Why a bound volume keeps nodes away is said in the words of the cluster's version, for ever and for now."""
    text = " ".join(run("place", "sts/dynamo/dynamo-platform-etcd", *DEMO).stdout.split())
    assert text.count("4 node(s) didn't match PersistentVolume's node affinity") == 2
    assert "volume node affinity conflict" not in text


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_in_a_pipe(run: Run, columns: str) -> None:
    """The width is COLUMNS, and nothing but printable text comes out, with and without NO_COLOR."""
    done = run("place", "validator", *DEMO, "--profile", "dynamo", "--runs", "3", env={"COLUMNS": columns})
    assert done.returncode == 0
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert max(len(line) for line in done.stdout.splitlines() if "ip-" not in line and "aicr-" not in line) < int(
        columns
    )
    assert done == run(
        "place", "validator", *DEMO, "--profile", "dynamo", "--runs", "3", env={"COLUMNS": columns, "NO_COLOR": "1"}
    )


def test_json_into_a_file_beside_the_table(run: Run) -> None:
    """Both formats of one answer; the JSON is what the schema says."""
    done = run("place", "validator", *DEMO, "-p", "dynamo", "--replicas", "2", "-o", "table", "-o", "json=p.json")
    assert (done.returncode, done.stderr) == (0, "clusterproof: wrote p.json\n")
    assert "copies     2, placed one by one" in done.stdout
    data = json.loads(Path("p.json").read_text("utf-8"))
    assert not list(jsonschema.Draft202012Validator(placement()).iter_errors(data))
    assert {group["name"]: group["first"] for group in data["groups"]} == {
        "customer": pytest.approx(0.25),
        "gpu": pytest.approx(0.25),
        "system": pytest.approx(0.5),
    }
    assert data["copies"]["count"] == 2
    assert data["runs"] is None


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["place"], 2, "missing argument 'WORKLOAD'"),
        (["place", "vllm-agg-fronten", *DEMO], 2, f"did you mean {FRONT}"),
        (["place", "deploy/dynamo/nope", *DEMO], 2, "there is no workload deploy/dynamo/nope in what was read"),
        (["place", "a/b/c/d", *DEMO], 2, "names no workload; write kind/namespace/name, e.g. deploy/dynamo/worker"),
        (["place", "", *DEMO], 2, "names no workload"),
        (["place", "validator", *DEMO], 2, "a workload or name that a profile brings needs --profile NAME"),
        (["place", "etcdd", *DEMO, "-p", "dynamo"], 2, "names of profile dynamo: etcd, nats, "),
        (["place", FRONT, *DEMO, "-p", "dynamoo"], 2, "did you mean dynamo"),
        (["place", FRONT, *DEMO, "--replicas", "0"], 2, "replicas"),
        (["place", FRONT, *DEMO, "--runs", "x"], 2, "runs"),
        (
            ["place", FRONT, *DEMO, "--image-size", "big"],
            2,
            "--image-size big: expected a size in bytes, as 500Mi or 1.2G",
        ),
        (["place", FRONT, *DEMO, "--image-size", "-1"], 2, "--image-size -1: expected a size"),
        (["place", FRONT, *DEMO, "--image-size", "0.5m"], 2, "--image-size 0.5m: expected a size in bytes"),
        (["place", FRONT, *DEMO, "--image-size", "1500m"], 2, "--image-size 1500m: expected a size in bytes"),
        (["place", FRONT, *DEMO, "--image-size", "1e-3"], 2, "--image-size 1e-3: expected a size in bytes"),
        (["place", FRONT, *DEMO, "--image-size", "1e999"], 2, "as 500Mi or 1.2G, of 1Pi at most"),
        (["place", FRONT, *DEMO, "--image-size", "9" * 400], 2, f"--image-size {'9' * 40}…: expected a size in bytes"),
        (["place", "nosuch", *DEMO], 2, "`clusterproof connections` on the same input lists those that were read"),
        (["place", "deploy/dynamo/nosuch", *DEMO], 2, "what was read; write kind/namespace/name; `clusterproof conn"),
        (["why", FRONT, "8.8.8.8:443", *DEMO], 2, "TO 8.8.8.8 is an address, which is not accepted; name a Service or"),
        (["why", FRONT, "[2001:db8::1]:443", *DEMO], 2, "TO [2001:db8::1] is an address, which is not accepted"),
        (["why", FRONT, "10.0.0.0/8:443", *DEMO], 2, "TO 10.0.0.0/8 is an address, which is not accepted"),
        (["why", "10.0.0.1", "svc/dynamo/x:1", *DEMO], 2, "FROM 10.0.0.1 is an address, which is not accepted"),
        (["place", "ds/kube-system/kube-proxy", *DEMO, "--replicas", "3"], 2, "leave --replicas and --runs out"),
        (["place", FRONT, *DEMO, "-o", "csv"], 2, "there is no format 'csv'; there are table, json"),
        (["place", FRONT, *DEMO, "-o", "json=no/where.json"], 2, "there is no directory no"),
        (["place", FRONT, "nowhere"], 2, "nowhere"),
        (["place", FRONT, "nowhere", *DEMO], 2, "both SRC and --world are given"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, arguments: list[str], status: int, says: str) -> None:
    """What, where, what to do; nothing on stdout, no traceback."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("clusterproof: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


BIG = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: big, namespace: dynamo}
spec:
  selector: {matchLabels: {app: big}}
  template:
    metadata: {labels: {app: big}}
    spec:
      containers: [{name: main, image: x, resources: {requests: {cpu: CPU}}}]
"""


@pytest.mark.parametrize(("cpu", "status"), [("1", 0), ("100000", 1)])
def test_as_if_applied(run: Run, tmp_path: Path, cpu: str, status: int) -> None:
    """What is not installed yet can be asked about; what fits nowhere exits 1, in the scheduler's words."""
    (tmp_path / "rendered.yaml").write_text(BIG.replace("CPU", f'"{cpu}"'))
    done = run("place", "deploy/big", *DEMO, "--with", "rendered.yaml")
    assert done.returncode == status
    if status:
        assert "It can land nowhere: 0/12 nodes are available: " in done.stdout
        assert re.search(r"\d Insufficient cpu", done.stdout)


def test_nodes_that_were_not_read(run: Run, dump: Path) -> None:
    """Where neither nodes nor what makes them were read: status 3, and what makes it known."""
    (dump / "kubernetes" / "nodes.json").unlink()
    for path in (dump / "aws").glob("*"):
        if "nodegroup" in path.name or "auto-scaling" in path.name:
            path.unlink()
    done = run("place", FRONT, "dump")
    assert done.returncode == 3
    assert "Whether it can land anywhere is not known" in done.stdout
    assert "not read   nodes" in done.stdout


def test_live(run: Run, stub: Stub) -> None:
    """Without SRC the live cluster is read; who asks is said first; AWS left out leaves next nodes unknown."""
    done = run("place", "vllm-agg-frontend", "--no-aws")
    assert stub.requests
    assert done.stderr.splitlines()[0].startswith("clusterproof: cluster: context demo, https://127.0.0.1:")
    assert done.stdout.startswith(f"{FRONT}: 1 pod wanted, 1 running\n")
    flat = " ".join(done.stdout.split())
    assert "today's nodes of gpu: 3 node(s) had untolerated taint {nvidia.com/gpu: present} (TaintToleration)" in flat
    assert "Nodes of system would take it, and whether it gets there is not known: Fargate may take pods" in flat
    assert done.returncode == 3
    assert run("place", "vllm-agg-frontend", "--no-aws", "-q").stderr == ""


def test_live_and_nothing_can_be_read(run: Run, stub: Stub) -> None:
    """A cluster that refuses everything: one sentence, status 4, and no file."""
    stub.fault(".*", "401")
    refused(run("place", FRONT, "--no-aws", "-o", "json=out"), 4, "401 Unauthorized")
    assert not Path("out").exists()


def test_live_without_deployments(run: Run, stub: Stub) -> None:
    """What may not be listed is not said to be none: status 3."""
    stub.fault(r"/apis/apps/v1/deployments", "500")
    stub.fault(r"/api/v1/pods", "500")
    done = run("place", "deploy/dynamo/nope", "--no-aws", "-q")
    assert (done.returncode, done.stdout) == (3, "")
    assert "whether there is a workload deploy/dynamo/nope is not known" in done.stderr


def test_live_without_pods(run: Run, stub: Stub) -> None:
    """Without the pods it is known where it may land, and not where now."""
    stub.fault(r"/api/v1/pods", "500")
    done = run("place", FRONT, "--no-aws", "-q")
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("  system ")]
    assert rows == [["system", "yes", "6", "not", "known", "not", "known"]]
    assert "first pod" not in done.stdout


def test_completion(process: Run) -> None:
    """The shell completes the command and its options."""
    env = {"_CLUSTERPROOF_COMPLETE": "bash_complete", "COMP_WORDS": "clusterproof pl", "COMP_CWORD": "1"}
    assert "plain,place" in process(env=env).stdout
    env |= {"COMP_WORDS": "clusterproof place --repl", "COMP_CWORD": "2"}
    assert "plain,--replicas" in process(env=env).stdout
