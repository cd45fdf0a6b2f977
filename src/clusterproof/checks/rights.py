"""May the roles of a principal do something: each role × action × resource, by every policy that was read.

For one of them several answers count together: the resource as it was asked for, each resource of it that has a policy of
its own, and each way on which its requests leave the VPC. With a target role EKS first assumes the association's own role,
which must be allowed to assume the target and to tag its session (EKS User Guide, "Access AWS resources using EKS Pod
Identity target IAM roles"; EKS API, ``CreatePodIdentityAssociation``: an association's policy limits the target alone).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from clusterproof.access.context import Given, Request, of_session
from clusterproof.access.decide import Answer, Authority, Decision, decide
from clusterproof.access.ineffective import asked_of, never_takes_effect
from clusterproof.access.layers import ENDPOINT, RESOURCE
from clusterproof.access.patterns import is_pattern, segments
from clusterproof.access.policy import Policy, parse
from clusterproof.access.store import Missing, Policies, RoleAuthority, policies
from clusterproof.access.trust import ASSUME, TAG, provider_arn, role_trust
from clusterproof.checks.context import Context
from clusterproof.checks.endpointways import Way as WayOut
from clusterproof.checks.endpointways import ways
from clusterproof.checks.filled import filled, names
from clusterproof.checks.guardrails import guardrails
from clusterproof.checks.principals import Bearer, role_name, role_ref
from clusterproof.checks.resourcepolicies import Held, held
from clusterproof.profiles.expression import names_of
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.world.identities import Way

_OUTCOMES = {Answer.ALLOWED: Outcome.WORKS, Answer.DENIED: Outcome.BLOCKED, Answer.UNKNOWN: Outcome.UNKNOWN}
_EXPRESSION = re.compile(r"\$\{(.*)\}", re.DOTALL)


class Right(msgspec.Struct, frozen=True):
    """One role × action × resource, decided.

    Attributes:
        bearer: who asks.
        role: whose policies decide: the bearer's role, or the one by which it is assumed.
        action: what is asked.
        resource: on what, as it was asked for.
        outcome: works where it is allowed.
        decision: the one that decided.
        on: the very resource that decided.
        through: the VPC endpoint, in words; empty: none decided.
        ref: the policy that decided.
        notes: what to know besides.
    """

    bearer: Bearer
    role: str
    action: str
    resource: str
    outcome: Outcome
    decision: Decision
    on: str
    through: str
    ref: Ref
    notes: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """What decided, without saying again what was asked: ``no statement of its identity policies allows it``."""
        said = self.decision.why.replace(f"{self.action} on {self.on}", "it").replace(
            f"{self.action} on some of {self.on}", "it"
        )
        way = f" ({self.through})" if self.through else ""
        return said.replace("statement of the identity policies", "statement of its identity policies") + way

    @property
    def text(self) -> str:
        """``sqs:SendMessage on arn…: allowed by p, statement 1``; for evidence and advice."""
        word = {Outcome.WORKS: "allowed by", Outcome.BLOCKED: "denied by", Outcome.VARIES: "denied by"}.get(
            self.outcome
        )
        found = self.decision
        if word and found.statement is not None:
            said = f"{word} {found.policy}, {found.statement.title}"
            way = f" ({self.through})" if self.through else ""
            return f"{self.action} on {self.on}: {said}{way}"
        return f"{self.action} on {self.on}: {self.why}"


def rights(
    context: Context,
    bearers: Iterable[Bearer],
    actions: Sequence[str],
    resources: Sequence[str],
    given: Mapping[str, str | Unknown],
) -> list[Right]:
    """Everything that is asked of some bearers, in order."""
    found: list[Right] = []
    judge = _Judge(context, given)
    for bearer in bearers:
        if bearer.identity.through:
            found += judge.assuming(bearer)
        for resource in resources:
            found += [judge.right(bearer, action, resource) for action in actions]
    return found


def asked_texts(context: Context, texts: Sequence[str]) -> list[str] | Unknown:
    """Texts with their ``${...}`` filled in; an expression may name kinds, and give a list."""
    found: list[str] = []
    for text in texts:
        used = {name.partition(".")[0] for part in _EXPRESSION.findall(text) for name in names_of(part)}
        using = [name for name in BY_NAME if name.replace("-", "_") in used]
        value = filled(text, names(context, using))
        if isinstance(value, Unknown):
            return value
        found += [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return list(dict.fromkeys(found))


class _Judge:
    """Asks for one requirement; what roles, ways and resources are is looked up once."""

    def __init__(self, context: Context, given: Mapping[str, str | Unknown]) -> None:
        self._context = context
        self._given = given
        self._snapshot = context.world.snapshot
        self._policies: Policies = policies(self._snapshot)
        self._ways: dict[tuple[str, bool], tuple[WayOut, ...]] = {}
        self._held: dict[tuple[str, str], tuple[Held, ...]] = {}
        self._authorities: dict[tuple[object, ...], Authority] = {}

    def right(self, bearer: Bearer, action: str, resource: str) -> Right:
        """Whether a bearer's role may do something."""
        role = self._policies.of_role(bearer.identity.role)
        if not isinstance(role, RoleAuthority):
            return self._without(bearer, bearer.identity.role, role, action, resource)
        answers: list[tuple[Decision, str, WayOut]] = []
        asked = asked_of(action, resource)
        for item in self._resources(action, asked):
            for way in self._out(action, item.arn):
                keys = self._keys(bearer, role, item.arn, way)
                request = Request(action, item.arn, role.role.arn, keys)
                answers.append((decide(self._authority(bearer, role, item, way), request), item.arn, way))
        return self._together(bearer, role, action, resource, answers)

    def assuming(self, bearer: Bearer) -> Iterator[Right]:
        """Whether the association's own role may assume the target role, and tag its session.

        EKS makes the call, not the pod: no endpoint of the VPC is passed.
        """
        identity = bearer.identity
        own, target = identity.through, identity.role
        actions = (ASSUME, TAG) if identity.tags else (ASSUME,)
        role, aim = self._policies.of_role(own), self._policies.of_role(target)
        if not isinstance(role, RoleAuthority) or isinstance(aim, Missing):
            lacking, why = (own, role) if not isinstance(role, RoleAuthority) else (target, aim)
            if not isinstance(why, RoleAuthority):
                yield from (self._without(bearer, lacking, why, action, target) for action in actions)
            return
        found = role_trust(
            aim.trust if isinstance(aim, RoleAuthority) else aim,
            target,
            role.role.arn,
            external_id=identity.external_id or _no_id(identity.association),
            tags=identity.tags,
            first=role,
            guardrails=guardrails(self._context, role.account) or self._beyond(aim),
        )
        for action in actions:
            works = found.answer is Answer.ALLOWED or (found.answer is Answer.DENIED and action not in found.missing)
            outcome = Outcome.WORKS if works else _OUTCOMES[found.answer]
            decision = Decision(_answer(outcome), found.why, found.statement, found.policy, found.unknowns, found.layer)
            ref = _ref(role, decision, f"{action} on {target}", (), WayOut())
            if found.layer == RESOURCE and not works:
                ref = role_ref(target, "AssumeRolePolicyDocument")
            yield Right(bearer, role.role.arn, action, target, outcome, decision, target, "", ref)

    def _beyond(self, aim: RoleAuthority | Unknown | Missing) -> Unknown | None:
        """What limits a target role's account, which may be another."""
        return guardrails(self._context, aim.account) if isinstance(aim, RoleAuthority) else None

    # --- one request ---------------------------------------------------------------------

    def _authority(self, bearer: Bearer, role: RoleAuthority, item: Held, way: WayOut) -> Authority:
        session = bearer.identity.policy
        key = (role.role.arn, session, id(item), id(way))
        if key not in self._authorities:
            name = f"the policy of association {bearer.identity.association}"
            self._authorities[key] = Authority(
                identity=role.identity,
                boundary=role.boundary,
                session=(parse(session, name),) if session else (),
                guardrails=self._guardrails(role, item.arn),
                resource=item.policy,
                endpoint=way.policy,
                account=role.account,
                grants=item.grants,
                resource_account="another account" if item.elsewhere else "",
            )
        return self._authorities[key]

    def _guardrails(self, role: RoleAuthority, resource: str) -> Unknown | None:
        """What an organization may forbid the role, and what one may forbid of another account's resource."""
        parts = segments(resource)
        other = parts[4] if parts is not None and not is_pattern(parts[4]) else ""
        found = guardrails(self._context, role.account)
        return found or (guardrails(self._context, other) if other and other != role.account else None)

    def _keys(self, bearer: Bearer, role: RoleAuthority, resource: str, way: WayOut) -> dict[str, Given]:
        context = of_session(
            role.role.arn,
            role_id=role.role.role_id,
            tags=self._tags(bearer, role),
            provider=self._provider(bearer, role),
            resource=resource,
            given=self._given,
        )
        for key, value in way.keys.items():
            if key not in {name.lower() for name in self._given}:
                context[key] = value
        return context

    def _tags(self, bearer: Bearer, role: RoleAuthority) -> dict[str, str | Unknown] | Unknown:
        if bearer.named:
            return Unknown(
                Cause.NOT_COLLECTED, f"who gets role {role.role.role_name}, and with which tags, is not asked"
            )
        if isinstance(role.tags, Unknown):
            return role.tags
        return {**role.tags, **dict(bearer.identity.tags)}

    def _provider(self, bearer: Bearer, role: RoleAuthority) -> str:
        if bearer.identity.way is not Way.IRSA:
            return ""
        for cluster in self._snapshot.objects(kinds.CLUSTERS):
            issuer = cluster.identity.oidc.issuer.removeprefix("https://")
            if issuer:
                return provider_arn(role.role.arn, issuer)
        return ""

    def _resources(self, action: str, resource: str) -> tuple[Held, ...]:
        key = (action.lower(), resource)
        if key not in self._held:
            self._held[key] = held(self._snapshot, action, resource)
        return self._held[key]

    def _out(self, action: str, resource: str) -> tuple[WayOut, ...]:
        """The ways of requests on a resource; those for another Region pass no endpoint of this one."""
        service = action.partition(":")[0].lower()
        parts = segments(resource)
        region = parts[3] if parts is not None else ""
        own = self._snapshot.meta.region
        abroad = bool(region and own and not is_pattern(region) and region != own)
        key = (service, abroad)
        if key not in self._ways:
            self._ways[key] = (WayOut(),) if abroad else ways(self._context, service)
        return self._ways[key]

    # --- what several answers come to ------------------------------------------------------

    def _together(
        self,
        bearer: Bearer,
        role: RoleAuthority,
        action: str,
        resource: str,
        answers: Sequence[tuple[Decision, str, WayOut]],
    ) -> Right:
        """Refused on one of several ways out it varies; refused on one of several resources it is refused."""
        by_resource: dict[str, list[Answer]] = {}
        for decision, on, _ in answers:
            by_resource.setdefault(on, []).append(decision.answer)
        outcomes = set()
        for found in by_resource.values():
            sides = set(found)
            free = len(sides) > 1 and Answer.DENIED in sides
            outcomes |= {Outcome.VARIES} if free else {_OUTCOMES[answer] for answer in sides}
        for outcome in (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN, Outcome.WORKS):
            if outcome in outcomes:
                break
        wanted = Answer.DENIED if outcome is Outcome.VARIES else _answer(outcome)
        decision, on, way = next(item for item in answers if item[0].answer is wanted)
        ineffective = _ineffective(role, action) if outcome is Outcome.BLOCKED and decision.statement is None else ""
        if ineffective:
            decision = msgspec.structs.replace(decision, why=ineffective)
        shown = resource if on == asked_of(action, resource) else on
        through = way.text if len({item[2].text for item in answers}) > 1 or decision.layer == ENDPOINT else ""
        ref = _ref(role, decision, f"{action} on {shown}", self._resources(action, on), way)
        notes = tuple(dict.fromkeys(item.note for item in self._resources(action, on) if item.note))
        own = role.role.arn or role.role.role_name
        return Right(bearer, own, action, resource, outcome, decision, shown, through, ref, notes)

    def _without(self, bearer: Bearer, role: str, why: Missing | Unknown, action: str, resource: str) -> Right:
        if isinstance(why, Missing):
            decision, outcome = Decision(Answer.DENIED, why.detail), Outcome.BLOCKED
        else:
            decision, outcome = Decision(Answer.UNKNOWN, why.detail, unknowns=(why,)), Outcome.UNKNOWN
        return Right(bearer, role, action, resource, outcome, decision, resource, "", role_ref(role))


def _answer(outcome: Outcome) -> Answer:
    return next(answer for answer, found in _OUTCOMES.items() if found is outcome)


def _no_id(association: str) -> Unknown:
    what = f"the external id of association {association} was not read"
    return Unknown(Cause.INCOMPLETE, what, f"run: {kinds.POD_IDENTITY_ASSOCIATIONS.command}")


def _ineffective(role: RoleAuthority, action: str) -> str:
    """Why a statement that seems to allow an action never does; empty where there is none."""
    for policy in role.identity:
        if not isinstance(policy, Policy):
            continue
        for statement in policy.about(action.lower()):
            why = never_takes_effect(statement, action)
            if why:
                return f"{statement.title} of {policy.name} never takes effect: {why}"
    return ""


def _ref(role: RoleAuthority, decision: Decision, asked: str, resources: Iterable[Held], way: WayOut) -> Ref:
    """Where the policy that decided stands."""
    name: str = decision.policy
    if decision.layer == ENDPOINT and way.ref is not None:
        return way.ref
    if decision.layer == RESOURCE:
        of_resource = next((item.ref for item in resources if item.ref is not None and item.name == name), None)
        if of_resource is not None:
            return of_resource
    if name.startswith("arn:"):
        return Ref(kinds.POLICIES.name, name, "PolicyVersionList")
    inline = next(
        (item.policy_name for item in role.role.role_policy_list if name.startswith(f"{item.policy_name} of ")), ""
    )
    return role_ref(role_name(role.role.role_name), f"RolePolicyList.{inline}" if inline else "", asked)


__all__ = ["ASSUME", "TAG", "Right", "asked_texts", "rights"]
