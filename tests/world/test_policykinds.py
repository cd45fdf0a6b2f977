from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Container
from clusterproof.world import policykinds
from clusterproof.world.model import DataPlane
from tests.world.build import Tiny

AGENT = ["--enable-network-policy=true"]
OWN_CALICO = ("networkpolicies-calico", "globalnetworkpolicies")
OWN_CILIUM = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")
UPSTREAM = (policykinds.ADMIN, policykinds.BASELINE, policykinds.CLUSTER)


def plane(image: str, *, engine: str = "", agent: bool = True) -> DataPlane:
    """The data plane with an image for aws-node, or for the engine that enforces."""
    tiny = Tiny().cni({}, None if engine or not agent else AGENT)
    if engine:
        spec: dict[str, Any] = {"containers": [{"name": engine, "image": image}], "hostNetwork": True}
        return tiny.controller("DaemonSet", f"kube-system/{engine}", spec).world().plane
    tiny.objects["daemonsets"][-1]["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return tiny.world().plane


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.20.4-eksbuild.2", False),
        ("602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.21.1-eksbuild.7", True),
        ("mirror:5000/amazon-k8s-cni:v2.0.0", True),
        ("mirror:5000/amazon-k8s-cni@sha256:abc", None),
        ("", None),
    ],
)
def test_the_vpc_cni_reads_its_own_kind_from_its_release_on(image: str, expected: bool | None) -> None:
    """ClusterNetworkPolicy of networking.k8s.aws from 1.21; without a version it is unknown; no upstream kind (rule 7.10)."""
    found = plane(image)
    enforced = found.enforces(policykinds.AWS_CLUSTER)
    assert isinstance(enforced, Unknown) if expected is None else enforced is expected
    assert [found.enforces(name) for name in (*UPSTREAM, *OWN_CALICO, *OWN_CILIUM)] == [False] * 7
    assert isinstance(found.enforces(policykinds.APPLICATION), Unknown)


def test_without_an_agent_nothing_is_read() -> None:
    """Where nothing enforces NetworkPolicies, policies of other kinds have no effect either (rule 7.10)."""
    found = plane("r/amazon-k8s-cni:v1.21.1", agent=False)
    assert not any(found.enforces(kind.name) for kind in kinds.OTHER_POLICIES)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("v3.28.2", (False, False, False)),
        ("v3.29.0", (True, False, False)),
        ("v3.31.3", (True, True, False)),
        ("v3.32.0", (False, False, True)),
        ("master", (None, None, None)),
    ],
)
def test_calico_reads_by_its_release(tag: str, expected: tuple[bool | None, ...]) -> None:
    """AdminNetworkPolicy from 3.29, its baseline from 3.30, both replaced in 3.32; its own kinds always (rule 7.10)."""
    found = plane(f"quay.io/calico/node:{tag}", engine="calico-node")
    for name, answer in zip(UPSTREAM, expected, strict=True):
        enforced = found.enforces(name)
        assert isinstance(enforced, Unknown) if answer is None else enforced is answer
    assert [found.enforces(name) for name in (*OWN_CALICO, *OWN_CILIUM, policykinds.AWS_CLUSTER)] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_cilium_reads_its_own() -> None:
    """Cilium's kinds count; of the upstream kinds it is not known (rule 7.10)."""
    found = plane("quay.io/cilium/cilium:v1.18.1", engine="cilium")
    assert [found.enforces(name) for name in (*OWN_CILIUM, *OWN_CALICO)] == [True, True, False, False]
    assert all(isinstance(found.enforces(name), Unknown) for name in UPSTREAM)


def test_auto_mode() -> None:
    """EKS Auto Mode reads AWS's kinds where its controller is switched on; beside aws-node both must agree (rule 7.10)."""
    tiny = Tiny().remove(kinds.DAEMON_SETS, "kube-system/aws-node")
    tiny.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    assert not tiny.world().plane.enforces(policykinds.AWS_CLUSTER)
    switch = {"metadata": {"namespace": "kube-system", "name": "amazon-vpc-cni"}}
    tiny.put(kinds.CONFIG_MAPS, {**switch, "data": {"enable-network-policy-controller": "true"}})
    assert tiny.world().plane.enforces(policykinds.AWS_CLUSTER) is True
    assert tiny.world().plane.enforces(policykinds.APPLICATION) is True
    assert isinstance(tiny.cni({}, AGENT).world().plane.enforces(policykinds.AWS_CLUSTER), Unknown)


def test_the_version_is_that_of_the_image_asked_for() -> None:
    """A port of a registry is no version, and other images say nothing."""
    images = [
        Container("init", "r:443/amazon-k8s-cni-init:v9.9"),
        Container("aws-node", "r:443/amazon-k8s-cni:v1.18.3"),
    ]
    assert policykinds.image_version(images, "amazon-k8s-cni") == (1, 18)
    assert policykinds.image_version([Container("a", "r:443/amazon-k8s-cni")], "amazon-k8s-cni") is None
