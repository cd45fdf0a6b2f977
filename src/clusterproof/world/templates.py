"""Nodes not yet born: what a group's current template would make.

Labels and taints come from the node group's own description, or from the
Cluster Autoscaler's tags; what only running nodes show (feature discovery) is
predicted from siblings where they agree, else unknown. Security groups come
from the launch template; a managed node group whose template names none gets
the cluster security group.
Sources: EKS user guide "Customize managed nodes with launch templates" ("If you
specify custom security groups in the launch template … Amazon EKS doesn't add
the cluster security group"); kubelet and cloud provider well-known labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import (
    AutoScalingGroup,
    LaunchTemplateSpecification,
    LaunchTemplateVersion,
    Nodegroup,
)
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, Node, Quantity, Taint
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world.capacity import capacity
from clusterproof.world.groups import EKS_NODEGROUP, tag_map, unread
from clusterproof.world.model import Attachment, GroupKind, Interface, NodeGroup, PodNetwork
from clusterproof.world.readable import ARCH, HOSTNAME, INSTANCE_TYPE, OS, REGION, ZONE

_NODE_TEMPLATE = "k8s.io/cluster-autoscaler/node-template/"
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
_DISCOVERED = (
    "nvidia.com/",
    "feature.node.kubernetes.io/",
    "amd.com/",
    "vpc.amazonaws.com/",
    "k8s.amazonaws.com/",
    "eks.amazonaws.com/",
    "topology.k8s.aws/",
    "topology.kubernetes.io/",
    "topology.ebs.csi.aws.com/",
    "node.kubernetes.io/",
    "beta.kubernetes.io/",
)
"""Labels under these come from agents, the kubelet or the cloud's controller, not from the group's own description."""
_OWN = ("vpc.amazonaws.com/externalEniConfig",)
"""Labels under these that only a user gives."""
# The EBS CSI driver copies the zone into a label of its own, which older volumes' node affinity names.
ZONE_LABELS = (ZONE, "failure-domain.beta.kubernetes.io/zone", "topology.ebs.csi.aws.com/zone")
REGION_LABELS = (REGION, "failure-domain.beta.kubernetes.io/region")
TYPE_LABELS = (INSTANCE_TYPE, "beta.kubernetes.io/instance-type")
NEW_NODE = "(new node)"


class Template(msgspec.Struct, frozen=True):
    """One kind of node that a group would make: one per subnet and instance type."""

    labels: Labels
    unknown_labels: dict[str, Unknown]
    taints: tuple[Taint, ...] | Unknown
    allocatable: dict[str, Quantity] | Unknown
    annotations: Labels
    zone: str
    host: Interface
    pod_network: PodNetwork | None = None
    fargate: str = ""
    devices_known: bool = True


_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "karpenter.sh/disrupt")
_LEAVING = ("ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/unregistered")
"""Taints of a node that comes or goes (Cluster Autoscaler, ``utils/taints``; Karpenter, ``apis/v1``)."""


def located(zone: str) -> dict[str, str]:
    """The labels that a node gets from its Availability Zone (``us-west-2a``)."""
    return dict.fromkeys(ZONE_LABELS, zone) | dict.fromkeys(REGION_LABELS, zone.rstrip("abcdefghijklmnopqrstuvwxyz"))


def structural_taints(taints: Iterable[Taint]) -> tuple[Taint, ...]:
    """Taints that do not pass by themselves: without ``node.kubernetes.io/*``, Karpenter's and agents' start-up taints.

    Preferences (PreferNoSchedule) stay: they change the odds. Karpenter's own (``karpenter.sh/unregistered``,
    ``karpenter.sh/disrupted``) stand on nodes that come or go.
    """
    return tuple(
        sorted(
            (
                taint
                for taint in taints
                if not taint.key.startswith(_PASSING)
                and taint.key not in _LEAVING
                and not taint.key.endswith("agent-not-ready")
            ),
            key=lambda taint: (taint.key, taint.effect, taint.value),
        )
    )


def templates(
    snapshot: Snapshot, group: NodeGroup, siblings: Sequence[Node], readable_keys: Sequence[str]
) -> tuple[Template, ...] | Unknown:
    """What an Auto Scaling group would make next, one per subnet and instance type; or why that is not known.

    NodePools and Fargate profiles have modules of their own.
    """
    if group.template is not None:
        return group.template
    if not group.can_grow:
        return ()
    found: tuple[Template, ...]
    match group.kind:
        case GroupKind.EKS_MANAGED:
            nodegroup = snapshot.get(kinds.NODEGROUPS, group.refs[0].key)
            if nodegroup is None:
                return not_collected(kinds.NODEGROUPS)
            found = _managed(snapshot, nodegroup, siblings, readable_keys)
        case GroupKind.AUTO_SCALING:
            asg = snapshot.get(kinds.AUTO_SCALING_GROUPS, group.refs[0].key)
            if asg is None:
                return not_collected(kinds.AUTO_SCALING_GROUPS)
            found = _self_managed(snapshot, asg, siblings, readable_keys)
        case _:
            return ()
    return found or Unknown(Cause.INCOMPLETE, f"node group {group.name} may grow, and its description names no subnet")


def _managed(
    snapshot: Snapshot, nodegroup: Nodegroup, siblings: Sequence[Node], keys: Sequence[str]
) -> tuple[Template, ...]:
    fixed = dict(nodegroup.labels) | {
        EKS_NODEGROUP: nodegroup.nodegroup_name,
        "eks.amazonaws.com/capacityType": nodegroup.capacity_type,
        OS: "windows" if nodegroup.ami_type.startswith("WINDOWS") else "linux",
    }
    own = [Taint(taint.key, _EFFECTS.get(taint.effect, taint.effect), taint.value) for taint in nodegroup.taints]
    spec = nodegroup.launch_template
    version = None
    ref = Ref("nodegroups", nodegroup.nodegroup_name)
    groups: tuple[str, ...] | Unknown = ()
    if spec is not None:
        found = resolve(snapshot, LaunchTemplateSpecification(spec.id, spec.name, spec.version))
        if isinstance(found, Unknown):
            groups = found
        else:
            version = found
            groups, ref = _ids(version)
    if groups == ():
        groups, ref = _cluster_group(snapshot, nodegroup)
    # EKS gives a node what the description says; user data may say more (kubelet's --node-labels and
    # --register-with-taints), and so may a template that was not read.
    told = spec is None or (version is not None and not _has_user_data(snapshot, version))
    taints = structural_taints(own)
    if not told:
        taints = with_sibling_taints(taints, siblings)
    types = nodegroup.instance_types
    if not types and version is not None and version.launch_template_data.instance_type:
        types = (version.launch_template_data.instance_type,)
    return _expand(snapshot, nodegroup.subnets, types, fixed, taints, (groups, ref), siblings, keys, own_labels=told)


def _has_user_data(snapshot: Snapshot, version: LaunchTemplateVersion) -> bool:
    if version.launch_template_data.user_data:
        return True
    key = f"{version.launch_template_id}/{version.version_number}"
    field = "LaunchTemplateData.UserData"
    return snapshot.unknown_field(kinds.LAUNCH_TEMPLATE_VERSIONS, key, field) is not None


def _self_managed(
    snapshot: Snapshot, asg: AutoScalingGroup, siblings: Sequence[Node], keys: Sequence[str]
) -> tuple[Template, ...]:
    tags = tag_map(asg.tags)
    label_prefix, taint_prefix = f"{_NODE_TEMPLATE}label/", f"{_NODE_TEMPLATE}taint/"
    fixed = {key.removeprefix(label_prefix): value for key, value in tags.items() if key.startswith(label_prefix)}
    fixed.setdefault(OS, "linux")
    tagged = tuple(
        Taint(key.removeprefix(taint_prefix), value.rpartition(":")[2], value.rpartition(":")[0])
        for key, value in tags.items()
        if key.startswith(taint_prefix)
    )
    taints: tuple[Taint, ...] | Unknown
    if siblings:
        taints = with_sibling_taints(structural_taints(tagged), siblings)
    elif tagged:
        taints = structural_taints(tagged)
    else:
        taints = Unknown(
            Cause.NOT_COLLECTED,
            f"the taints of Auto Scaling group {asg.auto_scaling_group_name} stand in its user data, which is not read",
            f"tag the group {taint_prefix}KEY (or give it one node)",
        )
    subnets = tuple(part.strip() for part in asg.vpc_zone_identifier.split(",") if part.strip())
    result: list[Template] = []
    for spec, types in _launches(asg):
        made, groups = _launch(snapshot, asg, spec, types)
        result += _expand(snapshot, subnets, made, fixed, taints, groups, siblings, keys, own_labels=False)
    return tuple(result)


_Launch = tuple[LaunchTemplateSpecification | None, tuple[str, ...]]


def _launches(asg: AutoScalingGroup) -> list[_Launch]:
    """Each launch template that the group may use, with the instance types that it is used for.

    An override of a mixed instances policy may name a launch template of its own (EC2 Auto Scaling API,
    LaunchTemplateOverrides).
    """
    if asg.launch_template is not None or asg.mixed_instances_policy is None:
        return [(asg.launch_template, ())]
    mixed = asg.mixed_instances_policy.launch_template
    found: dict[LaunchTemplateSpecification, list[str]] = {}
    for override in mixed.overrides:
        spec = override.launch_template_specification or mixed.launch_template_specification
        found.setdefault(spec, []).extend([override.instance_type] if override.instance_type else [])
    return [(spec, tuple(types)) for spec, types in found.items()] or [(mixed.launch_template_specification, ())]


def _launch(
    snapshot: Snapshot, asg: AutoScalingGroup, spec: LaunchTemplateSpecification | None, types: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...] | Unknown, Ref]]:
    """The instance types and the security groups (with evidence) of what one launch template makes."""
    ref = Ref("auto-scaling-groups", asg.auto_scaling_group_name, "LaunchTemplate")
    if spec is None:
        what = f"Auto Scaling group {asg.auto_scaling_group_name} uses a launch configuration, which is not modelled"
        return types, (Unknown(Cause.NOT_MODELLED, what), ref)
    found = resolve(snapshot, spec)
    if isinstance(found, Unknown):
        return types, (found, ref)
    groups, ref = _ids(found)
    if groups == ():
        groups = Unknown(Cause.NOT_MODELLED, f"{ref.key} names no security group (the VPC's default applies)")
    if not types and found.launch_template_data.instance_type:
        types = (found.launch_template_data.instance_type,)
    return types, (groups, ref)


def resolve(snapshot: Snapshot, spec: LaunchTemplateSpecification) -> LaunchTemplateVersion | Unknown:
    """The launch template version that a specification means today; ``$Default`` and ``$Latest`` are looked up."""
    versions = [
        version
        for version in snapshot.objects(kinds.LAUNCH_TEMPLATE_VERSIONS)
        if version.launch_template_id == spec.launch_template_id
        or (spec.launch_template_name and version.launch_template_name == spec.launch_template_name)
    ]
    name = spec.launch_template_id or spec.launch_template_name
    wanted: LaunchTemplateVersion | None
    if spec.version == "$Latest" and snapshot.missing(kinds.LAUNCH_TEMPLATE_VERSIONS) is not None:
        wanted = None  # a later version than those read may exist
    elif spec.version == "$Latest":
        wanted = max(versions, key=lambda version: version.version_number, default=None)
    elif spec.version in ("$Default", ""):
        wanted = next((version for version in versions if version.default_version), None)
    else:
        wanted = next((version for version in versions if str(version.version_number) == spec.version), None)
    if wanted is not None:
        return wanted
    command = f"aws ec2 describe-launch-template-versions --launch-template-id {name} --output json"
    remedy = f"run: {command} > {name}.json"
    what = f"launch template {name} version {spec.version or '$Default'} was not read"
    return unread(snapshot, kinds.LAUNCH_TEMPLATE_VERSIONS, what, remedy)


def template_groups(version: LaunchTemplateVersion) -> tuple[tuple[str, ...], Ref]:
    """The security groups that a launch template gives the primary interface; empty when it names none."""
    key = f"{version.launch_template_id}/{version.version_number}"
    data = version.launch_template_data
    for interface in data.network_interfaces:
        if interface.device_index == 0 and interface.network_card_index == 0 and interface.groups:
            groups = tuple(sorted(interface.groups))
            return groups, Ref("launch-template-versions", key, "NetworkInterfaces[0].Groups", ", ".join(groups))
    groups = tuple(sorted(data.security_group_ids))
    return groups, Ref("launch-template-versions", key, "SecurityGroupIds", ", ".join(groups))


def _ids(version: LaunchTemplateVersion) -> tuple[tuple[str, ...] | Unknown, Ref]:
    """As :func:`template_groups`; unknown where the template has names (of groups in a default VPC), not ids."""
    groups, ref = template_groups(version)
    names = version.launch_template_data.security_groups
    if groups or not names:
        return groups, ref
    what = f"launch template {ref.key} names its security groups ({', '.join(names)}) by name, not by id"
    return Unknown(Cause.NOT_MODELLED, what), ref


def _cluster_group(snapshot: Snapshot, nodegroup: Nodegroup) -> tuple[tuple[str, ...] | Unknown, Ref]:
    """The cluster security group, and the one that EKS makes for remote access where the group has it.

    Source: EKS API, NodegroupResources ("The remote access security group associated with the node group").
    """
    for cluster in snapshot.objects(kinds.CLUSTERS):
        group = cluster.resources_vpc_config.cluster_security_group_id
        if group:
            field = "resourcesVpcConfig.clusterSecurityGroupId"
            remote = nodegroup.resources.remote_access_security_group
            ids = tuple(sorted({group, remote} - {""}))
            return ids, Ref("clusters", cluster.name, field, group)
    unknown = snapshot.missing(kinds.CLUSTERS) or Unknown(
        Cause.INCOMPLETE, "the cluster's description names no cluster security group"
    )
    return unknown, Ref("nodegroups", nodegroup.nodegroup_name)


def _expand(
    snapshot: Snapshot,
    subnets: Sequence[str],
    types: Sequence[str],
    fixed: Mapping[str, str],
    taints: tuple[Taint, ...] | Unknown,
    groups: tuple[tuple[str, ...] | Unknown, Ref],
    siblings: Sequence[Node],
    keys: Sequence[str],
    *,
    own_labels: bool,
) -> tuple[Template, ...]:
    result: list[Template] = []
    for subnet in subnets:
        found = snapshot.get(kinds.SUBNETS, subnet)
        zone = found.availability_zone if found else ""
        for instance_type in types or ("",):
            labels = dict(fixed)
            unknown: dict[str, Unknown] = {}
            if zone:
                labels |= located(zone)
            else:
                why = snapshot.missing(kinds.SUBNETS) or not_collected(kinds.SUBNETS)
                unknown |= dict.fromkeys((*ZONE_LABELS, *REGION_LABELS), why)
            if instance_type:
                labels |= dict.fromkeys(TYPE_LABELS, instance_type)
            else:
                what = "the group's instance types were not read"
                unknown |= dict.fromkeys(TYPE_LABELS, Unknown(Cause.NOT_COLLECTED, what))
            labels.setdefault("beta.kubernetes.io/os", labels[OS])
            predict(labels, unknown, siblings, keys, own_labels=own_labels)
            ids, ref = groups
            host = Interface(
                Attachment.HOST, ids, subnet, ids, subnet, (ref, Ref("subnets", subnet, "AvailabilityZone", zone))
            )
            allocatable, devices_known = capacity(snapshot, siblings, instance_type)
            result.append(
                Template(
                    labels,
                    unknown,
                    taints,
                    allocatable,
                    shared_annotations(siblings),
                    zone,
                    host,
                    devices_known=devices_known,
                )
            )
    return tuple(result)


def predict(
    labels: Labels, unknown: dict[str, Unknown], siblings: Sequence[Node], keys: Sequence[str], *, own_labels: bool
) -> None:
    """Fill in the readable labels that the template itself does not give."""
    for key in keys:
        if key in labels or key in unknown:
            continue
        if key == HOSTNAME:
            labels[key] = NEW_NODE
            continue
        values = {node.metadata.labels.get(key) for node in siblings}
        if len(values) == 1:
            (value,) = values
            if value is not None:
                labels[key] = value
        elif values:
            unknown[key] = Unknown(Cause.NOT_MODELLED, f"the group's nodes differ in label {key}")
        elif not own_labels or (key.startswith(_DISCOVERED) and key not in _OWN) or key == ARCH:
            why = "only running nodes show it" if own_labels else "user data may set it, which is not read"
            unknown[key] = Unknown(Cause.NOT_MODELLED, f"label {key} of a node not yet born: {why}")


def shared_annotations(siblings: Sequence[Node]) -> Labels:
    """Annotations that all running nodes share: those of one node alone say nothing of the next."""
    if not siblings:
        return {}
    shared = set(siblings[0].metadata.annotations.items())
    for node in siblings[1:]:
        shared &= node.metadata.annotations.items()
    return dict(sorted(shared))


def with_sibling_taints(taints: tuple[Taint, ...], siblings: Sequence[Node]) -> tuple[Taint, ...]:
    """Taints that every running node has and the template lacks are set by its start-up: predicted."""
    if not siblings:
        return taints
    common = set(structural_taints(siblings[0].spec.taints))
    for node in siblings[1:]:
        common &= set(structural_taints(node.spec.taints))
    return structural_taints(set(taints) | common)
