"""Node groups: what makes the nodes, and which nodes each has made.

Three kinds today: EKS managed node groups, self-managed Auto Scaling groups,
and plain nodes that are told apart by a label only.
Sources: EKS user guide "Managed node groups", "Customize managed nodes with
launch templates"; Cluster Autoscaler README (AWS), tags
``k8s.io/cluster-autoscaler/node-template/``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import AutoScalingGroup, Tag
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import Node
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import GroupKind, NodeGroup, Workload

EKS_NODEGROUP = "eks.amazonaws.com/nodegroup"
_GROUP_LABELS = (
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodepool",
    "alpha.eksctl.io/nodegroup-name",
    "kops.k8s.io/instancegroup",
    "node.kubernetes.io/instance-type",
)
_MAKERS = ("karpenter.sh/nodepool", "eks.amazonaws.com/nodepool")
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
    if missing is None or missing.cause in (Cause.NOT_COLLECTED, Cause.INCOMPLETE):
        return Unknown(Cause.NOT_COLLECTED, what, remedy)
    return Unknown(missing.cause, f"{what} ({missing.detail})", missing.remedy or remedy)


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
            template = Unknown(Cause.NOT_MODELLED, f"nodes that {label}={value} would make next are not modelled yet")
        elif any(instance_id(node) for node in members) and missing is not None:
            # EC2 nodes are usually made by an Auto Scaling group; whether they are was not read.
            size = (0, len(names), max(1, len(names)))
            template = missing
        refs = (Ref("nodes", names[0], "metadata.labels", f"{label}={value}" if label else ""),)
        result.append(NodeGroup(value, GroupKind.PLAIN, names, size=size, template=template, refs=refs))
    return result


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


def other_makers(snapshot: Snapshot, workloads: Iterable[Workload]) -> tuple[Unknown, ...]:
    """Whether something that was not read may make nodes: node groups at zero that no dump names.

    Completeness of the set of node groups is known from list-nodegroups, or from
    all Auto Scaling groups, because each managed node group has one.
    """
    result: list[Unknown] = []
    names = snapshot.missing(kinds.NODEGROUP_NAMES)
    scaling = snapshot.missing(kinds.AUTO_SCALING_GROUPS)
    if names is not None and scaling is not None:
        what = (
            "node groups that are at zero nodes today may exist: neither the node groups' names nor the "
            "Auto Scaling groups were read"
        )
        remedy = f"run: {kinds.NODEGROUP_NAMES.command} > nodegroups.json"
        result.append(unread(snapshot, kinds.NODEGROUP_NAMES, what, remedy))
    elif scaling is not None:
        what = "self-managed node groups at zero nodes may exist: the Auto Scaling groups were not read"
        remedy = f"run: {kinds.AUTO_SCALING_GROUPS.command} > auto-scaling-groups.json"
        result.append(unread(snapshot, kinds.AUTO_SCALING_GROUPS, what, remedy))
    missing = snapshot.missing(kinds.CLUSTERS)
    if missing is not None and _on_eks(snapshot):
        what = "whether EKS Auto Mode may make nodes of its own: the cluster's description was not read"
        result.append(Unknown(missing.cause, what, missing.remedy))
    if any(cluster.compute_config.enabled for cluster in snapshot.objects(kinds.CLUSTERS)):
        what = "EKS Auto Mode may make nodes of its own; its node pools are not modelled"
        result.append(Unknown(Cause.NOT_MODELLED, what))
    result += _unclaimed(snapshot)
    result += _karpenter(snapshot, workloads)
    return tuple(result)


_AUTOSCALER = "k8s.io/cluster-autoscaler/"


def _unclaimed(snapshot: Snapshot) -> list[Unknown]:
    """Auto Scaling groups that a Cluster Autoscaler is told to grow, without a tag that says for which cluster."""
    result: list[Unknown] = []
    ours = {instance_id(node) for node in snapshot.objects(kinds.NODES)}
    for asg in snapshot.objects(kinds.AUTO_SCALING_GROUPS):
        tags = {tag.key for tag in asg.tags if tag.key.startswith(_AUTOSCALER)}
        grown = bool(tags) and f"{_AUTOSCALER}disabled" not in tags and asg.max_size > 0
        running = any(instance.instance_id in ours for instance in asg.instances)
        if grown and not running and not clusters_named(asg):
            what = (
                f"Auto Scaling group {asg.auto_scaling_group_name} is tagged for the Cluster Autoscaler and names no "
                "cluster: it may be this one's, at zero nodes"
            )
            remedy = f"tag the group {_AUTOSCALER}CLUSTER"
            result.append(Unknown(Cause.INCOMPLETE, what, remedy))
    return result


def _karpenter(snapshot: Snapshot, workloads: Iterable[Workload]) -> list[Unknown]:
    """Karpenter by its controller, else by its kinds or its nodes; unknown where none of them could show it."""
    found = [f"({w.id})" for w in workloads if w.labels.get("app.kubernetes.io/name") == "karpenter"]
    if not found:
        found = [
            f"(CustomResourceDefinition {crd.metadata.name})"
            for crd in snapshot.objects(kinds.CRDS)
            if crd.metadata.name in ("nodepools.karpenter.sh", "provisioners.karpenter.sh")
        ][:1]
    if found:
        what = "Karpenter {} may make nodes of its own; its node pools are not modelled"
        return [Unknown(Cause.NOT_MODELLED, what.format(one)) for one in found]
    gaps = [snapshot.missing(kind) for kind in (kinds.DEPLOYMENTS, kinds.PODS, kinds.CRDS)]
    unread_gaps = [gap for gap in gaps if gap is not None]
    if len(unread_gaps) < len(gaps):
        return []
    what = "whether Karpenter may make nodes: neither Deployments, Pods nor CustomResourceDefinitions were all read"
    return [Unknown(unread_gaps[-1].cause, what, unread_gaps[-1].remedy)]


def _on_eks(snapshot: Snapshot) -> bool:
    return any(
        label.startswith(("eks.amazonaws.com/", "alpha.eksctl.io/"))
        for node in snapshot.objects(kinds.NODES)
        for label in node.metadata.labels
    )
