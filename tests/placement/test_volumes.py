from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.filters import needs_of, structural
from clusterproof.placement.storage import Objects, Storage
from clusterproof.placement.version import SchedulerVersion
from clusterproof.placement.volumes import volume_rules, volume_selectors
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import PersistentVolume, PersistentVolumeClaim, StorageClass
from tests.placement.build import node, spec

replace = msgspec.structs.replace
ZONE = "topology.kubernetes.io/zone"
SPEC = spec(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "scratch"}])


def claim(volume: str) -> dict[str, PersistentVolumeClaim]:
    """A claim by its key."""
    body = {"metadata": {"name": "data", "namespace": "a"}, "spec": {"volumeName": volume}}
    return {"a/data": msgspec.convert(body, PersistentVolumeClaim)}


def volume(labels: dict[str, str] | None = None, zone: str = "") -> dict[str, PersistentVolume]:
    """A volume by its name, as the EBS driver makes it (node affinity) or as the old one did (labels)."""
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}} if zone else {}
    body = {"metadata": {"name": "pv", "labels": labels or {}}, "spec": affinity}
    return {"pv": msgspec.convert(body, PersistentVolume)}


def zones(selectors: Any) -> list[bool]:
    """Feasibility in three zones."""
    views = [node(f"n{zone}", labels={ZONE: f"us-east-1{zone}"}) for zone in "abc"]
    return [structural(needs_of(SPEC), view, selectors).ok is True for view in views]


def test_a_bound_volume_binds_its_pod_to_a_zone() -> None:
    """By node affinity, by label, and by a label that names two zones (rule 9.1)."""
    assert zones(volume_selectors(SPEC, "a", claim("pv"), volume(zone="us-east-1b"))) == [False, True, False]
    assert zones(volume_selectors(SPEC, "a", claim("pv"), volume({ZONE: "us-east-1b"}))) == [False, True, False]
    two = volume({ZONE: "us-east-1c__us-east-1a"})
    assert zones(volume_selectors(SPEC, "a", claim("pv"), two)) == [True, False, True]


@pytest.mark.parametrize(
    ("minor", "words"),
    [(32, "node(s) had volume node affinity conflict"), (33, "node(s) didn't match PersistentVolume's node affinity")],
)
def test_a_bound_volume_refuses_in_the_words_of_the_version(minor: int, words: str) -> None:
    """Ever says what that scheduler says now, of rules and of bare selectors (rule 9.1)."""
    version = SchedulerVersion(minor)
    there = Storage(claims=Objects(claim("pv")), volumes=Objects(volume(zone="us-east-1b")))
    rules = volume_rules(SPEC, "a", there, version=version)
    bare = volume_selectors(SPEC, "a", claim("pv"), volume(zone="us-east-1b"))
    for asked in (rules, bare):
        answer = structural(needs_of(SPEC), node("na", labels={ZONE: "us-east-1a"}), asked, version=version)
        assert (answer.ok, answer.reasons) == (False, (words,))


def storage_class(name: str = "gp3", **more: Any) -> dict[str, StorageClass]:
    """A class of the EBS driver that waits for the pod, by its name."""
    body = {"metadata": {"name": name}, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer"}
    return {name: msgspec.convert({**body, **more}, StorageClass)}


def of_class(name: str | None, **more: Any) -> dict[str, PersistentVolumeClaim]:
    """A claim of a class that has no volume yet, by its key."""
    body = {"metadata": {"name": "data", "namespace": "a"}, "spec": {"storageClassName": name, **more}}
    return {"a/data": msgspec.convert(body, PersistentVolumeClaim)}


def classes(*given: dict[str, StorageClass]) -> Storage:
    """Storage with these classes alone."""
    return Storage(classes=Objects({name: one for item in given for name, one in item.items()}))


def test_an_unbound_claim_restricts_nothing() -> None:
    """Its volume is made where the pod lands, by its own class or by the default one (rule 9.1)."""
    assert volume_selectors(SPEC, "a", of_class("gp3"), {}, classes(storage_class())) == ()
    default: dict[str, Any] = {
        "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    }
    assert volume_selectors(SPEC, "a", of_class(None), {}, classes(storage_class(**default))) == ()
    assert volume_selectors(spec(), "a", Unknown(Cause.DENIED, "claims"), {}) == ()


def test_allowed_topologies_say_where_a_volume_can_be_made() -> None:
    """One of the terms; besides, wherever a volume is that the claim may take (rule 9.7)."""
    terms = [{"matchLabelExpressions": [{"key": ZONE, "values": ["us-east-1a"]}]}]
    made = classes(storage_class(allowedTopologies=terms))
    assert zones(volume_selectors(SPEC, "a", of_class("gp3"), {}, made)) == [True, False, False]
    static = volume(zone="us-east-1c")
    free = {"pv": msgspec.structs.replace(static["pv"], spec=replace(static["pv"].spec, storage_class_name="gp3"))}
    assert zones(volume_selectors(SPEC, "a", of_class("gp3"), free, made)) == [True, False, True]
    assert zones(volume_selectors(SPEC, "a", of_class("gp3"), static, made)) == [True, False, False]


def test_a_class_that_makes_no_volumes() -> None:
    """Only the volumes that are there count, and while there is none it is not known where one will be (rule 9.7)."""
    local = classes(storage_class("local", provisioner="kubernetes.io/no-provisioner"))
    none = volume_selectors(SPEC, "a", of_class("local"), {}, local)
    assert isinstance(none, Unknown)
    assert "there is no volume, nor a storage class that makes one" in none.detail
    static = volume(zone="us-east-1c")["pv"]
    there = {"pv": msgspec.structs.replace(static, spec=replace(static.spec, storage_class_name="local"))}
    assert zones(volume_selectors(SPEC, "a", of_class("local"), there, local)) == [False, False, True]


def test_the_claim_of_an_ephemeral_volume() -> None:
    """It is made for each pod from the template, so its class says where it can be (rule 9.1)."""
    template = {"volumeClaimTemplate": {"spec": {"storageClassName": "gp3"}}}
    own = spec(volumes=[{"name": "scratch", "ephemeral": template}])
    terms = [{"matchLabelExpressions": [{"key": ZONE, "values": ["us-east-1b"]}]}]
    made = classes(storage_class(allowedTopologies=terms))
    rules = volume_selectors(own, "a", {}, {}, made)
    assert zones(rules) == [False, True, False]
    unread = Storage(classes=Objects(missing=Unknown(Cause.DENIED, "storage classes")))
    assert isinstance(volume_selectors(own, "a", {}, {}, unread), Unknown)


def test_a_node_without_zones_is_let_pass() -> None:
    """Zone labels of a volume say nothing of a node that has none; old keys count as the new ones (rule 9.1)."""
    old = volume({"failure-domain.beta.kubernetes.io/zone": "us-east-1b"})
    assert zones(volume_selectors(SPEC, "a", claim("pv"), old)) == [False, True, False]
    bare = structural(needs_of(SPEC), node("bare"), volume_selectors(SPEC, "a", claim("pv"), old) or ())
    assert bare.ok is True


def test_what_was_not_read_is_unknown() -> None:
    """A missing claim, a missing volume, or a kind that could not be read: never no restriction (rule 9.1)."""
    denied = Unknown(Cause.DENIED, "persistent volumes")
    assert volume_selectors(SPEC, "a", denied, {}) is denied
    assert volume_selectors(SPEC, "a", claim("pv"), denied) is denied
    for answer in (volume_selectors(SPEC, "a", {}, {}), volume_selectors(SPEC, "b", claim("pv"), volume())):
        assert isinstance(answer, Unknown)
    missing = volume_selectors(SPEC, "a", claim("pv"), {})
    assert isinstance(missing, Unknown)
    assert "there is no persistent volume pv" in missing.detail
    assert isinstance(volume_selectors(SPEC, "a", of_class("gone"), {}), Unknown)
    unread = Storage(classes=Objects(missing=Unknown(Cause.DENIED, "storage classes")))
    assert volume_selectors(SPEC, "a", of_class("gp3"), {}, unread) == unread.classes.missing
