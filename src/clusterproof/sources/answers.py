"""What a live source reads, one answer per kind, and how answers become a snapshot.

Live answers and files meet here: the same redaction, typing, completeness rules and
:class:`~clusterproof.snapshot.snapshot.Meta`, so that one world gives one snapshot
whichever way it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from clusterproof._version import __version__
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage, Meta, Snapshot, UnknownField
from clusterproof.sources import completeness, identity
from clusterproof.sources.batches import Batch
from clusterproof.sources.clierrors import Failure
from clusterproof.sources.gather import Gathered

Raw = dict[str, Any]

_APIS = {"kubernetes": "the Kubernetes API", "aws": "the AWS API"}


class Answer(msgspec.Struct, frozen=True):
    """What reading one kind gave.

    Attributes:
        kind: the kind that was asked for.
        items: the objects as the API gave them, JSON text or plain values, not yet redacted.
        coverage: per scope: complete, or what stopped it. At least one; of one scope one.
        gathered: objects that were redacted and typed page by page while they were read; ``items`` is empty then.
        unknown: fields of the objects of ``items`` that could not be read.
    """

    kind: Kind[Any]
    items: tuple[bytes | msgspec.Raw | Raw, ...] = ()
    coverage: tuple[Coverage, ...] = (Coverage(EVERYWHERE),)
    gathered: Gathered | None = None
    unknown: tuple[UnknownField, ...] = ()


def assemble(
    answers: Iterable[Answer],
    *,
    cluster: str = "",
    time: str = "",
    sources: Sequence[str] = (),
    kubernetes_version: str = "",
    notes: Sequence[str] = (),
) -> Snapshot:
    """One snapshot from the answers of live sources.

    Several answers of one kind (accounts that share a VPC) are added up: complete only if each is;
    of an object that two of them give, the first counts.

    Args:
        answers: what was read, in the order in which it counts.
        cluster: the EKS cluster that is meant, where the answers hold several; may be empty.
        time: when reading began, RFC 3339 in UTC.
        sources: what it was read from, in the user's own words.
        kubernetes_version: what ``/version`` says, for where EKS does not, or names the minor alone.
        notes: what was left aside and why, one plain sentence each.

    Raises:
        InputError: the objects are of two clusters or regions, or none is of ``cluster``.
    """
    tables: dict[str, Gathered] = {}
    stopped: dict[str, dict[str, Unknown]] = {}
    complete: dict[str, set[str]] = {}
    for answer in answers:
        name = answer.kind.name
        odd = _take(tables, answer)
        missing = stopped.setdefault(name, {})
        if odd is not None:
            missing.setdefault(EVERYWHERE, odd)
        for item in answer.coverage:
            if item.missing is not None:
                missing.setdefault(item.scope, item.missing)
            elif odd is None:  # which namespace an unreadable object is of is not known either
                complete.setdefault(name, set()).add(item.scope)
    for name, gathered in tables.items():
        # What stopped a scope beats "complete" said of the same scope by another account.
        done = complete.get(name, set()) - stopped[name].keys()
        gathered.coverage = [Coverage(scope) for scope in sorted(done)]
        gathered.failures = [Failure(gathered.kind, scope, why) for scope, why in stopped[name].items()]
    identity.select(tables, cluster)
    read = identity.meta(tables, cluster)
    completeness.settle(tables, read.cluster, [], bundle=False, elsewhere=set())
    return Snapshot(
        Meta(
            time=time,
            cluster=read.cluster,
            account=read.account,
            region=read.region,
            tool_version=__version__,
            kubernetes_version=identity.exact(read.kubernetes_version, kubernetes_version),
            sources=tuple(sources),
            notes=tuple(notes),
        ),
        {name: tables[name].table() for name in sorted(tables)},
    )


def gather(gathered: Gathered, items: Iterable[bytes | msgspec.Raw | Raw], where: str = "") -> Unknown | None:
    """Takes objects one by one; why one of them could not be taken, or None.

    An object of a wrong type does not lose the others: its kind is no longer complete.
    """
    kind = gathered.kind
    where = where or _APIS[kind.origin]
    wire = "Secret" if kind is kinds.HELM_RELEASES else kind.wire
    error = gathered.add_each(Batch(kind, list(items), where, "", None, wire))
    if error is None:
        return None
    what = str(error).removeprefix(f"{where}: ").removesuffix("; make the file again")
    return Unknown(Cause.ERROR, f"{kind.name}: an object could not be read: {what}")


def _take(tables: dict[str, Gathered], answer: Answer) -> Unknown | None:
    """Adds an answer's objects to its kind's; why one of them could not be taken, or None."""
    name = answer.kind.name
    if answer.gathered is not None and name not in tables:
        tables[name] = answer.gathered
        return gather(tables[name], answer.items)
    held = tables.setdefault(name, Gathered(answer.kind))
    fresh = answer.gathered or Gathered(answer.kind)
    odd = gather(fresh, answer.items)
    for field in answer.unknown:
        if field.key in fresh.lines:
            fresh.unknown.setdefault(field.key, []).append((field.path, field.unknown))
    for key in fresh.lines:
        if key not in held.lines:
            held.lines[key], held.where[key] = fresh.lines[key], fresh.where[key]
            if key in fresh.typed:
                held.typed[key] = fresh.typed[key]
            if key in fresh.unknown:
                held.unknown[key] = fresh.unknown[key]
    held.seen = True
    return odd
