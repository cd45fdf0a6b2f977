"""``place`` where something was not read, where no scheduler is asked, and where volumes are still to be made."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.placed import May
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.placed import groups, of, two
from tests.world.build import Raw, Tiny

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


def storage_class(tiny: Tiny, **more: Any) -> Tiny:
    """StorageClass ``disk`` of the EBS driver, which waits for the pod's node."""
    made = {"provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer", **more}
    return tiny.put(kinds.STORAGE_CLASSES, {"metadata": {"name": "disk"}, **made})


def allowed(key: str, value: str) -> list[Raw]:
    """Topologies in which a class makes volumes."""
    return [{"matchLabelExpressions": [{"key": key, "values": [value]}]}]


def claim(name: str, volume: str = "") -> Raw:
    """A claim of class ``disk``, bound where a volume is named."""
    spec: Raw = {"storageClassName": "disk", "accessModes": ["ReadWriteOnce"]}
    phase = "Bound" if volume else "Pending"
    return {
        "metadata": {"namespace": "app", "name": name},
        "spec": {**spec, "volumeName": volume},
        "status": {"phase": phase},
    }


def in_zone(name: str, zone: str) -> Raw:
    """A volume that nodes of one zone can have."""
    terms = [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}]
    return {"metadata": {"name": name}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}}


def stateful(tiny: Tiny, replicas: int, **more: Any) -> Tiny:
    """StatefulSet ``app/db`` with a claim template ``data`` of class ``disk``, and no pods."""
    tiny.controller("StatefulSet", "app/db", replicas=replicas)
    template = {"metadata": {"name": "data"}, "spec": {"storageClassName": "disk", "accessModes": ["ReadWriteOnce"]}}
    tiny.objects["statefulsets"][0]["spec"] |= {"volumeClaimTemplates": [template], **more}
    return tiny


@pytest.mark.parametrize("replicas", [0, 1])
def test_the_old_claim_of_a_pod_to_come_binds_it(replicas: int) -> None:
    """A StatefulSet without pods comes back to the volume of its first ordinal (rule 9.1)."""
    tiny = storage_class(stateful(two(), replicas)).put(kinds.CLAIMS, claim("data-db-0", "pv-0"))
    found = of(tiny.put(kinds.VOLUMES, in_zone("pv-0", "us-east-1b")), "sts/app/db")
    assert (groups(found)["a"].may, groups(found)["b"].may, found.now) == (May.NO, May.YES, 1)


def test_ordinals_may_start_elsewhere() -> None:
    """The claims of pods to come are counted from spec.ordinals.start (rule 9.1)."""
    tiny = storage_class(stateful(two(), 1, ordinals={"start": 5})).put(kinds.CLAIMS, claim("data-db-5", "pv-5"))
    found = of(tiny.put(kinds.VOLUMES, in_zone("pv-5", "us-east-1b")), "sts/app/db")
    assert (groups(found)["a"].may, found.now) == (May.NO, 1)


def test_further_pods_get_volumes_of_their_own() -> None:
    """Where the second pod has no volume yet, it may go anywhere, and which is next is not known (rule 9.1)."""
    tiny = storage_class(stateful(two(), 2)).put(kinds.CLAIMS, claim("data-db-0", "pv-0"))
    found = of(tiny.put(kinds.VOLUMES, in_zone("pv-0", "us-east-1b")), "sts/app/db")
    assert (groups(found)["a"].may, found.now) == (May.YES, 3)
    assert found.chances.unknown is not None


def test_claims_to_come_are_made_where_their_class_makes_them() -> None:
    """A claim template of a class that makes volumes in one zone keeps the pods there; of no class it waits (rule 9.1)."""
    tiny = storage_class(stateful(two(), 3), allowedTopologies=allowed(ZONE, "us-east-1b"))
    found = of(tiny, "sts/app/db")
    assert (groups(found)["a"].may, groups(found)["b"].may, found.now) == (May.NO, May.YES, 1)
    assert of(stateful(two(), 3), "sts/app/db").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("kind", [kinds.CLAIMS, kinds.STORAGE_CLASSES])
def test_claims_to_come_of_what_was_not_read(kind: kinds.Kind[Any]) -> None:
    """Without the claims, or their classes, it is not known where a StatefulSet's next pod may be (rule 9.1)."""
    found = of(storage_class(stateful(two(), 1)).drop(kind), "sts/app/db")
    assert (found.verdict, found.now) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize(("key", "value"), [(REGION, "us-east-1"), ("example.com/rack", "r1")])
def test_topologies_that_a_class_allows_are_read_of_nodes(key: str, value: str) -> None:
    """A label that only a storage class asks for is read of every node (rule 9.1)."""
    tiny = storage_class(two(), allowedTopologies=allowed(key, value)).put(kinds.CLAIMS, claim("c"))
    tiny.deployment("app/web", {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]})
    for node in tiny.objects["nodes"]:
        node["metadata"]["labels"][key] = value
    found = of(tiny)
    assert (found.verdict, found.now, groups(found)["a"].ever) == (Verdict.PASS, 3, 2)


def test_zone_labels_of_a_volume_are_read_of_nodes() -> None:
    """A volume with region and zone labels, as in-tree EBS volumes have, is for nodes of both (rule 9.1)."""
    tiny = storage_class(two()).put(kinds.CLAIMS, claim("c", "pv"))
    tiny.put(
        kinds.VOLUMES, {"metadata": {"name": "pv", "labels": {REGION: "us-east-1", ZONE: "us-east-1a"}}, "spec": {}}
    )
    tiny.deployment("app/web", {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]})
    for node in tiny.objects["nodes"]:
        node["metadata"]["labels"][REGION] = "us-east-1"
    found = of(tiny)
    assert (found.verdict, found.now, groups(found)["a"].ever) == (Verdict.PASS, 2, 2)
    assert groups(found)["b"].ever == 0


def test_nodes_unread_leave_now_unknown() -> None:
    """Where the nodes were not read, none is not their number, and other node groups may be there (rule 9.7)."""
    found = of(two().deployment("app/web").drop(kinds.NODES))
    assert found.verdict is Verdict.PASS
    assert (found.now, [group.now for group in found.groups]) == (None, [None, None])
    assert found.sentence == (
        "It may land on a and b: every node group that was read. Which nodes take one now is not known."
    )


def test_namespaces_unread_leave_their_selectors_unknown() -> None:
    """A pod that wants no neighbour from namespaces by label may or may not mean this one (rule 9.1)."""
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {},
        "namespaceSelector": {"matchLabels": {"team": "x"}},
    }
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    tiny = two().deployment("app/web").pod("app/other", "a-0", spec=apart)
    assert of(tiny).now == 3
    found = of(tiny.drop(kinds.NAMESPACES))
    assert (found.verdict, found.now) == (Verdict.PASS, None)
    assert found.chances.unknown is not None
    term["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "app"}}
    assert of(tiny).now == 2


def test_services_unread_leave_the_odds_unknown() -> None:
    """Services say what default spreading counts: without them there are no odds, unless the pod says how to spread.

    (rule 9.6)
    """
    assert of(two().deployment("app/web").drop(kinds.SERVICES)).chances.unknown is not None
    own = {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    found = of(two().deployment("app/web", {"topologySpreadConstraints": [own]}).drop(kinds.SERVICES))
    assert found.chances.unknown is None


def test_no_scheduler_is_asked_of_a_pod_that_names_its_node() -> None:
    """Its kubelet minds what the node holds and NoExecute taints; cordons and NoSchedule are the scheduler's (rule 9.1)."""
    tiny = two().managed("gpu", ["sg-g"], taints=("gpu=yes:NoSchedule",)).deployment("app/web", {"nodeName": "gpu-0"})
    tiny.objects["nodes"][-1]["spec"]["unschedulable"] = True
    found = of(tiny)
    assert (found.verdict, found.now, groups(found)["gpu"].ever) == (Verdict.PASS, 1, 1)
    tiny.objects["nodes"][-1]["spec"]["taints"][0]["effect"] = "NoExecute"
    evicted = of(tiny)
    assert (evicted.now, groups(evicted)["gpu"].ever) == (0, 0)


def test_what_waits_before_any_node_waits_for_new_ones_too() -> None:
    """A pod behind a scheduling gate is not said to get a new node (rule 9.1)."""
    found = of(two().deployment("app/web", {"schedulingGates": [{"name": "example.com/hold"}]}))
    assert found.sentence.endswith("now none takes one: waiting for scheduling gates: [example.com/hold].")


def test_a_class_of_priority_that_is_not_there() -> None:
    """The API server makes no pod of it, and that is said; where classes were not read, it is not (rule 9.1)."""
    tiny = two().deployment("app/web", {"priorityClassName": "gone"})
    assert "the API server makes no pod of PriorityClass gone: there is none" in of(tiny).caveats
    assert of(tiny.drop(kinds.PRIORITY_CLASSES)).caveats == ()


def test_a_sentence_ends_once() -> None:
    """What is not known is told with one full stop, also where it has its own."""
    spec = {"containers": [{"name": "main", "image": "app:1", "resources": {"requests": {"cpu": "9" * 5000}}}]}
    found = of(two().deployment("app/web", spec))
    assert found.verdict is Verdict.UNKNOWN
    assert found.sentence.endswith("is no Kubernetes quantity: write for example 4Gi.")


def test_many_runs_are_given_up_in_time() -> None:
    """Runs whose fractions grow too large are said to be unknown, with what to ask instead (rule 9.4)."""
    tiny = Tiny().managed("a", ["sg-a"], nodes=40).managed("b", ["sg-b"], nodes=40, subnets=("subnet-b",))
    tiny.deployment("app/web")
    size = 40 * 1024 * 1024
    many, few = of(tiny, runs=1000, image_bytes=size).runs, of(tiny, runs=10, image_bytes=size).runs
    assert many is not None
    assert many.unknown is not None
    assert many.unknown.remedy == "ask for fewer: --runs 10"
    assert few is not None
    assert few.unknown is None
    assert sum(one.expected for one in few.groups) == pytest.approx(10)
