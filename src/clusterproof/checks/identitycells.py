"""Whether service accounts get their roles, cell by cell: that there is one, that it may be assumed, that pods have it.

Sources: EKS User Guide, "Learn how EKS Pod Identity grants pods access to AWS services" (Kubernetes 1.24 and later),
"EKS Pod Identity restrictions" and "Use pod identity with the AWS SDK" (pods get what they need when they are made).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from clusterproof.access.decide import Answer
from clusterproof.access.store import Missing, RoleAuthority, policies
from clusterproof.access.trust import Pods, Token, Trust, irsa_trust, pod_identity_trust, role_trust
from clusterproof.checks.context import Context
from clusterproof.checks.guardrails import guardrails
from clusterproof.checks.principals import Account, Bearer, Who, role_ref
from clusterproof.checks.words import listed
from clusterproof.profiles.functions import is_version, lt, semver
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.world.identities import TAGS, Identity, Way
from clusterproof.world.model import Workload
from clusterproof.world.podenvironment import Carried, carried
from clusterproof.world.podidentity import cluster_of

WAYS = {
    "any": (Way.IRSA, Way.POD_IDENTITY),
    "pod-identity": (Way.POD_IDENTITY,),
    "irsa": (Way.IRSA,),
}
_NAMES = {
    "any": "neither an EKS Pod Identity association nor an IRSA annotation",
    "pod-identity": "no EKS Pod Identity association",
    "irsa": "no IRSA annotation",
}
_OUTCOMES = {Answer.ALLOWED: Outcome.WORKS, Answer.DENIED: Outcome.BLOCKED, Answer.UNKNOWN: Outcome.UNKNOWN}
SINCE = "1.24"
"""The first version of Kubernetes with EKS Pod Identity."""


class IdentityCell(msgspec.Struct, frozen=True):
    """One thing that must hold.

    Attributes:
        outcome: works where it does.
        text: in a clause.
        refs: what says so.
        unknowns: why it is not known.
        account: the service account.
        identity: the role that it is about; None where there is none.
        trust: of that role, where it was asked.
        role: the role whose trust was asked.
        notes: what to know besides.
    """

    outcome: Outcome
    text: str
    refs: tuple[Ref, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    account: str = ""
    identity: Identity | None = None
    trust: Trust | None = None
    role: str = ""
    notes: tuple[str, ...] = ()


def having_roles(context: Context, who: Who, by: str) -> Iterator[IdentityCell]:
    """For each service account, that a way which counts gives it a role that exists."""
    for account in who.accounts:
        found = account.identities.by(*WAYS[by])
        # What is not installed yet brings its service account; the association may well be there before.
        to_come = bool(account.workloads) and not any(workload.installed for workload in account.workloads)
        if account.identities.absent and not to_come:
            text = f"there is no service account {account.key}, so that no pod of it can be made"
            refs = tuple(ref for item in found for ref in item.refs)
            yield IdentityCell(Outcome.BLOCKED, text, refs, account=account.key)
            continue
        if not found and not account.identities.unknowns:
            text = f"service account {account.key} has {_NAMES[by]}"
            yield IdentityCell(Outcome.BLOCKED, text, account.identities.refs, account=account.key)
        for item in found:
            yield _exists(context, account, item)
    for bearer in who.bearers:
        if bearer.named:
            yield _is_there(context, bearer)


def _about(account: Account, item: Identity, outcome: Outcome, text: str, *unknowns: Unknown) -> IdentityCell:
    return IdentityCell(outcome, text, item.refs, unknowns, account.key, item)


def _exists(context: Context, account: Account, item: Identity) -> IdentityCell:
    way = f"service account {account.key} gets role {item.role} by {item.way.value}"
    if item.broken:
        return _about(account, item, Outcome.BLOCKED, item.broken)
    for role in (item.role, item.through):
        found = policies(context.world.snapshot).of_role(role) if role else None
        if isinstance(found, Missing):
            text = f"service account {account.key} names a role that does not exist: {found.detail}"
            return _about(account, item, Outcome.BLOCKED, text)
        if isinstance(found, Unknown):
            return _about(account, item, Outcome.UNKNOWN, f"whether {way} is not known", found)
    if item.doubt is not None:
        return _about(account, item, Outcome.UNKNOWN, f"whether {way} is not known", item.doubt)
    return _about(account, item, Outcome.WORKS, way)


def _is_there(context: Context, bearer: Bearer) -> IdentityCell:
    role = bearer.identity.role
    found = policies(context.world.snapshot).of_role(role)
    if isinstance(found, Missing):
        return IdentityCell(Outcome.BLOCKED, found.detail, (role_ref(role),), role=role)
    if isinstance(found, Unknown):
        return IdentityCell(Outcome.UNKNOWN, found.detail, (role_ref(role),), (found,), role=role)
    return IdentityCell(Outcome.WORKS, f"role {found.role.role_name} exists", (role_ref(role),), role=role)


# --- trust ---------------------------------------------------------------------------------


def trusted(context: Context, who: Who, by: str) -> Iterator[IdentityCell]:
    """For each role that is got by a way which counts, that it lets itself be assumed so."""
    for account in who.accounts:
        for item in account.identities.by(*WAYS[by]):
            yield from _of_identity(context, account.key, item)
    for bearer in who.bearers:
        if bearer.named:
            yield _of_named(context, bearer.identity.role, by)


def _of_identity(context: Context, key: str, item: Identity) -> Iterator[IdentityCell]:
    held = policies(context.world.snapshot)
    first = item.through or item.role
    found = held.of_role(first)
    if not isinstance(found, RoleAuthority):
        yield _unheld(found, first, key, item)
        return
    if item.way is Way.IRSA:
        yield _cell(_by_token(context, found, key, item), found.role.arn, key, item)
        return
    limit = guardrails(context, found.account)
    trust = pod_identity_trust(found.trust, found.role.arn, _pods(context, item.tags), limit)
    yield _cell(trust, found.role.arn, key, item)
    if not item.through:
        return
    target = held.of_role(item.role)
    if not isinstance(target, RoleAuthority):
        yield _unheld(target, item.role, key, item)
        return
    external: str | Unknown = item.external_id
    if not external:
        what = f"the external id of association {item.association} was not read"
        external = Unknown(Cause.INCOMPLETE, what, f"run: {kinds.POD_IDENTITY_ASSOCIATIONS.command}")
    trust = role_trust(
        target.trust,
        target.role.arn,
        found.role.arn,
        external_id=external,
        tags=item.tags,
        first=found,
        guardrails=guardrails(context, found.account) or guardrails(context, target.account),
    )
    yield _cell(trust, target.role.arn, key, item)


def _by_token(context: Context, role: RoleAuthority, key: str, item: Identity) -> Trust:
    if item.doubt is not None:
        return Trust(Answer.UNKNOWN, item.doubt.detail, unknowns=(item.doubt,))
    namespace, _, name = key.partition("/")
    cluster = next(iter(context.world.snapshot.objects(kinds.CLUSTERS)), None)
    issuer = cluster.identity.oidc.issuer.removeprefix("https://") if cluster is not None else ""
    if not issuer:
        unread = context.world.snapshot.missing(kinds.CLUSTERS)
        what = "the cluster's OIDC issuer was not read"
        unknown = Unknown(unread.cause if unread else Cause.INCOMPLETE, what, f"run: {kinds.CLUSTERS.command}")
        return Trust(Answer.UNKNOWN, what, unknowns=(unknown,))
    token = Token(issuer, namespace, name, item.audience)
    provided = policies(context.world.snapshot).provider(issuer, role.account, item.audience)
    return irsa_trust(role.trust, role.role.arn, token, provided, guardrails(context, role.account))


def _of_named(context: Context, role: str, by: str) -> IdentityCell:
    """A role that the requirement names, of whose pods nothing is known: for Pod Identity, else nobody could tell."""
    found = policies(context.world.snapshot).of_role(role)
    if not isinstance(found, RoleAuthority):
        return _unheld(found, role, "", None)
    if by == "irsa":
        what = f"for which service account role {found.role.role_name} is asked about is not said"
        trust = Trust(Answer.UNKNOWN, what, unknowns=(Unknown(Cause.NOT_ANSWERABLE, what, "name the service account"),))
        return _cell(trust, found.role.arn, "", None)
    cluster = cluster_of(context.world.snapshot)
    unsaid = Unknown(
        Cause.NOT_ANSWERABLE, "of which service account the pods are is not said", "name the service account"
    )
    tags = tuple(zip(TAGS, (cluster.arn, cluster.name, unsaid, unsaid, unsaid, unsaid), strict=True))
    limit = guardrails(context, found.account)
    trust = pod_identity_trust(found.trust, found.role.arn, _pods(context, tags), limit)
    return _cell(trust, found.role.arn, "", None)


def _pods(context: Context, tags: tuple[tuple[str, str | Unknown], ...]) -> Pods:
    cluster = cluster_of(context.world.snapshot)
    unread = context.world.snapshot.missing(kinds.ORGANIZATIONS)
    found = next(iter(context.world.snapshot.objects(kinds.ORGANIZATIONS)), None)
    organization = found.id if found is not None else unread
    return Pods(cluster.arn, cluster.account, tags, organization)


def _cell(trust: Trust, role: str, key: str, item: Identity | None) -> IdentityCell:
    name = role.rpartition("/")[2]
    way = f" by {item.way.value}" if item is not None else " by EKS Pod Identity"
    whose = f" for {key}" if key else ""
    if trust.answer is Answer.ALLOWED:
        text = f"role {name} may be assumed{way}{whose}"
    elif trust.answer is Answer.DENIED:
        text = f"role {name} may not be assumed{way}{whose}: {trust.why}"
    else:
        text = f"whether role {name} may be assumed{way}{whose} is not known"
    ref = role_ref(role, "AssumeRolePolicyDocument", trust.why)
    refs = (ref, *(item.refs if item is not None else ()))
    outcome = _OUTCOMES[trust.answer]
    return IdentityCell(outcome, text, refs, trust.unknowns, key, item, trust, role, trust.notes)


def _unheld(found: Missing | Unknown, role: str, key: str, item: Identity | None) -> IdentityCell:
    refs = (role_ref(role), *(item.refs if item is not None else ()))
    if isinstance(found, Missing):
        return IdentityCell(Outcome.BLOCKED, found.detail, refs, account=key, identity=item, role=role)
    return IdentityCell(Outcome.UNKNOWN, found.detail, refs, (found,), key, item, role=role)


# --- which way -----------------------------------------------------------------------------


def one_way(who: Who) -> Iterator[IdentityCell]:
    """For each service account that has a role, that it has it by one way only."""
    for account in who.accounts:
        ways = {item.way: item for item in account.identities.by(*WAYS["any"]) if not item.containers}
        refs = tuple(ref for item in ways.values() for ref in item.refs)
        if len(ways) > 1:
            text = account.identities.choice or (
                f"service account {account.key} has both an annotation and an association, of the same role"
            )
            yield IdentityCell(Outcome.BLOCKED, text, refs, account=account.key)
        elif ways:
            way = next(iter(ways))
            yield IdentityCell(
                Outcome.WORKS, f"{account.key} has a role by {way.value} alone", refs, account=account.key
            )


def current_way(context: Context, who: Who) -> Iterator[IdentityCell]:
    """For each service account that has a role, that it is not by IRSA where Pod Identity could be used."""
    for account in who.accounts:
        for item in account.identities.by(*WAYS["any"]):
            if item.way is Way.POD_IDENTITY:
                text = f"{account.key} uses EKS Pod Identity"
                yield _about(account, item, Outcome.WORKS, text)
                continue
            why = _cannot(context, account.workloads)
            if isinstance(why, Unknown):
                text = f"whether {account.key} could use EKS Pod Identity is not known"
                yield _about(account, item, Outcome.UNKNOWN, text, why)
            elif why:
                text = f"{account.key} uses IRSA, and {why}"
                yield _about(account, item, Outcome.WORKS, text)
            else:
                text = f"{account.key} uses IRSA (role {item.role}), where EKS Pod Identity could be used"
                yield _about(account, item, Outcome.BLOCKED, text)


def _cannot(context: Context, workloads: Iterable[Workload]) -> str | Unknown:
    """Why EKS Pod Identity cannot be used; empty where it can."""
    version = context.world.kubernetes_version
    if not is_version(version):
        unread = context.world.snapshot.missing(kinds.CLUSTERS)
        what = "the version of Kubernetes was not read"
        return Unknown(unread.cause if unread else Cause.INCOMPLETE, what, f"run: {kinds.CLUSTERS.command}")
    if lt(semver(version), SINCE):
        return f"EKS Pod Identity needs Kubernetes {SINCE}"
    for workload in workloads:
        if context.world.fargate.of(workload):
            return "EKS Pod Identity does not work on Fargate"
        if workload.spec.node_selector.get("kubernetes.io/os", "") == "windows":
            return "EKS Pod Identity does not work on Windows"
    return ""


# --- what pods have got ----------------------------------------------------------------------


def injected(context: Context, who: Who, by: str) -> Iterator[IdentityCell]:
    """For each workload with a role, that its pods have what they need of it: those older than it have not."""
    for account in who.accounts:
        found = account.identities.by(*WAYS[by])
        workloads = account.workloads or tuple(_using(context, account.key))
        for workload in workloads if found else ():
            pods = carried(context.world.snapshot, workload)
            if isinstance(pods, Unknown):
                text = f"what pods of {workload.id} have got is not known"
                yield IdentityCell(Outcome.UNKNOWN, text, (), (pods,), account.key, found[0])
                continue
            yield from _got(account.key, workload, pods, found)


def _using(context: Context, key: str) -> Iterator[Workload]:
    namespace, _, name = key.partition("/")
    for workload in context.world.workloads:
        if workload.namespace == namespace and (workload.spec.service_account_name or "default") == name:
            yield workload


def _got(
    key: str, workload: Workload, pods: tuple[Carried, ...], found: tuple[Identity, ...]
) -> Iterator[IdentityCell]:
    lacking = [(pod, why) for pod in pods if (why := _lacks(pod, found))]
    if lacking:
        pod, why = lacking[0]
        more = f", and so are {len(lacking) - 1} more of {workload.id}" if len(lacking) > 1 else ""
        text = f"pod {pod.pod} is without it{more}: {why}"
        refs = tuple(Ref(kinds.PODS.name, one.pod, "spec.containers", reason) for one, reason in lacking[:3])
        yield IdentityCell(Outcome.BLOCKED, text, refs, account=key, identity=found[0])
    elif pods:
        refs = (Ref(kinds.PODS.name, pods[0].pod, "spec.containers", f"{len(pods)} pods have what they need"),)
        text = f"the pods of {workload.id} have what they need of {found[0].way.value}"
        yield IdentityCell(Outcome.WORKS, text, refs, account=key, identity=found[0])


def _lacks(pod: Carried, found: tuple[Identity, ...]) -> str:
    """What a pod lacks of all its ways to a role; empty where one of them gave it what it needs."""
    reasons: list[str] = []
    for item in found:
        wanted = item.containers or tuple(name for name in pod.containers if name not in pod.static)
        if item.way is Way.POD_IDENTITY:
            without = [name for name in wanted if name not in pod.pod_identity]
            variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        else:
            roles = dict(pod.web_identity)
            without = [name for name in wanted if name not in roles]
            variable = "AWS_WEB_IDENTITY_TOKEN_FILE"
            other = next((roles[name] for name in wanted if name in roles and roles[name] not in ("", item.role)), "")
            if not without and other:
                reasons.append(f"it has role {other}, where the annotation names {item.role}")
                continue
        if not without:
            return ""
        reasons.append(f"{listed(without)} has no {variable}: it is older than the {_thing(item)}; restart it")
    return reasons[0] if reasons else ""


def _thing(item: Identity) -> str:
    return "association" if item.way is Way.POD_IDENTITY else "annotation"
