"""One account while it is read: what its calls gave so far."""

from __future__ import annotations

from typing import Any

from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.aws_api import requests
from clusterproof.sources.aws_api.calls import Request, Result
from clusterproof.sources.aws_api.records import Identity
from clusterproof.sources.aws_api.session import Source
from clusterproof.sources.aws_api.workers import Call

GLOBAL = frozenset({"iam", "organizations"})
"""Services that are the same in every region of an account."""


def where(service: str, region: str) -> str:
    """The place of a call, for a sentence."""
    return "all regions" if service in GLOBAL else region


class Account:
    """One profile while it is read.

    Attributes:
        results: what the calls gave, by kind.
        limits: kinds that are known to be incomplete here although every call worked, with the reason.
    """

    def __init__(self, source: Source, identity: Identity, page_size: int) -> None:
        self.source = source
        self.identity = identity
        self.page_size = page_size
        self.results: dict[str, list[Result]] = {}
        self.limits: dict[str, Unknown] = {}

    def result(self, request: Request, call: Call) -> Result:
        """What a call that has ended gave."""
        return Result(request, call, self.identity, where(request.kind.group, self.source.region))

    def items(self, kind: Kind[Any]) -> list[bytes]:
        """The objects of a kind so far."""
        return [item for result in self.results.get(kind.name, ()) for item in result.items]

    def typed(self, kind: Kind[Any]) -> list[Any]:
        """The objects of a kind so far, as structs."""
        return requests.typed(kind, self.items(kind))

    def complete(self, kind: Kind[Any]) -> bool:
        """Whether all calls of a kind worked."""
        return kind.name in self.results and not any(result.missing for result in self.results[kind.name])
