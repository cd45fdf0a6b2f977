from __future__ import annotations

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from clusterproof.world.world import World
from tests.world.build import Tiny


def test_family_of_an_ipv6_cluster() -> None:
    """The cluster's description tells the pods' address family, else all Services do."""
    tiny = Tiny()
    assert tiny.world().family == 4
    tiny.objects["clusters"][0]["kubernetesNetworkConfig"] = {"ipFamily": "ipv6"}
    assert tiny.world().family == 6
    tiny.drop(kinds.CLUSTERS).service("app/web", 80, {}, ipFamilies=["IPv6"])
    assert tiny.world().family == 6
    assert tiny.service("app/old", 80, {}, ipFamilies=["IPv4"]).world().family == 4


def test_version() -> None:
    """The control plane's version, else the newest kubelet's by number."""
    tiny = Tiny(version="1.33")
    for name, version in (("a", "v1.9.9-eks-1"), ("b", "v1.31.2-eks-2")):
        tiny.node(name)
        tiny.objects["nodes"][-1]["status"]["nodeInfo"] = {"kubeletVersion": version}
    assert tiny.world().kubernetes_version == "1.33"
    assert tiny.drop(kinds.CLUSTERS).world().kubernetes_version == "v1.31.2-eks-2"
    assert Tiny().drop(kinds.CLUSTERS).world().kubernetes_version == ""


def test_exact_version() -> None:
    """What the API server says where it is of the minor that EKS names; a file of another cluster's is not believed."""
    tiny = Tiny(version="1.3")
    assert tiny.world().exact_version == "1.3"
    for said, exact in (("v1.3.4-eks-1", "v1.3.4-eks-1"), ("v1.34.4", "1.3"), ("1.3", "1.3")):
        tiny.meta = msgspec.structs.replace(tiny.meta, kubernetes_version=said)
        assert tiny.world().exact_version == exact
        assert tiny.world().kubernetes_version == "1.3"


def test_a_world_is_built_anew_for_an_overlay() -> None:
    """An overlay changes the new world and leaves the old one as it was."""
    snapshot = Tiny().managed("a", ["sg-x"], nodes=2).snapshot()
    before = World(snapshot)
    edit = SetField("nodes", "a-1", "spec.taints", [{"key": "k", "effect": "NoSchedule"}])
    after = World(apply(snapshot, Overlay((edit,))))
    assert [item.nodes for item in before.classes] == [("a-0", "a-1")]
    assert [item.nodes for item in after.classes if item.born] == [("a-0",), ("a-1",)]
    assert after.group_of_node == {"a-0": "a", "a-1": "a"}
