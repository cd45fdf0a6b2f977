"""Drafts for requirements on rights: least-privilege grants, narrower statements, and advice where no grant can help.

A grant is one inline policy for each requirement, of exactly what is missing on exactly what was asked about. An explicit
Deny, a permissions boundary, the policy of an association, an endpoint or a resource that refuses is its owner's to
change: those are named. Source: IAM User Guide, "Policy evaluation logic" and "Security best practices in IAM".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from clusterproof.access.ineffective import by_name
from clusterproof.access.layers import BOUNDARY, ENDPOINT, IDENTITY, RESOURCE, SESSION, Answer
from clusterproof.access.store import RoleAuthority, account_of, policies
from clusterproof.access.trust import ASSUME, TAG, role_trust
from clusterproof.checks import access as access_check
from clusterproof.checks import effective as effective_check
from clusterproof.checks import scope as scope_check
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.principals import role_name
from clusterproof.checks.rights import Right
from clusterproof.checks.words import listed, unique
from clusterproof.fixes.draft import Draft
from clusterproof.fixes.iamchanges import delete_inline, put_inline, put_managed, put_trust
from clusterproof.fixes.policydocs import decoded, grant, narrowed, statements, trusting, with_grants
from clusterproof.fixes.trial import tried
from clusterproof.profiles.model import Access, Requirement, Scope
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import Overlay, Raw, apply
from clusterproof.snapshot.snapshot import Snapshot

_REFUSES = {
    BOUNDARY: "a grant does not help while the permissions boundary does not allow it: let its owner add it there",
    SESSION: "a grant does not help while the policy of the association does not allow it: add it there",
    ENDPOINT: "a grant does not help while the policy of the VPC endpoint does not allow it: let its owner add it there",
    RESOURCE: "a grant does not help while the resource's own policy does not allow it: let its owner add it there",
}
_LAYERS = {
    BOUNDARY: "a permissions boundary refuses it",
    SESSION: "the policy of the association refuses it",
    ENDPOINT: "the policy of a VPC endpoint refuses it",
    RESOURCE: "the resource's own policy refuses it",
}
_DENIES = "no grant outweighs an explicit Deny: its owner has to change that statement"


def draft(context: Context, requirement: Requirement, finding: Finding) -> Draft:
    """What may mend a finding about rights, by the kind of its check."""
    check = requirement.check
    if check.access is not None:
        return _granting(context, requirement, check.access)
    if check.scope is not None:
        return _narrowing(context, check.scope)
    if check.effective is not None:
        return _in_vain(context, requirement)
    return Draft(advice=(finding.summary,))


# --- grants --------------------------------------------------------------------------------


def _granting(context: Context, requirement: Requirement, check: Access) -> Draft:
    found = access_check.asked(context, check)
    refused = _refused(found)
    # A trust policy that names the role lets it in without a grant, where both are in one account.
    made = _targets(context.world.snapshot, refused)
    left = _refused(access_check.asked(tried(context, made.edits), check)) if made.edits else refused
    snapshot = apply(context.world.snapshot, Overlay(made.edits))
    made += _grants(snapshot, requirement, [right for right in left if _grantable(right)])
    helped = False
    if made.edits:
        left = _refused(access_check.asked(tried(context, made.edits), check))
        still = {(right.role, right.action, right.on) for right in left}
        helped = any((right.role, right.action, right.on) not in still for right in refused)
    advice = unique([*_advice(left), *(f"not proven: {text}: give them a role first" for text in found.who.without)])
    why = next((_why(right) for right in left), "") if not found.who.without else "the pods have no role yet"
    if not helped:
        return Draft(advice=tuple(advice), why=why)
    return Draft(made.edits, made.changes, tuple(unique([*made.advice, *advice])), why)


def _refused(found: access_check.Asked) -> list[Right]:
    return [right for right in found.rights if right.outcome in (Outcome.BLOCKED, Outcome.VARIES)]


def _grantable(right: Right) -> bool:
    return right.decision.layer == IDENTITY and right.decision.statement is None


def _grants(snapshot: Snapshot, requirement: Requirement, missing: Sequence[Right]) -> Draft:
    """One inline policy for each role that lacks something."""
    name = f"clusterproof-{requirement.id}"
    made = Draft()
    for role in unique(right.role for right in missing):
        own = [right for right in missing if right.role == role]
        by_actions: dict[tuple[str, ...], list[str]] = {}
        for resource in unique(_resource(right) for right in own):
            actions = tuple(unique(right.action for right in own if _resource(right) == resource))
            by_actions.setdefault(actions, []).append(resource)
        grants = [grant(actions, resources) for actions, resources in by_actions.items()]
        key = role_name(role)
        raw = snapshot.raw(kinds.ROLES, key) or {}
        held = next(
            (item.get("PolicyDocument") for item in raw.get("RolePolicyList") or () if item.get("PolicyName") == name),
            None,
        )
        before = decoded(held) if held is not None else None
        if held is not None and before is None:
            why = f"policy {name} of role {key} cannot be read, so nothing is added to it"
            return Draft(advice=(f"not proven: {why}",), why=why)
        text = f"allow role {key} {listed(unique(right.action for right in own))}"
        said = [
            f"newly allowed to role {key}: {', '.join(actions)} on {', '.join(resources)}"
            for actions, resources in by_actions.items()
        ]
        account = role.split(":")[4] if role.startswith("arn:") else ""
        if account not in ("", account_of(snapshot)):
            said.insert(0, f"role {key} is in account {account}: the command needs credentials of that account")
        made += put_inline(snapshot, key, name, with_grants(before, grants), text, said)
    return made


def _resource(right: Right) -> str:
    """What a grant must name: what was asked about, or everything for an action that is authorised on nothing by name."""
    return right.resource if by_name(right.action) else "*"


def _targets(snapshot: Snapshot, refused: Sequence[Right]) -> Draft:
    """Trust policies of target roles that do not let the association's own role in."""
    made = Draft()
    for right in refused:
        identity = right.bearer.identity
        if right.action not in (ASSUME, TAG) or identity.role != right.resource:
            continue
        held = policies(apply(snapshot, Overlay(made.edits))).of_role(identity.role)
        if not isinstance(held, RoleAuthority):
            continue
        trust = role_trust(
            held.trust, identity.role, identity.through, external_id=identity.external_id, tags=identity.tags
        )
        before = decoded(held.role.assume_role_policy_document)
        if trust.answer is not Answer.DENIED or trust.statement is not None or before is None:
            continue
        wanted: Raw = {
            "Effect": "Allow",
            "Principal": {"AWS": identity.through},
            "Action": [ASSUME, TAG] if identity.tags else [ASSUME],
        }
        if identity.external_id:
            wanted["Condition"] = {"StringEquals": {"sts:ExternalId": identity.external_id}}
        text = f"let role {role_name(identity.through)} assume role {role_name(identity.role)}"
        made += put_trust(snapshot, role_name(identity.role), trusting(before, wanted), text)
    return made


def _why(right: Right) -> str:
    """What a grant cannot outweigh, in one clause."""
    if right.decision.statement is not None:
        return "an explicit Deny refuses it, which no grant outweighs"
    return _LAYERS.get(right.decision.layer, "")


def _advice(left: Iterable[Right]) -> Iterator[str]:
    """Why what is still refused is not mended by a grant."""
    for right in left:
        found = right.decision
        where = f"role {role_name(right.role)}: {right.text}"
        if found.statement is not None:
            yield f"not proven: {where}; {_DENIES}"
        elif found.layer in _REFUSES:
            yield f"not proven: {where}; {_REFUSES[found.layer]}"
        elif found.layer != IDENTITY:
            yield f"not proven: {where}"


# --- narrower statements ---------------------------------------------------------------------


def _narrowing(context: Context, check: Scope) -> Draft:
    found = scope_check.asked(context, check)
    if isinstance(found.within, str | tuple) is False:
        return Draft()
    within = tuple(found.within)  # type: ignore[arg-type]
    wide = [item for item in found.reached if item.outcome is Outcome.BLOCKED and item.granted is not None]
    made = Draft()
    snapshot = context.world.snapshot
    for kind, key, field in unique((item.ref.kind, item.ref.key, item.ref.field) for item in wide):
        own = [item for item in wide if (item.ref.kind, item.ref.key, item.ref.field) == (kind, key, field)]
        indexes = sorted({item.granted.statement.index for item in own if item.granted is not None}, reverse=True)
        managed = kind == kinds.POLICIES.name
        policy = key if managed else field.partition(".")[2]
        where = f"policy {policy}" if managed else f"policy {policy} of role {key}"
        if managed and ":aws:policy/" in key:
            said = f"not proven: {key} is AWS's own and cannot be narrowed: detach it from {_roles(snapshot, key)} and"
            made += Draft(
                advice=(f"{said} allow what is needed of {check.service} on {', '.join(within)} instead",),
                why=f"{key} is AWS's own and cannot be narrowed",
            )
            continue
        before = _document(snapshot, kind, key, policy)
        after = _narrower(before, indexes, check, within) if before is not None else None
        if after is None:
            why = f"{where} says it in a way that is not narrowed here"
            made += Draft(advice=(f"not proven: {why}: {own[0].text}",), why=why)
            continue
        text = f"narrow {where} to {', '.join(within)} in {check.service}"
        if not after["Statement"] and managed:
            said = (
                f"not proven: nothing of {key} lies within {', '.join(within)}: detach it from {_roles(snapshot, key)}"
            )
            made += Draft(advice=(said,), why=f"nothing of {key} lies within what is meant")
            continue
        taken = [f"no longer allowed by {where}: {_taken(item)}" for item in own if item.granted is not None]
        if managed:
            made += put_managed(snapshot, key, after, text, taken)
        elif after["Statement"]:
            made += put_inline(snapshot, key, policy, after, text, taken)
        else:
            made += delete_inline(snapshot, key, policy, f"take away {where}, of which nothing lies within", taken)
        snapshot = apply(context.world.snapshot, Overlay(made.edits))
    return made


def _taken(item: scope_check.Reached) -> str:
    assert item.granted is not None  # noqa: S101 - asked by the caller
    return f"{', '.join(item.granted.actions)} on {', '.join(item.granted.outside)} elsewhere"


def _roles(snapshot: Snapshot, arn: str) -> str:
    names = [
        role.role_name
        for role in snapshot.objects(kinds.ROLES)
        if any(item.policy_arn == arn for item in role.attached_managed_policies)
    ]
    return listed([f"role {name}" for name in names])


def _document(snapshot: Snapshot, kind: str, key: str, policy: str) -> Raw | None:
    if kind == kinds.POLICIES.name:
        raw = snapshot.raw(kinds.POLICIES, key) or {}
        default = raw.get("DefaultVersionId", "")
        found = (
            item.get("Document")
            for item in raw.get("PolicyVersionList") or ()
            if item.get("IsDefaultVersion") or item.get("VersionId") == default
        )
        return decoded(next(found, None))
    raw = snapshot.raw(kinds.ROLES, key) or {}
    held = (item.get("PolicyDocument") for item in raw.get("RolePolicyList") or () if item.get("PolicyName") == policy)
    return decoded(next(held, None))


def _narrower(document: Raw, indexes: Sequence[int], check: Scope, within: tuple[str, ...]) -> Raw | None:
    """The document with some statements narrowed, or without those of which nothing is left."""
    held = statements(document)
    for index in indexes:
        found = narrowed(held[index], check.service, within, check.except_actions)
        if found is None:
            return None
        held[index : index + 1] = found
    return {**document, "Statement": held}


# --- grants in vain ----------------------------------------------------------------------------


def _in_vain(context: Context, requirement: Requirement) -> Draft:
    """Whether anybody needs what was never allowed is not for us to say: advice."""
    check = requirement.check.effective
    assert check is not None  # noqa: S101 - asked by the caller
    _, found = effective_check.asked(context, check)
    said = []
    for item in found:
        if item.outcome is Outcome.BLOCKED:
            alone = '{"Effect": "Allow", "Action": "%s", "Resource": "*"}' % item.action  # noqa: UP031 - braces
            said.append(
                f"not proven: role {item.role}: {item.action} was never allowed, so taking it out changes nothing; where "
                f"it is needed, it takes effect in a statement of its own: {alone}"
            )
    names = unique(item.action for item in found if item.outcome is Outcome.BLOCKED)
    why = f"whether anybody needs {listed(names)} is not known; it was never allowed" if names else ""
    return Draft(advice=tuple(said), why=why)


__all__ = ["draft"]
