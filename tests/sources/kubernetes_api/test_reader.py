"""Reading a served cluster: the same snapshot as its files, and every way in which a list can fail."""

from __future__ import annotations

import _thread
import threading
import time
from typing import Any

import msgspec
import pytest

import clusterproof
from clusterproof.errors import UnreadableClusterError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.compare import differences
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.kubernetes_api import ClusterOptions, ClusterRead, Identity, read_cluster, who_am_i
from tests.sources.kubernetes_api.conftest import Options
from tests.sources.kubernetes_api.stub import TOKEN, USER, VERSION, Stub, helm_secret

PODS = r"/api/v1/pods"


def snapshot_of(read: ClusterRead) -> Snapshot:
    """What was read, as a snapshot."""
    return assemble(read.answers, kubernetes_version=read.identity.version)


def missing(options: ClusterOptions, kind: Kind[Any], scope: str = "") -> Unknown:
    """Why a kind is missing when it is read together with Nodes, which always succeed here."""
    found = snapshot_of(read_cluster(options, kinds=[kinds.NODES, kind])).missing(kind, scope)
    assert found is not None
    return found


def crd(group: str, plural: str, wire: str, *, scope: str = "Cluster") -> dict[str, Any]:
    """A CustomResourceDefinition as far as the stub reads it."""
    spec = {"group": group, "names": {"kind": wire, "plural": plural}, "scope": scope}
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": spec}


# --- the whole world ---


def test_live_equals_files(stub: Stub, options: Options) -> None:
    """The demo served live gives the snapshot that its files give: objects, coverage, unknown fields, identity.

    What live has besides is the patch of the version, which EKS does not name.
    """
    stub.add(
        "secrets", {"metadata": {"name": "other", "namespace": "dynamo"}, "type": "Opaque", "data": {"a": "c2VjcmV0"}}
    )
    files = clusterproof.load_world("demo")
    aws = [
        Answer(t.kind, tuple(t.lines.line(n) for n in range(len(t))), t.coverage)
        for t in files.tables.values()
        if t.kind.origin == "aws"
    ]
    read = read_cluster(options())
    live = assemble([*read.answers, *aws], kubernetes_version=read.identity.version)
    assert differences(files, live) == []
    assert live.tables.keys() == files.tables.keys()
    for name, table in files.tables.items():
        assert live.tables[name].coverage == table.coverage
        assert live.tables[name].unknown_fields == table.unknown_fields
        assert [table.kind.key(o) for o in live.tables[name].objects] == [table.kind.key(o) for o in table.objects]
    assert live.meta.kubernetes_version.startswith(f"v{files.meta.kubernetes_version}.")
    same = {name: getattr(files.meta, name) for name in ("sources", "kubernetes_version")}
    assert msgspec.structs.replace(live.meta, **same) == files.meta


def test_live_findings_equal_files(options: Options) -> None:
    """The same findings, byte for byte."""
    files = clusterproof.load_world("demo")
    aws = [
        Answer(t.kind, tuple(t.lines.line(n) for n in range(len(t))), t.coverage)
        for t in files.tables.values()
        if t.kind.origin == "aws"
    ]
    live = assemble([*read_cluster(options()).answers, *aws])
    found = [clusterproof.check(snapshot, "dynamo").findings for snapshot in (files, live)]
    assert msgspec.json.encode(found[0]) == msgspec.json.encode(found[1])


def test_pages(stub: Stub, options: Options) -> None:
    """Any page size gives the same objects in the same order; every page but the last is followed."""
    whole = snapshot_of(read_cluster(options(), kinds=[kinds.PODS]))
    stub.clear()
    paged = snapshot_of(read_cluster(options(page=7), kinds=[kinds.PODS]))
    assert paged.tables["pods"].lines.lines == whole.tables["pods"].lines.lines  # type: ignore[attr-defined]
    asked = [request for request in stub.requests if request.path == "/api/v1/pods"]
    assert len(asked) == -(-64 // 7)
    assert all(request.query["limit"] == "7" for request in asked)
    assert len({request.query.get("continue") for request in asked}) == len(asked)


def test_nothing_is_changed(stub: Stub, options: Options) -> None:
    """Only GET, and POST of reviews of oneself."""
    read_cluster(options())
    posted = {request.path for request in stub.requests if request.method != "GET"}
    assert posted == {
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    }


def test_only_helm_secrets_are_asked_for(stub: Stub, options: Options) -> None:
    """Secrets are selected by type on the server; values and manifests never reach the snapshot."""
    release = {
        "name": "old",
        "namespace": "a",
        "revision": "1",
        "status": "superseded",
        "chart": "x-1.0.0",
        "app_version": "",
    }
    stub.add("secrets", helm_secret(release))
    read = read_cluster(options(), kinds=[kinds.HELM_RELEASES])
    asked = [request for request in stub.requests if request.path == "/api/v1/secrets"]
    assert asked
    assert all(request.query["fieldSelector"] == "type=helm.sh/release.v1" for request in asked)
    table = snapshot_of(read).tables["helmreleases"]
    assert sorted(release.chart for release in table.objects) == [
        "dynamo-platform",
        "kube-prometheus-stack",
        "nvidia-device-plugin",
    ]
    for raw in table.raws():
        assert raw.keys() == {"apiVersion", "kind", "metadata", "status", "chart", "version", "appVersion"}


def test_policies_of_other_kinds_are_read_whole(stub: Stub, options: Options) -> None:
    """Which pods a policy selects stands in its spec; headers of its HTTP rules may hold credentials and are not kept."""
    stub.serve_group("cilium.io/v2", "ciliumnetworkpolicies", namespaced=True)
    policy = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "p", "namespace": "a"}}
    ports = [{"ports": [{"port": "80"}], "rules": {"http": [{"path": "/", "headers": ["Authorization: Bearer abc"]}]}}]
    spec = {"endpointSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"toPorts": ports}]}
    stub.add("ciliumnetworkpolicies.cilium.io", {**policy, "spec": spec})
    kind = kinds.BY_NAME["ciliumnetworkpolicies"]
    table = snapshot_of(read_cluster(options(), kinds=[kind])).tables[kind.name]
    (raw,) = table.raws()
    assert raw["spec"]["endpointSelector"] == {"matchLabels": {"app": "a"}}
    assert raw["spec"]["ingress"][0]["toPorts"][0]["ports"] == [{"port": "80"}]
    assert "Bearer" not in str(raw)


def test_progress(options: Options) -> None:
    """The observer hears of each page."""
    told: list[str] = []
    read_cluster(options(page=40), kinds=[kinds.PODS], observer=told.append)
    assert [line for line in told if line.startswith("pods")] == ["pods: 40 read", "pods: 64 read"]


# --- who am I ---


def test_identity(stub: Stub, options: Options) -> None:
    """Who asks, which cluster, and what may be listed."""
    stub.grant("pods", "nodes", "namespaces", "networkpolicies.networking.k8s.io@dynamo")
    found = who_am_i(options())
    assert (found.user, found.version, found.context, found.server) == (USER, VERSION, "demo", stub.url)
    assert (found.cluster, found.region, found.account) == ("demo-gpu", "us-west-2", "111122223333")
    assert found.may["pods"] is True
    assert found.may["networkpolicies"] is False
    assert found.may["helmreleases"] is False


def test_greeted_before_anything_is_read(stub: Stub, options: Options) -> None:
    """``greet`` gets the identity before the first list."""
    seen: list[tuple[Identity, list[str]]] = []
    read = read_cluster(options(), kinds=[kinds.PODS], greet=lambda who: seen.append((who, stub.paths())))
    (identity, before), *more = seen
    assert not more
    assert identity.may == {"pods": True} == read.identity.may
    assert "/api/v1/pods" not in before


def test_reviews_that_are_not_there(stub: Stub, options: Options) -> None:
    """Without SelfSubjectReview and access reviews everything is read all the same."""
    stub.fault(r"/apis/authentication.*", "404")
    stub.fault(r"/apis/authorization.*", "403")
    stub.fault(r"/version", "500")
    read = read_cluster(options(), kinds=[kinds.PODS])
    assert (read.identity.user, read.identity.version, read.identity.may) == ("", "", {})
    assert snapshot_of(read).missing(kinds.PODS) is None


# --- versions and absent groups ---


def test_absent_group_of_custom_resources_is_none(options: Options) -> None:
    """Discovery was read and has no such group: there are none, without asking for them."""
    kind = kinds.BY_NAME["ciliumnetworkpolicies"]
    table = snapshot_of(read_cluster(options(), kinds=[kind, kinds.NODES])).tables[kind.name]
    assert (len(table), table.coverage[0].missing) == (0, None)


def test_absent_resource_of_a_present_group_is_none(stub: Stub, options: Options) -> None:
    """The group is served without the resource: there are none either."""
    stub.serve_group("networking.k8s.aws/v1alpha1", "policyendpoints")
    kind = kinds.BY_NAME["applicationnetworkpolicies"]
    assert snapshot_of(read_cluster(options(), kinds=[kind, kinds.NODES])).missing(kind) is None


@pytest.mark.parametrize("fault", ["403", "404", "500", "html", "cut", "garbage"])
def test_unreadable_discovery_proves_no_absence(stub: Stub, options: Options, fault: str) -> None:
    """When ``/apis`` cannot be read, a 404 of the list is no proof that there are none."""
    stub.fault(r"/apis", fault)
    kind = kinds.BY_NAME["ciliumnetworkpolicies"]
    assert missing(options(), kind).cause is Cause.NOT_ANSWERABLE


def test_unreadable_group_document_proves_no_absence(stub: Stub, options: Options) -> None:
    """The group is there, what it serves cannot be read, the usual place answers 404: not answerable."""
    stub.drop_group("crd.k8s.amazonaws.com")
    stub.serve_group("crd.k8s.amazonaws.com/v1alpha1", "somethings")
    stub.fault(r"/apis/crd.k8s.amazonaws.com/v1alpha1", "503")
    assert missing(options(), kinds.ENI_CONFIGS).cause is Cause.NOT_ANSWERABLE


def test_absent_built_in_group_is_not_answerable(stub: Stub, options: Options) -> None:
    """A server without networking.k8s.io is no proof that no policy holds."""
    stub.drop_group("networking.k8s.io")
    assert missing(options(), kinds.NETWORK_POLICIES).cause is Cause.NOT_ANSWERABLE


def test_only_another_version_is_served(stub: Stub, options: Options) -> None:
    """The version that is served is read, and a note says so."""
    stub.drop_group("crd.k8s.amazonaws.com")
    stub.serve_group("crd.k8s.amazonaws.com/v1", "eniconfigs")
    spec = {"subnet": "subnet-1", "securityGroups": ["sg-1"]}
    config = {"apiVersion": "crd.k8s.amazonaws.com/v1", "kind": "ENIConfig", "metadata": {"name": "a"}, "spec": spec}
    stub.add("eniconfigs.crd.k8s.amazonaws.com", config)
    read = read_cluster(options(), kinds=[kinds.ENI_CONFIGS])
    assert [obj.spec.subnet for obj in snapshot_of(read).objects(kinds.ENI_CONFIGS)] == ["subnet-1"]
    assert read.notes == ("eniconfigs were read as crd.k8s.amazonaws.com/v1: the server has no other version",)


def test_known_version_is_preferred(stub: Stub, options: Options) -> None:
    """Where several are served, the one that is known here is read, whichever the server prefers."""
    stub.serve_group("crd.k8s.amazonaws.com/v2", "eniconfigs", preferred=True)
    assert read_cluster(options(), kinds=[kinds.ENI_CONFIGS]).notes == ()
    assert "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs" in stub.paths()


# --- permissions ---


def test_denied_cluster_scope(stub: Stub, options: Options) -> None:
    """What may not be listed is denied, with the permission named; the rest is read."""
    stub.fault(r"/api/v1/persistentvolumes", "403")
    found = missing(options(), kinds.VOLUMES)
    assert (found.cause, found.remedy) == (Cause.DENIED, "grant list persistentvolumes")


@pytest.mark.parametrize("incomplete", [False, True])
def test_some_namespaces(stub: Stub, options: Options, *, incomplete: bool) -> None:
    """Denied everywhere, allowed in two namespaces: these are complete, the others denied by name."""
    stub.rules_incomplete = incomplete
    policies = "networkpolicies.networking.k8s.io"
    stub.grant("namespaces", f"{policies}@dynamo", f"{policies}@default", "nodes")
    stub.add(policies, {"metadata": {"name": "p", "namespace": "dynamo"}, "spec": {"podSelector": {}}})
    read = read_cluster(options(), kinds=[kinds.NAMESPACES, kinds.NETWORK_POLICIES])
    snapshot = snapshot_of(read)
    assert [obj.metadata.name for obj in snapshot.objects(kinds.NETWORK_POLICIES)] == ["p"]
    for scope in ("dynamo", "default"):
        assert snapshot.missing(kinds.NETWORK_POLICIES, scope) is None
    for scope, words in (("", "could not be listed"), ("kube-system", "in namespace kube-system could not be listed")):
        found = snapshot.missing(kinds.NETWORK_POLICIES, scope)
        assert found is not None
        assert found.cause is Cause.DENIED
        assert found.remedy == "grant list networkpolicies.networking.k8s.io"
        assert words in found.detail or scope == "kube-system"
    coverage = {item.scope: item.missing for item in snapshot.tables["networkpolicies"].coverage}
    assert coverage["kube-system"].cause is Cause.DENIED  # type: ignore[union-attr]
    tried = [path for path in stub.paths() if path.endswith("/kube-system/networkpolicies")]
    assert bool(tried) is incomplete  # a whole list of rules saves the call


def test_all_namespaces_one_by_one(stub: Stub, options: Options) -> None:
    """Allowed in each namespace that there is: complete everywhere, and the same objects."""
    whole = snapshot_of(read_cluster(options(), kinds=[kinds.NAMESPACES, kinds.PODS]))
    names = [obj.metadata.name for obj in whole.objects(kinds.NAMESPACES)]
    stub.grant("namespaces", *(f"pods@{name}" for name in names))
    parts = snapshot_of(read_cluster(options(page=9), kinds=[kinds.NAMESPACES, kinds.PODS]))
    assert parts.missing(kinds.PODS) is None
    assert parts.tables["pods"].lines.lines == whole.tables["pods"].lines.lines  # type: ignore[attr-defined]


def test_namespaces_that_may_not_be_listed(stub: Stub, options: Options, tmp_path: Any) -> None:
    """Then the context's namespace and those named by the user are tried, and only these are complete."""
    stub.grant("pods@dynamo", "pods@monitoring")
    config = stub.kubeconfig(tmp_path, namespace="dynamo")
    read = read_cluster(options(kubeconfig=config, namespaces=("monitoring",)), kinds=[kinds.PODS])
    snapshot = snapshot_of(read)
    assert {obj.metadata.namespace for obj in snapshot.objects(kinds.PODS)} == {"dynamo", "monitoring"}
    assert snapshot.missing(kinds.PODS, "dynamo") is None
    assert snapshot.missing(kinds.PODS, "monitoring") is None
    assert snapshot.missing(kinds.PODS) is not None
    assert snapshot.missing(kinds.PODS, "customer") is not None


def test_nothing_may_be_listed(stub: Stub, options: Options) -> None:
    """Exit 4, with who it is and what to grant."""
    stub.grant()
    with pytest.raises(UnreadableClusterError) as caught:
        read_cluster(options())
    assert USER in str(caught.value)
    assert "clusterproof permissions" in str(caught.value)
    assert caught.value.exit_status == 4


# --- what goes wrong ---


@pytest.mark.parametrize("fault", ["429", "500", "503", "504", "cut", "reset", "garbage"])
def test_what_passes_is_repeated(stub: Stub, options: Options, fault: str) -> None:
    """Twice wrong, then right: complete, and nothing is counted twice."""
    hit = stub.fault(PODS, fault, times=2)
    snapshot = snapshot_of(read_cluster(options(page=30), kinds=[kinds.PODS]))
    assert snapshot.missing(kinds.PODS) is None
    assert len(snapshot.objects(kinds.PODS)) == 64
    assert hit.hits == 2


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("401", Cause.DENIED),
        ("403", Cause.DENIED),
        ("404", Cause.NOT_ANSWERABLE),
        ("410", Cause.INCOMPLETE),
        ("429", Cause.THROTTLED),
        ("500", Cause.ERROR),
        ("503", Cause.ERROR),
        ("504", Cause.TIMED_OUT),
        ("cut", Cause.INCOMPLETE),
        ("reset", Cause.INCOMPLETE),
        ("garbage", Cause.INCOMPLETE),
        ("html", Cause.NOT_ANSWERABLE),
        ("slow", Cause.TIMED_OUT),
        ("hang", Cause.TIMED_OUT),
    ],
)
@pytest.mark.parametrize("after", [0, 1])
def test_what_stays_wrong_is_unknown(stub: Stub, options: Options, fault: str, cause: Cause, after: int) -> None:
    """For ever, at the first page or at the second: never complete, the cause told, what was read is kept."""
    stub.fault(rf"{PODS}|/api/v1/namespaces/.*/pods", fault, after=after, delay=0.2)
    quick = options(page=30, call_timeout=0.25, deadline=1.0)
    snapshot = snapshot_of(read_cluster(quick, kinds=[kinds.PODS, kinds.NODES]))
    found = snapshot.missing(kinds.PODS)
    assert found is not None
    assert found.cause is cause
    assert TOKEN not in str(found)
    assert snapshot.missing(kinds.NODES) is None
    kept = len(snapshot.objects(kinds.PODS))
    assert kept == (0 if after == 0 else 30 if fault != "410" else 0)


def test_expired_page_token_begins_the_list_again(stub: Stub, options: Options) -> None:
    """410 in the middle: once more from the first page, each object once."""
    stub.fault(PODS, "410", times=1, query="continue")
    snapshot = snapshot_of(read_cluster(options(page=30), kinds=[kinds.PODS]))
    assert snapshot.missing(kinds.PODS) is None
    assert len(snapshot.objects(kinds.PODS)) == 64
    first = [request for request in stub.requests if request.path == "/api/v1/pods" and "continue" not in request.query]
    assert len(first) == 2


def test_retry_after_is_kept(stub: Stub, options: Options) -> None:
    """The server's own waiting time is waited."""
    stub.fault(PODS, "429", times=1, retry_after=1)
    begun = time.monotonic()
    assert snapshot_of(read_cluster(options(), kinds=[kinds.PODS])).missing(kinds.PODS) is None
    assert time.monotonic() - begun >= 1.0


def test_retry_after_beyond_the_deadline_is_not_waited_for(stub: Stub, options: Options) -> None:
    """A wait that cannot help is not begun: throttled at once."""
    hit = stub.fault(PODS, "429", retry_after=3600)
    assert missing(options(), kinds.PODS).cause is Cause.THROTTLED
    assert hit.hits == 1


def test_repetitions_have_a_budget(stub: Stub, options: Options) -> None:
    """However many kinds are throttled, the server is not asked more often than the budget allows."""
    hit = stub.fault(r"/apis?/.*", "429")
    with pytest.raises(UnreadableClusterError, match="throttling"):
        read_cluster(options(retries=10))
    assert hit.hits <= len({path for path in stub.paths() if path.startswith("/api")}) + len(kinds.ALL) + 10


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "PodList", "apiVersion": "v1", "metadata": {}},
        {"kind": "Status", "apiVersion": "v1", "items": []},
        {"kind": "NodeList", "apiVersion": "v1", "items": []},
        {"items": []},
        {"kind": "PodList", "items": None, "metadata": {"continue": "x"}},
        {"kind": "PodList", "items": {}},
        [],
    ],
)
def test_answers_that_are_none(stub: Stub, options: Options, body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 with something that is no list of pods is not answerable, never "there are none"."""
    answer = stub.answer
    monkeypatch.setattr(stub, "answer", lambda r: (200, body) if r.path == "/api/v1/pods" else answer(r))
    assert missing(options(), kinds.PODS).cause is Cause.NOT_ANSWERABLE


@pytest.mark.parametrize("metadata", [{"remainingItemCount": 5}, {"continue": "same", "remainingItemCount": 5}])
def test_pages_that_lead_nowhere(
    stub: Stub, options: Options, metadata: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More was announced and cannot be had: incomplete, and no endless loop."""
    answer = stub.answer
    page = {"kind": "PodList", "metadata": metadata, "items": [{"metadata": {"name": "p", "namespace": "a"}}]}
    monkeypatch.setattr(stub, "answer", lambda r: (200, page) if r.path == "/api/v1/pods" else answer(r))
    assert missing(options(), kinds.PODS).cause is Cause.INCOMPLETE


def test_object_of_a_wrong_type(stub: Stub, options: Options) -> None:
    """One odd object costs completeness, not the others."""
    stub.add("pods", {"metadata": {"name": "odd", "namespace": "a"}, "spec": {"nodeName": 7}})
    snapshot = snapshot_of(read_cluster(options(), kinds=[kinds.PODS]))
    assert len(snapshot.objects(kinds.PODS)) == 64
    found = snapshot.missing(kinds.PODS)
    assert found is not None
    assert found.cause is Cause.ERROR
    assert "a/odd" in found.detail


def test_interrupt_stops_the_workers(stub: Stub, options: Options) -> None:
    """KeyboardInterrupt while the server is silent comes through at once."""
    stub.fault(r"/api/v1/.*", "hang")
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_cluster(options())
    timer.join()
    assert time.monotonic() - begun < 5.0


def test_interrupt_while_waiting_to_repeat(stub: Stub, options: Options) -> None:
    """Nor is a Retry-After slept through."""
    stub.fault(r"/api/v1/.*", "429", retry_after=20)
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_cluster(options())
    timer.join()
    assert time.monotonic() - begun < 5.0


def test_connections_are_kept(stub: Stub, options: Options) -> None:
    """Many requests share a few connections."""
    opened = stub.connections
    read_cluster(options(page=5))
    assert len(stub.requests) > 60
    assert stub.connections - opened <= 8


def test_gzip(stub: Stub, options: Options) -> None:
    """Compressed answers are asked for and understood."""
    stub.gzip_from = 1
    snapshot = snapshot_of(read_cluster(options(), kinds=[kinds.PODS]))
    assert len(snapshot.objects(kinds.PODS)) == 64
    assert {request.headers["accept-encoding"] for request in stub.requests} == {"gzip"}
