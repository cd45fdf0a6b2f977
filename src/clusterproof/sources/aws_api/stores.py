"""SQS queues and S3 buckets: those that are meant, each with all that its calls tell of it.

Queues are meant by the prefixes of their names, buckets by name: the profile's, and those that a workload's variable
names. Which calls a bucket is made of stands in :mod:`clusterproof.sources.pieces`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources import pieces
from clusterproof.sources.aws_api import requests
from clusterproof.sources.aws_api.calls import Request, call_for, names
from clusterproof.sources.aws_api.making import Making, Question, Task, Told, make
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.records import Named
from clusterproof.sources.aws_api.workers import Call

Run = Callable[[list[Call]], None]
Wanted = Collection[Kind[Any]]

NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
"""What SQS answers where there is no such queue, in its older and in its newer protocol."""
NO_BUCKET = frozenset({"NoSuchBucket"})
"""What S3 answers where there is no such bucket in any account."""
_REGION = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""How S3 names two regions (S3 API reference, ``GetBucketLocation``)."""


# --- queues ---


def read_queues(home: Account, wanted: Wanted, named: Named, run: Run) -> None:
    """Queues whose names begin as they are meant to, and the list of them.

    Args:
        home: the cluster's account.
        wanted: the kinds to read.
        named: what is meant.
        run: makes calls and returns when all have ended.
    """
    both = (kinds.QUEUE_URLS, kinds.QUEUES)
    if not any(kind in wanted for kind in both):
        return
    for kind in both:
        home.results.setdefault(kind.name, [])
        why = named.asked.unsettled.get(kinds.QUEUES.name)
        if why is not None:
            home.limits[kind.name] = Unknown(why.cause, f"{kind.name} could not be read: {why.detail}", why.remedy)
    asked = [_listing(prefix) for prefix in sorted(set(named.asked.queues)) or [""]]
    calls = [call_for(request, home.source, home.page_size) for request in asked]
    run(calls)
    listed = [home.result(request, call) for request, call in zip(asked, calls, strict=True)]
    home.results[kinds.QUEUE_URLS.name] += listed
    stopped = next((result.missing for result in listed if result.missing is not None), None)
    if stopped is not None:
        what = f"{kinds.QUEUES.name} could not be read: which there are is not known, {stopped.detail}"
        home.limits[kinds.QUEUES.name] = Unknown(stopped.cause, what, stopped.remedy)
    if kinds.QUEUES not in wanted:
        return
    urls = sorted({found.name for found in home.typed(kinds.QUEUE_URLS)})
    tasks = [Task(kinds.QUEUES, f"queue {url.rpartition('/')[2]}", home, _queue(url)) for url in urls]
    make(tasks, run)
    gone = {url for url, task in zip(urls, tasks, strict=True) if task.making is not None and task.making.gone}
    for result in listed if gone else ():  # one that was deleted in between is not listed either
        result.items = tuple(
            item for item in result.items if requests.typed(kinds.QUEUE_URLS, [item])[0].name not in gone
        )


def _listing(prefix: str) -> Request:
    about = f"queues {prefix}*" if prefix else "queue-urls"
    return Request(kinds.QUEUE_URLS, {"QueueNamePrefix": prefix} if prefix else {}, _urls, about=about)


def _urls(value: Any) -> Any:
    return ({"Name": item["name"]} for item in names(value))


def _queue(url: str) -> Callable[[Making], None]:
    def work(making: Making) -> None:
        name = url.rpartition("/")[2]
        making.raw["QueueUrl"] = url
        which = {"QueueUrl": url}
        asked = Question(
            *("sqs", "GetQueueAttributes", {**which, "AttributeNames": ["All"]}),
            *(f"the attributes of queue {name}", "Attributes"),
            gone=NO_QUEUE,
        )
        told = making.ask(asked)
        making.put("Attributes", told)
        if told.gone:
            return
        tags = Question("sqs", "ListQueueTags", which, f"the tags of queue {name}", "Tags", gone=NO_QUEUE)
        making.put("Tags", making.ask(tags))

    return work


# --- buckets ---


def read_buckets(home: Account, wanted: Wanted, named: Named, run: Run) -> None:
    """Buckets that are named, and those of the account that a variable of a workload names.

    Args:
        home: the cluster's account.
        wanted: the kinds to read.
        named: what is meant.
        run: makes calls and returns when all have ended.
    """
    kind = kinds.BUCKETS
    if kind not in wanted:
        return
    home.results.setdefault(kind.name, [])
    if (why := named.asked.unsettled.get(kind.name)) is not None:
        home.limits[kind.name] = why
    meant = set(named.asked.buckets)
    there: set[str] = set()
    if named.values - meant:
        there = _listed(home, run)
    meant |= there & named.values
    make([Task(kind, f"bucket {name}", home, _bucket(name, there=name in there)) for name in sorted(meant)], run)


def _listed(home: Account, run: Run) -> set[str]:
    """The names of the account's buckets; where they cannot be read, the kind's limit says so."""
    kind = kinds.BUCKETS
    asked = Request(
        kind, {}, iter, "ListBuckets", "Buckets", "the names of the buckets", service="s3", right=kind.permission
    )
    call = call_for(asked, home.source, home.page_size)
    run([call])
    result = home.result(asked, call)
    if result.missing is not None:
        what = f"which buckets the variables of workloads name is not known: {result.missing.detail}"
        home.limits.setdefault(kind.name, Unknown(result.missing.cause, what, result.missing.remedy))
    return {str(item.get("Name", "")) for item in result.values()} - {""}


def _bucket(name: str, *, there: bool) -> Callable[[Making], None]:
    """A bucket; of one that no call says anything about it is not known whether it is there."""

    def work(making: Making) -> None:
        making.raw["Name"] = name
        first: Unknown | None = None
        for piece in pieces.of(kinds.BUCKETS):
            question = Question(
                *("s3", piece.operation, {"Bucket": name}, f"the {piece.name} of bucket {name}"),
                right=piece.permission,
                none=piece.absent,
                gone=NO_BUCKET,
            )
            told = making.ask(question)
            if told.gone:
                return
            first = first or told.missing
            making.put(piece.members[0], _member(piece, told))
        if making.lost and not there and first is not None:
            making.missing = Unknown(
                first.cause, f"bucket {name} is not known to be there: {first.detail}", first.remedy
            )

    return work


def _member(piece: pieces.Piece, told: Told) -> Told:
    """The object's member out of an answer, shaped as the piece's command for users prints it."""
    answer = told.value
    if not isinstance(answer, dict) or piece.value == "@":
        return told
    if answer.get("IsTruncated"):
        what = f"there are more intelligent tiering configurations than {piece.permission} gave"
        return Told(missing=Unknown(Cause.INCOMPLETE, what))
    value = answer.get(piece.value.partition("||")[0])
    if piece.members[0] == "Region":
        return told.valued(_REGION.get(value, value))
    return told.valued(value)
