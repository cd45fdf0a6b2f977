"""Grants of KMS keys: who may do what with a key, without a policy.

Sources: KMS Developer Guide, "Grants in AWS KMS"; KMS API Reference, GrantConstraints (a constraint compares the
request's encryption context, which must include its pairs, or be just these; it does not hold for DescribeKey and
RetireGrant).
"""

from __future__ import annotations

from clusterproof.access.context import ABSENT, Present, Request, looked_up
from clusterproof.access.principals import Asker, asker_of
from clusterproof.access.values import MAYBE, NO, YES
from clusterproof.snapshot.aws.stores import Grant
from clusterproof.snapshot.fields import Unknown

_CONTEXT = "kms:encryptioncontext:"
_KEYS = "kms:encryptioncontextkeys"
_FREE = ("DescribeKey", "RetireGrant")


def granted(grant: Grant, request: Request, asker: Asker) -> int:
    """Whether a grant gives a principal a request: NO, MAYBE or YES."""
    name = request.action.partition(":")[2].lower()
    operation = next((one for one in grant.operations if one.lower() == name), "")
    if request.service != "kms" or not operation:
        return NO
    meant = _grantee(grant.grantee_principal, asker)
    if meant == NO or operation in _FREE:
        return meant
    return min(meant, _constraints(grant, request))


def _grantee(name: str, asker: Asker) -> int:
    if name == asker.arn:
        return YES
    given = asker_of(name)
    if given.account != asker.account or not given.account:
        return NO
    if given.kind == "root":
        return MAYBE  # for all of an account, but no document says whether its own policies must allow it
    if given.kind != asker.kind or given.kind != "role" or given.name != asker.name:
        return NO
    if given.path and asker.path:
        return NO  # another path is another role
    if given.path:
        return YES
    return MAYBE if not asker.session else YES if given.session == asker.session else NO


def _constraints(grant: Grant, request: Request) -> int:
    answer = YES
    for kind, pairs in (grant.constraints or {}).items():
        if not isinstance(pairs, dict) or kind not in ("EncryptionContextSubset", "EncryptionContextEquals"):
            return MAYBE
        for key, value in pairs.items():
            answer = min(answer, _pair(key, value, request))
        if kind == "EncryptionContextEquals":
            answer = min(answer, _only(set(pairs), request))
        if answer == NO:
            return NO
    return answer


def _pair(key: str, value: str, request: Request) -> int:
    given = looked_up(request, _CONTEXT + key.lower())
    if isinstance(given, Present | Unknown):
        return MAYBE
    return YES if given is not ABSENT and value in given else NO


def _only(keys: set[str], request: Request) -> int:
    given = looked_up(request, _KEYS)
    if isinstance(given, Present | Unknown):
        return MAYBE
    return YES if set(given if given is not ABSENT else ()) == keys else NO
