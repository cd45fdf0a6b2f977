from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import Places, places
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from tests.world.build import Tiny, on


def of(tiny: Tiny, workload: str = "deploy/app/web") -> Places:
    """Where a workload may be."""
    world = tiny.world()
    return places(world, world.by_id[workload])


def where(tiny: Tiny, workload: str = "deploy/app/web") -> list[str]:
    """The classes of its places."""
    return [place.node_class.id for place in of(tiny, workload).places]


def two() -> Tiny:
    """Two groups, ``a`` in zone a and ``b`` in zone b."""
    return Tiny().managed("a", ["sg-a"], nodes=2).managed("b", ["sg-b"], subnets=("subnet-b",))


def test_everywhere_without_wishes() -> None:
    """A pod that asks for nothing may be on every class (rule 9.1)."""
    assert where(two().deployment("app/web")) == ["a#0", "b#0"]


def test_refusals_in_the_schedulers_words() -> None:
    """Classes that refuse are kept, counted by nodes (rule 9.1)."""
    found = of(two().deployment("app/web", on("c")))
    assert not found.places
    assert found.message == "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."


def test_nothing_at_all() -> None:
    """Without any node or group there is nothing to summarise (rule 9.1)."""
    assert of(Tiny().deployment("app/web")).message == "there is no node and no node group that would take it."


def test_today_never_counts() -> None:
    """A cordoned, full or not-ready node is feasible tomorrow (rules 11.8, 9.1)."""
    tiny = two().deployment("app/web", {"containers": [{"name": "c", "resources": {"requests": {"cpu": "6"}}}]})
    for raw in tiny.objects["nodes"]:
        raw["spec"]["unschedulable"] = True
        raw["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]
    tiny.pod("app/full", "a-0", spec={"containers": [{"name": "c", "resources": {"requests": {"cpu": "8"}}}]})
    assert where(tiny) == ["a#0", "b#0"]


def test_template_that_names_a_node() -> None:
    """NodeName in a template binds to that node, also if it is not the first of its class (rule 9.1)."""
    tiny = two().deployment("app/web", {"nodeName": "a-1"})
    found = of(tiny).places
    assert [place.node_class.nodes for place in found if place.doubt is None] == [("a-1",)]


def claimed(tiny: Tiny, zones: dict[str, str]) -> Tiny:
    """A StatefulSet ``app/db`` with a pod per claim, each bound to a volume in a zone."""
    tiny.controller("StatefulSet", "app/db", replicas=len(zones))
    for number, (claim, zone) in enumerate(zones.items()):
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
        tiny.pod(f"app/db-{number}", owner="StatefulSet/db", spec={"volumes": [volume]})
        tiny.put(kinds.CLAIMS, {"metadata": {"namespace": "app", "name": claim}, "spec": {"volumeName": f"pv-{claim}"}})
        expression = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
        tiny.put(kinds.VOLUMES, {"metadata": {"name": f"pv-{claim}"}, "spec": {"nodeAffinity": affinity}})
    return tiny


def test_volume_zones() -> None:
    """A bound volume keeps its pod in its zone; pods of other claims may be elsewhere (rule 9.1)."""
    assert where(claimed(two(), {"one": "us-east-1a"}), "sts/app/db") == ["a#0"]
    assert where(claimed(two(), {"one": "us-east-1a", "two": "us-east-1b"}), "sts/app/db") == ["a#0", "b#0"]


@pytest.mark.parametrize("kind", [kinds.CLAIMS, kinds.VOLUMES])
def test_volumes_that_were_not_read(kind: kinds.Kind[Any]) -> None:
    """Without claims or volumes every place is in doubt, none is refused (rule 9.1)."""
    found = of(claimed(two(), {"one": "us-east-1a"}).drop(kind), "sts/app/db").places
    assert [place.node_class.id for place in found] == ["a#0", "b#0"]
    assert all(isinstance(place.doubt, Unknown) for place in found)


def test_ebs_zone_label_of_a_group_at_zero() -> None:
    """A volume that names the EBS driver's own zone label may still be attached on a node not yet born (rule 9.1)."""
    tiny = claimed(Tiny().managed("zero", ["sg-x"], nodes=0), {"one": "us-east-1a"})
    terms = tiny.objects["persistentvolumes"][0]["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    terms[0]["matchExpressions"][0]["key"] = "topology.ebs.csi.aws.com/zone"
    found = of(tiny, "sts/app/db").places
    assert [(place.node_class.id, place.doubt) for place in found] == [("zero+0", None)]


def test_unknown_label_leaves_a_doubt() -> None:
    """A selector over a label that only running nodes show keeps the place, in doubt (rule 9.1)."""
    tiny = (
        Tiny()
        .managed("zero", ["sg-x"], nodes=0)
        .deployment("app/web", {"nodeSelector": {"nvidia.com/gpu.present": "true"}})
    )
    (place,) = of(tiny).places
    assert isinstance(place.doubt, Unknown)
    assert place.doubt.cause is Cause.NOT_MODELLED


def test_unknown_taints_leave_a_doubt_unless_all_are_tolerated() -> None:
    """Taints in user data that is not read matter to a pod that does not tolerate everything (rule 9.1)."""
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "1"}})
    tiny.launch_template("lt-x", {"SecurityGroupIds": ["sg-x"]})
    tiny.deployment("app/web").deployment("app/all", {"tolerations": [{"operator": "Exists"}]})
    assert [place.doubt is None for place in of(tiny).places] == [False]
    assert [place.doubt is None for place in of(tiny, "deploy/app/all").places] == [True]


def test_text() -> None:
    """A place in words: group, first node with the count, zone."""
    tiny = two().managed("zero", ["sg-x"], nodes=0).deployment("app/web")
    assert [place.text for place in of(tiny).places] == [
        "a (a-0 and 1 more, us-east-1a)",
        "b (b-0, us-east-1b)",
        "zero (a node not yet born, us-east-1a)",
    ]
