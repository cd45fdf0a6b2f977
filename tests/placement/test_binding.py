"""VolumeBinding and VolumeZone as they stand now."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster
from clusterproof.placement.storage import Objects, Storage
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.build import node, pod
from tests.placement.stored import ZONE, claim, made_by, storage, using, volume

NEW = SchedulerVersion(34)
EPHEMERAL = {"volumeClaimTemplate": {"spec": {"storageClassName": "gp3"}}}


def now(given: Storage, *, version: SchedulerVersion = NEW, **spec: Any) -> list[Feasibility]:
    """The answers of three nodes, one in each zone."""
    nodes = tuple(node(f"n{zone}", labels={ZONE: zone}) for zone in "abc")
    return list(feasible_now(pod(**{"volumes": using("data"), **spec}), Cluster(nodes, storage=given), version=version))


def words(given: Storage, **more: Any) -> set[tuple[str, str]]:
    """The plugin and the reason that all nodes share."""
    answers = now(given, **more)
    assert all(one.ok is False and one.final and one.whole for one in answers)
    return {(one.plugin, one.reason) for one in answers}


@pytest.mark.parametrize(
    ("minor", "text"),
    [(32, "node(s) had volume node affinity conflict"), (33, "node(s) didn't match PersistentVolume's node affinity")],
)
def test_a_bound_volume_is_where_it_is(minor: int, text: str) -> None:
    """Other nodes are refused, for good, in the words of the version (rule 9.1)."""
    bound = storage((claim(volume="pv"),), (volume(zone="b"),), (made_by(),))
    answers = now(bound, version=SchedulerVersion(minor))
    assert [one.ok for one in answers] == [False, True, False]
    assert (answers[0].plugin, answers[0].reasons, answers[0].final) == ("VolumeBinding", (text,), True)


def test_zone_labels_of_a_volume() -> None:
    """Their plugin has words of its own (rule 9.1)."""
    bound = storage((claim(volume="pv"),), (volume(labels={ZONE: "a__c"}),))
    answers = now(bound)
    assert [one.ok for one in answers] == [True, False, True]
    assert (answers[1].plugin, answers[1].reason) == ("VolumeZone", "node(s) had no available volume zone")


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ((), ("VolumeRestrictions", 'persistentvolumeclaim "data" not found')),
        ((claim(storageClassName=""),), ("VolumeBinding", "pod has unbound immediate PersistentVolumeClaims")),
        ((claim(storageClassName="none"),), ("VolumeBinding", "pod has unbound immediate PersistentVolumeClaims")),
        ((claim(storageClassName="now"),), ("VolumeBinding", "pod has unbound immediate PersistentVolumeClaims")),
        (
            (claim(volumeName="pv"),),  # a wish for a volume that is not granted yet
            ("VolumeBinding", "pod has unbound immediate PersistentVolumeClaims"),
        ),
        (
            (claim(volume="pv", phase="Lost"),),
            ("VolumeBinding", 'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"'),
        ),
        ((claim(volume="gone"),), ("VolumeZone", 'persistentvolume "gone" not found')),
    ],
)
def test_what_refuses_the_pod_as_a_whole(claims: Any, wanted: tuple[str, str]) -> None:
    """No node is looked at, and no preemption helps (rule 9.1)."""
    given = storage(claims, (volume(),), (made_by(), made_by("now", volumeBindingMode="Immediate")))
    assert words(given) == {wanted}


def test_a_claim_that_is_being_deleted() -> None:
    """It takes no further pod (rule 9.1)."""
    raw = claim(volume="pv")
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert words(storage((raw,), (volume(),))) == {("VolumeBinding", 'persistentvolumeclaim "data" is being deleted')}


def test_a_volume_that_is_made_for_the_pod() -> None:
    """Where the class makes volumes, or where one is free that suits (rule 9.1)."""
    everywhere = storage((claim(),), (), (made_by(),))
    assert [one.ok for one in now(everywhere)] == [True, True, True]
    some = storage((claim(),), (), (made_by(zones=("b",)),))
    answers = now(some)
    assert [one.ok for one in answers] == [False, True, False]
    assert answers[0].reason == "node(s) didn't find available persistent volumes to bind"
    free = storage((claim(),), (volume(zone="c"),), (made_by(zones=("b",)),))
    assert [one.ok for one in now(free)] == [False, True, True]
    other: dict[str, Any] = {"namespace": "a", "name": "other"}
    taken = storage((claim(),), (volume(zone="c", claimRef=other),), (made_by(zones=("b",)),))
    assert [one.ok for one in now(taken)] == [False, True, False]


@pytest.mark.parametrize(
    "spec",
    [
        {"capacity": {"storage": "1Gi"}},
        {"volumeMode": "Block"},
        {"accessModes": ["ReadOnlyMany"]},
        {"storageClassName": "gp2"},
        {"phase": "Released"},
        {"labels": {"disk": "slow"}},
        {"volumeAttributesClassName": "gold"},
    ],
)
def test_a_volume_that_does_not_suit(spec: dict[str, Any]) -> None:
    """Size, mode, access, class, phase, labels and attributes have to be as the claim wants them (rule 9.1)."""
    wants = claim(resources={"requests": {"storage": "2Gi"}}, selector={"matchLabels": {"disk": "fast"}})
    static = made_by(provisioner="kubernetes.io/no-provisioner")
    good: dict[str, Any] = {"labels": {"disk": "fast"}, "capacity": {"storage": "2Gi"}}
    assert [one.ok for one in now(storage((wants,), (volume(**good),), (static,)))] == [True, True, True]
    assert [one.ok for one in now(storage((wants,), (volume(**{**good, **spec}),), (static,)))] == [False] * 3


def test_two_claims_take_two_volumes() -> None:
    """A volume serves one claim; the smaller claim chooses first, and takes the smallest (rule 9.1)."""
    static = made_by(provisioner="kubernetes.io/no-provisioner")
    claims = tuple(claim(name, resources={"requests": {"storage": f"{size}Gi"}}) for name, size in (("x", 5), ("y", 1)))
    two = (volume("one", "a", capacity={"storage": "1Gi"}), volume("two", "a", capacity={"storage": "5Gi"}))
    answers = now(storage(claims, two, (static,)), volumes=using("x", "y"))
    assert [one.ok for one in answers] == [True, False, False]
    assert [one.ok for one in now(storage(claims, two[1:], (static,)), volumes=using("x", "y"))] == [False] * 3


def test_a_node_was_chosen_for_the_claim() -> None:
    """While its volume is being made, no other node is possible (rule 9.1)."""
    raw = claim()
    raw["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": "nb"}
    assert [one.ok for one in now(storage((raw,), (), (made_by(),)))] == [False, True, False]


def test_the_claim_of_an_ephemeral_volume() -> None:
    """Before it is there, as its controller will make it; a claim of that name of somebody else's refuses (rule 9.1)."""
    own: dict[str, Any] = {"volumes": [{"name": "tmp", "ephemeral": EPHEMERAL}]}
    classes = (made_by(zones=("b",)),)
    assert [one.ok for one in now(storage((), (), classes), **own)] == [False, True, False]
    stranger = storage((claim("me-tmp"),), (), classes)
    assert words(stranger, **own) == {
        ("VolumeBinding", "PVC a/me-tmp was not created for pod a/me (pod is not owner)"),
    }
    mine = claim("me-tmp")
    mine["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "me", "controller": True}]
    assert [one.ok for one in now(storage((mine,), (), classes), **own)] == [False, True, False]


def test_whether_a_driver_has_room_is_unknown() -> None:
    """Storage capacity is not read: of a driver that may ask for it, nothing is said, but that it makes volumes (rule 9.1)."""
    wants = claim(resources={"requests": {"storage": "2Gi"}})
    answers = now(storage((wants,), (), (made_by(provisioner="local.csi.example.com", zones=("b",)),)))
    assert answers[0].ok is False
    assert isinstance(answers[1].ok, Unknown)
    assert "CSIStorageCapacity" in str(answers[1].ok)


@pytest.mark.parametrize("kind", ["claims", "volumes", "classes"])
def test_what_was_not_read_is_unknown(kind: str) -> None:
    """Each kind in turn, where it decides; a pod without claims does not mind (rule 9.1)."""
    denied = Unknown(Cause.DENIED, kind)
    given = storage((claim(volume="pv" if kind == "volumes" else ""),), (), (made_by(),))
    without = msgspec.structs.replace(given, **{kind: Objects({}, denied)})
    assert all(one.ok is denied for one in now(without))
    assert all(one.ok is True for one in now(without, volumes=[]))
