"""What a document is, by its content: kubectl output, AWS CLI output, Helm's list, or nothing of ours.

A document becomes batches: objects of one kind with what the document says about
completeness. Names of files are a hint only where the content cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources import hints
from clusterproof.sources.awsanswers import answer, bare_list, empty_list
from clusterproof.sources.batches import WHOLE, Batch, Found, is_set, one_page
from clusterproof.sources.clierrors import Failure, failures
from clusterproof.sources.documents import Document, decode, items, plain, wrong_type
from clusterproof.sources.files import File

_CHART = re.compile(r"(?P<name>.+?)-(?P<version>v?\d+\.\d+\.\d+.*)")
_IGNORED_KINDS = {"Event", "ReplicationController"}
"""What cluster-info dumps hold besides, and no rule reads."""


class _OurOwn(Exception):  # noqa: N818 - control flow inside this module
    """A file that clusterproof printed itself."""


class _PeekMeta(msgspec.Struct):
    namespace: str | None = None


class _Peek(msgspec.Struct):
    """As much of a Kubernetes object as says what it is."""

    kind: str | None = None
    api_version: str | None = msgspec.field(default=None, name="apiVersion")
    metadata: _PeekMeta | None = None


def recognise(documents: Iterable[Document], file: File, dump_namespace: str = "") -> Found:
    """Everything in one file's documents.

    Args:
        documents: the file's documents in order.
        file: for its name, where content cannot tell.
        dump_namespace: the namespace whose directory of a ``kubectl cluster-info dump`` this file is in.

    Raises:
        InputError: a member has the wrong type.
    """
    found = Found()
    stream: list[tuple[str, list[Batch]]] = []
    for document in documents:
        before = len(found.batches)
        try:
            wire = _document(document, file, dump_namespace, found)
        except _OurOwn:
            break
        stream.append((wire, found.batches[before:]))
    if any(wire in ("EventList", "ReplicationControllerList") for wire, _ in stream) and len(stream) > 1:
        _scope_dump_stream(stream)
    return found


def _document(document: Document, file: File, dump_namespace: str, found: Found) -> str:
    """Adds what one document holds; its ``kind`` when it is a Kubernetes list."""
    top = document.top()
    if file.bundle and "cluster-resources/" in file.hint and _bundle_errors(top, document, file, found):
        return ""
    if isinstance(top, dict):
        _refuse_own(top, document, file, found)
        wire = plain(top["kind"], document.where, "kind") if "kind" in top else None
        if isinstance(wire, str) and ("apiVersion" in top or "items" in top):
            return _kubernetes(top, wire, document, file, dump_namespace, found)
        answer(top, document, file, found)
    elif isinstance(top, list):
        _bare_list(top, document, file, found)
    return ""


def _refuse_own(top: dict[str, Any], document: Document, file: File, found: Found) -> None:
    """What clusterproof printed has members (``cluster``) that look like an answer of AWS.

    Raises:
        InputError: it was named.
        _OurOwn: it was not, and is left aside with all that follows in the file.
    """
    schema = plain(top["schema"], document.where, "schema") if "schema" in top else ""
    if not isinstance(schema, str) or not schema.startswith("clusterproof."):
        return
    what = f"{schema.removeprefix('clusterproof.').partition('/')[0]} of clusterproof"
    if file.explicit:
        raise InputError(
            f"is a {what}, not what kubectl or aws print; clusterproof diff and --baseline take reports",
            where=file.where,
        )
    found.notes.append(f"{file.where}: left aside, it is a {what}")
    found.recognised = True
    raise _OurOwn


# --- Kubernetes ------------------------------------------------------------------------


def _kubernetes(
    top: dict[str, Any], wire: str, document: Document, file: File, dump_namespace: str, found: Found
) -> str:
    where = document.where
    if wire == "Status":
        message = str(plain(top.get("message", ""), where))
        found.failures += failures(message)
        found.recognised = True
        return ""
    if not (wire.endswith("List") and "items" in top):
        if wire.endswith("List"):
            raise InputError(f"items: a {wire} lacks them; make the file again", where=where)
        _sort_items([document.text if document.text is not None else top], where, "", None, "", found)
        return ""
    listed = items(top["items"], where, "items") if is_set(top["items"]) else []
    coverage = _page(top, where)
    item_wire = "" if wire == "List" else wire.removesuffix("List")
    found.recognised = True
    if not item_wire and not listed:
        kind = hints.kind_of_name(file.stem)
        if kind is None:
            found.notes.append(f"{where}: an empty List, of what its name does not say; name it after its kind")
            return wire
        found.batches.append(Batch(kind, [], where, "items", coverage))
        return wire
    api_version = str(plain(top.get("apiVersion", ""), where) or "")
    before = len(found.batches)
    _sort_items(listed, where, "items", coverage, item_wire, found, api_version if item_wire else "")
    for batch in found.batches[before:]:
        batch.coverage = _scoped(batch, file, dump_namespace)
    return wire


def _page(top: dict[str, Any], where: str) -> Coverage:
    """Complete, unless the list says that it is one page of several."""
    metadata = plain(top.get("metadata"), where, "metadata")
    if isinstance(metadata, dict) and (metadata.get("continue") or metadata.get("remainingItemCount")):
        return Coverage(EVERYWHERE, one_page(where, "make it again without --limit or --chunk-size paging"))
    return WHOLE


def _sort_items(
    listed: list[Any],
    where: str,
    path: str,
    coverage: Coverage | None,
    item_wire: str,
    found: Found,
    list_version: str = "",
) -> None:
    """Sorts Kubernetes objects into one batch per kind; what no rule reads is counted and left aside."""
    batches: dict[str, Batch] = {}
    aside: dict[str, int] = {}
    if item_wire and item_wire != "Secret":
        kind = hints.kind_of_wire(list_version, item_wire)
        if kind is not None:
            found.batches.append(Batch(kind, listed, where, path, coverage, item_wire))
        elif item_wire not in _IGNORED_KINDS:
            found.notes.append(f"{where}: {item_wire} objects were left aside, no rule reads them")
        found.recognised = True
        return
    for number, item in enumerate(listed):
        at = f"{path}[{number}]" if path else ""
        peek = _peek(item, where, at)
        wire = peek.kind or item_wire
        if not wire:
            raise InputError(f"{at or 'the object'}: has no kind; make the file again", where=where)
        secret = wire == "Secret" and peek.api_version in (None, "v1")
        kind = kinds.HELM_RELEASES if secret else hints.kind_of_wire(peek.api_version or "", wire)
        if kind is None:
            if wire not in _IGNORED_KINDS:
                aside[wire] = aside.get(wire, 0) + 1
            continue
        batch = batches.get(kind.name)
        if batch is None:
            batch = batches[kind.name] = Batch(kind, [], where, path, coverage, wire)
        batch.items.append(item)
    if item_wire == "Secret" and not listed:
        batches["helmreleases"] = Batch(kinds.HELM_RELEASES, [], where, path, coverage)
    found.recognised = found.recognised or bool(batches)
    found.batches += batches.values()
    for wire, count in sorted(aside.items()):
        found.notes.append(f"{where}: {count} {wire} left aside, no rule reads them")


def _peek(item: Any, where: str, path: str) -> _Peek:
    if isinstance(item, (msgspec.Raw, bytes, memoryview)):
        result: _Peek = decode(item, _Peek, where, path)
        return result
    try:
        return msgspec.convert(item, _Peek)
    except msgspec.ValidationError as error:
        raise InputError(f"{wrong_type(error, path)}; make the file again", where=where) from None


def _namespaces(batch: Batch) -> set[str]:
    peeked = (_peek(item, batch.where, batch.path) for item in batch.items)
    return {(peek.metadata.namespace or "") if peek.metadata else "" for peek in peeked}


def _scoped(batch: Batch, file: File, dump_namespace: str) -> Coverage | None:
    """A list that its place shows to be of one namespace is complete for that namespace only."""
    coverage = batch.coverage
    if coverage is None or not batch.kind.namespaced:
        return coverage
    namespace = dump_namespace
    if not namespace:
        if file.bundle:
            namespace = hints.bundle_hint(file.hint)[1]
        else:
            folder = file.hint.split("/")[-2] if "/" in file.hint else ""
            if folder or file.stem:
                inside = _namespaces(batch)
                if len(inside) == 1 and (name := inside.pop()) and name.lower() in (folder.lower(), file.stem):
                    namespace = name
    return Coverage(namespace, coverage.missing) if namespace else coverage


def _scope_dump_stream(stream: list[tuple[str, list[Batch]]]) -> None:
    """``kubectl cluster-info dump`` to stdout: nodes, then per namespace seven lists of which Events come first."""
    groups: list[list[Batch]] = [[]]
    for wire, batches in stream:
        if wire == "EventList":
            groups.append([])
        groups[-1] += [batch for batch in batches if batch.kind.namespaced]
    for group in groups:
        names = {name for batch in group for name in _namespaces(batch) if name}
        for batch in group:
            # A namespace in which everything is empty leaves no name behind: its emptiness is not recorded.
            batch.coverage = Coverage(next(iter(names))) if len(names) == 1 else None


def _bare_list(top: list[Any], document: Document, file: File, found: Found) -> None:
    """A list without a wrapper: support bundles, ``helm list -o json``, ``aws --query``, concatenated items."""
    where = document.where
    bundle_kind = hints.bundle_hint(file.hint)[0] if file.bundle else None
    if not top:
        kind = bundle_kind or hints.kind_of_name(file.stem)
        if kind is not None and kind.origin == "aws":
            empty_list(kind, where, found)
        elif kind is not None:
            batch = Batch(kind, [], where, "", WHOLE)
            batch.coverage = _scoped(batch, file, "")
            found.batches.append(batch)
            found.recognised = True
        return
    first = plain(top[0], where, "[0]")
    if not isinstance(first, dict):
        return
    if "metadata" in first:
        wire = first.get("kind") or (bundle_kind.wire if bundle_kind and bundle_kind is not kinds.HELM_RELEASES else "")
        if not wire:
            kind = hints.kind_of_name(file.stem)
            wire = kind.wire if kind and kind.origin == "kubernetes" and kind is not kinds.HELM_RELEASES else ""
        if wire:
            before = len(found.batches)
            _sort_items(top, where, "", WHOLE, "" if "kind" in first else wire, found)
            for batch in found.batches[before:]:
                batch.coverage = _scoped(batch, file, "")
        return
    if {"name", "namespace", "revision", "chart"} <= first.keys():
        releases = [_helm_listed(plain(item, where), where) for item in top]
        found.batches.append(Batch(kinds.HELM_RELEASES, releases, where, "", WHOLE))
        found.recognised = True
        return
    unwrapped = bare_list(top, first, where)
    if unwrapped is not None:
        found.batches.append(unwrapped)
        found.recognised = True


def _helm_listed(row: Any, where: str) -> dict[str, Any]:
    """One row of ``helm list -o json``: ``chart`` is the chart's name and version in one word."""
    if not isinstance(row, dict) or not isinstance(row.get("chart"), str):
        raise InputError("expected rows of helm list -A -o json, each with a chart; make the file again", where=where)
    match = _CHART.fullmatch(row["chart"])
    return {
        "apiVersion": "clusterproof/v1",
        "kind": "HelmRelease",
        "metadata": {
            "name": row.get("name", ""),
            "namespace": row.get("namespace", ""),
            "labels": {"version": str(row.get("revision", "")), "status": row.get("status", "")},
        },
        "chart": match["name"] if match else row["chart"],
        "version": match["version"] if match else "",
        "appVersion": row.get("app_version", ""),
        "status": row.get("status", ""),
    }


def _bundle_errors(top: Any, document: Document, file: File, found: Found) -> bool:
    """``…-errors.json`` of a support bundle: a map from namespace to message, or a list of messages."""
    kind, _, errors = hints.bundle_hint(file.hint)
    if not errors:
        return False
    found.recognised = True
    value = plain(top, document.where) if not isinstance(top, (dict, list)) else top
    pairs: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        pairs = [(name, plain(message, document.where)) for name, message in value.items()]
    elif isinstance(value, list):
        pairs = [("", plain(message, document.where)) for message in value]
    for scope, message in pairs:
        known = failures(str(message))
        found.failures += known
        if not known and kind is not None:
            why = Unknown(
                Cause.ERROR,
                f"{kind.name} could not be collected: {str(message)[:120]}",
                f"run: {kind.command} > {kind.name}.json",
            )
            found.failures.append(Failure(kind, scope if kind.namespaced else "", why))
    return True
