from __future__ import annotations

from typing import Any

import pytest

import clusterproof
from clusterproof.checks.finding import Finding
from clusterproof.checks.paths import why
from clusterproof.reach.trace import Layer
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.overlay import Delete, Overlay, Put, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT, SERVER, ask, reach, two_groups
from tests.world.build import Tiny, on

FRONT, BACK = "tcp 80 sg-front", "tcp 80 sg-back"
BY_NAME = reach(by="name")
SERVES, NOBODY = {"app": "server"}, {"nobody": "here"}


def served(spec: dict[str, Any] | None = None) -> Tiny:
    """The network admits everything that is asked here: a client on front, a server on back, and DNS."""
    tiny = (
        two_groups(FRONT, nodes=2).remove(kinds.DEPLOYMENTS, "app/client").deployment("app/client", spec or on("front"))
    )
    tiny.objects["security-groups"][0]["IpPermissions"] = [
        {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    ]
    return tiny.dns(on("front"))


def naming(host: str, *, args: bool = False) -> dict[str, Any]:
    """A client on front that names a host."""
    more: dict[str, Any] = {"args": [f"--server={host}"]} if args else {"env": [{"name": "SERVER", "value": host}]}
    return {**on("front"), "containers": [{"name": "main", "image": "app:1", **more}]}


def hop_of(found: Finding) -> str:
    """The refusal that is shown, and that nothing else is asked beside it."""
    assert found.matrix is not None
    (cell,) = found.matrix.cells
    assert cell.hop is not None
    assert [hop.layer for hop in cell.path] == [Layer.SERVICE]
    return f"{cell.hop.at}: {cell.hop.text}"


# --- Services that lead nowhere ------------------------------------------------------------------


def test_no_service_at_all() -> None:
    """Was a pass with a note: who dials by name dials a Service, and there is none (rule 6.3)."""
    found = ask(served(), BY_NAME)
    assert found.verdict is Verdict.FAIL
    assert found.summary.endswith(f"cannot reach {SERVER}:80 (no Service selects {SERVER})")
    assert any("by: address" in note for note in found.notes)
    assert "no Service of namespace app selects" in hop_of(found)
    assert ask(served(), reach(by="address")).verdict is Verdict.PASS


@pytest.mark.parametrize("address", ["172.20.0.9", "None"])
def test_services_that_select_nobody(address: str) -> None:
    """Was a pass: the Service of the server's name publishes the port and selects nobody (rule 6.3)."""
    found = ask(served().service("app/server", 80, NOBODY, clusterIP=address), BY_NAME)
    assert found.verdict is Verdict.FAIL
    assert "Service app/server selects nobody" in found.summary
    assert hop_of(found) == "Service app/server: its selector (nobody=here) selects nobody"
    assert found.evidence[0].key == "app/server"


def test_a_service_of_another_port() -> None:
    """Was unknown: the only Service publishes another port, so its name leads nowhere on this one (rule 6.2)."""
    found = ask(served().service("app/server", 81, SERVES), BY_NAME)
    assert found.verdict is Verdict.FAIL
    assert hop_of(found) == "Service app/server: it publishes 81/TCP, and does not publish 80/TCP"


def test_a_headless_service_leads_to_any_port() -> None:
    """Its name is the pods' addresses; whether clients dial one that publishes other ports is not known (rule 6.7)."""
    found = ask(served().service("app/server", 80, SERVES, clusterIP="None", ports=[]), BY_NAME)
    assert found.verdict is Verdict.PASS
    assert any("its name leads to the pods on any port" in note for note in found.notes)
    metrics = served(naming("server:80")).service("app/server", 81, SERVES, clusterIP="None")
    assert ask(metrics, BY_NAME).verdict is Verdict.PASS
    metrics.remove(kinds.DEPLOYMENTS, "app/client").deployment("app/client", on("front"))
    assert ask(metrics, BY_NAME).verdict is Verdict.UNKNOWN
    assert ask(metrics.service("app/server-api", 80, NOBODY), BY_NAME).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("port", "selector", "says"), [(80, NOBODY, "selects nobody"), (81, SERVES, "does not publish")]
)
def test_only_the_headless_one_is_left(port: int, selector: dict[str, str], says: str) -> None:
    """Was a pass without a word: the one with an address leads nowhere, and which is dialled is not known (rule 6.3)."""
    tiny = served().service("app/server-headless", 80, SERVES, clusterIP="None").service("app/server", port, selector)
    found = ask(tiny, BY_NAME)
    assert found.verdict is Verdict.UNKNOWN
    assert f"Service app/server {says}" in found.summary
    assert any("which one is dialled is not known" in unknown.detail for unknown in found.unknowns)
    assert any(ref.key == "app/server" for ref in found.evidence)


def test_a_service_for_metrics_is_none_of_these() -> None:
    """A Service of other ports beside a headless one is told and casts no doubt (rule 6.3)."""
    tiny = (
        served().service("app/server-headless", 80, SERVES, clusterIP="None").service("app/server-metrics", 81, SERVES)
    )
    found = ask(tiny, BY_NAME)
    assert (found.verdict, found.summary) == (Verdict.PASS, f"front reaches {SERVER}:80")
    assert "Service app/server-metrics does not publish 80/TCP" in found.notes


def test_a_broken_sibling_is_told() -> None:
    """A Service that leads there decides; another of the same labels that selects nobody stands in the summary."""
    tiny = served().service("app/main", 80, SERVES).service("app/old", 80, NOBODY, labels={"app": "server"})
    found = ask(tiny, BY_NAME)
    assert found.verdict is Verdict.PASS
    assert found.summary == f"front reaches {SERVER}:80 (Service app/old selects nobody)"
    assert any(ref.key == "app/old" for ref in found.evidence)
    alone = served().service("app/main", 80, SERVES).service("app/old", 80, NOBODY)
    assert ask(alone, BY_NAME).summary == f"front reaches {SERVER}:80"


def test_what_was_not_read_is_not_refused() -> None:
    """Without all Services there may be one; without the pods a selector may select one that was not read."""
    denied = Unknown(Cause.DENIED, "denied", "needs list services")
    assert ask(served().partly(kinds.SERVICES, denied), BY_NAME).verdict is Verdict.UNKNOWN
    tiny = served(naming("server:80")).service("app/server", 80, NOBODY).service("app/other", 80, SERVES)
    assert ask(tiny, BY_NAME).verdict is Verdict.FAIL
    assert ask(tiny.partly(kinds.PODS, denied), BY_NAME).verdict is Verdict.UNKNOWN


def test_a_service_without_selector_that_leads_to_the_pods() -> None:
    """Endpoints that somebody wrote down may be the server's pods: unknown, and not refused (rule 6.12)."""
    tiny = served().service("app/server", 80, {})
    tiny.pod("app/server-0", "back-0", owner="Deployment/server", labels=SERVES)
    tiny.objects["pods"][-1]["status"]["podIP"] = "10.0.1.77"
    piece = {"endpoints": [{"addresses": ["10.0.1.77"]}], "ports": [{"name": "main", "port": 80, "protocol": "TCP"}]}
    labels = {"kubernetes.io/service-name": "server"}
    tiny.put(kinds.ENDPOINT_SLICES, {"metadata": {"namespace": "app", "name": "s", "labels": labels}, **piece})
    found = ask(tiny, BY_NAME)
    assert found.verdict is Verdict.UNKNOWN
    assert any("app/server, which has no selector" in unknown.detail for unknown in found.unknowns)


# --- the Service that the client names -------------------------------------------------------------


@pytest.mark.parametrize("args", [False, True])
@pytest.mark.parametrize(
    "host", ["server:80", "server.app:80", "http://server.app.svc:80/x", "server.app.svc.cluster.local:80,b:80"]
)
def test_the_name_that_the_client_dials_decides(host: str, args: bool) -> None:
    """Was a pass through the headless sibling: the client names the Service that selects nobody (rule 6.3)."""
    tiny = served(naming(host, args=args)).service("app/server-headless", 80, SERVES, clusterIP="None")
    tiny.service("app/server", 80, NOBODY)
    found = ask(tiny, BY_NAME)
    assert found.verdict is Verdict.FAIL
    assert "selects nobody" in hop_of(found)
    assert any(ref.kind == "deployments" and ref.key == "app/client" for ref in found.evidence)


def test_the_headless_name_that_the_client_dials_decides() -> None:
    """The sibling that selects nobody is nobody's matter; a pod's name below the headless one is the same Service."""
    for host in ("server-headless:80", "server-0.server-headless.app.svc:80"):
        tiny = served(naming(host)).service("app/server-headless", 80, SERVES, clusterIP="None")
        found = ask(tiny.service("app/server", 80, NOBODY), BY_NAME)
        assert (found.verdict, found.summary) == (Verdict.PASS, f"front reaches {SERVER}:80")


def test_a_name_that_no_service_has() -> None:
    """The Service was renamed, and the client still dials the old name (rule 6.3)."""
    found = ask(served(naming("server:80")).service("app/renamed", 80, SERVES), BY_NAME)
    assert (found.verdict, hop_of(found)) == (Verdict.FAIL, "Service app/server: no Service has this name")
    assert found.summary.endswith("(there is no Service app/server)")


def test_one_of_several_names_leads_nowhere() -> None:
    """A client with a list of hosts may take any: unknown."""
    tiny = served(naming("server-a:80,server-b:80")).service("app/server-a", 80, SERVES)
    assert ask(tiny.service("app/server-b", 80, NOBODY), BY_NAME).verdict is Verdict.UNKNOWN


def test_a_service_without_selector_that_the_client_names() -> None:
    """Where it leads is in its endpoints, and whether that is the server is not known (rule 6.12)."""
    tiny = served(naming("server:80")).service("app/server", 80, {}).service("app/other", 80, SERVES)
    assert ask(tiny, BY_NAME).verdict is Verdict.UNKNOWN


def test_a_service_of_the_servers_name_that_leads_to_others() -> None:
    """The client names it, and whether whoever is behind it stands for the server is not known (rule 6.3)."""
    tiny = served(naming("server:80")).deployment("app/proxy", on("back")).service("app/server", 80, {"app": "proxy"})
    assert ask(tiny.service("app/direct", 80, SERVES), BY_NAME).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("host", ["server:81", "redis:80", "server.example.com:80", "$(HOST)-server:80", "10.0.0.9:80"])
def test_other_hosts_decide_nothing(host: str) -> None:
    """Other ports, other names, names outside the cluster, and what is put together when the pod starts."""
    tiny = served(naming(host)).service("app/main", 80, SERVES)
    assert ask(tiny, BY_NAME).verdict is Verdict.PASS


# --- nobody runs -----------------------------------------------------------------------------------


def scaled(tiny: Tiny, key: str = "app/server", replicas: int = 0, **more: Any) -> Tiny:
    """A Deployment of that many replicas instead."""
    return tiny.remove(kinds.DEPLOYMENTS, key).deployment(key, on("back"), replicas=replicas, **more)


@pytest.mark.parametrize("by", ["name", "address"])
def test_a_server_scaled_to_zero(by: str) -> None:
    """Was a pass: nothing answers for a workload that wants no pods, and no ready count says otherwise (rule 6.11)."""
    tiny = scaled(served().service("app/server", 80, SERVES))
    found = ask(tiny, reach(by=by))
    assert found.verdict is Verdict.FAIL
    assert found.summary == f"front cannot reach {SERVER}:80 ({SERVER} is scaled to zero)"
    assert "nothing answers until" in hop_of(found)
    assert found.evidence[0].field == "spec.replicas"
    answer = why(tiny.snapshot(), CLIENT, "svc/app/server:80" if by == "name" else f"{SERVER}:80")
    assert (answer.verdict, answer.sentence[:40]) == (Verdict.FAIL, f"No. {SERVER} is scaled to zero: "[:40])


def test_a_client_scaled_to_zero_is_judged() -> None:
    """It may start tomorrow."""
    tiny = served().service("app/server", 80, SERVES).remove(kinds.DEPLOYMENTS, "app/client")
    assert ask(tiny.deployment("app/client", on("front"), replicas=0), BY_NAME).verdict is Verdict.PASS


def test_another_workload_answers_for_one_at_zero() -> None:
    """Of two colours behind one Service the one at zero is no endpoint, refused or not (rules 6.3, 6.11)."""
    tiny = scaled(served().service("app/server", 80, {"tier": "x"}), labels={"tier": "x"})
    assert ask(tiny, BY_NAME).verdict is Verdict.FAIL
    tiny.deployment("app/green", on("back"), labels={"tier": "x"})
    assert ask(tiny, BY_NAME).verdict is Verdict.PASS
    assert ask(tiny, reach(by="address")).verdict is Verdict.FAIL


def test_a_suspended_job_answers_nobody() -> None:
    """A Job that is suspended has no pods, whatever its parallelism says (rule 6.11)."""
    tiny = served().controller("Job", "app/task", on("back"))
    assert ask(tiny, reach(server="job/app/task")).verdict is Verdict.PASS
    tiny.objects["jobs"][0]["spec"]["suspend"] = True
    found = ask(tiny, reach(server="job/app/task"))
    assert (found.verdict, "suspended" in found.summary) == (Verdict.FAIL, True)


# --- the shipped cluster, opened ----------------------------------------------------------------------


def opened(*edits: Put | Delete) -> dict[str, Finding]:
    """The demo, where every security group admits all TCP and UDP of the VPC."""
    snapshot = clusterproof.load_world("demo")
    every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    groups = [snapshot.raw(kinds.SECURITY_GROUPS, item.group_id) for item in snapshot.objects(kinds.SECURITY_GROUPS)]
    rules = [Put("security-groups", {**raw, "IpPermissions": [every]}) for raw in groups if raw is not None]
    report = clusterproof.check(apply(snapshot, Overlay((*rules, *edits))), "dynamo")
    return {item.name: item for item in report.findings}


def raw_of(kind: kinds.Kind[Any], key: str) -> dict[str, Any]:
    """An object of the demo."""
    snapshot: Snapshot = clusterproof.load_world("demo")
    raw = snapshot.raw(kind, key)
    assert raw is not None
    return raw


def test_the_demo_opened_passes() -> None:
    """The network admits everything, so what follows fails for its Services alone."""
    assert {item.verdict for item in opened().values()} <= {Verdict.PASS, Verdict.NOT_APPLICABLE}


@pytest.mark.parametrize("gone", ["client", "both"])
def test_etcd_without_its_services(gone: str) -> None:
    """Were passes: etcd's Service is not there, or it selects nobody and the headless one still does."""
    key = "dynamo/dynamo-platform-etcd"
    edits: list[Put | Delete] = [Delete("services", key)]
    if gone == "both":
        edits.append(Delete("services", f"{key}-headless"))
    found = opened(*edits)["etcd-from-gpu-nodes"]
    assert (found.verdict, found.summary) == (
        Verdict.FAIL,
        "gpu cannot reach etcd:2379 (there is no Service dynamo/dynamo-platform-etcd)",
    )
    assert found.fix is not None
    assert not found.fix.commands


def test_dns_whose_service_selects_nobody() -> None:
    """Was a pass, beside three others that failed because of it."""
    raw = raw_of(kinds.SERVICES, "kube-system/kube-dns")
    raw["spec"]["selector"] = {"k8s-app": "nothing"}
    found = opened(Put("services", raw))
    assert {name: str(found[name].verdict) for name in ("dns-from-workers", "dns-tcp-from-workers")} == {
        "dns-from-workers": "fail",
        "dns-tcp-from-workers": "fail",
    }
    assert "Service kube-system/kube-dns selects nobody" in found["dns-from-workers"].summary


def test_etcd_and_dns_scaled_to_zero() -> None:
    """Were a pass, and a pass with ready counts; nothing is proposed for the network."""
    etcd = raw_of(kinds.STATEFUL_SETS, "dynamo/dynamo-platform-etcd")
    etcd["spec"]["replicas"] = 0
    found = opened(Put("statefulsets", etcd))["etcd-from-gpu-nodes"]
    assert (found.verdict, "ready now" in str(found.matrix)) == (Verdict.FAIL, False)
    assert found.fix is not None
    assert not found.fix.commands
    dns = raw_of(kinds.DEPLOYMENTS, "kube-system/coredns")
    dns["spec"]["replicas"] = 0
    names = opened(Put("deployments", dns))
    assert names["dns-from-workers"].verdict is Verdict.FAIL
    assert names["nats-from-gpu-nodes"].verdict is Verdict.FAIL
