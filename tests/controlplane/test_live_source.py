"""Reading live from a real API server: what the stub answers by the book, here the server itself answers.

The shipped worlds' objects are put into it; it takes every one of them, so they are valid. ``reader`` reads them with
no more than the rights that ``clusterproof permissions`` prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import clusterproof
from clusterproof.errors import UnreadableClusterError
from clusterproof.placement.quantity import parse
from clusterproof.snapshot import kinds
from clusterproof.snapshot.compare import Difference, differences
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.kubernetes_api import ClusterOptions, read_cluster
from clusterproof.sources.kubernetes_api.logs import Container, read_logs
from clusterproof.sources.live import LiveOptions
from clusterproof.sources.permissions import needed_kinds, rbac
from tests.conftest import ROOT
from tests.controlplane.binaries import Binaries
from tests.controlplane.client import Raw
from tests.controlplane.kubelet import Kubelet
from tests.controlplane.load import load
from tests.controlplane.objects import namespace, node, plain, pod
from tests.controlplane.plane import Asked, ControlPlane
from tests.controlplane.scheduling import Arena
from tests.sources.kubernetes_api.stub import recorded
from tests.worlds.page import DYNAMO_WORLDS

pytestmark = pytest.mark.controlplane

WORLDS = ROOT / "src" / "clusterproof" / "worlds"
READ_ONLY = {"list", "get"}
RBAC = "rbac.authorization.k8s.io/v1"


def started(binaries: Binaries, world: str) -> ControlPlane:
    """A control plane that holds a shipped world."""
    plane = ControlPlane.start(binaries, scheduler=False, audit=True)
    try:
        load(plane.admin, [obj for objects in recorded(WORLDS / world / "kubernetes").values() for obj in objects])
    except BaseException:
        plane.close()
        raise
    return plane


@pytest.fixture(scope="module")
def demo(binaries: Binaries) -> Iterator[ControlPlane]:
    """The demo's world; tests change only the rights of ``reader``."""
    with started(binaries, "demo") as plane:
        yield plane


@pytest.fixture
def granted(demo: ControlPlane) -> Iterator[ControlPlane]:
    """The demo's world, and ``reader`` has the printed rights for everything."""
    with_rights(demo, list(yaml.safe_load_all(rbac(needed_kinds()))))
    yield demo
    for kind in ("RoleBinding", "ClusterRoleBinding", "ClusterRole", "Role"):
        for role in demo.admin.items(demo.admin.where(RBAC, kind)):
            if role["metadata"]["name"].startswith("clusterproof"):
                demo.admin.delete(demo.admin.path({"apiVersion": RBAC, "kind": kind, **role}))


def with_rights(plane: ControlPlane, objects: list[Raw]) -> None:
    """Creates roles and bindings and waits until the authorizer knows of them."""
    objects = [obj for obj in objects if obj]
    plane.admin.create_all(objects)
    review = plain("authorization.k8s.io/v1", "SelfSubjectRulesReview", "x", spec={"namespace": "dynamo"})
    review["metadata"] = {}
    while "pods" not in str(plane.reader.create(review)["status"]["resourceRules"]):
        pass


def options(plane: ControlPlane, **changes: Any) -> ClusterOptions:
    """For reading as ``reader``."""
    return ClusterOptions(**{"kubeconfig": str(plane.kubeconfig("reader")), **changes})


def aws_of(snapshot: Snapshot) -> list[Answer]:
    """The account of a shipped world, as if it had just been read."""
    tables = [table for table in snapshot.tables.values() if table.kind.origin == "aws"]
    return [Answer(t.kind, tuple(t.lines.line(n) for n in range(len(t))), t.coverage) for t in tables]


def live(plane: ControlPlane, files: Snapshot, **changes: Any) -> Snapshot:
    """The cluster read live, the account from the files."""
    read = read_cluster(options(plane, **changes))
    return assemble([*read.answers, *aws_of(files)], kubernetes_version=read.identity.version)


def added_or_respelt(found: Difference) -> bool:
    """Whether the server only added a default, or writes the same quantity otherwise (``1024Mi``: ``1Gi``)."""
    if found.old is None:
        return True
    return (
        isinstance(found.old, str) and found.path.endswith((".memory", ".cpu")) and parse(found.old) == parse(found.new)
    )


def command(plane: ControlPlane, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user runs it, with the reader's kubeconfig."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KUBE"))}
    env = {**clean, "HOME": str(home), "KUBECONFIG": str(plane.kubeconfig("reader")), "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-m", "clusterproof", *arguments],
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# --- the worlds, whole ---


def holds_the_world(plane: ControlPlane, world: str) -> None:
    """What is read live is what was recorded, and is judged so."""
    files = clusterproof.load_world(world)
    there = live(plane, files)
    found = differences(files, there)
    assert [item for item in found if not added_or_respelt(item)] == []
    whole = {(item.kind, item.key) for item in found if not item.path}
    assert whole <= {("namespaces", "kube-public"), ("namespaces", "kube-node-lease")}, "only the server's own are new"
    for name, table in files.tables.items():
        assert there.tables[name].coverage == table.coverage, name
    judged = [clusterproof.check(snapshot, "dynamo").findings for snapshot in (files, there)]
    assert msgspec.json.encode(judged[1]) == msgspec.json.encode(judged[0])


def test_demo_is_read_and_judged_as_its_files(granted: ControlPlane) -> None:
    """The demo's objects are valid; read back they are what they were but for the server's defaults; same findings."""
    holds_the_world(granted, "demo")


@pytest.mark.parametrize("world", sorted(name for name in DYNAMO_WORLDS if name != "demo"))
def test_other_worlds_are_read_and_judged_as_their_files(binaries: Binaries, world: str) -> None:
    """So is every other shipped world, custom resources included."""
    with started(binaries, world) as plane:
        with_rights(plane, list(yaml.safe_load_all(rbac(needed_kinds()))))
        holds_the_world(plane, world)


def test_printed_rights_are_enough_and_nothing_else_is_asked(granted: ControlPlane) -> None:
    """With the printed ClusterRole nothing is refused, nothing watched and nothing written but reviews of oneself."""
    before = len(granted.asked())
    snapshot = clusterproof.load_live(LiveOptions(kubeconfig=str(granted.kubeconfig("reader")), aws=False))
    needed = [kind for kind in needed_kinds() if kind.origin == "kubernetes"]
    assert {kind.name for kind in needed if snapshot.missing(kind)} == set()
    asked = granted.asked()[before:]
    assert len(asked) > 25
    assert [item for item in asked if item.status == 403] == []
    written = {item.target.partition("?")[0] for item in asked if item.verb not in READ_ONLY}
    assert written <= {
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    }
    assert [item for item in asked if item.verb == "watch" or "watch=" in item.target] == []


def test_every_page_is_followed(granted: ControlPlane) -> None:
    """With a small limit the server's own continue tokens are followed to the end: the same objects, in order."""
    whole = assemble(read_cluster(options(granted), kinds=[kinds.PODS]).answers)
    before = len(granted.asked())
    paged = assemble(read_cluster(options(granted, page=7), kinds=[kinds.PODS]).answers)
    assert paged.tables["pods"].lines.lines == whole.tables["pods"].lines.lines  # type: ignore[attr-defined]
    pages = [query(item) for item in granted.asked()[before:] if item.target.startswith("/api/v1/pods?")]
    assert len(pages) == -(-64 // 7)
    assert {page["limit"] for page in pages} == {"7"}
    tokens = [page.get("continue", "") for page in pages]
    assert len(set(tokens)) == len(tokens)


def query(asked: Asked) -> dict[str, str]:
    """The query of a request."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked.target).query))


# --- the command line ---


def test_snapshot_and_check_read_the_server(granted: ControlPlane, tmp_path: Path) -> None:
    """Who asks is said first; the snapshot that was written is judged as the live cluster is, and as the files are."""
    written = command(granted, tmp_path, "snapshot", "--no-aws", "-o", "x.snapshot")
    assert (written.returncode, written.stdout) == (0, ""), written.stderr
    assert written.stderr.startswith(f"clusterproof: cluster: context demo, {granted.url}, as clusterproof-reader")
    findings, verdicts, versions = [], [], []
    files = WORLDS / "demo" / "kubernetes"
    for source in (("x.snapshot",), ("--no-aws",), (str(files),)):
        done = command(granted, tmp_path, "check", *source, "--profile", "dynamo", "-o", "json")
        assert done.returncode == 3, done.stderr
        report = json.loads(done.stdout)
        findings.append(report["findings"])
        verdicts.append({item["id"]: item["verdict"] for item in report["findings"]})
        versions.append(report["cluster"]["kubernetes_version"])
    assert findings[0] == findings[1]
    assert verdicts[1] == verdicts[2]
    assert len(set(verdicts[1].values())) > 1
    assert versions[:2] == [granted.version, granted.version]
    told = [
        command(granted, tmp_path, "connections", source, "-o", "csv", "-q") for source in ("x.snapshot", "--no-aws")
    ]
    assert told[0].stdout == told[1].stdout
    assert len(told[0].stdout.splitlines()) > 5


def test_without_rights_it_says_what_to_grant(demo: ControlPlane, tmp_path: Path) -> None:
    """A reader whom the server refuses everything: one sentence with who it is and where the rights are, status 4."""
    done = command(demo, tmp_path, "check", "--profile", "dynamo", "--no-aws")
    assert (done.returncode, done.stdout) == (4, "")
    last = done.stderr.splitlines()[-1]
    assert "clusterproof-reader" in last
    assert "clusterproof permissions" in last
    assert "Traceback" not in done.stderr


def test_wrong_token_is_told(demo: ControlPlane, tmp_path: Path) -> None:
    """A credential that the server does not know: 401 in one sentence."""
    config = json.loads(demo.kubeconfig("reader").read_text())
    config["users"][0]["user"]["token"] = "nobody"
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    done = command(demo, tmp_path, "check", "--profile", "dynamo", "--no-aws", "--kubeconfig", str(path))
    assert (done.returncode, done.stdout) == (4, "")
    assert "401" in done.stderr.splitlines()[-1]


# --- rights ---


@pytest.mark.parametrize("left", ["services", "deployments", "networkpolicies"])
def test_a_right_that_is_missing_is_named(granted: ControlPlane, left: str) -> None:
    """One resource less in the ClusterRole: that kind is denied and names its permission; all others are read."""
    role = granted.admin.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/clusterproof-reader")
    for rule in role["rules"]:
        rule["resources"] = [resource for resource in rule["resources"] if resource != left]
    role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
    granted.admin.request("PUT", "/apis/rbac.authorization.k8s.io/v1/clusterroles/clusterproof-reader", role)
    group = {"deployments": "apps", "networkpolicies": "networking.k8s.io"}.get(left, "")
    where = f"/apis/{group}/v1/{left}" if group else f"/api/v1/{left}"
    while granted.reader.there(where):  # the authorizer hears of it a moment later
        pass
    wanted = [kind for kind in needed_kinds() if kind.origin == "kubernetes"]
    read = read_cluster(options(granted), kinds=wanted)
    snapshot = assemble(read.answers)
    denied = {kind.name: missing for kind in wanted if (missing := snapshot.missing(kind)) is not None}
    assert denied.keys() == {left}
    assert denied[left].cause is Cause.DENIED
    assert denied[left].remedy == f"grant list {left}{'.' if group else ''}{group}"
    assert read.identity.may[left] is False


def test_one_namespace_is_read_where_only_it_may_be(demo: ControlPlane) -> None:
    """A Role instead of a ClusterRole: the context's namespace is complete, everything else denied."""
    names = {"name": "clusterproof-dynamo"}
    rules = [{"apiGroups": ["", "apps"], "resources": ["pods", "services", "deployments"], "verbs": ["list"]}]
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "clusterproof-reader"}
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": {**names, "namespace": "dynamo"}, "rules": rules}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", **names}
    binding = {**role, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}
    binding.pop("rules")
    with_rights(demo, [role, binding])
    try:
        config = str(demo.kubeconfig("reader", namespace="dynamo"))
        snapshot = assemble(read_cluster(options(demo, kubeconfig=config)).answers)
        recorded_here = [
            obj for obj in clusterproof.load_world("demo").objects(kinds.PODS) if obj.metadata.namespace == "dynamo"
        ]
        assert [obj.metadata.name for obj in snapshot.objects(kinds.PODS)] == [
            obj.metadata.name for obj in recorded_here
        ]
        for kind in (kinds.PODS, kinds.SERVICES, kinds.DEPLOYMENTS):
            assert snapshot.missing(kind, "dynamo") is None
            elsewhere = snapshot.missing(kind)
            assert elsewhere is not None
            assert elsewhere.cause is Cause.DENIED
        nodes = snapshot.missing(kinds.NODES)
        assert nodes is not None
        assert nodes.remedy == "grant list nodes"
    finally:
        for obj in (binding, role):
            demo.admin.delete(demo.admin.path(obj))


def test_impersonation_is_the_servers(demo: ControlPlane) -> None:
    """--as somebody without rights: the server itself refuses, and names who was refused."""
    config = str(demo.kubeconfig("admin"))
    with pytest.raises(UnreadableClusterError, match="clusterproof-reader"):
        read_cluster(ClusterOptions(kubeconfig=config, as_user="clusterproof-reader"))
    groups = ("system:masters",)
    read = read_cluster(ClusterOptions(kubeconfig=config, as_user="carol", as_groups=groups), kinds=[kinds.NODES])
    assert read.identity.user == "carol"
    assert len(assemble(read.answers).objects(kinds.NODES)) == 12


# --- what comes and goes ---


def test_custom_resources_of_two_versions(control_plane: ControlPlane) -> None:
    """Without its definition there are none; with it and an object, the version that is known here is read."""
    kind = kinds.NODE_POOLS
    names = {"kind": "NodePool", "plural": "nodepools", "singular": "nodepool", "listKind": "NodePoolList"}
    versions = [{"name": "v1", "served": True, "storage": True}, {"name": "v1beta1", "served": True, "storage": False}]
    spec = {"group": "karpenter.sh", "scope": "Cluster", "names": names, "versions": versions}
    crd = plain("apiextensions.k8s.io/v1", "CustomResourceDefinition", "nodepools.karpenter.sh", spec=spec)
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
    template = {"spec": {"nodeClassRef": reference, "requirements": []}}
    pool = plain("karpenter.sh/v1", "NodePool", "gpu", spec={"template": template, "weight": 10})
    reading = ClusterOptions(kubeconfig=str(control_plane.kubeconfig()))
    admin = control_plane.admin
    absent = assemble(read_cluster(reading, kinds=[kind, kinds.NAMESPACES]).answers)
    assert (absent.missing(kind), absent.objects(kind)) == (None, ())
    try:
        load(admin, [crd, pool])
        there = assemble(read_cluster(reading, kinds=[kind, kinds.CRDS]).answers)
        assert [obj.metadata.name for obj in there.objects(kind)] == ["gpu"]
        assert [obj.metadata.name for obj in there.objects(kinds.CRDS)] == ["nodepools.karpenter.sh"]
        admin.delete(admin.path(pool))
        assert assemble(read_cluster(reading, kinds=[kind]).answers).objects(kind) == ()
    finally:
        admin.delete(admin.path(crd))


def test_thousands_of_pods_in_pages(arena: Arena) -> None:
    """1,200 pods come in three pages of 500 and are the objects that were created, each once."""
    names = [f"p{number:04}" for number in range(1200)]
    arena.create([namespace("many"), node("a"), *(pod(name, namespace="many", nodeName="a") for name in names)])
    read = read_cluster(ClusterOptions(kubeconfig=str(arena.plane.kubeconfig())), kinds=[kinds.PODS, kinds.NODES])
    snapshot = assemble(read.answers)
    assert [obj.metadata.name for obj in snapshot.objects(kinds.PODS)] == names
    assert snapshot.missing(kinds.PODS) is None


def test_logs_are_read_through_the_server(arena: Arena, kubelet: Kubelet) -> None:
    """Current and previous logs of a container, through API server and kubelet; without the right it is named."""
    kubelet.logs["default", "web", "main", False] = b"etcd: lease keep alive failed\n"
    kubelet.logs["default", "web", "main", True] = b"before\n"
    arena.create([node("a", kubelet_port=kubelet.port), pod("web", nodeName="a")])
    wanted = [Container("default", "web", "main"), Container("default", "web", "main", previous=True)]
    reading = ClusterOptions(kubeconfig=str(arena.plane.kubeconfig()))
    texts, unread = read_logs(reading, wanted, lambda container, text: (container.previous, text))
    assert texts == ((False, b"etcd: lease keep alive failed\n"), (True, b"before\n"))
    assert unread == ()
    texts, unread = read_logs(options(arena.plane), wanted, lambda container, text: (container.previous, text))
    assert texts == ()
    assert {(item.cause, item.remedy) for item in unread} == {(Cause.DENIED, "grant get pods/log")}
