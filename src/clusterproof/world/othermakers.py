"""What else may make nodes: node groups at zero, NodePools and Fargate profiles that nothing read names.

Sources: EKS user guide "Managed node groups", "Automate cluster infrastructure with EKS Auto Mode", "Define which Pods
use AWS Fargate when launched"; Karpenter, "NodePools" and "Upgrade guide" (Provisioners before 0.32).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import clusters_named, instance_id, unread
from clusterproof.world.model import Workload


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
        result.append(unread(snapshot, kinds.CLUSTERS, what, missing.remedy))
    result += _unclaimed(snapshot)
    result += _unread_pools(snapshot, workloads)
    return (*result, *unread_profiles(snapshot))


def unread_profiles(snapshot: Snapshot) -> tuple[Unknown, ...]:
    """Whether there may be Fargate profiles that nothing read names: on EKS, where their list was not read."""
    if snapshot.missing(kinds.FARGATE_PROFILE_NAMES) is None or not _on_eks(snapshot):
        return ()
    what = "Fargate may take pods: the names of the cluster's Fargate profiles were not read"
    remedy = f"run: {kinds.FARGATE_PROFILE_NAMES.command} > {kinds.FARGATE_PROFILE_NAMES.name}.json"
    return (unread(snapshot, kinds.FARGATE_PROFILE_NAMES, what, remedy),)


def _unread_pools(snapshot: Snapshot, workloads: Iterable[Workload]) -> list[Unknown]:
    """Whether Karpenter or EKS Auto Mode may make nodes by NodePools that were not read, or by older means."""
    karpenter = [item for item in workloads if item.labels.get("app.kubernetes.io/name") == "karpenter"]
    missing = snapshot.missing(kinds.NODE_POOLS)
    remedy = f"run: {kinds.NODE_POOLS.command} > {kinds.NODE_POOLS.name}.json"
    result: list[Unknown] = []
    crds = {obj.metadata.name for obj in snapshot.objects(kinds.CRDS)}
    makers: list[str] = []
    if any(cluster.compute_config.enabled for cluster in snapshot.objects(kinds.CLUSTERS)):
        makers.append("EKS Auto Mode")
    makers += [f"Karpenter ({workload.id})" for workload in karpenter]
    if not makers and "nodepools.karpenter.sh" in crds:
        makers.append("what made the definition nodepools.karpenter.sh (Karpenter or EKS Auto Mode)")
    if missing is not None and not makers:
        result += _hidden_karpenter(snapshot)
    if missing is not None:
        for maker in makers:
            what = f"{maker} may make nodes of its own; its NodePools were not read"
            result.append(unread(snapshot, kinds.NODE_POOLS, what, remedy))
    if not karpenter:
        return result
    older = f"Karpenter ({karpenter[0].id}) may make nodes by Provisioners of versions before 0.32"
    if "provisioners.karpenter.sh" in crds:
        result.append(Unknown(Cause.NOT_MODELLED, f"{older}, which are not modelled", "migrate them to NodePools"))
    elif not snapshot.objects(kinds.NODE_POOLS) and (unread_crds := snapshot.missing(kinds.CRDS)) is not None:
        result.append(Unknown(unread_crds.cause, f"{older}: {unread_crds.detail}", unread_crds.remedy))
    return result


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


def _hidden_karpenter(snapshot: Snapshot) -> list[Unknown]:
    """Whether Karpenter may be there unseen: nothing that would show it was read."""
    gaps = [snapshot.missing(kind) for kind in (kinds.DEPLOYMENTS, kinds.PODS, kinds.CRDS)]
    unread_gaps = [gap for gap in gaps if gap is not None]
    if len(unread_gaps) < len(gaps):
        return []
    what = "whether Karpenter may make nodes: neither Deployments, Pods nor CustomResourceDefinitions were all read"
    return [Unknown(unread_gaps[-1].cause, what, unread_gaps[-1].remedy)]


_OF_EKS: tuple[Kind[Any], ...] = (kinds.CLUSTERS, kinds.NODEGROUP_NAMES, kinds.NODEGROUPS, kinds.FARGATE_PROFILES)


def _on_eks(snapshot: Snapshot) -> bool:
    """Whether anything that was read is of EKS: its API's objects, its version, its nodes."""
    return any(snapshot.objects(kind) for kind in _OF_EKS) or _shows_eks(snapshot)


def _shows_eks(snapshot: Snapshot) -> bool:
    """Whether the cluster itself shows that it is of EKS: by its version (``v1.33.1-eks-0a1b2c3``) or its nodes' labels."""
    nodes = snapshot.objects(kinds.NODES)
    versions = [snapshot.meta.kubernetes_version, *(node.status.node_info.kubelet_version for node in nodes)]
    return any("-eks-" in version for version in versions) or any(
        label.startswith(("eks.amazonaws.com/", "alpha.eksctl.io/")) for node in nodes for label in node.metadata.labels
    )
