"""Drafts for requirements on identity: associations, trust policies, annotations, and restarts.

Which role a service account should have is nobody's to guess: it is the one that all others of the requirement have, or
the only one that both lets EKS assume it for these pods and bears their name. Sources: EKS User Guide, "Assign an IAM role
to a Kubernetes service account" and "Create IAM role with trust policy required by EKS Pod Identity".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from clusterproof.access.decide import Answer
from clusterproof.access.layers import IDENTITY
from clusterproof.access.store import Missing, RoleAuthority, policies
from clusterproof.access.trust import PODS, WEB, Pods, pod_identity_trust, provider_arn
from clusterproof.checks import identity as identity_check
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.identitycells import IdentityCell
from clusterproof.checks.principals import Account, Who, role_name
from clusterproof.checks.words import listed, unique
from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.fixes.iamchanges import associate, create_role, dissociate, put_trust
from clusterproof.fixes.policydocs import decoded, document_of, for_any, trusting
from clusterproof.fixes.quoted import shell
from clusterproof.profiles.model import Identity as Check
from clusterproof.profiles.model import Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.overlay import Overlay, Put, Raw, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.identities import ANNOTATION, STS, TAGS, Identity, Way
from clusterproof.world.model import SHORT_KIND, Workload
from clusterproof.world.podenvironment import FULL_URI, ROLE, TOKEN_FILE, carried
from clusterproof.world.podidentity import cluster_of

_PUT_BACK = "whoever made the annotation (an operator, a chart) may put it back: change it there too"
_RESTARTED = ("Deployment", "StatefulSet", "DaemonSet")
"""Controllers that ``kubectl rollout restart`` takes."""


def draft(context: Context, requirement: Requirement, finding: Finding) -> Draft:
    """What may mend a finding about identity."""
    check = requirement.check.identity
    if check is None:
        return Draft(advice=(finding.summary,))
    who, cells = identity_check.asked(context, check)
    made = _Made(context)
    blocked = [cell for cell in cells if cell.outcome is Outcome.BLOCKED]
    if check.that == "trust":
        _trust(made, blocked)
    for cell in blocked:
        match check.that:
            case "role":
                _role(made, check, who, cell)
            case "one-way":
                _one_way(made, who, cell)
            case "current-way":
                _current_way(made, cell)
            case "injected":
                _restart(made, who, cell)
    return made.draft


class _Made:
    """A draft that grows, each part upon those before."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.draft = Draft()

    @property
    def snapshot(self) -> Snapshot:
        """With everything that was made."""
        return apply(self.context.world.snapshot, Overlay(self.draft.edits))

    def add(self, more: Draft) -> None:
        """One more part."""
        self.draft += more

    def say(self, text: str, why: str = "") -> None:
        """What is not proven, and in one clause why, where that is not the requirement's remedy."""
        self.draft += Draft(advice=(f"not proven: {text}",), why=why)


def _cluster(made: _Made) -> str:
    name = cluster_of(made.context.world.snapshot).name
    return name if isinstance(name, str) else "CLUSTER"


# --- a role at all --------------------------------------------------------------------------


def _role(made: _Made, check: Check, who: Who, cell: IdentityCell) -> None:
    if not cell.account:
        made.say(f"{cell.text}: create it")
        return
    if cell.identity is not None:
        _lost(made, cell)
        return
    namespace, _, name = cell.account.partition("/")
    candidates = _siblings(who, cell.account) or _fitting(made.context, namespace, name)
    if len(candidates) != 1:
        found = f"several may be meant ({', '.join(candidates)})" if candidates else "none that was read is"
        made.say(
            f"which role is for service account {cell.account} cannot be told: {found} named for it and lets {PODS} assume "
            f"it; create one and associate it: aws eks create-pod-identity-association --cluster-name {_cluster(made)} "
            f"--namespace {namespace} --service-account {name} --role-arn ARN",
            f"which role is for service account {cell.account} cannot be told",
        )
        return
    (role,) = candidates
    if check.by == "irsa":
        made.add(_annotate(made.snapshot, cell.account, role))
    else:
        made.add(associate(made.snapshot, _cluster(made), namespace, name, role))


def _lost(made: _Made, cell: IdentityCell) -> None:
    """Where a way names a role that is not there, the role is made; it may then do nothing yet."""
    identity = cell.identity
    assert identity is not None  # noqa: S101 - asked by the caller
    held = policies(made.snapshot)
    missing = [role for role in (identity.through, identity.role) if role and isinstance(held.of_role(role), Missing)]
    cluster = cluster_of(made.context.world.snapshot)
    ours = [role for role in missing if role.startswith("arn:") and role.split(":")[4] == cluster.account]
    if identity.broken or not ours or identity.through:
        made.say(cell.text)
        return
    (role,) = ours
    if identity.way is Way.IRSA:
        trust = _for_token(made.context, role, cell.account, identity.audience)
    else:
        trust = _for_pods(["sts:AssumeRole", "sts:TagSession"] if identity.tags else ["sts:AssumeRole"])
    if trust is None or any(item.role_name == role_name(role) for item in made.snapshot.objects(kinds.ROLES)):
        made.say(cell.text)
        return
    made.add(create_role(role, document_of([trust])))
    if identity.way is Way.POD_IDENTITY:
        update = f"aws eks update-pod-identity-association --association-id {identity.association} --role-arn ARN"
        made.add(Draft(advice=(f"where another role is meant, name it instead: {update}",)))


def _siblings(who: Who, key: str) -> tuple[str, ...]:
    """The one role that all other service accounts of the requirement have; none where they differ."""
    roles = unique(
        item.role
        for account in who.accounts
        if account.key != key
        for item in account.identities.by(Way.POD_IDENTITY, Way.IRSA)
        if not item.through
    )
    return tuple(roles) if len(roles) == 1 else ()


def _fitting(context: Context, namespace: str, name: str) -> tuple[str, ...]:
    """ARNs of the roles that bear the service account's name and may be assumed for it, by the best way to bear it."""
    snapshot = context.world.snapshot
    cluster = cluster_of(snapshot)
    unborn = "pod"
    values = (cluster.arn, cluster.name, namespace, name, unborn, unborn)
    pods = Pods(cluster.arn, cluster.account, tuple(zip(TAGS, values, strict=True)))
    held = policies(snapshot)
    fitting: list[str] = []
    for role in snapshot.objects(kinds.ROLES):
        found = held.of_role(role.arn or role.role_name)
        if isinstance(found, RoleAuthority) and cluster.account in ("", found.account):
            trust = pod_identity_trust(found.trust, role.arn, pods)
            fitting += [role.arn] if trust.answer is Answer.ALLOWED else []
    tiers = (
        lambda role: role == name,
        lambda role: role in (f"{name}-role", f"{namespace}-{name}", f"{cluster.name}-{name}"),
        lambda role: name in role,
    )
    for fits in tiers:
        found_arns = tuple(arn for arn in fitting if fits(role_name(arn)))
        if found_arns:
            return found_arns
    return ()


# --- trust ------------------------------------------------------------------------------------


def _trust(made: _Made, cells: Iterable[IdentityCell]) -> None:
    """One trust policy for each role, with all that it must have."""
    by_role: dict[str, list[IdentityCell]] = {}
    for cell in cells:
        if _may_be_added(made, cell):
            by_role.setdefault(role_name(cell.role), []).append(cell)
    for name, own in by_role.items():
        snapshot = made.snapshot
        before = decoded((snapshot.raw(kinds.ROLES, name) or {}).get("AssumeRolePolicyDocument"))
        asked = [(cell, _wanted(made.context, cell)) for cell in own]
        wanted = for_any([statement for _, statement in asked if statement is not None])
        for cell, statement in asked:
            if before is None or statement is None:
                made.say(cell.text)
        if before is None or not wanted:
            continue
        after = before
        for statement in wanted:
            after = trusting(after, statement)
        who = listed(unique(next(iter(statement["Principal"].values())) for statement in wanted))
        actions = unique(action for statement in wanted for action in statement["Action"])
        accounts = unique(cell.account for cell, statement in asked if statement is not None)
        whose = f" for {listed(accounts)}" if len(accounts) > 1 else ""
        made.add(put_trust(snapshot, name, after, f"let {who} assume role {name} ({', '.join(actions)}){whose}"))


def _may_be_added(made: _Made, cell: IdentityCell) -> bool:
    """Whether one more statement of the role's trust policy may help; what else it takes is said."""
    trust = cell.trust
    if trust is None:
        made.say(cell.text)
    elif trust.statement is not None and trust.statement.effect == "Deny":
        made.say(
            f"{cell.text}; no further statement outweighs an explicit Deny: its owner has to change that one",
            "an explicit Deny refuses it, which no further statement outweighs",
        )
    elif trust.layer == IDENTITY and cell.identity is not None and cell.identity.through:
        also = f"role {role_name(cell.identity.through)} must be allowed it as well"
        made.say(f"{cell.text}; {also}", also)
    else:
        return True
    return False


def _wanted(context: Context, cell: IdentityCell) -> Raw | None:
    """The statement that a trust policy must have."""
    identity = cell.identity
    if identity is None or (
        identity.way is Way.POD_IDENTITY and role_name(identity.through or identity.role) == role_name(cell.role)
    ):
        actions = ["sts:AssumeRole", "sts:TagSession"] if identity is None or identity.tags else ["sts:AssumeRole"]
        return _for_pods(actions)
    if identity.way is Way.POD_IDENTITY:
        actions = ["sts:AssumeRole", "sts:TagSession"] if identity.tags else ["sts:AssumeRole"]
        target: Raw = {"Effect": "Allow", "Principal": {"AWS": identity.through}, "Action": actions}
        if identity.external_id:
            target["Condition"] = {"StringEquals": {"sts:ExternalId": identity.external_id}}
        return target
    return _for_token(context, cell.role, cell.account, identity.audience)


def _for_pods(actions: list[str]) -> Raw:
    return {"Effect": "Allow", "Principal": {"Service": PODS}, "Action": actions}


def _for_token(context: Context, role: str, account: str, audience: str = STS) -> Raw | None:
    cluster = next(iter(context.world.snapshot.objects(kinds.CLUSTERS)), None)
    issuer = cluster.identity.oidc.issuer.removeprefix("https://") if cluster is not None else ""
    if not issuer or not account:
        return None
    namespace, _, name = account.partition("/")
    claims = {f"{issuer}:sub": f"system:serviceaccount:{namespace}:{name}", f"{issuer}:aud": audience}
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn(role, issuer)},
        "Action": [WEB],
        "Condition": {"StringEquals": claims},
    }


# --- one way, the current way -------------------------------------------------------------------


def _annotate(snapshot: Snapshot, key: str, role: str, *said: str) -> Draft:
    """A service account gets the annotation of IRSA, or loses it where the role is empty; with what to know of that."""
    namespace, _, name = key.partition("/")
    raw = snapshot.raw(kinds.SERVICE_ACCOUNTS, key) or {"metadata": {"namespace": namespace, "name": name}}
    metadata = dict(raw["metadata"])
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != ANNOTATION}
    metadata["annotations"] = {**annotations, ANNOTATION: role} if role else annotations
    value = f"={role}" if role else "-"
    text = (
        f"annotate service account {key} with role {role}"
        if role
        else f"take the annotation of IRSA off service account {key}"
    )
    command = f"kubectl annotate serviceaccount -n {shell(namespace)} {shell(name)} {shell(f'{ANNOTATION}{value}')}"
    if role:
        command += " --overwrite"
    advice = f"pods of {key} that run already keep what they have until they are made anew"
    ref = Ref(kinds.SERVICE_ACCOUNTS.name, key, f"metadata.annotations.{ANNOTATION}")
    change = MadeBy(text, ref, {"kubectl": command}, (advice, *said))
    return Draft((Put(kinds.SERVICE_ACCOUNTS.name, {**raw, "metadata": metadata}),), (change,))


def _one_way(made: _Made, who: Who, cell: IdentityCell) -> None:
    """The annotation goes where the association works, and the association where it does not."""
    account = next((item for item in who.accounts if item.key == cell.account), None)
    by_way = {item.way: item for item in account.identities.found} if account is not None else {}
    agent, token = by_way.get(Way.POD_IDENTITY), by_way.get(Way.IRSA)
    if agent is None or token is None:
        made.say(cell.text)
    elif not agent.broken and _assumable(made.context, agent):
        said = [f"pods of {cell.account} that had role {role_name(token.role)} then get role {role_name(agent.role)}"]
        said = [*(said if agent.role != token.role else ()), _PUT_BACK]
        made.add(_annotate(made.snapshot, cell.account, "", *said))
    else:
        text = f"take away association {agent.association} of {cell.account}, whose role EKS cannot assume"
        made.add(dissociate(made.snapshot, _cluster(made), agent.association, text))


def _assumable(context: Context, identity: Identity) -> bool:
    first = identity.through or identity.role
    found = policies(context.world.snapshot).of_role(first)
    if not isinstance(found, RoleAuthority):
        return False
    cluster = cluster_of(context.world.snapshot)
    return (
        pod_identity_trust(found.trust, found.role.arn, Pods(cluster.arn, cluster.account, identity.tags)).answer
        is Answer.ALLOWED
    )


def _current_way(made: _Made, cell: IdentityCell) -> None:
    """The role of the annotation becomes that of an association, and the annotation goes."""
    identity = cell.identity
    namespace, _, name = cell.account.partition("/")
    key = role_name(identity.role) if identity is not None else ""
    raw = made.snapshot.raw(kinds.ROLES, key)
    before = decoded(raw.get("AssumeRolePolicyDocument")) if raw is not None else None
    if identity is None or identity.containers or raw is None or before is None or raw.get("Arn") != identity.role:
        made.say(cell.text)
        return
    cluster = cluster_of(made.context.world.snapshot)
    if cluster.account and identity.role.split(":")[4] != cluster.account:
        made.say(
            f"{cell.text}: role {identity.role} is in another account, so it would be a target role of one in this"
        )
        return
    after = trusting(before, _for_pods(["sts:AssumeRole", "sts:TagSession"]))
    if after != before:
        made.add(put_trust(made.snapshot, key, after, f"let {PODS} assume role {key}"))
    made.add(associate(made.snapshot, _cluster(made), namespace, name, identity.role))
    made.add(_annotate(made.snapshot, cell.account, "", _PUT_BACK))


# --- what pods have got ---------------------------------------------------------------------------


def _restart(made: _Made, who: Who, cell: IdentityCell) -> None:
    """Pods made anew get what EKS puts into them; on the copy they have it."""
    account = next((item for item in who.accounts if item.key == cell.account), None)
    if account is None or cell.identity is None:
        made.say(cell.text)
        return
    for workload in _lacking(made.context, account, cell):
        edits = tuple(_anew(made.snapshot, workload, cell.identity))
        if workload.kind in _RESTARTED:
            kind = SHORT_KIND[workload.kind]
            command = f"kubectl rollout restart -n {shell(workload.namespace)} {shell(f'{kind}/{workload.name}')}"
        else:
            names = " ".join(shell(name) for name in workload.pod_names)
            command = f"kubectl delete pod -n {shell(workload.namespace)} {names}"
        text = f"restart {workload.id}, so that its pods get what {cell.identity.way.value} needs"
        ref = workload.ref or Ref(kinds.PODS.name, f"{workload.namespace}/{workload.name}")
        said = "on the copy the pods have what EKS puts into new ones; a container that comes in after that would not have it"
        ref = msgspec.structs.replace(ref, field="", value="")
        made.add(Draft(edits, (MadeBy(text, ref, {"kubectl": command}, (said,)),)))


def _lacking(context: Context, account: Account, cell: IdentityCell) -> Iterator[Workload]:
    """The workloads of the pods that the cell names."""
    named = {ref.key for ref in cell.refs}
    workloads: Iterable[Workload] = account.workloads or context.world.workloads
    for workload in workloads:
        if any(f"{workload.namespace}/{name}" in named for name in workload.pod_names):
            yield workload


def _anew(snapshot: Snapshot, workload: Workload, identity: Identity) -> Iterator[Put]:
    pods = carried(snapshot, workload)
    values = {FULL_URI: "http://169.254.170.23/v1/credentials"}
    if identity.way is Way.IRSA:
        values = {ROLE: identity.role, TOKEN_FILE: "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"}
    for pod in pods if not isinstance(pods, Unknown) else ():
        raw = snapshot.raw(kinds.PODS, pod.pod)
        if raw is None:
            continue
        containers = [_with(item, values, identity.containers) for item in raw["spec"].get("containers", [])]
        yield Put(kinds.PODS.name, {**raw, "spec": {**raw["spec"], "containers": containers}})


def _with(container: Raw, values: dict[str, str], only: tuple[str, ...]) -> Raw:
    if only and container.get("name") not in only:
        return container
    kept = [item for item in container.get("env") or () if item.get("name") not in values]
    return {**container, "env": [*kept, *({"name": name, "value": value} for name, value in values.items())]}


__all__ = ["draft"]
