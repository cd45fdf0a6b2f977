from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.placement.filters import needs_of, structural
from clusterproof.placement.volumes import volume_selectors
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import PersistentVolume, PersistentVolumeClaim
from tests.placement.build import node, spec

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
    """By node affinity, by label, and by a label that names two zones."""
    assert zones(volume_selectors(SPEC, "a", claim("pv"), volume(zone="us-east-1b"))) == [False, True, False]
    assert zones(volume_selectors(SPEC, "a", claim("pv"), volume({ZONE: "us-east-1b"}))) == [False, True, False]
    two = volume({ZONE: "us-east-1c__us-east-1a"})
    assert zones(volume_selectors(SPEC, "a", claim("pv"), two)) == [True, False, True]


def test_an_unbound_claim_restricts_nothing() -> None:
    """Its volume is made where the pod lands."""
    assert volume_selectors(SPEC, "a", claim(""), {}) == ()
    assert volume_selectors(spec(), "a", Unknown(Cause.DENIED, "claims"), {}) == ()


def test_what_was_not_read_is_unknown() -> None:
    """A missing claim, a missing volume, or a kind that could not be read: never no restriction."""
    denied = Unknown(Cause.DENIED, "persistent volumes")
    assert volume_selectors(SPEC, "a", denied, {}) is denied
    assert volume_selectors(SPEC, "a", claim("pv"), denied) is denied
    for answer in (volume_selectors(SPEC, "a", {}, {}), volume_selectors(SPEC, "b", claim("pv"), volume())):
        assert isinstance(answer, Unknown)
    missing = volume_selectors(SPEC, "a", claim("pv"), {})
    assert isinstance(missing, Unknown)
    assert "kubectl get persistentvolumes" in missing.remedy
