"""Rendered manifests (``helm template``, ``kustomize build``, ``kubectl apply -f`` files) → an overlay.

What they would create or change is put on top of a snapshot, so that a chart is judged before it is installed
(design: ``--with rendered.yaml``). An object that is there already keeps what the API server or a controller wrote
into it (status, a Service's addresses, a claim's volume); everything else becomes as the manifest says, as
``kubectl apply`` and ``helm upgrade`` do it. Sources: Helm "Chart Hooks"; Kubernetes "Declarative Management",
"Well-Known Labels" (``kubernetes.io/metadata.name``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds, redact
from clusterproof.snapshot.kinds import BY_NAME, Kind
from clusterproof.snapshot.overlay import Edit, Overlay, Put, SetField, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import admission
from clusterproof.sources.documents import (
    as_utf8,
    decode,
    json_documents,
    looks_like_json,
    wrong_type,
)
from clusterproof.sources.files import File, expand
from clusterproof.sources.hints import kind_of_wire
from clusterproof.sources.yamltext import yaml_documents

Raw = dict[str, Any]

NAME_LABEL = "kubernetes.io/metadata.name"
"""The API server sets it on every namespace, with the namespace's name."""
HOOK = "helm.sh/hook"
CHART = "helm.sh/chart"
KEPT_HOOKS = frozenset({"pre-install", "post-install"})
"""Hooks that an installation runs; tests, upgrades, deletions and rollbacks are no part of it."""
_MANIFESTS = ("yaml", "yml", "json")
_ASSIGNED: dict[str, tuple[str, ...]] = {
    "services": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"),
    "persistentvolumeclaims": ("volumeName", "storageClassName", "volumeMode"),
    "deployments": ("replicas",),
    "statefulsets": ("replicas",),
    "jobs": ("selector",),
}
"""Members of ``spec`` that stay when a manifest leaves them out: the API server or an autoscaler set them."""


class Rendered(msgspec.Struct, frozen=True):
    """What rendered manifests come to.

    Attributes:
        overlay: the edits, in the manifests' order; objects of kinds that no rule reads make none.
        objects: how many objects would be applied, those of other kinds with them.
        where: the manifests, as the user named them.
        notes: what was left out, assumed or not understood, one plain sentence each.
    """

    overlay: Overlay
    objects: int
    where: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """``14 objects of rendered.yaml``."""
        return f"{self.objects} object{'' if self.objects == 1 else 's'} of {', '.join(self.where)}"


def load_manifests(
    inputs: Sequence[str | Path], snapshot: Snapshot, *, stdin: BinaryIO | None = None, namespace: str = ""
) -> Rendered:
    """Rendered manifests as an overlay for a snapshot.

    Args:
        inputs: files, directories (their YAML and JSON files) or ``-`` for ``stdin``.
        snapshot: what they would be applied to.
        stdin: what ``-`` reads.
        namespace: of objects that name none; empty is ``default``, and a note says so.

    Raises:
        InputError: something is no manifest; the message names the file, the document, the line and what to do.
    """
    reading = _Reading(snapshot, namespace)
    for file in expand(inputs, stdin):
        if file.explicit or file.extension in _MANIFESTS:
            reading.file(file)
    if not reading.objects and reading.hooks:
        raise InputError(
            f"holds only hooks that no installation runs ({_counted(reading.hooks)}), and they are not applied; "
            "leave it out, or give the chart's other objects too",
            where=", ".join("stdin" if str(item) == "-" else str(item) for item in inputs),
        )
    if not reading.objects:
        raise InputError(
            "holds no object to apply; give what helm template or kustomize build prints",
            where=", ".join("stdin" if str(item) == "-" else str(item) for item in inputs),
        )
    return reading.rendered(tuple("stdin" if str(item) == "-" else str(item) for item in inputs))


def applied(snapshot: Snapshot, rendered: Rendered) -> Snapshot:
    """The snapshot as it would be after the manifests are applied; its notes and its head say so."""
    meta = msgspec.structs.replace(
        snapshot.meta,
        overlays=(*snapshot.meta.overlays, rendered.summary),
        notes=(*snapshot.meta.notes, *rendered.notes),
    )
    return Snapshot(meta, apply(snapshot, rendered.overlay).tables)


class _Reading:
    """What has been read so far."""

    def __init__(self, snapshot: Snapshot, namespace: str) -> None:
        self.snapshot = snapshot
        self.namespace = namespace
        self.objects = 0
        self.notes: list[str] = []
        self.puts: dict[tuple[str, str], Raw] = {}
        self.unknown: dict[tuple[str, str], redact.Fields] = {}
        self.where: dict[tuple[str, str], str] = {}
        self.namespaces: dict[str, None] = {}
        self.defaulted = 0
        self.hooks: dict[str, int] = {}
        self.version = next(
            (cluster.version for cluster in snapshot.objects(kinds.CLUSTERS)), snapshot.meta.kubernetes_version
        )
        self.charts: dict[tuple[str, str], None] = {}

    # --- files ---------------------------------------------------------------------------

    def file(self, file: File) -> None:
        """Every object of one file."""
        aside: dict[str, int] = {}
        hooks: dict[str, int] = {}
        for where, line, raw in _objects(file, self.notes):
            problem = _no_manifest(raw)
            if problem and not file.explicit:
                self.notes.append(f"{where}: left aside, {problem}")
                continue
            if problem:
                raise InputError(
                    f"line {line}: {problem}; give what helm template or kustomize build prints", where=where
                )
            wire = str(raw["kind"])
            found = _hooks(raw)
            if found and not found & KEPT_HOOKS:
                label = f"{wire} of hook {', '.join(sorted(found))}"
                hooks[label] = hooks.get(label, 0) + 1
                self.hooks[label] = self.hooks.get(label, 0) + 1
                continue
            self.objects += 1
            gone = admission.removed(raw, self.version)
            if gone:
                raise InputError(f"line {line}: {gone}", where=where)
            kind = None if wire == "Secret" else kind_of_wire(str(raw["apiVersion"]), wire)
            if kind is None or kind is kinds.HELM_RELEASES:
                aside[wire] = aside.get(wire, 0) + 1
                self._mentioned(raw)
            else:
                self._take(kind, raw, where, line)
        if hooks:
            self.notes.append(f"{file.where}: not part of an installation, left out: {_counted(hooks)}")
        if aside:
            self.notes.append(f"{file.where}: no rule reads, so without effect here: {_counted(aside)}")

    def _mentioned(self, raw: Raw) -> None:
        """An object of another kind says which namespace there will be too."""
        metadata = raw.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        if isinstance(namespace, str) and namespace:
            self.namespaces[namespace] = None

    def _take(self, kind: Kind[Any], given: Raw, where: str, line: int) -> None:
        raw: Raw = redact.without_nulls(given)
        metadata = raw.setdefault("metadata", {})
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
            raise InputError(f"line {line}: the {kind.wire} has no metadata.name; give it one", where=where)
        if not kind.namespaced:
            metadata.pop("namespace", None)
        elif not metadata.get("namespace"):
            metadata["namespace"] = self.namespace or "default"
            self.defaulted += 0 if self.namespace else 1
        fields = redact.kubernetes_object(raw)
        try:
            key = kind.key(msgspec.convert(raw, kind.type))
        except msgspec.ValidationError as error:
            raise InputError(
                f"line {line}: {kind.wire} {name}: {wrong_type(error)}; mend the manifest", where=where
            ) from None
        wrong, without = admission.out_of_range(raw), admission.lacking(raw)
        if wrong:
            raise InputError(
                f"line {line}: {kind.wire} {name}: {wrong}; the API server refuses it: mend the manifest", where=where
            )
        if without:
            self.notes.append(f"{where}: {kind.wire} {name} {without}, which the API server refuses")
        if kind.namespaced:
            self.namespaces[str(metadata["namespace"])] = None
        place = (kind.name, key)
        if place in self.puts and self.puts[place] != raw:
            self.notes.append(f"{where}: {kind.wire} {key} was already in {self.where[place]}; this later one counts")
        self.puts[place], self.unknown[place], self.where[place] = raw, fields, where
        self._chart(metadata)

    def _chart(self, metadata: Raw) -> None:
        labels = metadata.get("labels")
        chart = labels.get(CHART) if isinstance(labels, dict) else None
        if isinstance(chart, str) and "-" in chart:
            self.charts[str(metadata.get("namespace", "")), chart] = None

    # --- the overlay -----------------------------------------------------------------------

    def rendered(self, where: tuple[str, ...]) -> Rendered:
        """Everything as edits."""
        edits: list[Edit] = [*self._namespaces(), *self._releases()]
        for (name, key), raw in self.puts.items():
            edits.append(Put(name, self._merged(BY_NAME[name], key, raw)))
            edits += [SetField(name, key, path, unknown=why) for path, why in self.unknown[name, key]]
        if self.defaulted:
            what = "1 object names" if self.defaulted == 1 else f"{self.defaulted} objects name"
            self.notes.append(f"{what} no namespace: taken as default; --namespace says another")
        return Rendered(Overlay(tuple(edits)), self.objects, where, tuple(self.notes))

    def _namespaces(self) -> Iterator[Edit]:
        """Namespaces that are named and not there: somebody makes them before anything is applied into them.

        Where not all namespaces were read, one that is not seen may be there with labels that are not known.
        """
        for place, raw in self.puts.items():
            if place[0] == kinds.NAMESPACES.name:
                raw["metadata"]["labels"] = {**(raw["metadata"].get("labels") or {}), NAME_LABEL: place[1]}
        if self.snapshot.missing(kinds.NAMESPACES) is not None:
            return
        for name in self.namespaces:
            if (kinds.NAMESPACES.name, name) in self.puts or self.snapshot.get(kinds.NAMESPACES, name) is not None:
                continue
            metadata = {"name": name, "labels": {NAME_LABEL: name}}
            yield Put(kinds.NAMESPACES.name, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            self.notes.append(f"namespace {name} does not exist: taken as created with no labels but its name")

    def _releases(self) -> Iterator[Edit]:
        """An installed Helm release of a chart that the manifests carry in another version: it would be upgraded."""
        for release in self.snapshot.objects(kinds.HELM_RELEASES):
            key = f"{release.metadata.namespace}/{release.metadata.name}"
            versions = [
                chart.removeprefix(f"{release.chart}-")
                for namespace, chart in self.charts
                if namespace == release.metadata.namespace and chart.startswith(f"{release.chart}-")
            ]
            versions = [version for version in versions if version[:1].isdigit() or version[:1] == "v"]
            if release.chart and versions and release.version not in versions:
                raw = self.snapshot.raw(kinds.HELM_RELEASES, key) or {}
                yield Put(kinds.HELM_RELEASES.name, {**raw, "version": versions[0]})
                self.notes.append(
                    f"Helm release {key} is {release.chart} {release.version}; the manifests say {versions[0]}"
                )

    def _merged(self, kind: Kind[Any], key: str, raw: Raw) -> Raw:
        """The manifest over the object that is there, as applying it leaves it."""
        old = self.snapshot.raw(kind, key)
        if old is None:
            return raw
        was, now = old.get("metadata", {}), raw["metadata"]
        metadata = {**was, **now}
        for member in ("labels", "annotations"):
            if was.get(member) or now.get(member):
                metadata[member] = {**(was.get(member) or {}), **(now.get(member) or {})}
        merged = {**raw, "metadata": metadata}
        if "status" in old:
            merged["status"] = old["status"]
        old_spec, spec = old.get("spec"), raw.get("spec")
        if isinstance(old_spec, dict) and isinstance(spec, dict):
            kept = {name: old_spec[name] for name in _ASSIGNED.get(kind.name, ()) if name in old_spec}
            merged["spec"] = {**kept, **spec}
        return merged


def _objects(file: File, notes: list[str]) -> Iterator[tuple[str, int, Any]]:
    """Each object with the document it stands in and that document's first line; lists taken apart; notes tell keys given twice."""
    data = as_utf8(file.read(), file.where)
    if not data.strip():
        return
    try:
        if looks_like_json(data):
            for document in json_documents(data, file.where):
                value = decode(document.text or b"", Any, document.where)
                yield from ((document.where, 1, item) for item in _items(value))
        else:
            for document in yaml_documents(data, file.where):
                notes += [f"{document.where}: {key} is given twice; the last one counts" for key in document.twice]
                yield from ((document.where, document.line, item) for item in _items(document.value))
    except InputError as error:
        if b"{{" in data and not looks_like_json(data):
            raise InputError(
                "is a Helm template that is not rendered; run: helm template RELEASE CHART | clusterproof check --with -",
                where=file.where,
            ) from None
        raise InputError(str(error).replace("make the file again", "render it again")) from None


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and isinstance(value.get("items"), list) and str(value.get("kind", "")).endswith("List"):
        version, wire = value.get("apiVersion"), str(value["kind"]).removesuffix("List")
        for item in value["items"]:
            if wire and isinstance(item, dict):  # items of a typed list leave out what the list says
                yield from _items({"apiVersion": version, "kind": wire, **item})
            else:
                yield from _items(item)
    else:
        yield value


def _no_manifest(raw: Any) -> str:
    """Why a document is no Kubernetes object; empty when it is one."""
    if not isinstance(raw, dict):
        return "it is no Kubernetes object but a list or a text"
    for member in ("apiVersion", "kind"):
        if not isinstance(raw.get(member), str) or not raw[member]:
            return f"it has no {member}, so it is no Kubernetes object"
    return ""


def _hooks(raw: Raw) -> set[str]:
    metadata = raw.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(HOOK) if isinstance(annotations, dict) else None
    return {hook.strip() for hook in str(text).split(",")} if text else set()


def _counted(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))
