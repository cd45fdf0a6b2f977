"""NodeVolumeLimits and VolumeRestrictions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.storage import Objects, Storage
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.build import ROOMY, node, pod
from tests.placement.stored import attachment, claim, driver, made_by, storage, using, volume

FULL = ("NodeVolumeLimits", "node(s) exceed max volume count", False)


def answer(view: NodeView, given: Storage, *, minor: int = 34, more: tuple[NodeView, ...] = (), **spec: Any) -> Any:
    """Truth of the first node, or plugin, reason and whether it is final."""
    cluster = Cluster((view, *more), storage=given)
    found = feasible_now(pod(**spec), cluster, version=SchedulerVersion(minor))[0]
    return found.ok if found.ok is not False else (found.plugin, found.reason, found.final)


def held(*names: str) -> tuple[Any, ...]:
    """Claims, each bound to a volume of its own."""
    return tuple(claim(name, f"pv-{name}") for name in names)


def volumes(*names: str) -> tuple[Any, ...]:
    """Their volumes."""
    return tuple(volume(f"pv-{name}") for name in names)


def test_a_driver_attaches_so_many_volumes() -> None:
    """Those of the node's pods, each once, and the new one's; a further pod of lower priority might go (rule 9.1)."""
    view = node("n", pods=(pod("p", volumes=using("x", "y")), pod("q", volumes=using("y"))))
    given = storage(held("x", "y", "z"), volumes("x", "y", "z"), (made_by(),), (driver("n", 2),))
    assert answer(view, given, volumes=using("z")) == FULL
    assert answer(view, given, volumes=using("y")) is True  # it is there already
    assert answer(view, given, volumes=[]) is True
    roomier = storage(held("x", "y", "z"), volumes("x", "y", "z"), (made_by(),), (driver("n", 3),))
    assert answer(view, roomier, volumes=using("z")) is True
    assert answer(view, roomier, volumes=[*using("z"), {"name": "tmp", "ephemeral": TEMPLATE}]) == FULL


TEMPLATE: dict[str, Any] = {"volumeClaimTemplate": {"spec": {"storageClassName": "gp3"}}}


def test_a_volume_that_is_not_made_yet_counts_for_the_driver_of_its_class() -> None:
    """Also where the class names the in-tree plugin that the driver has taken over (rule 9.1)."""
    for provisioner in ("ebs.csi.aws.com", "kubernetes.io/aws-ebs"):
        given = storage((claim("z"),), (), (made_by(provisioner=provisioner),), (driver("n", 0),))
        assert answer(node("n"), given, volumes=using("z")) == FULL


@pytest.mark.parametrize("count", [None, "absent"])
def test_no_count_no_limit(count: Any) -> None:
    """A driver without a count, and a node without CSINode, have no limit (rule 9.1)."""
    drivers = () if count == "absent" else (driver("n", None),)
    given = storage(held("z"), volumes("z"), (), drivers)
    assert answer(node("n"), given, volumes=using("z")) is True


def test_in_tree_volumes_count_for_the_driver() -> None:
    """A volume and a pod that name an EBS disk as before CSI; one disk is one, however it is written (rule 9.1)."""
    old = volume("pv-x", csi=None, awsElasticBlockStore={"volumeID": "aws://us-east-1a/vol-1"})
    del old["spec"]["csi"]
    view = node("n", pods=(pod("p", volumes=using("x")),))
    given = storage((*held("x"), *held("z")), (old, *volumes("z")), (), (driver("n", 1),))
    assert answer(view, given, volumes=using("z")) == FULL
    inline = [{"name": "d", "awsElasticBlockStore": {"volumeID": "vol-1"}}]
    assert answer(view, given, volumes=inline) is True
    assert answer(view, given, volumes=[{"name": "d", "awsElasticBlockStore": {"volumeID": "vol-2"}}]) == FULL


def test_what_is_attached_without_a_pod_counts_from_1_32() -> None:
    """VolumeAttachments of volumes that no pod of the node uses take a place too (rule 9.1)."""
    given = storage(held("z"), volumes("z", "y"), (), (driver("n", 1),), (attachment("pv-y", "n"),))
    assert answer(node("n"), given, volumes=using("z")) == FULL
    assert answer(node("n"), given, minor=31, volumes=using("z")) is True
    elsewhere = storage(held("z"), volumes("z", "y"), (), (driver("n", 1),), (attachment("pv-y", "m"),))
    assert answer(node("n"), elsewhere, volumes=using("z")) is True


def test_limits_of_the_node_itself_count_up_to_1_31() -> None:
    """``attachable-volumes-csi-…`` in allocatable, where the CSINode names no count (rule 9.1)."""
    view = node("n", allocatable={**ROOMY, "attachable-volumes-csi-ebs.csi.aws.com": "0"})
    given = storage(held("z"), volumes("z"))
    assert answer(view, given, minor=31, volumes=using("z")) == FULL
    assert answer(view, given, minor=32, volumes=using("z")) is True


@pytest.mark.parametrize("kind", ["nodes", "attachments"])
def test_what_was_not_read_is_unknown(kind: str) -> None:
    """Only for a pod with volumes (rule 9.1)."""
    denied = Unknown(Cause.DENIED, kind)
    given = storage(held("z"), volumes("z"), (), (driver("n", 5),))
    without = msgspec.structs.replace(given, **{kind: Objects({}, denied)})
    assert answer(node("n"), without, volumes=using("z")) is denied
    assert answer(node("n"), without) is True


@pytest.mark.parametrize("minor", [33, 34])
def test_a_claim_for_one_pod_at_a_time(minor: int) -> None:
    """Wherever its pod is, no other may have it; the words changed with 1.34 (rule 9.1)."""
    given = storage((claim("x", "pv-x", accessModes=["ReadWriteOncePod"]),), volumes("x"))
    user = node("m", pods=(pod("p", volumes=using("x")),))
    plugin, reason, final = answer(node("n"), given, minor=minor, more=(user,), volumes=using("x"))
    assert (plugin, final) == ("VolumeRestrictions", False)
    assert ("already in-use by another pod" in reason) == (minor >= 34)
    other = node("m", pods=(pod("p", namespace="b", volumes=using("x")),))
    assert answer(node("n"), given, minor=minor, more=(other,), volumes=using("x")) is True


@pytest.mark.parametrize(
    ("source", "read_only"),
    [
        ({"awsElasticBlockStore": {"volumeID": "vol-1"}}, False),
        ({"gcePersistentDisk": {"pdName": "d"}}, True),
        ({"iscsi": {"iqn": "iqn.2001-04.com.example:disk"}}, True),
        ({"rbd": {"monitors": ["m1", "m2"], "image": "i"}}, True),
    ],
)
def test_one_disk_is_mounted_once_on_a_node(source: dict[str, Any], read_only: bool) -> None:
    """Unless both mount it read-only, where the kind of disk knows that (rule 9.1)."""
    ((kind, body),) = source.items()
    mine: dict[str, Any] = {"volumes": [{"name": "d", **source}]}
    taken = ("VolumeRestrictions", "node(s) had no available disk", False)
    assert answer(node("n", pods=(pod("p", **mine),)), storage(), **mine) == taken
    reading: dict[str, Any] = {"volumes": [{"name": "d", kind: {**body, "readOnly": True}}]}
    both = answer(node("n", pods=(pod("p", **reading),)), storage(), **reading)
    assert both == (True if read_only else taken)
    apart: dict[str, Any] = {
        "volumes": [{"name": "d", kind: {**body, "monitors": ["m3"], "volumeID": "vol-2", "pdName": "e", "iqn": "f"}}]
    }
    assert answer(node("n", pods=(pod("p", **mine),)), storage(), **apart) is True
