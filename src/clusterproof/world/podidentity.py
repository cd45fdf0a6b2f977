"""EKS Pod Identity: the association of a service account, and whether anything serves it where the pods are.

Sources: EKS User Guide, "EKS Pod Identity considerations" and "EKS Pod Identity restrictions" (the agent runs on every node
and serves that node's pods; Linux EC2 instances only, neither Fargate nor Windows), "Set up the Amazon EKS Pod Identity Agent"
(built into EKS Auto Mode). Nothing there excludes pods on the host network, where the agent itself is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import PodIdentityAssociation
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world import automode
from clusterproof.world.ground import Ground
from clusterproof.world.model import GroupKind, NodeClass, Workload
from clusterproof.world.readable import OS

AGENT = "eks-pod-identity-agent"


class ClusterFacts(msgspec.Struct, frozen=True):
    """What EKS says of the cluster to STS: name and ARN unknown where they were not read, the account then empty."""

    name: str | Unknown
    arn: str | Unknown
    account: str


def cluster_of(snapshot: Snapshot) -> ClusterFacts:
    """The cluster's name, ARN and account."""
    unread = snapshot.missing(kinds.CLUSTERS) or Unknown(Cause.NOT_COLLECTED, "no EKS cluster was read")
    found = next(iter(snapshot.objects(kinds.CLUSTERS)), None)
    name = found.name if found is not None and found.name else snapshot.meta.cluster
    arn = found.arn if found is not None else ""
    account = arn.split(":")[4] if arn.count(":") >= 5 else snapshot.meta.account
    return ClusterFacts(name or unread, arn or unread, account)


def association_of(snapshot: Snapshot, namespace: str, name: str) -> PodIdentityAssociation | Unknown | None:
    """The association of a service account in this cluster; None where there certainly is none."""
    cluster = cluster_of(snapshot).name
    ours = [
        item
        for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATIONS)
        if (item.namespace, item.service_account) == (namespace, name) and _of(item.cluster_name, cluster)
    ]
    if ours and isinstance(cluster, Unknown) and (named := {item.cluster_name for item in ours} - {""}):
        other = min(named)
        what = f"service account {namespace}/{name} has an association in cluster {other}, and which cluster this is was not read"
        return Unknown(cluster.cause, what, cluster.remedy or f"run: {kinds.CLUSTERS.command}")
    if ours:
        # EKS keeps one for a service account; of two descriptions the last that was read counts, as for any key.
        return ours[-1] if len({item.role_arn for item in ours}) == 1 else _several(ours, namespace, name)
    listed = [
        item
        for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATION_IDS)
        if (item.namespace, item.service_account) == (namespace, name) and _of(item.cluster_name, cluster)
    ]
    missing = snapshot.missing(kinds.POD_IDENTITY_ASSOCIATIONS)
    shown = cluster if isinstance(cluster, str) else "CLUSTER"
    if listed:
        identifier = listed[0].association_id
        command = kinds.POD_IDENTITY_ASSOCIATIONS.command.replace("CLUSTER", shown).replace("ID", identifier)
        what = f"association {identifier} of service account {namespace}/{name} was listed and not described"
        cause = missing.cause if missing is not None else Cause.NOT_COLLECTED
        remedy = missing.remedy if missing is not None and missing.cause is Cause.DENIED else ""
        return Unknown(cause, what, remedy or f"run: {command} > association-{identifier}.json")
    if missing is None or snapshot.missing(kinds.POD_IDENTITY_ASSOCIATION_IDS) is None:
        return None
    what = f"whether service account {namespace}/{name} has an EKS Pod Identity association was not read"
    command = kinds.POD_IDENTITY_ASSOCIATION_IDS.command.replace("CLUSTER", shown)
    if missing == not_collected(kinds.POD_IDENTITY_ASSOCIATIONS):
        return Unknown(missing.cause, what, f"run: {command} > associations.json, and describe the one that it names")
    return Unknown(missing.cause, f"{what} ({missing.detail})", missing.remedy)


def _of(named: str, cluster: str | Unknown) -> bool:
    return not named or isinstance(cluster, Unknown) or named == cluster


def _several(found: Sequence[PodIdentityAssociation], namespace: str, name: str) -> Unknown:
    ids = ", ".join(sorted(item.association_id for item in found))
    what = f"service account {namespace}/{name} has several associations with several roles ({ids})"
    return Unknown(Cause.INCOMPLETE, what, "give describe-pod-identity-association of this cluster only")


class Working(msgspec.Struct, frozen=True):
    """Whether EKS Pod Identity works where some pods may be.

    Attributes:
        broken: why it never does, in a clause; empty where it may.
        doubt: why that is not known.
        note: where it does not while it does elsewhere, a sentence.
        refs: what says so.
    """

    broken: str = ""
    doubt: Unknown | None = None
    note: str = ""
    refs: tuple[Ref, ...] = ()


def working(
    ground: Ground, classes: Sequence[NodeClass] | None, workload: Workload | None, *, fargate: str = ""
) -> Working:
    """Whether an association serves pods.

    Args:
        ground: the cluster.
        classes: node classes that the pods may be on; None: any, as far as the workload says nothing else.
        workload: whose pods; None: of any.
        fargate: the Fargate profile that takes them; empty: none.
    """
    if fargate:
        return Working(f"Fargate profile {fargate} takes the pods, and EKS Pod Identity does not work on Fargate")
    if workload is not None and workload.spec.node_selector.get(OS, "") == "windows":
        return Working("the pods run on Windows, where EKS Pod Identity does not work")
    note = ""
    if classes:
        unfit = {item.group: why for item in classes if (why := _unfit(item))}
        fit = [item for item in classes if item.group not in unfit]
        if not fit:
            group, why = next(iter(sorted(unfit.items())))
            return Working(
                f"the pods can only be on nodes of {group}, which {why}: EKS Pod Identity does not work there"
            )
        if unfit:
            note = f"EKS Pod Identity does not work on nodes of {', '.join(sorted(unfit))}, where the pods may be too"
        if all(ground.groups[item.group].kind is GroupKind.AUTO_MODE for item in fit if item.group in ground.groups):
            return Working(note=note)
    return _with_agent(ground.snapshot, note)


def _unfit(item: NodeClass) -> str:
    """Why no pod on nodes of a class has Pod Identity; empty where one may."""
    if item.fargate:
        return "is Fargate"
    return "are Windows" if item.labels.get(OS) == "windows" else ""


def _with_agent(snapshot: Snapshot, note: str) -> Working:
    """Whether the agent is installed, as an add-on or by a DaemonSet of its own; how well it runs is asked elsewhere."""
    for daemon_set in snapshot.objects(kinds.DAEMON_SETS):
        images = (container.image for container in daemon_set.spec.template.spec.containers)
        if daemon_set.metadata.name == AGENT or any(AGENT in image for image in images):
            key = f"{daemon_set.metadata.namespace}/{daemon_set.metadata.name}"
            return Working(note=note, refs=(Ref(kinds.DAEMON_SETS.name, key),))
    addon = snapshot.get(kinds.ADDONS, AGENT)
    missing = snapshot.missing(kinds.DAEMON_SETS)
    if addon is not None and missing is not None:
        return Working(note=note, refs=(Ref(kinds.ADDONS.name, AGENT, "status", addon.status),))
    if missing is not None:
        what = f"whether the EKS Pod Identity agent runs was not read ({missing.detail})"
        return Working(doubt=Unknown(missing.cause, what, missing.remedy), note=note)
    if automode.in_use(snapshot):
        nodes = "nodes that are not of EKS Auto Mode have no EKS Pod Identity agent"
        return Working(note=note or nodes)
    return Working(f"no EKS Pod Identity agent runs: there is no DaemonSet {AGENT}", note=note)
