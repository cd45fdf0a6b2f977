"""What objects of a kind are called in a sentence: ``node group``, ``Auto Scaling groups``, ``ScaledObject``.

Kubernetes' kinds have names of their own; those of AWS are written as its User Guides write them.
"""

from __future__ import annotations

from functools import cache

from clusterproof.snapshot.kinds import BY_NAME, DESCRIBED

_WORDS = {
    "acl": "ACL",
    "dhcp": "DHCP",
    "dns": "DNS",
    "nat": "NAT",
    "vpc": "VPC",
    "ip": "IP",
}
_NAMES = {
    **{kind.name: noun for kind, _, noun in DESCRIBED},
    "auto-scaling-groups": "Auto Scaling group",
    "open-id-connect-providers": "OIDC provider",
    "organizations": "organization",
}


def noun(kind: str, count: int = 1) -> str:
    """What one object, or several, of a kind are called.

    Args:
        kind: by its name in a snapshot; one that no snapshot knows is called by that name.
        count: how many there are.
    """
    return _one(kind) if count == 1 else _many(kind)


@cache
def _one(kind: str) -> str:
    found = BY_NAME.get(kind)
    if kind in _NAMES or found is None:
        return _NAMES.get(kind, kind)
    if found.origin == "kubernetes":
        return found.wire
    *words, last = kind.split("-")
    if last.endswith("ies"):
        last = last[:-3] + "y"
    elif last.endswith("sses"):
        last = last[:-2]
    else:
        last = last.removesuffix("s")
    return " ".join(_WORDS.get(word, word) for word in (*words, last))


@cache
def _many(kind: str) -> str:
    one = _one(kind)
    if kind not in BY_NAME:
        return one
    if one[-1:] == "y" and one[-2:-1] not in "aeiou":
        return f"{one[:-1]}ies"
    return f"{one}es" if one.endswith(("s", "x")) else f"{one}s"
