"""Who asks, and whether a resource's policy means it.

Sources: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal", and "Policy evaluation logic" (what a
policy grants to a session, to a role and to an account is limited in different ways).
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from clusterproof.access.patterns import is_pattern, overlaps
from clusterproof.access.policy import Principals, Statement
from clusterproof.access.values import MAYBE, NO, YES


class Asker(msgspec.Struct, frozen=True):
    """A principal.

    Attributes:
        kind: ``role`` (also a session of one), ``user``, ``federated-user``, ``root``, ``service`` or ``provider``.
        arn: as given.
        account: its account; empty for services.
        name: the role's or user's name, without its path.
        session: the session's name; empty where it is not known.
        path: whether the ARN tells the role's path (that of a session does not).
    """

    kind: str
    arn: str
    account: str = ""
    name: str = ""
    session: str = ""
    path: bool = True


class Ways(msgspec.Struct, frozen=True):
    """How far a statement means a principal, by the way in which it names it: each NO, MAYBE or YES.

    Attributes:
        direct: as itself (a session, a user, everyone): no boundary or session policy limits that by being silent.
        role: as a role, of which it is a session: those limit it.
        account: as one of an account, whose own policies must allow it too.
    """

    direct: int = NO
    role: int = NO
    account: int = NO

    @property
    def any(self) -> int:
        """Whether it means it in any way."""
        return max(self.direct, self.role, self.account)


NOBODY = Ways()


@lru_cache(maxsize=4096)
def asker_of(principal: str) -> Asker:
    """A principal from its ARN or name."""
    segments = principal.split(":", 5)
    if len(segments) < 6:
        return Asker("service" if "." in principal else "other", principal)
    account, what = segments[4], segments[5]
    kind, _, rest = what.partition("/")
    if what == "root":
        return Asker("root", principal, account)
    if kind == "assumed-role":
        name, _, session = rest.partition("/")
        return Asker("role", principal, account, name, session, path=False)
    if kind in ("oidc-provider", "saml-provider"):
        return Asker("provider", principal, account, rest)
    if kind in ("role", "user", "federated-user"):
        return Asker(kind, principal, account, rest.rpartition("/")[2])
    return Asker("other", principal, account)


def ways(statement: Statement, asker: Asker) -> Ways:
    """How far a statement of a resource's policy means a principal."""
    if statement.not_principals is not None:
        return _all_but(statement.not_principals, asker)
    if statement.principals is None:
        return Ways(MAYBE, MAYBE, MAYBE)  # AWS demands the element
    return _named(statement.principals, asker)


@lru_cache(maxsize=16_384)
def _named(principals: Principals, asker: Asker) -> Ways:
    direct = role = account = NO
    for kind, name in principals:
        found = _one(kind, name, asker)
        direct, role, account = max(direct, found.direct), max(role, found.role), max(account, found.account)
    return Ways(direct, role, account)


def _one(kind: str, name: str, asker: Asker) -> Ways:
    aws = asker.kind not in ("service", "provider", "other")
    if kind == "*":
        return Ways(direct=YES)
    if kind == "CanonicalUser":
        return Ways(account=MAYBE) if aws else NOBODY  # which account that is, only S3 knows
    if kind in ("Service", "Federated"):
        if name == "*" and asker.kind == ("service" if kind == "Service" else "provider"):
            return Ways(direct=MAYBE)  # no document has it
        return Ways(direct=YES) if name == asker.arn else NOBODY
    if name == "*":
        return Ways(direct=YES if aws else MAYBE)
    if not aws:
        return NOBODY
    if name == asker.account:
        return Ways(account=YES)
    given = asker_of(name)
    if is_pattern(name):  # AWS matches no part of a name: such a policy should not exist
        return Ways(direct=MAYBE) if overlaps(name, asker.arn) else NOBODY
    if given.account != asker.account:
        return NOBODY
    if given.kind == "root":
        return Ways(account=YES)
    if given.kind != asker.kind:
        return NOBODY
    if asker.kind != "role":
        return Ways(direct=YES if name == asker.arn else NO)
    if given.path and asker.path:
        return Ways(role=YES if name == asker.arn else NO)
    if given.name != asker.name:
        return NOBODY
    if given.path:
        return Ways(role=YES)
    return Ways(direct=MAYBE if not asker.session else YES if given.session == asker.session else NO)


@lru_cache(maxsize=16_384)
def _all_but(principals: Principals, asker: Asker) -> Ways:
    """``NotPrincipal``: everyone but those named, who must be named themselves, as a role and as an account."""
    found = _named(principals, asker)
    if found.any == NO:
        # That it is meant is certain; whether silent boundaries limit it, no document says.
        return Ways(direct=MAYBE, role=YES, account=YES)
    if any(name == "*" for _, name in principals) or asker.kind in ("service", "provider", "other"):
        return NOBODY
    by_name = found.direct if asker.kind != "role" else min(found.direct, found.role)
    return NOBODY if min(by_name, found.account) == YES else Ways(MAYBE, MAYBE, MAYBE)
