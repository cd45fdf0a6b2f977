"""Which engine enforces which kinds of policy, besides NetworkPolicy.

A kind that the engine of a cluster does not read has no effect there, however many objects of it were left behind.
Sources: EKS User Guide, "Limit Pod traffic with Kubernetes network policies" and "Restrict Pod network traffic with
Kubernetes network policies" (administrators' policies from VPC CNI 1.21), "Use Network Policies with EKS Auto Mode"
(ApplicationNetworkPolicy there only); aws/amazon-network-policy-controller-k8s ``api/v1alpha1`` (of cluster-wide
kinds it knows ClusterNetworkPolicy of networking.k8s.aws alone; AdminNetworkPolicy was asked for in issue 237 of
aws-network-policy-agent); projectcalico/calico release notes 3.29 (AdminNetworkPolicy), pull requests 9464
(BaselineAdminNetworkPolicy, 3.30), 10810 and 11144 (3.32: ClusterNetworkPolicy in place of both).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Container
from clusterproof.world.selectors import Truth

Version = tuple[int, int]
Kinds = tuple[tuple[str, Truth], ...]
"""Kinds by name, with whether they are enforced."""

ADMIN = "adminnetworkpolicies"
BASELINE = "baselineadminnetworkpolicies"
CLUSTER = "clusternetworkpolicies"
AWS_CLUSTER = "clusternetworkpolicies-aws"
APPLICATION = "applicationnetworkpolicies"
_CALICO = ("networkpolicies-calico", "globalnetworkpolicies")
_CILIUM = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")

_NAMES = tuple(kind.name for kind in kinds.OTHER_POLICIES)
_NEVER: Version = (10**6, 0)
_CALICO_READS: dict[str, tuple[Version, Version]] = {
    ADMIN: ((3, 29), (3, 32)),
    BASELINE: ((3, 30), (3, 32)),
    CLUSTER: ((3, 32), _NEVER),
}
"""Kind: the first release that reads it, and the first that does not any more."""
_TAG = re.compile(r":v?(\d+)\.(\d+)[^:/]*$")


def image_version(containers: Iterable[Container], image: str) -> Version | None:
    """Major and minor release in the tag of the first image whose repository ends in a name; None where none tells."""
    for container in containers:
        match = _TAG.search(container.image)
        if match is not None and container.image[: match.start()].rpartition("/")[2] == image:
            return int(match[1]), int(match[2])
    return None


def none() -> Kinds:
    """Nothing enforces policies of any kind."""
    return _kinds({})


def undecided(why: Unknown) -> Kinds:
    """Whether anything enforces policies is not known."""
    return _kinds(dict.fromkeys(_NAMES, why))


def vpc_cni(version: Version | None) -> Kinds:
    """Those that the VPC CNI's agent enforces.

    Args:
        version: of the image amazon-k8s-cni; None where it cannot be read.
    """
    found: dict[str, Truth] = {}
    what = "whether the VPC CNI enforces ApplicationNetworkPolicies outside EKS Auto Mode was not established"
    found[APPLICATION] = Unknown(Cause.NOT_MODELLED, what)
    if version is None:
        what = "whether the VPC CNI enforces ClusterNetworkPolicies depends on its version (1.21), which does not show"
        found[AWS_CLUSTER] = Unknown(Cause.INCOMPLETE, what, f"run: {kinds.DAEMON_SETS.command}")
    else:
        found[AWS_CLUSTER] = version >= (1, 21)
    return _kinds(found)


def auto_mode() -> Kinds:
    """Those that nodes of EKS Auto Mode enforce where its network policy controller is on."""
    return _kinds({AWS_CLUSTER: True, APPLICATION: True})


def calico(version: Version | None) -> Kinds:
    """Those that Calico enforces.

    Args:
        version: of the image of calico-node; None where it cannot be read.
    """
    found: dict[str, Truth] = dict.fromkeys(_CALICO, True)
    for name, (since, until) in _CALICO_READS.items():
        if version is None:
            what = f"whether Calico enforces {name} depends on its version, which does not show in its image"
            found[name] = Unknown(Cause.INCOMPLETE, what, f"run: {kinds.DAEMON_SETS.command}")
        else:
            found[name] = since <= version < until
    return _kinds(found)


def cilium() -> Kinds:
    """Those that Cilium enforces; that it reads those of Kubernetes' network policy API is asked for only."""
    asked = Unknown(
        Cause.NOT_MODELLED,
        "whether this version of Cilium enforces policies of policy.networking.k8s.io was not established (issue 23380)",
    )
    return _kinds(dict.fromkeys(_CILIUM, True) | dict.fromkeys(_CALICO_READS, asked))


def together(one: Kinds, other: Kinds) -> Kinds:
    """Two engines on different nodes of one cluster: where they differ it is not told which node enforces."""
    what = "nodes of EKS Auto Mode and the other nodes differ in whether they enforce {}"
    first, second = dict(one), dict(other)
    return _kinds(
        {
            name: first[name] if first[name] == second[name] else Unknown(Cause.NOT_MODELLED, what.format(name))
            for name in _NAMES
        }
    )


def _kinds(known: dict[str, Truth]) -> Kinds:
    return tuple((name, known.get(name, False)) for name in _NAMES)
