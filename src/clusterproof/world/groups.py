"""Node groups: what makes the nodes, and which nodes each has made.

EKS managed node groups, self-managed Auto Scaling groups, NodePools of Karpenter and
of EKS Auto Mode, Fargate profiles, and plain nodes that are told apart by a label only.
Sources: EKS user guide "Managed node groups", "Customize managed nodes with
launch templates"; Cluster Autoscaler README (AWS), tags
``k8s.io/cluster-autoscaler/node-template/``; Karpenter, "NodePools"; EKS user guide "Define which
Pods use AWS Fargate when launched".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import AutoScalingGroup, Tag
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import Node
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world.instancetypes import always_nvidia, example_types, named_types
from clusterproof.world.model import GroupKind, NodeGroup
from clusterproof.world.pools import AUTO_MODE_GROUP, KINDS, NODEPOOL, Requirements, makes_none, provider

EKS_NODEGROUP = "eks.amazonaws.com/nodegroup"
_GROUP_LABELS = (
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodepool",
    "alpha.eksctl.io/nodegroup-name",
    "kops.k8s.io/instancegroup",
    "node.kubernetes.io/instance-type",
)
_MAKERS = ("karpenter.sh/nodepool", "eks.amazonaws.com/nodepool")
_COMPUTE_TYPE = "eks.amazonaws.com/compute-type"
_FARGATE_PROFILE = "eks.amazonaws.com/fargate-profile"
MANY = 1000
"""The most nodes of what has no limit of its own in nodes: more than one is all that matters."""
_PROVIDER_ID = re.compile(r"aws:///(?P<zone>[^/]+)/(?P<instance>i-[0-9a-f]+)")


def instance_id(node: Node) -> str:
    """The EC2 instance behind a node, from ``spec.providerID``; empty when it names none."""
    found = _PROVIDER_ID.fullmatch(node.spec.provider_id)
    return found["instance"] if found else ""


def unread(snapshot: Snapshot, kind: Kind[Any], what: str, remedy: str) -> Unknown:
    """Why one object of a kind is not there: refused (with the permission), timed out …, else just not collected.

    Args:
        snapshot: says how completely the kind was read.
        kind: the kind that the object is of.
        what: what is not known, in a clause.
        remedy: what makes it known where nothing stood in the way.
    """
    missing = snapshot.missing(kind)
    if missing is None or missing == not_collected(kind):  # live, why nothing was asked is said
        return Unknown(Cause.NOT_COLLECTED, what, remedy)
    detail = f"{what} ({missing.detail})"
    if missing.cause is not Cause.INCOMPLETE:
        return Unknown(missing.cause, detail, missing.remedy or remedy)
    if kind.origin == "kubernetes":  # a list that was cut
        return Unknown(missing.cause, detail, remedy)
    # Of AWS one description is missing beside others, which the clause itself says.
    return Unknown(Cause.NOT_COLLECTED, what, remedy)


def owner_of(tags: Mapping[str, str]) -> str:
    """Who manages an AWS object, from the tags that the tools set; empty when none says so."""
    if "alpha.eksctl.io/cluster-name" in tags:
        return "eksctl"
    if "aws:cloudformation:stack-name" in tags:
        return "CloudFormation"
    for key in ("managed-by", "ManagedBy", "managed_by", "provisioner", "Terraform", "terraform"):
        value = tags.get(key, "")
        if "terraform" in value.lower() or (key.lower() == "terraform" and value.lower() == "true"):
            return "Terraform"
    if "aws:eks:cluster-name" in tags or tags.get("eks:nodegroup-name"):
        return "EKS"
    return ""


def tag_map(tags: tuple[Tag, ...]) -> dict[str, str]:
    """Tags by key."""
    return {tag.key: tag.value for tag in tags}


def node_groups(snapshot: Snapshot) -> tuple[NodeGroup, ...]:
    """All node groups of the cluster, sorted by name; also those without nodes today."""
    nodes = snapshot.objects(kinds.NODES)
    by_label: defaultdict[str, list[str]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        name = node.metadata.labels.get(EKS_NODEGROUP)
        if name:
            by_label[name].append(node.metadata.name)
        else:
            rest.append(node)
    groups = _managed(snapshot, by_label)
    pools, rest = _pools(snapshot, rest)
    profiles, rest = _fargate(snapshot, rest)
    groups += pools + profiles
    managed_asgs = {
        asg.name for nodegroup in snapshot.objects(kinds.NODEGROUPS) for asg in nodegroup.resources.auto_scaling_groups
    }
    scaled, rest = _self_managed(snapshot, rest, managed_asgs)
    groups += scaled
    groups += _plain(snapshot, rest)
    return _unique(sorted(groups, key=lambda group: group.name))


def _managed(snapshot: Snapshot, by_label: Mapping[str, list[str]]) -> list[NodeGroup]:
    result: list[NodeGroup] = []
    described = {group.nodegroup_name: group for group in snapshot.objects(kinds.NODEGROUPS)}
    names = set(by_label) | set(described) | {item.name for item in snapshot.objects(kinds.NODEGROUP_NAMES)}
    names |= {
        tag.value
        for asg in snapshot.objects(kinds.AUTO_SCALING_GROUPS)
        for tag in asg.tags
        if tag.key == "eks:nodegroup-name" and _of_this_cluster(snapshot, asg)
    }
    for name in sorted(names):
        group = described.get(name)
        if group is None:
            remedy = f"run: aws eks describe-nodegroup --cluster-name CLUSTER --nodegroup-name {name} > {name}.json"
            template = unread(snapshot, kinds.NODEGROUPS, f"the template of node group {name} was not read", remedy)
            result.append(
                NodeGroup(
                    name,
                    GroupKind.EKS_MANAGED,
                    tuple(sorted(by_label.get(name, ()))),
                    size=(0, len(by_label.get(name, ())), max(1, len(by_label.get(name, ())))),
                    template=template,
                    owner="EKS",
                )
            )
            continue
        scaling = group.scaling_config
        result.append(
            NodeGroup(
                name,
                GroupKind.EKS_MANAGED,
                tuple(sorted(by_label.get(name, ()))),
                size=(scaling.min_size, scaling.desired_size, scaling.max_size),
                instance_types=group.instance_types,
                refs=(Ref("nodegroups", name),),
                owner=owner_of(group.tags) or "EKS",
            )
        )
    return result


def _of_this_cluster(snapshot: Snapshot, asg: AutoScalingGroup) -> bool:
    """Whether a tag names this snapshot's cluster; an ASG without such a tag belongs to none.

    The Cluster Autoscaler's own settings (``node-template/…``, ``autoscaling-options/…``) name no cluster.
    """
    named = clusters_named(asg)
    return snapshot.meta.cluster in named if snapshot.meta.cluster else bool(named)


def clusters_named(asg: AutoScalingGroup) -> frozenset[str]:
    """The clusters that an Auto Scaling group's tags name."""
    named: set[str] = set()
    for tag in asg.tags:
        if tag.key == "eks:cluster-name":
            named.add(tag.value)
        for prefix in ("kubernetes.io/cluster/", "k8s.io/cluster-autoscaler/"):
            rest = tag.key.removeprefix(prefix)
            if rest != tag.key and rest not in ("enabled", "disabled") and "/" not in rest:
                named.add(rest)
    return frozenset(named)


def _self_managed(snapshot: Snapshot, nodes: list[Node], managed: set[str]) -> tuple[list[NodeGroup], list[Node]]:
    """Auto Scaling groups that made nodes of this cluster, or that are tagged as its own."""
    members: dict[str, str] = {}
    groups = [asg for asg in snapshot.objects(kinds.AUTO_SCALING_GROUPS) if asg.auto_scaling_group_name not in managed]
    for asg in groups:
        for instance in asg.instances:
            members[instance.instance_id] = asg.auto_scaling_group_name
    mine: defaultdict[str, list[str]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        name = members.get(instance_id(node))
        if name is None:
            rest.append(node)
        else:
            mine[name].append(node.metadata.name)
    result: list[NodeGroup] = []
    for asg in groups:
        tags = tag_map(asg.tags)
        name = asg.auto_scaling_group_name
        if "eks:nodegroup-name" in tags or (name not in mine and not _of_this_cluster(snapshot, asg)):
            continue
        result.append(
            NodeGroup(
                name,
                GroupKind.AUTO_SCALING,
                tuple(sorted(mine.get(name, ()))),
                size=(asg.min_size, asg.desired_capacity, asg.max_size),
                refs=(Ref("auto-scaling-groups", name),),
                owner=owner_of(tags),
            )
        )
    return result, rest


def _plain(snapshot: Snapshot, nodes: list[Node]) -> list[NodeGroup]:
    """Nodes that nothing read has made, told apart by the first grouping label that they carry."""
    found: defaultdict[tuple[str, str], list[Node]] = defaultdict(list)
    for node in nodes:
        for label in _GROUP_LABELS:
            value = node.metadata.labels.get(label)
            if value:
                found[(label, value)].append(node)
                break
        else:
            found[("", "nodes")].append(node)
    result: list[NodeGroup] = []
    missing = snapshot.missing(kinds.AUTO_SCALING_GROUPS)
    for (label, value), members in found.items():
        names = tuple(sorted(node.metadata.name for node in members))
        template: Unknown | None = None
        size = None
        if label in _MAKERS:
            size = (0, len(names), max(1, len(names)))
            template = _lost_pool(snapshot, label, value)
        elif any(instance_id(node) for node in members) and missing is not None:
            # EC2 nodes are usually made by an Auto Scaling group; whether they are was not read.
            size = (0, len(names), max(1, len(names)))
            template = missing
        refs = (Ref("nodes", names[0], "metadata.labels", f"{label}={value}" if label else ""),)
        result.append(NodeGroup(value, GroupKind.PLAIN, names, size=size, template=template, refs=refs))
    return result


def _lost_pool(snapshot: Snapshot, label: str, value: str) -> Unknown:
    """Why the next nodes of a pool that was not read are not known."""
    if snapshot.missing(kinds.NODE_POOLS) is None:
        what = f"nodes have label {label}={value}, and no NodePool {value} exists: what replaces them is not modelled"
        return Unknown(Cause.NOT_MODELLED, what)
    what = f"what NodePool {value} would make next is not known ({label}={value})"
    return unread(snapshot, kinds.NODE_POOLS, what, f"run: {kinds.NODE_POOLS.command} > {kinds.NODE_POOLS.name}.json")


def _pools(snapshot: Snapshot, nodes: list[Node]) -> tuple[list[NodeGroup], list[Node]]:
    """NodePools, with the nodes that carry their names."""
    pools = {pool.metadata.name: pool for pool in snapshot.objects(kinds.NODE_POOLS)}
    mine: defaultdict[str, list[str]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        name = node.metadata.labels.get(NODEPOOL, "")
        if name in pools:
            mine[name].append(node.metadata.name)
        else:
            rest.append(node)
    result: list[NodeGroup] = []
    for name, pool in sorted(pools.items()):
        members = tuple(sorted(mine.get(name, ())))
        group = provider(pool)
        requirements = Requirements(pool)
        types = named_types(snapshot, requirements, group)
        examples = example_types(snapshot, requirements, group) if types is None else types
        gpus = always_nvidia(examples, requirements, group)
        result.append(
            NodeGroup(
                name,
                KINDS.get(group, GroupKind.KARPENTER),
                members,
                size=(0, len(members), 0 if makes_none(pool) else max(MANY, len(members))),
                instance_types=examples,
                refs=(Ref(kinds.NODE_POOLS.name, name),),
                owner="EKS" if group == AUTO_MODE_GROUP and name in ("general-purpose", "system") else "",
                offers={"nvidia.com/gpu": gpus} if gpus else {},
            )
        )
    return result, rest


def _fargate(snapshot: Snapshot, nodes: list[Node]) -> tuple[list[NodeGroup], list[Node]]:
    """Fargate profiles, with the nodes of the pods that they took; a node's pod names the profile."""
    profiles = {item.fargate_profile_name: item for item in snapshot.objects(kinds.FARGATE_PROFILES)}
    names = set(profiles) | {item.name for item in snapshot.objects(kinds.FARGATE_PROFILE_NAMES)}
    own = [node for node in nodes if node.metadata.labels.get(_COMPUTE_TYPE) == "fargate"]
    rest = [node for node in nodes if node.metadata.labels.get(_COMPUTE_TYPE) != "fargate"]
    pod_of = {}
    if own:
        for pod in snapshot.objects(kinds.PODS):
            if _FARGATE_PROFILE in pod.metadata.labels and pod.spec.node_name:
                pod_of[pod.spec.node_name] = pod.metadata.labels[_FARGATE_PROFILE]
    mine: defaultdict[str, list[str]] = defaultdict(list)
    for node in own:
        mine[pod_of.get(node.metadata.name, "fargate")].append(node.metadata.name)
    described = snapshot.missing(kinds.FARGATE_PROFILE_NAMES) is None and names <= set(profiles)
    result: list[NodeGroup] = []
    for name in sorted(names | set(mine)):
        members = tuple(sorted(mine.get(name, ())))
        template: Unknown | None = None
        profile = profiles.get(name)
        if profile is None:
            command = kinds.FARGATE_PROFILES.command.replace("NAME", name)
            what = f"which pods Fargate profile {name} takes was not read"
            remedy = f"run: {command} > fargateprofile-{name}.json"
            template = unread(snapshot, kinds.FARGATE_PROFILES, what, remedy)
        # A node whose profile is gone, or whose pod does not tell it: all profiles that make nodes were described.
        gone = profile is None and name not in names and described
        gone |= profile is not None and profile.status in ("DELETING", "CREATE_FAILED")
        template = None if gone else template
        result.append(
            NodeGroup(
                name,
                GroupKind.FARGATE,
                members,
                size=(0, len(members), 0 if gone else max(MANY, len(members))),
                template=template,
                refs=(Ref(kinds.FARGATE_PROFILES.name, name),),
                owner=owner_of(profile.tags) if profile is not None else "",
            )
        )
    return result, rest


def _unique(groups: list[NodeGroup]) -> tuple[NodeGroup, ...]:
    """Names are keys: a second group of the same name gets its kind behind it."""
    seen: set[str] = set()
    result: list[NodeGroup] = []
    for group in groups:
        name = group.name
        while name in seen:
            name = f"{name} ({group.kind.value})" if name == group.name else f"{name}'"
        seen.add(name)
        result.append(group if name == group.name else msgspec.structs.replace(group, name=name))
    return tuple(result)
