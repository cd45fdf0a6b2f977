"""Which role pods of a service account get, and by which way.

AWS SDKs go through a chain and stop at the first that gives credentials: access keys in the environment, a web identity
token (IRSA), files, the container's endpoint (EKS Pod Identity), the instance's role (IMDS). Where a service account has both
an association and an annotation, two sources differ: the User Guide has the earlier link of the chain win, which is the
annotation; the webhook that EKS runs puts into a new pod what the association needs, and no token. So pods that are older
than the association have one role and newer ones may have another: both are told.
Sources: AWS SDKs and Tools Reference Guide, "Standardized credential providers"; EKS User Guide, "Understand how EKS Pod
Identity works", "EKS Pod Identity considerations" and "restrictions" (one role for a service account in a cluster, Linux EC2
instances only, the agent), "Access AWS resources using EKS Pod Identity target IAM roles", "Grant Pods access to AWS resources
based on tags", "Assign IAM roles to Kubernetes service accounts"; EKS API, ``PodIdentityAssociation``;
aws/amazon-eks-pod-identity-webhook pkg/handler/handler.go (buildPodPatchConfig, addEnvToContainer).
What code asks for by itself (a profile of its own, a second AssumeRole) is not seen from here.
"""

from __future__ import annotations

import csv
import enum
from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import PodIdentityAssociation
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.ground import Ground
from clusterproof.world.model import NodeClass, Workload
from clusterproof.world.noderoles import node_roles
from clusterproof.world.podenvironment import (
    ACCESS_KEY,
    FROM_FILES,
    FULL_URI,
    RELATIVE_URI,
    ROLE,
    TOKEN_FILE,
    Environment,
    of_template,
)
from clusterproof.world.podidentity import Working, association_of, cluster_of, working

ANNOTATION = "eks.amazonaws.com/role-arn"
AUDIENCE = "eks.amazonaws.com/audience"
STS = "sts.amazonaws.com"
_SKIP = "eks.amazonaws.com/skip-containers"
TAGS = (
    "eks-cluster-arn",
    "eks-cluster-name",
    "kubernetes-namespace",
    "kubernetes-service-account",
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
)
"""Session tags of EKS Pod Identity, all of them transitive."""


class Way(enum.StrEnum):
    """How a pod gets credentials."""

    STATIC = "access keys in the environment"
    IRSA = "IRSA"
    POD_IDENTITY = "EKS Pod Identity"
    NODE = "the node's role"


class Identity(msgspec.Struct, frozen=True):
    """One role that pods may get.

    Attributes:
        way: how.
        role: the role whose rights count: its ARN, or a name where no more was given; empty for access keys, which no role
            decides.
        through: with a target role: the association's own role, which assumes it; else empty.
        association: the association's id.
        external_id: what EKS sends as ``sts:ExternalId`` to the target role.
        tags: session tags, with their values; none where they are switched off, and by other ways.
        policy: a session policy (JSON text), which limits ``role``; empty: none.
        audience: of the web identity token.
        containers: the only containers that get it; empty: all of the pod.
        groups: node groups on whose nodes pods get it; empty: all where the pods may be.
        broken: why it never works, in a clause; empty where nothing that was read says so.
        doubt: why it is not known whether it works.
        refs: where it was read.
    """

    way: Way
    role: str
    through: str = ""
    association: str = ""
    external_id: str = ""
    tags: tuple[tuple[str, str | Unknown], ...] = ()
    policy: str = ""
    audience: str = STS
    containers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    broken: str = ""
    doubt: Unknown | None = None
    refs: tuple[Ref, ...] = ()


class Identities(msgspec.Struct, frozen=True):
    """Every role that pods of a service account may get.

    Attributes:
        service_account: ``namespace/name``.
        found: what was found, in the order of the chain; empty where pods have no credentials at all, or nobody knows.
        choice: where not all of ``found`` apply to a pod: why it is one or the other, in a sentence.
        unknowns: what was not read and may add to ``found``, or change it.
        notes: what to know besides, a sentence each.
        absent: whether there is certainly no such ServiceAccount, so that pods of it cannot be made.
        refs: the service account.
    """

    service_account: str
    found: tuple[Identity, ...] = ()
    choice: str = ""
    unknowns: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = ()
    absent: bool = False
    refs: tuple[Ref, ...] = ()

    def by(self, *ways: Way) -> tuple[Identity, ...]:
        """Those of some ways."""
        return tuple(item for item in self.found if item.way in ways)


def of_workload(ground: Ground, workload: Workload, classes: Iterable[NodeClass] | None = None) -> Identities:
    """The roles that a workload's next pods may get.

    Args:
        ground: the cluster.
        workload: the workload.
        classes: node classes that its pods may be on; None: any.
    """
    chosen = tuple(ground.classes) if classes is None else tuple(classes)
    profile = ground.fargate.of(workload)
    where = working(ground, None if classes is None else chosen, workload, fargate=profile)
    unseen = () if profile else ground.fargate.unseen(workload)
    if unseen and not where.broken and where.doubt is None:
        where = msgspec.structs.replace(where, doubt=unseen[0])
    base = _configured(ground.snapshot, workload.namespace, workload.spec.service_account_name or "default", where)
    containers = of_template(ground.snapshot, workload)
    nodes = _nodes(ground, workload, None if classes is None else chosen, fargate=bool(profile))
    return _through_the_chain(base, workload, containers, nodes)


def of_service_account(ground: Ground, namespace: str, name: str) -> Identities:
    """The roles that any pods of a service account may get, whichever workload they are of."""
    of_it = [
        workload
        for workload in ground.workloads
        if workload.namespace == namespace and (workload.spec.service_account_name or "default") == name
    ]
    if of_it:
        return _together([of_workload(ground, workload) for workload in of_it])
    base = _configured(ground.snapshot, namespace, name, working(ground, None, None))
    if base.found or base.unknowns:
        return base
    return msgspec.structs.replace(
        base, found=_from_nodes(ground, None, None), notes=(*base.notes, "no workload uses it")
    )


def _together(parts: Sequence[Identities]) -> Identities:
    """Of several workloads: all that any of them may get."""
    found = tuple(dict.fromkeys(item for part in parts for item in part.found))
    order = list(Way)
    return msgspec.structs.replace(
        parts[0],
        found=tuple(sorted(found, key=lambda item: order.index(item.way))),
        choice=next((part.choice for part in parts if part.choice), ""),
        unknowns=tuple(dict.fromkeys(item for part in parts for item in part.unknowns)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


# --- what is configured for a service account ------------------------------------------


def _configured(snapshot: Snapshot, namespace: str, name: str, where: Working) -> Identities:
    """The association and the annotation of a service account, whichever pods use it."""
    key = f"{namespace}/{name}"
    unknowns: list[Unknown] = []
    notes: list[str] = []
    found: list[Identity] = []
    account = snapshot.get(kinds.SERVICE_ACCOUNTS, key)
    missing = snapshot.missing(kinds.SERVICE_ACCOUNTS, namespace)
    if account is not None:
        found += _annotated(account.metadata.annotations, key)
    elif missing is not None:
        what = f"whether ServiceAccount {key} names a role was not read"
        remedy = missing.remedy or f"run: {kinds.SERVICE_ACCOUNTS.command} > serviceaccounts.json"
        unknowns.append(Unknown(missing.cause, f"{what} ({missing.detail})", remedy))
    association = association_of(snapshot, namespace, name)
    if isinstance(association, Unknown):
        unknowns.append(association)
    elif association is not None:
        found.append(_associated(snapshot, association, where))
        if where.note:
            notes.append(where.note)
    return Identities(
        service_account=key,
        found=tuple(found),
        choice=_choice(key, found),
        unknowns=tuple(unknowns),
        notes=tuple(notes),
        absent=account is None and missing is None,
        refs=(Ref(kinds.SERVICE_ACCOUNTS.name, key),) if account is not None else (),
    )


def _choice(key: str, found: Sequence[Identity]) -> str:
    if len(found) < 2 or len({(item.role, item.through) for item in found}) < 2:
        return ""
    irsa, agent = found
    return (
        f"ServiceAccount {key} has both an annotation ({irsa.role}) and association {agent.association} ({agent.role}): "
        "AWS SDKs take the web identity token first, but EKS gives new pods what the association needs and no token, so "
        "which role a pod has depends on when it was made"
    )


def _annotated(annotations: dict[str, str], key: str) -> list[Identity]:
    role = annotations.get(ANNOTATION, "").strip()
    if not role:
        return []
    ref = Ref(kinds.SERVICE_ACCOUNTS.name, key, f"metadata.annotations.{ANNOTATION}", role)
    parts = role.split(":")
    whole = len(parts) == 6 and parts[0] == "arn" and parts[2] == "iam" and parts[5].startswith("role/")
    broken = "" if whole else f"the annotation {ANNOTATION} of ServiceAccount {key} is not the ARN of a role: {role}"
    return [Identity(Way.IRSA, role, audience=annotations.get(AUDIENCE) or STS, broken=broken, refs=(ref,))]


def _associated(snapshot: Snapshot, item: PodIdentityAssociation, where: Working) -> Identity:
    table = kinds.POD_IDENTITY_ASSOCIATIONS.name
    refs = [Ref(table, item.association_id, "roleArn", item.role_arn)]
    if item.target_role_arn:
        refs.append(Ref(table, item.association_id, "targetRoleArn", item.target_role_arn))
    broken = where.broken
    cluster = cluster_of(snapshot)
    if item.policy and not item.disable_session_tags:
        # "When using this policy, disableSessionTags must be set to true" (EKS API, CreatePodIdentityAssociation).
        broken = broken or f"association {item.association_id} has a policy while its session tags are not switched off"
    account = item.role_arn.split(":")[4] if item.role_arn.count(":") >= 5 else ""
    if account and cluster.account and account != cluster.account:
        broken = broken or (
            f"role {item.role_arn} of association {item.association_id} is not in the cluster's account {cluster.account}"
        )
    tags: tuple[tuple[str, str | Unknown], ...] = ()
    if not item.disable_session_tags:
        unborn = Unknown(Cause.NOT_ANSWERABLE, "the names and UIDs of pods to come are not known")
        values = (cluster.arn, cluster.name, item.namespace, item.service_account, unborn, unborn)
        tags = tuple(zip(TAGS, values, strict=True))
    return Identity(
        Way.POD_IDENTITY,
        item.target_role_arn or item.role_arn,
        through=item.role_arn if item.target_role_arn else "",
        association=item.association_id,
        external_id=item.external_id,
        tags=tags,
        policy=item.policy,
        broken=broken,
        doubt=None if broken else where.doubt,
        refs=(*refs, *where.refs),
    )


# --- what the containers of a workload take of it --------------------------------------


def _through_the_chain(
    base: Identities, workload: Workload, containers: Sequence[Environment], nodes: Sequence[Identity]
) -> Identities:
    """Each container goes through the chain by itself."""
    skipped = _skipped(workload)
    by_way: dict[str, list[str]] = {}
    own: dict[str, Identity] = {}
    unknowns = list(base.unknowns)
    for item in containers:
        values = item.values
        unknowns += item.open
        files = [name for name in FROM_FILES if name in values]
        if ACCESS_KEY in values:
            by_way.setdefault("static", []).append(item.container)
            continue
        if files:
            what = f"container {item.container} of {workload.id} has {files[0]}: credentials may come from a file"
            remedy = "drop it where the pod's own role is meant"
            unknowns.append(Unknown(Cause.NOT_MODELLED, what, remedy))
        if ROLE in values or TOKEN_FILE in values:
            role = values.get(ROLE)
            if not isinstance(role, str) or TOKEN_FILE not in values:
                what = f"container {item.container} of {workload.id} sets {ROLE} or {TOKEN_FILE} itself, and not both by value"
                unknowns.append(role if isinstance(role, Unknown) else Unknown(Cause.NOT_MODELLED, what, "set neither"))
                continue
            by_way.setdefault("own", []).append(item.container)
            ref = () if workload.ref is None else (msgspec.structs.replace(workload.ref, field=ROLE, value=role),)
            what = f"which token container {item.container} of {workload.id} has in {TOKEN_FILE}, and for whom, was not read"
            doubt = Unknown(Cause.NOT_MODELLED, what, f"drop {ROLE} and {TOKEN_FILE}, and annotate the service account")
            own[item.container] = Identity(Way.IRSA, role, containers=(item.container,), doubt=doubt, refs=ref)
        elif FULL_URI in values or RELATIVE_URI in values:
            what = f"container {item.container} of {workload.id} names an endpoint of its own for credentials"
            unknowns.append(Unknown(Cause.NOT_MODELLED, what, f"drop {FULL_URI} or {RELATIVE_URI}"))
        elif item.container in skipped:
            by_way.setdefault("node", []).append(item.container)
        else:
            by_way.setdefault("given", []).append(item.container)
    return _answer(base, workload, by_way, tuple(own.values()), unknowns, nodes)


def _answer(
    base: Identities,
    workload: Workload,
    by_way: dict[str, list[str]],
    own: tuple[Identity, ...],
    unknowns: list[Unknown],
    nodes: Sequence[Identity],
) -> Identities:
    ways = len(by_way)
    found: list[Identity] = []
    notes = list(base.notes)

    def only(name: str) -> tuple[str, ...]:
        return tuple(by_way.get(name, ())) if ways > 1 else ()

    if "static" in by_way:
        refs = () if workload.ref is None else (msgspec.structs.replace(workload.ref, field=ACCESS_KEY),)
        found.append(Identity(Way.STATIC, "", containers=only("static"), refs=refs))
        names = ", ".join(by_way["static"])
        notes.append(f"container {names} of {workload.id} has {ACCESS_KEY}: whose keys they are decides, and no role")
    found += own
    if "given" in by_way:
        found += [msgspec.structs.replace(item, containers=only("given")) for item in base.found]
    # Without association and annotation, the instance's role is all that is left; with an unread one perhaps not.
    on_nodes = [*by_way.get("node", ()), *(() if base.found else by_way.get("given", ()))]
    if on_nodes:
        limited = tuple(on_nodes) if len(on_nodes) < sum(map(len, by_way.values())) else ()
        found += [msgspec.structs.replace(item, containers=limited) for item in nodes if item.doubt is None]
        unknowns += [item.doubt for item in nodes if item.doubt is not None]
    order = list(Way)
    return msgspec.structs.replace(
        base,
        found=tuple(sorted(found, key=lambda item: order.index(item.way))),
        choice=base.choice if "given" in by_way else "",
        unknowns=tuple(dict.fromkeys(unknowns)),
        notes=tuple(notes),
    )


def _skipped(workload: Workload) -> frozenset[str]:
    """Containers that a pod's annotation keeps the webhook from."""
    text = workload.annotations.get(_SKIP, "")
    return frozenset(name for row in csv.reader([text]) for name in row) if text else frozenset()


# --- the role of the nodes --------------------------------------------------------------


def _nodes(
    ground: Ground, workload: Workload, classes: Sequence[NodeClass] | None, *, fargate: bool
) -> tuple[Identity, ...]:
    """What pods get from their nodes; none on Fargate, where pods do not get the pod execution role."""
    return () if fargate else _from_nodes(ground, workload, classes)


def _from_nodes(ground: Ground, workload: Workload | None, classes: Sequence[NodeClass] | None) -> tuple[Identity, ...]:
    """The roles of nodes that pods reach; what is not known of one stands in its ``doubt``."""
    found: list[Identity] = []
    for item in node_roles(ground, classes):
        reached: bool | Unknown = item.hosts if workload is not None and workload.spec.host_network else item.pods
        if reached is False or item.role == "":
            continue
        doubt = item.role if isinstance(item.role, Unknown) else reached if isinstance(reached, Unknown) else None
        role = item.role if isinstance(item.role, str) else ""
        found.append(Identity(Way.NODE, role, groups=item.groups, doubt=doubt, refs=item.refs))
    return tuple(found)
