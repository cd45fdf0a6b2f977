from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, FindWorkload, Installed, Profile, WorkloadDefinition
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import profile, requirement
from tests.world.build import Tiny

DENIED = Unknown(Cause.DENIED, "not allowed", "grant it")
AVAILABLE = {
    "observedGeneration": 1,
    "replicas": 1,
    "availableReplicas": 1,
    "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
}


def controller(
    kind: str = "Deployment",
    namespace: str = "keda",
    image: str = "ghcr.io/kedacore/keda:2.15.1",
    *,
    status: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    replicas: int | None = 1,
) -> dict[str, Any]:
    """KEDA's operator, or whatever has its labels."""
    own = {"app": "keda"}
    spec: dict[str, Any] = {"selector": {"matchLabels": own}}
    spec |= {"template": {"metadata": {"labels": own}, "spec": {"containers": [{"name": "k", "image": image}]}}}
    spec |= {"replicas": replicas} if replicas is not None and kind != "DaemonSet" else {}
    meta = {"name": "keda-operator", "namespace": namespace, "generation": 1}
    meta |= {"labels": labels or {}, "annotations": annotations or {}}
    return {"kind": kind, "metadata": meta, "spec": spec, "status": AVAILABLE if status is None else status}


def release(version: str, name: str = "keda", namespace: str = "keda", status: str = "deployed") -> dict[str, Any]:
    """A Helm release as the snapshot keeps it."""
    meta = {"name": name, "namespace": namespace}
    return {"metadata": meta, "chart": "keda", "version": version, "app_version": version, "status": status}


def cluster(*controllers: dict[str, Any]) -> Tiny:
    """A cluster with these controllers."""
    tiny = Tiny()
    for raw in controllers:
        kind = {"Deployment": kinds.DEPLOYMENTS, "DaemonSet": kinds.DAEMON_SETS, "StatefulSet": kinds.STATEFUL_SETS}
        tiny.put(kind[raw["kind"]], raw)
    return tiny


def installed(tiny: Tiny, *, absent: str = "unknown", **options: Any) -> Finding:
    """What the check comes to for the workload ``keda``."""
    asked = requirement(Check(installed=Installed("keda", **options)), absent=absent)
    base = profile(asked)
    own = {"keda": WorkloadDefinition("k", (FindWorkload(labels={"app": "keda"}),))}
    (found,) = findings(Context(tiny.snapshot(), Profile("t", "t", base.document, base.requirements, workloads=own)))
    return found


@pytest.mark.parametrize(
    ("version", "verdict"), [("2.15.1", "pass"), ("v2.16.0", "pass"), ("2.15.0", "fail"), ("2.15.1-rc.1", "fail")]
)
def test_the_helm_release_tells_the_version(version: str, verdict: str) -> None:
    """The chart's version of the deployed release is compared, and the release is evidence."""
    tiny = cluster(controller()).put(kinds.HELM_RELEASES, release("1.0.0", status="superseded"), release(version))
    found = installed(tiny, at_least="2.15.1", chart="keda")
    assert found.verdict.value == verdict
    assert ("helmreleases", "keda/keda", version) in [(ref.kind, ref.key, ref.value) for ref in found.evidence]
    assert "Helm release keda/keda" in found.summary


def test_of_several_releases_that_of_the_workload_counts() -> None:
    """Helm's own annotations say which release brought it; another of the same chart elsewhere is not asked."""
    notes = {"meta.helm.sh/release-name": "mine", "meta.helm.sh/release-namespace": "keda"}
    tiny = cluster(controller(annotations=notes))
    tiny.put(kinds.HELM_RELEASES, release("2.16.0", "mine"), release("1.0.0", "old", "other"))
    assert installed(tiny, at_least="2.15.1", chart="keda").verdict is Verdict.PASS
    tiny = cluster(controller()).put(kinds.HELM_RELEASES, release("2.16.0", "a"), release("1.0.0", "b"))
    assert installed(tiny, at_least="2.15.1", chart="keda").verdict is Verdict.FAIL


def test_the_next_source_is_tried() -> None:
    """Releases unread: the chart's label; without it the add-on or the image's tag; which one was used is told."""
    labelled = cluster(controller(labels={"helm.sh/chart": "keda-2.16.1"})).drop(kinds.HELM_RELEASES)
    found = installed(labelled, at_least="2.15.1", chart="keda")
    assert (found.verdict, found.evidence[0].field) == (Verdict.PASS, "metadata.labels.helm.sh/chart")
    tagged = cluster(controller()).drop(kinds.HELM_RELEASES)
    found = installed(tagged, at_least="2.15.1", version="app")
    assert (found.verdict, found.evidence[0].value) == (Verdict.PASS, "ghcr.io/kedacore/keda:2.15.1")
    assert installed(tagged, at_least="2.15.2", chart="keda", image="keda:(.*)").verdict is Verdict.FAIL


def test_an_image_does_not_count_as_a_chart_does() -> None:
    """Where only the image's tag is left and the profile does not say that it counts alike, the version is unknown."""
    tiny = cluster(controller(image="registry:5000/cluster-autoscaler:v1.30.0"))
    found = installed(tiny, at_least="9.37.0", chart="cluster-autoscaler")
    assert found.verdict is Verdict.UNKNOWN
    assert "counts otherwise" in found.cause


@pytest.mark.parametrize("image", ["keda", "keda:latest", "host:5000/keda", "keda@sha256:0011"])
def test_no_source_at_all_is_unknown(image: str) -> None:
    """No release, no label, no tag that is a version: unknown; what was not read is the cause."""
    found = installed(cluster(controller(image=image)), at_least="1.0.0", chart="keda", version="app")
    assert found.verdict is Verdict.UNKNOWN
    unread = installed(
        cluster(controller(image=image)).partly(kinds.HELM_RELEASES, DENIED), at_least="1.0.0", chart="keda"
    )
    assert unread.cause == "not allowed"


def addon(version: str = "v1.16.2-eksbuild.1", status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    """An EKS add-on."""
    return {"addonName": "vpc-cni", "addonVersion": version, "status": status, **more}


@pytest.mark.parametrize(
    ("version", "verdict"), [("v1.16.2-eksbuild.1", "pass"), ("v1.16.0-eksbuild.9", "fail"), ("v1.20.4", "pass")]
)
def test_an_addon_without_what_eks_adds(version: str, verdict: str) -> None:
    """``-eksbuild.N`` is no pre-release: v1.16.2-eksbuild.1 is not before 1.16.2."""
    tiny = cluster(controller("DaemonSet", status={"desiredNumberScheduled": 2, "numberReady": 2}))
    found = installed(tiny.put(kinds.ADDONS, addon(version)), at_least="1.16.2", version="addon", addon="vpc-cni")
    assert found.verdict.value == verdict


def test_an_addon_must_be_active() -> None:
    """Another status fails, with what EKS says of its health."""
    issues = {"issues": [{"code": "InsufficientNumberOfReplicas", "message": "not scheduled"}]}
    tiny = cluster(controller()).put(kinds.ADDONS, addon(status="DEGRADED", health=issues))
    found = installed(tiny, addon="vpc-cni")
    assert (found.verdict, found.summary) == (Verdict.FAIL, "keda: the add-on vpc-cni is DEGRADED")
    assert "InsufficientNumberOfReplicas: not scheduled" in [ref.value for ref in found.evidence]
    alone = installed(Tiny().put(kinds.ADDONS, addon()), addon="vpc-cni")
    assert alone.verdict is Verdict.UNKNOWN  # EKS calls an add-on active whose pods somebody deleted
    assert "no controller of keda was found in the cluster" in alone.cause


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 1, "replicas": 2, "availableReplicas": 1}, "1 of 2 pods"),
        (
            {"observedGeneration": 1, "availableReplicas": 2, "conditions": [{"type": "Available", "status": "False"}]},
            "False",
        ),
    ],
)
def test_a_deployment_must_be_available(status: dict[str, Any], said: str) -> None:
    """All replicas that it wants, and its own condition."""
    found = installed(cluster(controller(status=status, replicas=2)))
    assert found.verdict is Verdict.FAIL
    assert said in found.summary
    assert installed(cluster(controller(status=status, replicas=2)), ready=False).verdict is Verdict.PASS


def test_states_that_prove_nothing() -> None:
    """No status, or one from before the last change: unknown. A DaemonSet without nodes: pass, with a note."""
    assert installed(cluster(controller(status={}))).verdict is Verdict.UNKNOWN
    raw = controller()
    raw["metadata"]["generation"] = 2
    assert installed(cluster(raw)).verdict is Verdict.UNKNOWN
    none = installed(cluster(controller("DaemonSet", status={"desiredNumberScheduled": 0, "numberReady": 0})))
    assert none.verdict is Verdict.PASS
    assert "not provable today" in none.notes[0]
    some = installed(cluster(controller("DaemonSet", status={"desiredNumberScheduled": 3, "numberReady": 2})))
    assert some.summary == "keda: 2 of 3 pods of ds/keda/keda-operator are ready"
    assert installed(cluster(controller(replicas=0))).verdict is Verdict.FAIL


def test_definitions_must_be_established() -> None:
    """Each CustomResourceDefinition is there and served; unread, or without a status, is unknown."""
    name = "scaledobjects.keda.sh"
    served = {"metadata": {"name": name}, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
    tiny = cluster(controller())
    assert installed(tiny, definitions=(name,)).verdict is Verdict.FAIL
    assert installed(cluster(controller()).put(kinds.CRDS, served), definitions=(name,)).verdict is Verdict.PASS
    bare = cluster(controller()).put(kinds.CRDS, {"metadata": {"name": name}})
    assert installed(bare, definitions=(name,)).verdict is Verdict.UNKNOWN
    assert installed(tiny.drop(kinds.CRDS), definitions=(name,)).verdict is Verdict.UNKNOWN


def test_elsewhere_is_only_told() -> None:
    """Another namespace than the document's is a note."""
    found = installed(cluster(controller(namespace="scaling")), namespace="keda")
    assert found.verdict is Verdict.PASS
    assert found.notes[0] == "keda is in namespace scaling; the document expects keda"


def test_not_installed() -> None:
    """Not there: fail, or not applicable where the profile says so; unread: unknown."""
    assert installed(Tiny()).verdict is Verdict.FAIL
    assert installed(Tiny(), absent="not-applicable").verdict is Verdict.NOT_APPLICABLE
    assert installed(Tiny().partly(kinds.DEPLOYMENTS, DENIED)).cause == "not allowed"
    assert installed(Tiny().drop(kinds.ADDONS), addon="vpc-cni").verdict is Verdict.UNKNOWN


def test_something_else_may_stand_for_it() -> None:
    """`instead` passes with what stands for it; where that was not read, failing is unknown and passing is not."""
    options: dict[str, Any] = {
        "instead": "nodepools.exists(p, true)",
        "using": ("nodepools",),
        "instead_says": "Karpenter",
    }
    pool = {"metadata": {"name": "p"}, "spec": {"template": {"spec": {}}}}
    found = installed(Tiny().put(kinds.NODE_POOLS, pool), **options)
    assert (found.verdict, found.summary) == (Verdict.PASS, "Karpenter")
    assert installed(Tiny(), **options).verdict is Verdict.FAIL
    unread = Tiny().drop(kinds.NODE_POOLS)
    assert installed(unread, **options).verdict is Verdict.UNKNOWN
    assert installed(cluster(controller()).drop(kinds.NODE_POOLS), **options).verdict is Verdict.PASS


def test_auto_mode_brings_it() -> None:
    """A built-in of EKS Auto Mode is there where the cluster says so; a cluster that was not read may be one."""
    auto = Tiny()
    auto.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    found = installed(auto, addon="eks-pod-identity-agent", built_in=True)
    assert (found.verdict, found.evidence[0].field) == (Verdict.PASS, "computeConfig.enabled")
    assert installed(Tiny(), built_in=True).verdict is Verdict.FAIL
    assert installed(Tiny().drop(kinds.CLUSTERS), built_in=True).verdict is Verdict.UNKNOWN


def test_pods_that_are_left_are_no_component() -> None:
    """Pods whose DaemonSet is gone do not stand for it; where DaemonSets were not read, that is not known."""
    owner = {"kind": "DaemonSet", "name": "keda-operator", "controller": True, "apiVersion": "apps/v1", "uid": "u"}
    meta = {"name": "keda-1", "namespace": "keda", "labels": {"app": "keda"}, "ownerReferences": [owner]}
    pod = {"metadata": meta, "spec": {"nodeName": "n", "containers": [{"name": "k", "image": "k:1.0.0"}]}}
    assert installed(Tiny().put(kinds.PODS, pod)).summary == "keda is not installed"
    unread = installed(Tiny().put(kinds.PODS, pod).partly(kinds.DAEMON_SETS, DENIED))
    assert (unread.verdict, unread.cause) == (Verdict.UNKNOWN, "not allowed")
