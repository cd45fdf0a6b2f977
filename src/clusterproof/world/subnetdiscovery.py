"""Subnet discovery of the VPC CNI: the subnets and groups of the interfaces that it makes for pods.

Each release knows more than the one before, and one thing was taken back:

========  ===============================================================================================
from      what
========  ===============================================================================================
1.18.0    subnets of the node's VPC and zone that are tagged ``kubernetes.io/role/cni`` (not ``0``) are used too
1.22.1    the node's own subnet is left out where its tag is ``0``; a subnet with tags
          ``cni.networking.k8s.aws/cluster/NAME`` serves the clusters of these names only
1.22.1    interfaces in other subnets get the VPC's groups tagged ``kubernetes.io/role/cni`` = ``1``, where there are
1.22.2    … no longer: they get the groups of the primary interface again
========  ===============================================================================================

What 1.22.0 did was not established, nor whether a release after 1.23 reads tagged groups again; nor is a version that
does not stand in the image's tag. There the answer is unknown where it would differ. That other subnets need tagged
groups (pull request 3706) was never released.
Sources: Amazon EKS User Guide, "Configure subnet selection for Pod IP addresses"; amazon-vpc-cni-k8s README,
ENABLE_SUBNET_DISCOVERY; release notes of v1.18.0, v1.22.2 and v1.23.0; pull requests 3463 (exclusion, groups), 3647
(cluster tags; none are read where CLUSTER_NAME is empty), 3722 (groups switched off).
"""

from __future__ import annotations

import re
from collections import defaultdict

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Subnet, Tag
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Container
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Attachment, Interface

TAG = "kubernetes.io/role/cni"
_CLUSTER_TAG = "cni.networking.k8s.aws/cluster/"
_VERSION = re.compile(r":v?(\d+)\.(\d+)\.(\d+)")
_DAEMON_SET = "kube-system/aws-node"

Version = tuple[int, ...]


class Discovery:
    """Answers where the VPC CNI makes the interfaces of ordinary pods.

    Args:
        snapshot: subnets and groups with their tags, and DaemonSet aws-node.
        enabled: ENABLE_SUBNET_DISCOVERY.
    """

    def __init__(self, snapshot: Snapshot, *, enabled: bool) -> None:
        self._snapshot = snapshot
        container = _container(snapshot)
        self.version = _version(container)
        self._container = container
        self._cluster = self.variable("CLUSTER_NAME")
        self._enabled = enabled and self._since((1, 18, 0)) is not False
        self._tagged: defaultdict[tuple[str, str], list[Subnet]] = defaultdict(list)
        for subnet in snapshot.objects(kinds.SUBNETS) if self._enabled else ():
            if _value(subnet.tags, TAG) not in (None, "0"):
                self._tagged[subnet.vpc_id, subnet.availability_zone].append(subnet)
        self._unread = _unread_subnets(snapshot) if self._enabled else None

    def _since(self, version: Version, unsure: Version | None = None) -> bool | None:
        """Whether a release or a later one runs; None where that was not read, or is the unsure one."""
        if self.version is None or self.version == unsure:
            return None
        return self.version >= version

    def places(self, host: Interface, zone: str) -> tuple[Interface, ...]:
        """The interfaces that may come up, at least one; the own subnet first, the others by id.

        Args:
            host: the node's primary interface.
            zone: the node's.
        """
        base = Interface(
            Attachment.SECONDARY, host.security_groups, host.subnet, host.security_groups, host.subnet, host.refs
        )
        own = self._snapshot.get(kinds.SUBNETS, host.subnet) if isinstance(host.subnet, str) else None
        if own is None or not self._enabled:
            return (base,)
        result = list(self._own(base, own))
        for subnet in sorted(self._tagged.get((own.vpc_id, zone), ()), key=lambda item: item.subnet_id):
            if subnet.subnet_id != own.subnet_id:
                result += self._other(base, subnet)
        if self._unread is not None:
            result.append(msgspec.structs.replace(base, subnet=self._unread))
        if result:
            return tuple(result)
        what = f"subnet {own.subnet_id} is tagged {TAG}=0 and no other subnet in {zone} is for pods, so they get no address"
        nowhere = Unknown(Cause.ERROR, what, f"tag a subnet in {zone} {TAG}=1")
        return (msgspec.structs.replace(base, security_groups=nowhere, subnet=nowhere),)

    def left_out(self, host: Interface) -> Interface | None:
        """The interface in the own subnet of a node, where that subnet is or may be left out for new pods."""
        own = self._snapshot.get(kinds.SUBNETS, host.subnet) if isinstance(host.subnet, str) else None
        if own is None or not self._enabled or _value(own.tags, TAG) != "0":
            return None
        return msgspec.structs.replace(host, attachment=Attachment.SECONDARY)

    def variable(self, name: str) -> str | Unknown:
        """A setting of the VPC CNI; empty where it is not set."""
        return _variable(self._container, name)

    def _own(self, base: Interface, own: Subnet) -> tuple[Interface, ...]:
        if _value(own.tags, TAG) != "0":
            return (base,)
        excludes = self._since((1, 22, 1), unsure=(1, 22, 0))
        if excludes is None:
            what = f"whether the VPC CNI leaves out subnet {own.subnet_id}, tagged {TAG}=0, depends on its version"
            return (msgspec.structs.replace(base, subnet=self._depends(what)),)
        return () if excludes else (base,)

    def _other(self, base: Interface, subnet: Subnet) -> tuple[Interface, ...]:
        refs = (*base.refs, Ref("subnets", subnet.subnet_id, "Tags", TAG))
        groups = self._groups(subnet.vpc_id, base)
        found = msgspec.structs.replace(base, subnet=subnet.subnet_id, security_groups=groups, refs=refs)
        named = {tag.key.removeprefix(_CLUSTER_TAG) for tag in subnet.tags if tag.key.startswith(_CLUSTER_TAG)}
        if not named or self._cluster == "" or self._cluster in named:
            return (found,)
        reserved = self._since((1, 22, 1), unsure=(1, 22, 0))
        if reserved is False:
            return (found,)
        if reserved is None or isinstance(self._cluster, Unknown):
            what = f"whether the VPC CNI leaves subnet {subnet.subnet_id} to cluster {', '.join(sorted(named))} is not known"
            why = self._cluster if isinstance(self._cluster, Unknown) else self._depends(what)
            return (msgspec.structs.replace(found, subnet=why),)
        return ()

    def _groups(self, vpc: str, base: Interface) -> tuple[str, ...] | Unknown:
        """Of an interface in another subnet than the node's: the tagged groups in the one release that reads them."""
        version = self.version
        unsure = version is None or version == (1, 22, 0) or version >= (1, 24, 0)
        reads = None if unsure else version == (1, 22, 1)
        if reads is False:
            return base.security_groups
        tagged = tuple(
            sorted(
                group.group_id
                for group in self._snapshot.objects(kinds.SECURITY_GROUPS)
                if group.vpc_id == vpc and _value(group.tags, TAG) == "1"
            )
        )
        if reads:
            return self._snapshot.missing(kinds.SECURITY_GROUPS) or tagged or base.security_groups
        if not tagged or tagged == base.security_groups:
            return base.security_groups
        what = (
            f"whether the VPC CNI gives interfaces in other subnets the groups tagged {TAG}=1 ({', '.join(tagged)}) "
            "or the node's depends on its version"
        )
        return self._depends(what)

    def _depends(self, what: str) -> Unknown:
        shown = "does not show in its image" if self.version is None else f"is {'.'.join(map(str, self.version))}"
        return Unknown(
            Cause.NOT_MODELLED, f"{what}, which {shown} (DaemonSet {_DAEMON_SET})", "run VPC CNI 1.22.2 or 1.23"
        )


def _container(snapshot: Snapshot) -> Container | None:
    sets = [item for item in snapshot.objects(kinds.DAEMON_SETS) if item.metadata.name == "aws-node"]
    sets.sort(key=lambda item: (item.metadata.namespace != "kube-system", item.metadata.namespace))
    for item in sets[:1]:
        for container in item.spec.template.spec.containers:
            if container.name == "aws-node":
                return container
    return None


def _version(container: Container | None) -> Version | None:
    match = _VERSION.search(container.image) if container is not None else None
    return tuple(int(part) for part in match.groups()) if match else None


def _variable(container: Container | None, name: str) -> str | Unknown:
    for item in container.env if container is not None else ():
        if item.name == name:
            if item.value_from is None:
                return item.value
            what = f"{name} of DaemonSet {_DAEMON_SET} comes from another object, which is not read"
            return Unknown(Cause.NOT_MODELLED, what)
    return ""


def _value(tags: tuple[Tag, ...], key: str) -> str | None:
    return next((tag.value for tag in tags if tag.key == key), None)


def _unread_subnets(snapshot: Snapshot) -> Unknown | None:
    """Why a pod's interface may be in a subnet that was not read."""
    missing = snapshot.missing(kinds.SUBNETS)
    if missing is None:
        return None
    what = f"whether more subnets carry the tag {TAG} is not known: {missing.detail}"
    return Unknown(missing.cause, what, missing.remedy)
