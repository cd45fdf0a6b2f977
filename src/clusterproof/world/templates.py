"""Nodes not yet born: what a group's current template would make.

Labels and taints come from the node group's own description, and from the
Cluster Autoscaler's tags; what only running nodes show (feature discovery) is
predicted from siblings where they agree, else unknown. Where both say
something, the description wins for labels and taints, and its tags over those
of the Auto Scaling group for resources, as the Cluster Autoscaler has it
(aws_manager.go, buildNodeFromTemplate). Unlike it, which takes the first zone
and the first instance type, each of them is a kind of node. Security groups come
from the launch template; a managed node group whose template names none gets
the cluster security group.
Sources: EKS user guide "Customize managed nodes with launch templates" ("If you
specify custom security groups in the launch template … Amazon EKS doesn't add
the cluster security group"); kubelet and cloud provider well-known labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import (
    AutoScalingGroup,
    LaunchTemplateSpecification,
    Nodegroup,
)
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, Node, Quantity, Taint
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world import autoscalertags
from clusterproof.world.capacity import capacity
from clusterproof.world.groups import EKS_NODEGROUP, tag_map
from clusterproof.world.instancetypes import architecture
from clusterproof.world.launchtemplates import group_ids, has_user_data, resolve
from clusterproof.world.model import Attachment, GroupKind, Interface, NodeGroup, PodNetwork
from clusterproof.world.readable import ARCH, HOSTNAME, OS
from clusterproof.world.zones import TYPE_LABELS, located, place_labels

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
_OPEN = "?"
"""Stands for an instance type that is chosen by attributes."""
_AMI_ARCHITECTURES = re.compile("ARM_64|x86_64")
"""What the AMI types of EKS managed node groups name (EKS API, ``amiType``)."""
_OWN = ("vpc.amazonaws.com/externalEniConfig",)
"""Labels under these that only a user gives."""
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
    tags = autoscalertags.of_managed(snapshot, nodegroup)
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
            groups, ref = group_ids(version)
    if groups == ():
        groups, ref = _cluster_group(snapshot, nodegroup)
    # EKS gives a node what the description says; user data may say more (kubelet's --node-labels and
    # --register-with-taints), and so may a template that was not read.
    told = spec is None or (version is not None and not has_user_data(snapshot, version))
    taints: tuple[Taint, ...] | Unknown = structural_taints(own)
    if not told:
        declared = {*own, *autoscalertags.taints(tags)}
        taints = _declared_taints(declared, siblings, f"node group {nodegroup.nodegroup_name}", "its launch template's")
    types = nodegroup.instance_types
    if not types and version is not None and version.launch_template_data.instance_type:
        types = (version.launch_template_data.instance_type,)
    labels, unknown = _with_tagged(fixed, autoscalertags.labels(tags), nodegroup.nodegroup_name, told=told)
    if arch := _AMI_ARCHITECTURES.search(nodegroup.ami_type):
        labels.setdefault(ARCH, "arm64" if arch[0] == "ARM_64" else "amd64")
    resources = autoscalertags.resources(tags) | autoscalertags.resources(nodegroup.tags)
    plan = _Plan(labels, unknown, taints, groups, ref, resources, own_labels=told)
    return _expand(snapshot, nodegroup.subnets, types, plan, siblings, keys)


def _with_tagged(fixed: Labels, tagged: Labels, name: str, *, told: bool) -> tuple[dict[str, str], dict[str, Unknown]]:
    """A managed group's labels with those that tags promise; a promise that nothing would keep is unknown.

    EKS sets only the labels of its own description, and agents those that only running nodes show.
    """
    labels = dict(fixed)
    unknown: dict[str, Unknown] = {}
    for key, value in tagged.items():
        if key in fixed:
            continue
        if not told or (key.startswith(_DISCOVERED) and key not in _OWN):
            labels[key] = value
        else:
            what = f"label {key}={value} is promised by a tag of node group {name}, and its description does not set it"
            unknown[key] = Unknown(Cause.NOT_MODELLED, what, f"give node group {name} the label {key}, or drop the tag")
    return labels, unknown


def _declared_taints(
    declared: Iterable[Taint], siblings: Sequence[Node], group: str, whose: str
) -> tuple[Taint, ...] | Unknown:
    """The taints of a group whose user data may register more: those declared, and those that running nodes share.

    Where nothing is declared and no node runs, they are unknown.
    """
    known = structural_taints(declared)
    if known or siblings:
        return with_sibling_taints(known, siblings)
    return Unknown(
        Cause.NOT_COLLECTED,
        f"the taints of {group} stand in {whose} user data, which is not read",
        f"tag the Auto Scaling group {autoscalertags.PREFIX}taint/KEY (or give it one node)",
    )


def _self_managed(
    snapshot: Snapshot, asg: AutoScalingGroup, siblings: Sequence[Node], keys: Sequence[str]
) -> tuple[Template, ...]:
    tags = tag_map(asg.tags)
    fixed = {OS: "linux"} | autoscalertags.labels(tags)
    tagged = autoscalertags.taints(tags)
    taints = _declared_taints(tagged, siblings, f"Auto Scaling group {asg.auto_scaling_group_name}", "its")
    subnets = tuple(part.strip() for part in asg.vpc_zone_identifier.split(",") if part.strip())
    result: list[Template] = []
    for spec, types in _launches(asg):
        made, (groups, ref) = _launch(snapshot, asg, spec, types)
        plan = _Plan(fixed, {}, taints, groups, ref, autoscalertags.resources(tags), own_labels=False)
        result += _expand(snapshot, subnets, made, plan, siblings, keys)
    return tuple(result)


_Launch = tuple[LaunchTemplateSpecification | None, tuple[str, ...]]


def _launches(asg: AutoScalingGroup) -> list[_Launch]:
    """Each launch template that the group may use, with the instance types that it is used for.

    An override of a mixed instances policy may name a launch template of its own, and describe types by attributes in
    the place of a name: then the type is open (empty), whatever the launch template says (EC2 Auto Scaling API,
    LaunchTemplateOverrides).
    """
    if asg.launch_template is not None or asg.mixed_instances_policy is None:
        return [(asg.launch_template, ())]
    mixed = asg.mixed_instances_policy.launch_template
    found: dict[LaunchTemplateSpecification, list[str]] = {}
    for override in mixed.overrides:
        spec = override.launch_template_specification or mixed.launch_template_specification
        if override.instance_requirements is not None:
            allowed = override.instance_requirements.allowed_instance_types
            named = allowed if allowed and not any("*" in name for name in allowed) else (_OPEN,)
        else:
            named = (override.instance_type,) if override.instance_type else ()
        found.setdefault(spec, []).extend(named)
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
    groups, ref = group_ids(found)
    if groups == ():
        groups = Unknown(Cause.NOT_MODELLED, f"{ref.key} names no security group (the VPC's default applies)")
    if not types and found.launch_template_data.instance_type:
        types = (found.launch_template_data.instance_type,)
    return types, (groups, ref)


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


class _Plan(msgspec.Struct, frozen=True):
    """What all nodes of a group share; ``resources`` are those that tags name, ``ref`` is where the groups stand."""

    labels: Labels
    unknown: dict[str, Unknown]
    taints: tuple[Taint, ...] | Unknown
    groups: tuple[str, ...] | Unknown
    ref: Ref
    resources: dict[str, Quantity]
    own_labels: bool


def _expand(
    snapshot: Snapshot,
    subnets: Sequence[str],
    types: Sequence[str],
    plan: _Plan,
    siblings: Sequence[Node],
    keys: Sequence[str],
) -> tuple[Template, ...]:
    result: list[Template] = []
    for subnet in subnets:
        found = snapshot.get(kinds.SUBNETS, subnet)
        zone = found.availability_zone if found else ""
        for instance_type in types or ("",):
            labels = dict(plan.labels)
            unknown = dict(plan.unknown)
            if zone:
                labels |= located(zone)
            else:
                why = snapshot.missing(kinds.SUBNETS) or not_collected(kinds.SUBNETS)
                unknown |= dict.fromkeys(place_labels(), why)
            if instance_type in ("", _OPEN):
                what = "the group's instance types were not read"
                why = Unknown(Cause.NOT_COLLECTED, what)
                if instance_type == _OPEN:
                    why = Unknown(Cause.NOT_MODELLED, "the group chooses its instance types by their attributes")
                unknown |= dict.fromkeys(TYPE_LABELS, why)
            else:
                labels |= dict.fromkeys(TYPE_LABELS, instance_type)
                if arch := architecture(snapshot, instance_type):
                    labels.setdefault(ARCH, arch)
            for alias, key in (("beta.kubernetes.io/os", OS), ("beta.kubernetes.io/arch", ARCH)):
                if key in labels:
                    labels.setdefault(alias, labels[key])
            predict(labels, unknown, siblings, keys, own_labels=plan.own_labels)
            ids, ref = plan.groups, plan.ref
            host = Interface(
                Attachment.HOST, ids, subnet, ids, subnet, (ref, Ref("subnets", subnet, "AvailabilityZone", zone))
            )
            allocatable, devices_known = capacity(
                snapshot, () if instance_type == _OPEN else siblings, instance_type, plan.resources
            )
            result.append(
                Template(
                    labels,
                    unknown,
                    plan.taints,
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
