"""One AWS call with all its pages, as JSON texts like those that ``aws … --output json`` prints."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import UnknownField
from clusterproof.sources.aws_api.failures import code_of, explain, not_answered
from clusterproof.sources.aws_api.records import Identity
from clusterproof.sources.aws_api.session import Source
from clusterproof.sources.aws_api.workers import Call

Raw = dict[str, Any]
Pick = Callable[[Any], Iterable[Any]]

_PAGE = {
    "DescribeInstances": 1000,
    "DescribeNetworkAcls": 1000,
    "DescribeNetworkInterfaces": 1000,
    "DescribeSecurityGroupRules": 1000,
    "DescribeSecurityGroups": 1000,
    "DescribeSubnets": 1000,
    "DescribeTransitGatewayAttachments": 1000,
    "DescribeTransitGatewayVpcAttachments": 1000,
    "DescribeTransitGateways": 1000,
    "DescribeVpcPeeringConnections": 1000,
    "DescribeVpcs": 1000,
    "SearchTransitGatewayRoutes": 1000,
}
"""Most objects per page (EC2 API reference, ``MaxResults`` of each); all other calls allow 100."""


_TOKENS = ("NextToken", "nextToken", "NextMarker", "Marker", "ContinuationToken")
"""What leads to the next page: of most services, of Elastic Load Balancing and KMS, of IAM, of S3."""


class Request(msgspec.Struct, frozen=True):
    """One call to make.

    Attributes:
        kind: the kind that its objects are of.
        params: its parameters, as boto3 takes them.
        pick: makes the kind's objects from the answer's member.
        operation: the API's name of the call; empty for the one that the kind's permission names.
        member: the answer's member that holds the objects; empty for the kind's own.
        about: what is read, where it is one object, e.g. ``node group gpu``.
        absent: error codes that say that the object does not exist.
        service: what boto3 calls the service; empty for the kind's own.
        right: the IAM action that the call needs, where it is called otherwise than the operation.
    """

    kind: Kind[Any]
    params: Raw = {}
    pick: Pick = iter
    operation: str = ""
    member: str = ""
    about: str = ""
    absent: frozenset[str] = frozenset()
    service: str = ""
    right: str = ""

    @property
    def action(self) -> str:
        """The IAM action: service and operation."""
        return self.right or (f"{self.kind.group}:{self.operation}" if self.operation else self.kind.permission)

    @property
    def call(self) -> str:
        """The API's name of the call."""
        return self.operation or self.kind.permission.partition(":")[2]

    @property
    def what(self) -> str:
        """What is read, for a sentence."""
        return self.about or self.kind.name


class Result:
    """A request's objects, and why there may be more.

    Attributes:
        request: what was asked.
        items: the objects as JSON texts.
        missing: None when all of them were read.
        error: what botocore raised, where it did.
        unknown: fields of the objects that could not be read.
    """

    unknown: tuple[UnknownField, ...] = ()

    def __init__(self, request: Request, call: Call, identity: Identity, region: str) -> None:
        self.request = request
        self.items = tuple(call.items)
        self.error = call.failure
        self.missing: Unknown | None = None
        what, action = request.what, request.action
        if call.failure is not None:
            if code_of(call.failure) in request.absent:
                return
            self.missing = stopped(call.failure, what, action, identity, region)
        elif call.expired:
            self.missing = too_late(call, what, action, region)
        if self.missing is not None and self.items:
            self.missing = _in_part(self.missing, len(self.items), request.kind.name)

    def values(self) -> Iterator[Any]:
        """The objects, decoded."""
        return (msgspec.json.decode(item) for item in self.items)


def stopped(failure: BaseException, what: str, action: str, identity: Identity, region: str) -> Unknown:
    """The Unknown of a call that ended with an exception."""
    if isinstance(failure, _NoAnswer):
        return not_answered(f"{what} could not be read", action)
    if isinstance(failure, _InCircles):
        stuck = f"{what} could not be read to the end: {action} in {region} leads to the same page again and again"
        return Unknown(Cause.INCOMPLETE, stuck, "read again")
    if isinstance(failure, _Withheld):
        return Unknown(Cause.INCOMPLETE, f"{what} could not be read to the end: {action} gives no more")
    return explain(failure, what, action, identity, region)


class _NoAnswer(Exception):  # noqa: N818 - it is no error of ours
    """An answer of HTTP status 200 that is not of the AWS API."""


class _InCircles(Exception):  # noqa: N818 - it is no error of ours
    """A page's token leads to a page that was read before: reading on would never end."""


class _Withheld(Exception):  # noqa: N818 - it is no error of ours
    """The answer says that there is more, and nothing leads to it."""


def call_for(request: Request, source: Source, page_size: int = 0) -> Call:
    """The call, ready to run."""

    def run(call: Call) -> None:
        member = request.member or request.kind.wire
        service = request.service or request.kind.group
        for page in pages(source.client(service), request.call, request.params, page_size):
            if member not in page:
                # JSON that is cut off reads as an answer without members; in XML an empty list may be left out.
                if service == "eks":
                    raise _NoAnswer
                judge(page)
                continue
            call.items += (msgspec.json.encode(plain(item)) for item in request.pick(page[member]))
            call.progress()
            call.check()

    return Call(request.what, run)


def judge(page: Raw) -> None:
    """Refuses a page that no AWS service has answered.

    Raises:
        Exception: one for :func:`stopped`.
    """
    if not page.get("ResponseMetadata", {}).get("RequestId"):
        raise _NoAnswer


def pages(client: Any, operation: str, params: Raw, page_size: int = 0) -> Iterator[Raw]:
    """The pages of an answer; one, where the call has none.

    Raises:
        Exception: one of botocore's, or one for :func:`stopped`.
    """
    from botocore import xform_name

    name = xform_name(operation)
    if client.can_paginate(name):
        size = page_size or _PAGE.get(operation, 100)
        seen: set[str] = set()
        for page in client.get_paginator(name).paginate(**params, PaginationConfig={"PageSize": size}):
            # Botocore sees only a page that leads to itself, and reads round a longer circle for ever.
            token = str(next((page[name] for name in _TOKENS if page.get(name)), ""))
            if token and token in seen:
                raise _InCircles
            seen.add(token)
            yield page
            if page.get("AdditionalRoutesAvailable") and not token:
                raise _Withheld
    else:
        yield getattr(client, name)(**params)


def plain(value: Any) -> Any:
    """A value of boto3 as the AWS CLI prints it: times as ISO 8601 (in UTC, on every machine), bytes as base64."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def one(value: Any) -> Iterable[Any]:
    """An answer that is one object."""
    return (value,)


def instances(value: Any) -> Iterable[Any]:
    """The instances of all reservations."""
    return (instance for reservation in value for instance in reservation.get("Instances", ()))


def names(value: Any) -> Iterable[Any]:
    """Bare names as objects."""
    return ({"name": name} for name in value)


def whole(request: Request, results: list[Result], key: str, value: str) -> tuple[bytes, ...]:
    """All pages of an answer as one object, e.g. the entries of one prefix list; nothing where a page is missing."""
    if any(result.missing or result.error for result in results):
        return ()
    entries = [entry for result in results for entry in result.values()]
    return (msgspec.json.encode({key: value, request.kind.wire: entries}),)


def too_late(call: Call, what: str, action: str, region: str) -> Unknown:
    """The Unknown of a call that was given up because its time was over."""
    if call.throttled:
        return Unknown(
            Cause.THROTTLED,
            f"{what} could not be read: AWS throttled {action} in {region} until the time was over",
            "wait a minute, then read again",
        )
    return Unknown(
        Cause.TIMED_OUT,
        f"{what} could not be read: {action} in {region} took too long",
        "read again, or see whether a proxy or firewall stands between",
    )


def _in_part(missing: Unknown, count: int, name: str) -> Unknown:
    """Some pages came: what stopped the rest is the cause, unless it says nothing of its own."""
    causes = (Cause.DENIED, Cause.THROTTLED, Cause.TIMED_OUT)
    cause = missing.cause if missing.cause in causes else Cause.INCOMPLETE
    return Unknown(cause, f"only {count:,} {name} were read: {missing.detail}", missing.remedy)
