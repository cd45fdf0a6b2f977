"""What else may make nodes: node groups at zero, NodePools and Fargate profiles that nothing read names.

Sources: EKS user guide "Managed node groups", "Automate cluster infrastructure with EKS Auto Mode", "Define which Pods
use AWS Fargate when launched"; Karpenter, "NodePools" and "Upgrade guide" (Provisioners before 0.32).
"""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
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
        result.append(Unknown(missing.cause, what, missing.remedy))
    result += _unclaimed(snapshot)
    result += _unread_pools(snapshot, workloads)
    profiles = snapshot.missing(kinds.FARGATE_PROFILE_NAMES)
    if profiles is not None and (snapshot.objects(kinds.CLUSTERS) or _on_eks(snapshot)):
        what = "Fargate may take pods: the names of the cluster's Fargate profiles were not read"
        remedy = f"run: {kinds.FARGATE_PROFILE_NAMES.command} > {kinds.FARGATE_PROFILE_NAMES.name}.json"
        result.append(unread(snapshot, kinds.FARGATE_PROFILE_NAMES, what, remedy))
    return tuple(result)


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


def _on_eks(snapshot: Snapshot) -> bool:
    return any(
        label.startswith(("eks.amazonaws.com/", "alpha.eksctl.io/"))
        for node in snapshot.objects(kinds.NODES)
        for label in node.metadata.labels
    )
