"""The interfaces through which the control plane of an EKS cluster reaches the VPC.

EKS keeps 2 to 4 of them in the subnets that the cluster names, in any of them, and makes them anew, in others too,
when the cluster is updated; they carry the cluster security group and those that the cluster names besides.
Sources: Amazon EKS User Guide, "View Amazon EKS networking requirements for VPC and subnets" and "View Amazon EKS
security group requirements for clusters"; reference "11. What is easily forgotten", rule 6.
"""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Cluster
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Attachment, Interface

NAME = "the control plane"


def control_plane(snapshot: Snapshot) -> tuple[Interface, ...] | Unknown:
    """Every interface that the control plane has or may have, sorted by subnet; or why these are not known.

    Args:
        snapshot: its clusters and network interfaces are read.
    """
    read = tuple(snapshot.objects(kinds.CLUSTERS))
    own = [item for item in read if len(read) == 1 or item.name == snapshot.meta.cluster]
    cluster = next(iter(own), None)
    if cluster is None and read:
        names = ", ".join(sorted(item.name for item in read))
        what = f"the control plane's interfaces are not known: which cluster of {names} this is does not show"
        return Unknown(Cause.INCOMPLETE, what)
    if cluster is None:
        missing = snapshot.missing(kinds.CLUSTERS)
        if missing is not None:
            return Unknown(
                missing.cause, f"the control plane's interfaces are not known: {missing.detail}", missing.remedy
            )
        return Unknown(
            Cause.INCOMPLETE, "the control plane's interfaces are not known: no EKS cluster is in the snapshot"
        )
    config = cluster.resources_vpc_config
    remedy = f"run: {kinds.CLUSTERS.command.replace('CLUSTER', cluster.name)}"
    for member, value in (
        ("subnetIds", config.subnet_ids),
        ("clusterSecurityGroupId", config.cluster_security_group_id),
    ):
        if not value:
            what = f"the control plane's interfaces are not known: cluster {cluster.name} does not say its {member}"
            return Unknown(Cause.INCOMPLETE, what, remedy)
    groups = tuple(sorted({config.cluster_security_group_id, *config.security_group_ids} - {""}))
    ref = Ref(kinds.CLUSTERS.name, cluster.name, "resourcesVpcConfig", f"security groups {', '.join(groups)}")
    found = {(subnet, groups): _interface(subnet, groups, ref) for subnet in config.subnet_ids}
    for key, seen in _seen(snapshot, cluster).items():
        found.setdefault(key, seen)
    return tuple(found[key] for key in sorted(found))


def _seen(snapshot: Snapshot, cluster: Cluster) -> dict[tuple[str, tuple[str, ...]], Interface]:
    """Those that are there today; "Amazon EKS" and the cluster's name are their description."""
    found: dict[tuple[str, tuple[str, ...]], Interface] = {}
    for item in snapshot.objects(kinds.NETWORK_INTERFACES):
        if item.description != f"Amazon EKS {cluster.name}":
            continue
        groups = tuple(sorted(group.group_id for group in item.groups))
        ref = Ref(kinds.NETWORK_INTERFACES.name, item.network_interface_id, "Groups", ", ".join(groups))
        found[item.subnet_id, groups] = _interface(item.subnet_id, groups, ref)
    return found


def _interface(subnet: str, groups: tuple[str, ...], ref: Ref) -> Interface:
    return Interface(Attachment.CONTROL_PLANE, groups, subnet, groups, subnet, (ref,), keeps_address=True)
