"""Objects that are made of several answers: a role with its policies, a queue with its tags, a bucket piece by piece.

Each object is one call for those who wait, on a thread of its own. A piece that cannot be read is an unknown field of its
object; what says that the object itself is not there, or keeps it from being known, is told of the object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import UnknownField
from clusterproof.sources.aws_api.calls import Raw, Request, Result, judge, pages, plain, stopped, too_late
from clusterproof.sources.aws_api.failures import code_of
from clusterproof.sources.aws_api.reading import Account, where
from clusterproof.sources.aws_api.workers import Call, Expired

NOTHING: frozenset[str] = frozenset()


class Question(msgspec.Struct, frozen=True):
    """One of the calls that make an object.

    Attributes:
        service: what boto3 and IAM call the service.
        operation: the API's name of the call.
        params: its parameters, as boto3 takes them.
        about: what it tells, for a sentence.
        member: the answer's member that is meant, of all pages; empty: the whole answer.
        right: the IAM action that it needs, where it is called otherwise than the operation.
        none: error codes that say that nothing is configured.
        gone: error codes that say that the object is not there.
        region: the region that is asked; empty for the source's.
    """

    service: str
    operation: str
    params: Raw
    about: str
    member: str = ""
    right: str = ""
    none: frozenset[str] = NOTHING
    gone: frozenset[str] = NOTHING
    region: str = ""

    @property
    def action(self) -> str:
        """The IAM action."""
        return self.right or f"{self.service}:{self.operation}"


class Told(msgspec.Struct, frozen=True):
    """What one call told.

    Attributes:
        value: the answer as the AWS CLI prints it; None where nothing is configured or it is not known.
        missing: why it is not known.
        gone: whether it said that the object is not there.
    """

    value: Any = None
    missing: Unknown | None = None
    gone: bool = False

    def valued(self, value: Any) -> Told:
        """The same, with another value."""
        return Told(value, self.missing, self.gone)


class Making:
    """One object while its calls run.

    Attributes:
        account: whose credentials ask.
        raw: the object so far.
        missing: why it is not known whether there is such an object, or what it is.
        gone: whether it is not there.
        done: whether it is made; what is not made in time is missing.
        left: paths in it that are unknown, with why.
        lost: whether no call has said anything, not even that something is not configured.
    """

    def __init__(self, account: Account, call: Call) -> None:
        self.account = account
        self.raw: Raw = {}
        self.missing: Unknown | None = None
        self.gone = False
        self.done = False
        self.left: list[tuple[str, Unknown]] = []
        self.lost = True
        self._call = call

    def ask(self, question: Question) -> Told:
        """Makes one call; an object that is said not to be there is :attr:`gone`."""
        source = self.account.source
        region = where(question.service, question.region or source.region)
        try:
            value = self._answer(question)
        except Expired:
            return Told(missing=too_late(self._call, question.about, question.action, region))
        except Exception as error:  # noqa: BLE001 - whatever ends a call is told of what it was to read
            code = code_of(error)
            if code in question.gone:
                self.gone = True
                return Told(gone=True)
            if code not in question.none:
                why = stopped(error, question.about, question.action, self.account.identity, region)
                return Told(missing=why)
            value = None
        self.lost = False
        return Told(value)

    def put(self, path: str, told: Told) -> None:
        """Puts one member; where it is not known it is left out, and said to be unknown."""
        if told.missing is not None:
            self.left.append((path, told.missing))
        elif not told.gone and told.value is not None:
            self.raw[path] = told.value

    def _answer(self, question: Question) -> Any:
        client = self.account.source.client(question.service, question.region)
        found: list[Raw] = []
        for page in pages(client, question.operation, question.params, self.account.page_size):
            judge(page)
            found.append({name: item for name, item in page.items() if name != "ResponseMetadata"})
            self._call.check()
        if not question.member:
            return plain(found[0]) if found else {}
        values = [page[question.member] for page in found if page.get(question.member) is not None]
        if values and isinstance(values[0], list):
            return plain([item for value in values for item in value])
        return plain(values[0]) if values else None


class Made(Result):
    """What making one object gave."""

    def __init__(
        self, request: Request, items: Sequence[bytes], missing: Unknown | None, unknown: Sequence[UnknownField]
    ) -> None:
        self.request = request
        self.items = tuple(items)
        self.error = None
        self.missing = missing
        self.unknown = tuple(unknown)


Make = Callable[[Making], None]
"""Makes one object, on a thread: asks, and puts what it is told into the object."""


class Task:
    """One object to be made.

    Attributes:
        kind: its kind.
        about: what it is, for a sentence and for who watches: ``role asya-actor``.
        account: whose credentials ask.
        making: the object, when its call has begun.
    """

    def __init__(self, kind: Kind[Any], about: str, account: Account, make: Make) -> None:
        self.kind = kind
        self.about = about
        self.account = account
        self.making: Making | None = None
        self._make = make

    def call(self) -> Call:
        """The call, ready to run."""

        def run(call: Call) -> None:
            self.making = Making(self.account, call)
            self._make(self.making)
            self.making.done = True
            if not self.making.gone and self.making.missing is None:
                call.items.append(b"")  # for the count
                call.progress()

        return Call(self.about, run)

    def result(self, call: Call) -> Made:
        """What a call that has ended gave."""
        request = Request(self.kind, about=self.about)
        making, region = self.making, where(self.kind.group, self.account.source.region)
        if making is None or not making.done:
            if call.failure is not None:
                missing = stopped(call.failure, self.about, self.kind.permission, self.account.identity, region)
            else:
                missing = too_late(call, self.about, self.kind.permission, region)
            return Made(request, (), missing, ())
        if making.gone:
            return Made(request, (), None, ())
        if making.missing is not None:
            return Made(request, (), making.missing, ())
        item = msgspec.json.encode(making.raw)
        try:
            key = self.kind.key(msgspec.json.decode(item, type=self.kind.type))
        except msgspec.ValidationError:
            return Made(request, (item,), None, ())  # where all objects are judged, this one is
        return Made(request, (item,), None, [UnknownField(key, path, why) for path, why in making.left])


def make(tasks: Sequence[Task], run: Callable[[list[Call]], None]) -> None:
    """Makes objects, as many at once as the workers are, and keeps what their accounts gave."""
    calls = [task.call() for task in tasks]
    run(calls)
    for task, call in zip(tasks, calls, strict=True):
        task.account.results.setdefault(task.kind.name, []).append(task.result(call))
