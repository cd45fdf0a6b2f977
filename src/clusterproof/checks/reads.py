"""What a profile reads of an account beside what its cluster names, from what the cluster itself gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clusterproof.checks.filled import filled
from clusterproof.checks.parameters import parameter, unsettled
from clusterproof.profiles.expression import nest
from clusterproof.profiles.model import Principal, Profile
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Meta, Snapshot
from clusterproof.sources.aws_api.records import Asked

_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))
_UNREAD = Unknown(Cause.NOT_COLLECTED, "it is not known before the account is read")


def asked(profile: Profile, chosen: Mapping[str, str], snapshot: Snapshot) -> Asked:
    """The queues, buckets and roles that the profile names; of roles those, too, whose rights its checks ask about.

    Args:
        profile: whose ``reads`` and checks.
        chosen: values of parameters that the user gave.
        snapshot: the cluster's own objects, in which parameters are found; its meta says which cluster it is.

    Raises:
        UsageError: a parameter was given a value that the profile does not list.
    """
    lines = [parameter(name, profile, chosen, snapshot) for name in profile.parameters]
    values: dict[str, object] = {line.name: unsettled(line, profile, snapshot) or line.value for line in lines}
    names = {"cluster": _cluster(snapshot.meta), **nest(values)}
    unclear: dict[str, Unknown] = {}

    def texts(found: Iterable[str], kind: str, what: str) -> tuple[str, ...]:
        known: dict[str, None] = {}
        for text in found:
            value = filled(text, names)
            if isinstance(value, Unknown):
                said = f"which {what} are meant by {text} is not known: {value.detail}"
                unclear.setdefault(kind, Unknown(value.cause, said, value.remedy))
            elif isinstance(value, str) and value:
                known[value] = None
        return tuple(known)

    roles = (*profile.reads.roles, *(who.role for who in _principals(profile) if who.role))
    return Asked(
        queues=texts(profile.reads.queues, "queues", "queues"),
        buckets=texts(profile.reads.buckets, "buckets", "buckets"),
        roles=texts(roles, "roles", "roles"),
        unsettled=unclear,
    )


def _cluster(meta: Meta) -> dict[str, object]:
    """The cluster's facts, as far as they are known before its account is read."""
    partition = next((name for start, name in _PARTITIONS if meta.region.startswith(start)), "aws")
    known = {"name": meta.cluster, "region": meta.region, "account": meta.account}
    later = dict.fromkeys(("version", "issuer", "time"), _UNREAD)
    return {**later, **{name: text or _UNREAD for name, text in known.items()}, "partition": partition}


def _principals(profile: Profile) -> Iterable[Principal]:
    for requirement in profile.requirements:
        check = requirement.check
        for question in (check.identity, check.access, check.scope, check.effective):
            if question is not None:
                yield question.who
