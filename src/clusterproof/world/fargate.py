"""Fargate profiles: which pods they take, and the interface that such a pod has.

EKS decides when a pod is made: one that matches a selector of a profile runs on Fargate, alone on a node of its own;
of several profiles the first by name takes it. DaemonSets never run there. A pod has the cluster security group unless
a SecurityGroupPolicy selects it.
Sources: EKS User Guide, "Define which Pods use AWS Fargate when launched" (selectors, wildcards, order), "Simplify
compute management with AWS Fargate" (considerations), "Get started with AWS Fargate for your cluster" (annotation
``eks.amazonaws.com/compute-type: ec2``), "View Amazon EKS security group requirements for clusters".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import FargateProfile, FargateSelector, NetworkInterface
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, Node, Taint
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world.groups import unread
from clusterproof.world.model import Attachment, GroupKind, Interface, NodeGroup, Workload
from clusterproof.world.readable import ARCH, HOSTNAME, OS, ZONE
from clusterproof.world.templates import NEW_NODE, Template
from clusterproof.world.workloads import FARGATE_PROFILE
from clusterproof.world.zones import located, place_labels

COMPUTE_TYPE = "eks.amazonaws.com/compute-type"
TAINT = Taint(COMPUTE_TYPE, "NoSchedule", "fargate")
_GONE = ("DELETING", "CREATE_FAILED")


def undescribed(groups: Iterable[NodeGroup]) -> tuple[Unknown, ...]:
    """Profiles that may take pods and whose selectors were not read."""
    return tuple(
        group.template
        for group in groups
        if group.kind is GroupKind.FARGATE and group.can_grow and isinstance(group.template, Unknown)
    )


class Profiles:
    """Answers which profile takes a workload's pods."""

    def __init__(self, snapshot: Snapshot, unread_profiles: Iterable[Unknown] = ()) -> None:
        self._unread = tuple(unread_profiles)
        # "Fargate picks up the profile based on alphanumeric sorting by profile name."
        found = (item for item in snapshot.objects(kinds.FARGATE_PROFILES) if item.status not in _GONE)
        self._profiles = sorted(found, key=lambda item: item.fargate_profile_name)

    def of(self, workload: Workload) -> str:
        """The profile that takes pods made from the workload's template; empty where none of those described does."""
        if not self._profiles or not _may_be_taken(workload):
            return ""
        matching = [item.fargate_profile_name for item in self._profiles if _takes(item, workload)]
        wanted = workload.labels.get(FARGATE_PROFILE, "")
        if wanted in matching:
            return wanted
        return matching[0] if matching else ""

    def unseen(self, workload: Workload) -> tuple[Unknown, ...]:
        """Profiles that were not read and may take the workload's next pod away from the nodes.

        Pods that run on nodes today say that no profile took *them*; a profile that was made since takes the next.
        """
        return self._unread if _may_be_taken(workload) else ()


def _may_be_taken(workload: Workload) -> bool:
    return not workload.every_node and workload.annotations.get(COMPUTE_TYPE) != "ec2"


def _takes(profile: FargateProfile, workload: Workload) -> bool:
    return any(_selects(selector, workload.namespace, workload.labels) for selector in profile.selectors)


def _selects(selector: FargateSelector, namespace: str, labels: Mapping[str, str]) -> bool:
    """The namespace matches, and each label of the selector is one of the pod's."""
    return _wild(selector.namespace, namespace) and all(
        any(_wild(key, name) and _wild(value, text) for name, text in labels.items())
        for key, value in selector.labels.items()
    )


def _wild(pattern: str, text: str) -> bool:
    parts = ({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def is_node(labels: Labels) -> bool:
    """Whether a node is a Fargate pod's own."""
    return labels.get(COMPUTE_TYPE) == "fargate"


def profile_templates(
    snapshot: Snapshot, group: NodeGroup, siblings: Sequence[Node], readable_keys: Sequence[str]
) -> tuple[Template, ...] | Unknown:
    """One node not yet born per subnet of a profile; or why the profile is not known.

    What it offers is the pod's own size, which :mod:`clusterproof.placement.fargate` judges.
    """
    if group.template is not None:
        return group.template
    if not group.can_grow:
        return ()
    profile = snapshot.get(kinds.FARGATE_PROFILES, group.refs[0].key)
    if profile is None or not profile.subnets:
        return Unknown(Cause.INCOMPLETE, f"Fargate profile {group.name} was described without its subnets")
    return tuple(_template(snapshot, profile, subnet, siblings, readable_keys) for subnet in sorted(profile.subnets))


def _template(
    snapshot: Snapshot, profile: FargateProfile, subnet: str, siblings: Sequence[Node], keys: Iterable[str]
) -> Template:
    found = snapshot.get(kinds.SUBNETS, subnet)
    zone = found.availability_zone if found is not None else ""
    labels = {COMPUTE_TYPE: "fargate", OS: "linux", ARCH: "amd64", HOSTNAME: NEW_NODE}
    unknown: dict[str, Unknown] = {}
    if zone:
        labels |= located(zone, storage="")  # EBS volumes cannot be mounted there
    else:
        why = snapshot.missing(kinds.SUBNETS) or not_collected(kinds.SUBNETS)
        unknown |= dict.fromkeys(place_labels(storage=""), why)
    for key in keys:
        values = {node.metadata.labels.get(key) for node in siblings}
        if key not in labels and key not in unknown and len(values) == 1 and (value := next(iter(values))) is not None:
            labels[key] = value
    host = _interface(snapshot, profile.fargate_profile_name, subnet)
    return Template(labels, unknown, (TAINT,), {}, {}, zone, host, fargate=profile.fargate_profile_name)


def _interface(snapshot: Snapshot, profile: str, subnet: str | Unknown) -> Interface:
    groups: tuple[str, ...] | Unknown = snapshot.missing(kinds.CLUSTERS) or Unknown(
        Cause.INCOMPLETE, "the cluster's description names no cluster security group"
    )
    refs: tuple[Ref, ...] = ()
    for cluster in snapshot.objects(kinds.CLUSTERS):
        group = cluster.resources_vpc_config.cluster_security_group_id
        if group:
            groups = (group,)
            refs = (Ref("clusters", cluster.name, "resourcesVpcConfig.clusterSecurityGroupId", group),)
            break
    if isinstance(subnet, str):
        refs = (*refs, Ref(kinds.FARGATE_PROFILES.name, profile, "subnets", subnet))
    return Interface(Attachment.FARGATE, groups, subnet, groups, subnet, refs, keeps_address=True)


class Hosts:
    """Finds the interface of Fargate nodes that exist: by their address, else by the profile that made them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._by_address: dict[str, NetworkInterface] | None = None

    def _found(self, address: str) -> NetworkInterface | None:
        if self._by_address is None:
            self._by_address = {
                item.private_ip_address: item for item in self._snapshot.objects(kinds.NETWORK_INTERFACES)
            }
        return self._by_address.get(address)

    def of(self, node: Node, profile: str) -> Interface:
        """A node's interface, which is its pod's."""
        for address in node.status.addresses:
            item = self._found(address.address) if address.type == "InternalIP" else None
            if item is not None and item.groups:
                groups = tuple(sorted(group.group_id for group in item.groups))
                key = item.network_interface_id
                refs = (Ref("network-interfaces", key, "Groups", ", ".join(groups)),)
                return Interface(
                    Attachment.FARGATE, groups, item.subnet_id, groups, item.subnet_id, refs, keeps_address=True
                )
        found = self._snapshot.get(kinds.FARGATE_PROFILES, profile)
        zone = node.metadata.labels.get(ZONE, "")
        here = [
            subnet
            for subnet in (found.subnets if found is not None else ())
            if (held := self._snapshot.get(kinds.SUBNETS, subnet)) is not None and held.availability_zone == zone
        ]
        if len(here) == 1:
            return _interface(self._snapshot, profile, here[0])
        what = f"the network interface of Fargate node {node.metadata.name} was not read"
        remedy = f"run: {kinds.NETWORK_INTERFACES.command} > {kinds.NETWORK_INTERFACES.name}.json"
        return _interface(self._snapshot, profile, unread(self._snapshot, kinds.NETWORK_INTERFACES, what, remedy))
