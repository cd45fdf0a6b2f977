"""Claims in a world: node classes of which only some nodes have devices, groups at zero, labels that slices read."""

from __future__ import annotations

from typing import Any

from clusterproof.checks.today import cluster_today, next_pod
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.places import Places, places
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.devices.build import Raw, device, exactly, published
from tests.world.build import Tiny

WANTS: dict[str, Any] = {"resourceClaims": [{"name": "x", "resourceClaimTemplateName": "t"}]}
WORKLOAD = "deploy/app/web"


def tiny(*slices: Raw, **request: Any) -> Tiny:
    """Groups ``a`` (two nodes, may grow to three) and ``z`` (at zero), and a workload with a claim."""
    made = Tiny(version="1.34").managed("a", nodes=2, size=(0, 2, 3)).managed("z", nodes=0, size=(0, 0, 2))
    template = {
        "metadata": {"name": "t", "namespace": "app"},
        "spec": {"spec": {"devices": {"requests": [exactly(**request)]}}},
    }
    made.put(kinds.RESOURCE_SLICES, *slices).put(kinds.RESOURCE_CLAIM_TEMPLATES, template)
    made.put(kinds.DEVICE_CLASSES, {"metadata": {"name": "gpu"}, "spec": {}})
    return made.deployment("app/web", WANTS)


def of(made: Tiny) -> Places:
    """Where the workload may be."""
    world = made.world()
    return places(world, world.by_id[WORKLOAD])


def groups(found: Places) -> dict[str, str]:
    """Group, born or not, to ``yes``, ``doubt`` or the refusal."""
    told = {
        (one.node_class.group, one.node_class.born): "doubt" if one.doubt is not None else "yes" for one in found.places
    }
    told |= {(one.node_class.group, one.node_class.born): one.feasibility.reason for one in found.refused}
    return {f"{group}{'' if born else '+'}": answer for (group, born), answer in sorted(told.items())}


def test_one_node_of_a_class_with_devices_is_enough() -> None:
    """Nodes that rules cannot tell apart may differ in what drivers publish on them (rule 9.1)."""
    second = published("s", [device("d0")], nodeName="a-1")
    assert groups(of(tiny(second))) == {"a": "yes", "z+": "doubt"}
    assert groups(of(tiny(second, count=2)))["a"] == "cannot allocate all claims"


def test_a_node_not_yet_born_is_predicted_from_its_siblings() -> None:
    """Of a group with a node, its devices; of one at zero, only what all nodes can use (rule 9.1)."""
    made = tiny(published("s", [device("d0")], nodeName="a-0"))
    made.objects["nodegroups"][0]["taints"] = [{"key": "new", "value": "y", "effect": "NO_SCHEDULE"}]
    made.objects["deployments"][-1]["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
    answers = groups(of(made))
    assert (answers["a"], answers["a+"], answers["z+"]) == ("yes", "yes", "doubt")
    everywhere = published("s", [device("d0")], allNodes=True)
    assert groups(of(tiny(everywhere)))["z+"] == "yes"


def test_labels_that_slices_read_are_kept() -> None:
    """A slice for nodes with a label that no pod reads (rule 9.1)."""
    term = {"matchExpressions": [{"key": "fabric", "operator": "In", "values": ["blue"]}]}
    made = tiny(published("s", [device("d0")], nodeSelector={"nodeSelectorTerms": [term]}))
    made.managed("b", nodes=1, labels={"fabric": "blue"})
    answers = groups(of(made))
    assert (answers["a"], answers["b"]) == ("cannot allocate all claims", "yes")


def test_a_kind_that_was_not_read_leaves_every_place_in_doubt() -> None:
    """Slices, classes or templates: the permission is named (rule 9.1)."""
    for kind in (kinds.RESOURCE_SLICES, kinds.DEVICE_CLASSES, kinds.RESOURCE_CLAIM_TEMPLATES):
        made = tiny(published("s", [device("d0")], nodeName="a-0"))
        why = Unknown(Cause.DENIED, f"no permission {kind.permission}")
        found = of(made.partly(kind, why))
        assert {place.doubt for place in found.places} == {why}
        assert not found.refused


def test_today_devices_of_any_namespace_are_taken() -> None:
    """The odds rest on the cluster as it stands: claims elsewhere that were not read make it unknown (rule 9.1)."""
    made = tiny(published("s", [device("d0")], nodeName="a-0"))
    held = {
        "metadata": {"name": "c", "namespace": "kube-system"},
        "status": {
            "allocation": {
                "devices": {"results": [{"request": "r", "driver": "gpu.example.com", "pool": "s", "device": "d0"}]}
            }
        },
    }

    def now(one: Tiny) -> list[Any]:
        world = one.world()
        workload = world.by_id[WORKLOAD]
        return [answer.ok for answer in feasible_now(next_pod(workload), cluster_today(world, workload))]

    assert now(made) == [True, False]
    assert now(made.put(kinds.RESOURCE_CLAIMS, held)) == [False, False]
    why = Unknown(Cause.DENIED, "no permission list resourceclaims")
    assert now(made.partly(kinds.RESOURCE_CLAIMS, why)) == [why, why]
