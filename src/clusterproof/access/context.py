"""A request and its context: what AWS compares conditions with, as far as it is known.

A condition key has values, is absent, is there with a value that is not known, or is not known at all. Sources: IAM User
Guide, "AWS global condition context keys" (when each key is in the context) and "Condition" (names of keys are not case
sensitive); EKS User Guide, "Grant Pods access to AWS resources based on tags" (session tags of Pod Identity).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec
from msgspec import field

from clusterproof.snapshot.fields import Cause, Unknown


class Absent(enum.Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
"""The key is not in the request's context."""


class Present(msgspec.Struct, frozen=True):
    """The key is in the request's context; its value is not known.

    Attributes:
        unknown: why its value is not known.
    """

    unknown: Unknown


Given = tuple[str, ...] | Absent | Present | Unknown
"""What is known of a condition key. An address may be a CIDR block: one address of it, not known which."""
Context = Mapping[str, Given]
"""Condition keys in lower case."""

OWN_KEYS = frozenset({"autoscaling", "dynamodb", "ecr", "eks", "iam", "kms", "logs", "rds", "s3", "secretsmanager", "sns", "sqs", "ssm"})  # fmt: skip
"""Services whose condition keys are in the context of their own requests only (Service Authorization Reference)."""

_ALSO_OF = {"iam": ("sts",), "ssm": ("ec2messages", "ssmmessages")}
"""Services whose requests carry another's keys (IAM User Guide, "IAM: Assume roles that have a specific tag")."""

POD_TAGS = ("eks-cluster-arn", "eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account", "kubernetes-pod-name", "kubernetes-pod-uid")  # fmt: skip
"""Keys of the session tags that EKS Pod Identity sets, unless the association disables them."""


class Request(msgspec.Struct, frozen=True):
    """One request, or all requests on the resources of a pattern.

    Attributes:
        action: ``sqs:SendMessage``; capitals do not count.
        resource: an ARN; with wildcards every resource of that pattern; ``*``: no resource, or every one.
        principal: who asks: a role's ARN (a session of it, of unknown name), a session's or user's ARN, a service
            (``pods.eks.amazonaws.com``), or an identity provider's ARN.
        context: condition keys, in lower case, with what is known of them (see :func:`of_session`).
    """

    action: str
    resource: str
    principal: str
    context: Context = field(default_factory=dict)

    @property
    def service(self) -> str:
        """The action's prefix, in lower case."""
        return self.action.partition(":")[0].lower()


def looked_up(request: Request, key: str) -> Given:
    """What is known of a condition key (lower case).

    A key that was not given is not known, but for those that AWS never sets: another service's own.
    """
    given = request.context.get(key)
    if given is not None:
        return given
    prefix = key.partition(":")[0]
    if prefix in OWN_KEYS and prefix != request.service and request.service not in _ALSO_OF.get(prefix, ()):
        return ABSENT
    return Unknown(
        Cause.NOT_COLLECTED, f"whether requests carry the condition key {key}, and which value, is not known"
    )


def _moment(key: str) -> Present:
    return Present(Unknown(Cause.NOT_MODELLED, f"the value of {key} changes from request to request"))


def of_session(
    role_arn: str,
    *,
    role_id: str = "",
    session_name: str = "",
    tags: Mapping[str, str | Unknown] | Unknown | None = None,
    provider: str = "",
    resource: str = "",
    given: Mapping[str, str | Unknown] | None = None,
) -> dict[str, Given]:
    """The context of requests that a role's session makes itself, from a pod, over TLS.

    Args:
        role_arn: of the role.
        role_id: the role's unique id (``AROA...``), empty where it was not read.
        session_name: empty where it is not known before (as with EKS Pod Identity).
        tags: the role's tags and the session's over them; Unknown: those were not read; a tag that is none of them is
            absent.
        provider: the identity provider through which the role was assumed (IRSA).
        resource: the resource of the request: its account and Region are keys too.
        given: further keys with their values, which are believed; one may not be known.
    """
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    nameless = Unknown(Cause.NOT_MODELLED, "the name of the role's session is made when it begins")
    context: dict[str, Given] = {
        "aws:principalarn": (role_arn,),
        "aws:principaltype": ("AssumedRole",),
        "aws:userid": (f"{role_id}:{session_name}",) if role_id and session_name else Present(nameless),
        "aws:username": ABSENT,
        "aws:tokenissuetime": _moment("aws:TokenIssueTime"),
        "aws:currenttime": _moment("aws:CurrentTime"),
        "aws:epochtime": _moment("aws:EpochTime"),
        "aws:useragent": _moment("aws:UserAgent"),
        "aws:securetransport": ("true",),
        "aws:viaawsservice": ("false",),
        "aws:principalisawsservice": ("false",),
        "aws:principalservicename": ABSENT,
        "aws:principalservicenameslist": ABSENT,
        "aws:calledvia": ABSENT,
        "aws:calledviafirst": ABSENT,
        "aws:calledvialast": ABSENT,
        "aws:sourcearn": ABSENT,
        "aws:sourceaccount": ABSENT,
        "aws:sourceorgid": ABSENT,
        "aws:sourceorgpaths": ABSENT,
        "aws:federatedprovider": (provider,) if provider else ABSENT,
    }
    if account:
        context["aws:principalaccount"] = (account,)
    segments = resource.split(":", 5)
    if len(segments) == 6:
        for key, value in (("aws:requestedregion", segments[3]), ("aws:resourceaccount", segments[4])):
            if value and "*" not in value and "?" not in value:
                context[key] = (value,)
    if tags is not None and not isinstance(tags, Unknown):
        context |= {
            f"aws:principaltag/{key.lower()}": Present(value) if isinstance(value, Unknown) else (value,)
            for key, value in tags.items()
        }
        return Tagged(context | _lowered(given))
    return context | _lowered(given)


def _lowered(given: Mapping[str, str | Unknown] | None) -> dict[str, Given]:
    return {key.lower(): value if isinstance(value, Unknown) else (value,) for key, value in (given or {}).items()}


class Tagged(dict[str, Given]):
    """A context whose principal has no other tags than those in it."""

    def get(self, key: str, default: Given | None = None) -> Given | None:  # type: ignore[override]
        """As of a dict; a tag of the principal that is not there is absent."""
        found = super().get(key, default)
        return ABSENT if found is None and key.startswith("aws:principaltag/") else found
