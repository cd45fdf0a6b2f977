"""May a role be assumed: by EKS Pod Identity, with a service account's token, by another role, by EC2 for a node.

Whether it may is decided by :mod:`clusterproof.access.decide`, with what the caller sends as the request's context. Here stands
who sends what, and in which words a refusal is told, so that it can be mended.
Sources: EKS User Guide, "Create IAM role with trust policy required by EKS Pod Identity" (both actions, request tags), "Grant Pods
access to AWS resources based on tags" (session tags, how they are switched off, that they are transitive), "Access AWS resources
using EKS Pod Identity target IAM roles" (role chaining, ``sts:ExternalId``), "Assign IAM roles to Kubernetes service accounts"
and "Authenticate to another account with IRSA"; EKS API, ``PodIdentityAssociation``; EKS best practices guide, "Identity and
Access Management" (``aws:SourceArn`` is the cluster's ARN, ``aws:SourceAccount`` its account); IAM User Guide, "Available keys
for AWS OIDC federation", "AWS global condition context keys" and "Pass session tags in AWS STS"; Amazon EC2 User Guide, "IAM
roles for Amazon EC2".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from clusterproof.access.conditions import Test, holds
from clusterproof.access.context import ABSENT, Given, Present, Request, looked_up, of_session
from clusterproof.access.decide import Answer, Authority, Decision, decide
from clusterproof.access.layers import RESOURCE
from clusterproof.access.policy import Policy, Statement, parse
from clusterproof.access.principals import asker_of, ways
from clusterproof.access.store import Missing, RoleAuthority
from clusterproof.access.values import NO
from clusterproof.snapshot.fields import Cause, Unknown

PODS = "pods.eks.amazonaws.com"
ASSUME, TAG, WEB = "sts:AssumeRole", "sts:TagSession", "sts:AssumeRoleWithWebIdentity"
Tags = tuple[tuple[str, str | Unknown], ...]


class Trust(msgspec.Struct, frozen=True):
    """Whether a role may be assumed.

    Attributes:
        answer: allowed, denied or unknown.
        why: one clause; for a refusal, what is missing (``sts:TagSession is not allowed``).
        missing: the actions that are refused.
        statement: the statement that decided, of the first action that is refused or unknown, else of the assuming one.
        policy: the name of its policy, else of the one that lacks it.
        unknowns: for ``unknown``: why.
        notes: what to know of a trust that holds, a sentence each.
        layer: which kind of policy decided.
    """

    answer: Answer
    why: str
    missing: tuple[str, ...] = ()
    statement: Statement | None = None
    policy: str = ""
    unknowns: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = ()
    layer: str = ""


class Pods(msgspec.Struct, frozen=True):
    """What EKS Pod Identity sends when it assumes a role for a pod.

    Attributes:
        cluster_arn: the cluster's.
        account: the cluster's account; empty where it is not known.
        tags: session tags by key, as :class:`clusterproof.world.identities.Identity` has them; none: switched off.
        organization: the id of the account's organization; None: it is in none.
    """

    cluster_arn: str | Unknown
    account: str
    tags: Tags = ()
    organization: str | Unknown | None = Unknown(Cause.NOT_COLLECTED, "the account's organization was not read")


class Token(msgspec.Struct, frozen=True):
    """A service account's token, as STS reads it.

    Attributes:
        issuer: the cluster's issuer, without scheme.
        namespace, service_account: whose token it is.
        audience: for whom.
    """

    issuer: str
    namespace: str
    service_account: str
    audience: str = "sts.amazonaws.com"

    @property
    def subject(self) -> str:
        """The claim ``sub``."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"


class _Sent(dict[str, Given]):
    """A context in which some families of keys are known whole: what is not in it is absent."""

    def __init__(self, given: Mapping[str, Given], families: Iterable[str]) -> None:
        super().__init__(given)
        self._families = tuple(families)

    def get(self, key: str, default: Given | None = None) -> Given | None:  # type: ignore[override]
        found = super().get(key, default)
        if found is not None:
            return found
        prefix = key.partition(":")[0]
        # A claim of another provider than the token's is in no request.
        foreign = "." in prefix and not any(key.startswith(family) for family in self._families)
        known = any(key.startswith(family) for family in self._families if family.endswith("/"))
        return ABSENT if foreign or known else None


# --- who asks ---------------------------------------------------------------------------


def pod_identity_trust(trust: Policy | Unknown, role: str, pods: Pods, guardrails: Unknown | None = None) -> Trust:
    """Whether EKS Pod Identity may assume a role for pods.

    Args:
        trust: the role's trust policy.
        role: its ARN.
        pods: what is sent.
        guardrails: that resource control policies may apply to the role that were not read; they limit services too
            (AWS Organizations User Guide, "Resource control policy examples", "Cross-service confused deputy protection").
    """
    context = _of_service(PODS, pods.account) | _tags(pods.tags)
    context["aws:sourcearn"] = _given(pods.cluster_arn)
    context["aws:sourceorgid"] = ABSENT if pods.organization is None else _given(pods.organization)
    context["sts:externalid"] = ABSENT
    account = _account(role)
    if account:
        context["aws:resourceaccount"] = (account,)
        if account == pods.account:
            context["aws:resourceorgid"] = context["aws:sourceorgid"]
    actions = (ASSUME, TAG) if pods.tags else (ASSUME,)
    return _judged(trust, role, PODS, _Sent(context, ("aws:requesttag/",)), actions, _of(trust, role, guardrails))


def instance_trust(trust: Policy | Unknown, role: str, account: str = "") -> Trust:
    """Whether EC2 may assume a role for instances."""
    service = "ec2.amazonaws.com"
    context = _of_service(service, account) | {"sts:externalid": ABSENT} | _tags(())
    found = _judged(trust, role, service, _Sent(context, ("aws:requesttag/",)), (ASSUME,))
    if found.answer is Answer.DENIED and role.startswith("arn:aws-cn:"):
        # In China the service has had a name of its own, and both are in use.
        other = f"{service}.cn"
        context = _of_service(other, account) | {"sts:externalid": ABSENT} | _tags(())
        second = _judged(trust, role, other, _Sent(context, ("aws:requesttag/",)), (ASSUME,))
        return found if second.answer is Answer.DENIED else second
    return found


def irsa_trust(
    trust: Policy | Unknown,
    role: str,
    token: Token,
    provided: Missing | Unknown | None = None,
    guardrails: Unknown | None = None,
) -> Trust:
    """Whether pods may assume a role with their service account's token.

    Args:
        trust: the role's trust policy.
        role: its ARN; the identity provider must be in its account.
        token: the token.
        provided: what stands in the way of the token in that account (:meth:`Policies.provider`); None: nothing, or that
            is asked elsewhere.
        guardrails: as of :func:`pod_identity_trust`.
    """
    found = _by_policy(trust, role, token, guardrails)
    if isinstance(provided, Missing):
        why = provided.detail if found.answer is Answer.ALLOWED else f"{provided.detail}; {found.why}"
        return msgspec.structs.replace(found, answer=Answer.DENIED, why=why, missing=(WEB,), unknowns=(), notes=())
    if isinstance(provided, Unknown) and found.answer is not Answer.DENIED:
        unknowns = tuple(dict.fromkeys((*found.unknowns, provided)))
        return msgspec.structs.replace(found, answer=Answer.UNKNOWN, why=provided.detail, unknowns=unknowns)
    return found


def _by_policy(trust: Policy | Unknown, role: str, token: Token, guardrails: Unknown | None) -> Trust:
    provider = provider_arn(role, token.issuer)
    issuer = token.issuer.lower()
    made = Unknown(Cause.NOT_MODELLED, "the name of the role's session is made by the SDK")
    context: dict[str, Given] = {
        f"{issuer}:sub": (token.subject,),
        f"{issuer}:aud": (token.audience,),
        "aws:federatedprovider": (provider,),
        "aws:securetransport": ("true",),
        "aws:principalisawsservice": ("false",),
        "sts:rolesessionname": Present(made),
        "sts:externalid": ABSENT,
        "sts:sourceidentity": ABSENT,
        **_tags(()),
    }
    sent = _Sent(context, ("aws:requesttag/", f"{issuer}:"))
    found = _judged(trust, role, provider, sent, (WEB,), _of(trust, role, guardrails))
    if found.answer is not Answer.ALLOWED or found.statement is None:
        return found
    narrowed = trust.statements if isinstance(trust, Policy) else ()
    denied = {test.key for one in narrowed if one.effect == "Deny" for test in one.conditions}
    return msgspec.structs.replace(found, notes=_wide(found.statement, token, denied))


def role_trust(
    trust: Policy | Unknown,
    role: str,
    principal: str,
    *,
    external_id: str | Unknown = "",
    tags: Tags = (),
    first: RoleAuthority | None = None,
    guardrails: Unknown | None = None,
) -> Trust:
    """Whether a role may be assumed by another, as EKS Pod Identity does for a target role.

    Args:
        trust: the trust policy of the role that is assumed.
        role: its ARN.
        principal: the ARN of the role that assumes it.
        external_id: what is sent as ``sts:ExternalId``; empty: nothing.
        tags: session tags of the first role, which are passed on.
        first: the first role's own policies, which must allow it too where the trust policy names an account or where the
            accounts differ; None: they are taken to allow it, so that the trust policy alone is judged.
        guardrails: see :class:`clusterproof.access.layers.Authority`.
    """
    own = (
        first.tags if first is not None else Unknown(Cause.NOT_COLLECTED, f"the tags of role {principal} were not read")
    )
    # What the session was given goes before what the role has (EKS User Guide, "Custom tags").
    held: Mapping[str, str | Unknown] = {} if isinstance(own, Unknown) else own
    context = of_session(principal, tags={**held, **dict(tags)}, resource=role)
    context["sts:externalid"] = _given(external_id) if external_id else ABSENT
    context["sts:sourceidentity"] = ABSENT
    whole = ("aws:requesttag/",) if isinstance(own, Unknown) else ("aws:requesttag/", "aws:principaltag/")
    more = _Sent({**context, **_tags(tags)}, whole)
    authority = Authority(
        identity=first.identity if first is not None else (_everything(),),
        boundary=first.boundary if first is not None else None,
        guardrails=guardrails,
        resource=trust,
    )
    return _judged(trust, role, principal, more, (ASSUME, TAG) if tags else (ASSUME,), authority)


def provider_arn(role: str, issuer: str) -> str:
    """The ARN that the identity provider of an issuer has in a role's account."""
    partition = role.split(":")[1] if role.startswith("arn:") else "aws"
    return f"arn:{partition}:iam::{_account(role)}:oidc-provider/{issuer}"


def _everything() -> Policy:
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    made = parse(allow, "every policy")
    assert isinstance(made, Policy)  # noqa: S101 - a constant
    return made


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.count(":") >= 5 else ""


def _of_service(service: str, account: str) -> dict[str, Given]:
    """What a request has that a service makes for a resource of the account."""
    made = Unknown(Cause.NOT_MODELLED, f"the name of the role's session is made by {service}")
    context: dict[str, Given] = {
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (service,),
        "aws:principalarn": ABSENT,
        "aws:principalorgid": ABSENT,
        "aws:principalorgpaths": ABSENT,
        "aws:principalaccount": ABSENT,
        "aws:securetransport": ("true",),
        "sts:rolesessionname": Present(made),
        "sts:sourceidentity": ABSENT,
    }
    if account:
        context["aws:sourceaccount"] = (account,)
    return context


def _tags(tags: Tags) -> dict[str, Given]:
    keys: Given = tuple(key for key, _ in tags) if tags else ABSENT
    return {
        **{f"aws:requesttag/{key.lower()}": _given(value) for key, value in tags},
        "aws:tagkeys": keys,
        "sts:transitivetagkeys": keys,
    }


def _given(value: str | Unknown) -> Given:
    return Present(value) if isinstance(value, Unknown) else (value,)


def _of(trust: Policy | Unknown, role: str, guardrails: Unknown | None = None) -> Authority:
    """What decides where the principal has no policies of its own."""
    return Authority(resource=trust, account=_account(role), guardrails=guardrails)


# --- what is answered -------------------------------------------------------------------


def _judged(
    trust: Policy | Unknown,
    role: str,
    principal: str,
    context: Mapping[str, Given],
    actions: tuple[str, ...],
    authority: Authority | None = None,
) -> Trust:
    """All actions together: each must be allowed."""
    if isinstance(trust, Unknown):
        return Trust(Answer.UNKNOWN, trust.detail, unknowns=(trust,))
    asked = authority or _of(trust, role)
    found: list[tuple[str, Decision]] = [
        (action, decide(asked, Request(action, role, principal, context))) for action in actions
    ]
    refused = [(action, decision) for action, decision in found if decision.answer is Answer.DENIED]
    if refused:
        reasons = [_refusal(trust, Request(action, role, principal, context), one) for action, one in refused]
        first = refused[0][1]
        return Trust(
            Answer.DENIED,
            "; ".join(dict.fromkeys(reasons)),
            tuple(action for action, _ in refused),
            first.statement,
            first.policy or trust.name,
            layer=first.layer,
        )
    open_ = [decision for _, decision in found if decision.answer is Answer.UNKNOWN]
    one = open_[0] if open_ else found[0][1]
    unknowns = tuple(dict.fromkeys(item for decision in open_ for item in decision.unknowns))
    return Trust(one.answer, one.why, (), one.statement, one.policy or trust.name, unknowns, layer=one.layer)


def _refusal(trust: Policy, request: Request, decision: Decision) -> str:
    """Why an action is refused, as it would have to be mended."""
    if decision.statement is not None and decision.statement.effect == "Deny":
        return decision.why
    if decision.layer not in ("", RESOURCE):
        return f"{request.principal} is not allowed {request.action} on {request.resource}: {decision.why}"
    asker = asker_of(request.principal)
    allows = [one for one in trust.statements if one.effect == "Allow"]
    naming = [one for one in allows if ways(one, asker).any > NO]
    if not naming:
        return f"{trust.name} does not let {request.principal} assume the role"
    about = [one for one in naming if one.has_action(request.action.lower())]
    if not about:
        return f"{request.action} is not allowed to {request.principal} by {trust.name}"
    unmet = [(one, [test for test in one.conditions if holds(test, request) == NO]) for one in about]
    if not all(tests for _, tests in unmet):
        return decision.why
    # Of several statements the one that is nearest to letting it in.
    statement, tests = min(unmet, key=lambda pair: len(pair[1]))
    asks = " and ".join(f"{test.text}, where the request has {_has(test, request)}" for test in tests)
    more = f" (nor does any of {len(about) - 1} more)" if len(about) > 1 else ""
    return f"{statement.title} of {trust.name} does not let {request.principal} in{more}: it asks for {asks}"


def _has(test: Test, request: Request) -> str:
    given = looked_up(request, test.key)
    if isinstance(given, tuple):
        return " and ".join(given) or "no value"
    return f"no {test.name}" if given is ABSENT else f"some {test.name}"


def _wide(statement: Statement, token: Token, denied: set[str]) -> tuple[str, ...]:
    """What else than this service account's pods a statement lets in; nothing is said of keys that a Deny looks at."""
    issuer = token.issuer.lower()
    found: list[str] = []
    tests = [test for test in statement.conditions if test.operator is not None and not test.operator.negated]
    if f"{issuer}:aud" not in denied and not any(test.key == f"{issuer}:aud" for test in tests):
        found.append(f"it asks for no {token.issuer}:aud, so a token for any audience of the provider will do")
    if f"{issuer}:sub" in denied:
        return tuple(found)
    subjects = [test for test in tests if test.key == f"{issuer}:sub"]
    if not subjects:
        found.append(f"it asks for no {token.issuer}:sub, so every service account of the cluster may assume the role")
    for test in subjects:
        wide = [text for text in test.texts if "Like" in test.written and ("*" in text or "?" in text)]
        if wide:
            found.append(f"{wide[0]} lets other service accounts assume the role too")
    return tuple(found)
