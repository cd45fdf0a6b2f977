"""The short way takes an object only where the long way would leave it as it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from clusterproof.snapshot import kinds, redact
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import asis
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.asis import AsIs
from clusterproof.sources.hints import api_version_of


def kept(text: bytes, kind: Kind[Any] = kinds.PODS) -> bytes | None:
    """What the short way makes of one object."""
    return AsIs(kind, api_version_of(kind)).kept(text, kind.wire)


def pod(**more: Any) -> dict[str, Any]:
    """A pod as an item of a PodList."""
    spec = {"containers": [{"name": "c", "image": "i", "env": [{"name": "MODE", "value": "fast"}], "args": ["--x=1"]}]}
    metadata = {"name": "p", "namespace": "a", "managedFields": [{"manager": "m"}], "annotations": {"a": "b"}}
    return {"metadata": metadata | more.pop("metadata", {}), "spec": spec | more.pop("spec", {}), **more}


def compact(value: Any) -> bytes:
    """JSON as the API server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def container(**more: Any) -> dict[str, Any]:
    """A spec of one container."""
    return {"containers": [{"name": "c", **more}]}


TAKEN = [
    pod(),
    pod(status={"conditions": [{"type": "Ready", "lastProbeTime": None, "status": "True"}]}),
    pod(spec=container(env=[{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}])),
    pod(spec=container(env=[{"name": "DB_PASSWORD", "value": "true"}])),
    pod(spec={"containers": [], "initContainers": [{"name": "i"}]}),
    pod(spec={"template": {"metadata": {"creationTimestamp": None, "labels": {}}, "spec": container(args=["--x"])}}),
    pod(spec={"jobTemplate": {"spec": {"template": {"spec": container(env=[{"name": "A", "value": "b"}])}}}}),
]
LEFT = [
    pod(spec=container(env=[{"name": "DB_PASSWORD", "value": "hunter22"}])),
    pod(spec=container(env=[{"name": "X", "value": "AKIAABCDEFGHIJKLMNOP"}])),
    pod(spec=container(env=[{"name": "X", "value": "a" * 300 + " AKIAABCDEFGHIJKLMNOP"}])),
    pod(spec=container(args=["--password", "hunter22"])),
    pod(spec=container(command=["--api-key=hunter22"])),
    pod(spec={"initContainers": container(args=["--token=hunter22"])["containers"]}),
    pod(spec={"ephemeralContainers": container(args=["--token=hunter22"])["containers"]}),
    pod(metadata={"annotations": {"x": "ghp_" + "a" * 36}}),
    pod(metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
    pod(spec={"nodeName": None}),
    pod(spec={"nodeName": "***HIDDEN***"}),
    pod(spec={"template": {"spec": container(args=["--token=hunter22"])}}),
    pod(spec={"template": {"metadata": {"annotations": {"x": "ghp_" + "a" * 36}}}}),
    pod(spec={"template": {"metadata": {"managedFields": []}}}),
    pod(spec={"template": {"spec": {"template": {"spec": container(args=["--token=hunter22"])}}}}),
    pod(spec={"jobTemplate": {"spec": {"template": {"spec": container(args=["--token=hunter22"])}}}}),
    pod(spec={"jobTemplate": None}),
    pod(metadata={"annotations": {"x": '{"creationTimestamp":null,"a":1}'}}),
    pod(metadata={"annotations": {"x": "\u2028\u0001"}}),
    pod(spec=container(args=[7])),
    {**pod(), "spec": []},
    {"spec": {}},
]


@pytest.mark.parametrize("raw", TAKEN)
def test_usual_objects_are_taken(raw: dict[str, Any]) -> None:
    """Only managed fields, the usual nulls, kind and apiVersion differ."""
    line = kept(compact(raw))
    assert line is not None
    assert b"managedFields" not in line
    assert msgspec.json.decode(line)["kind"] == "Pod"


@pytest.mark.parametrize("raw", LEFT)
def test_all_others_are_left_to_the_long_way(raw: dict[str, Any]) -> None:
    """Whatever redaction would touch, and whatever is odd."""
    assert kept(compact(raw)) is None


def test_indented_text_is_left() -> None:
    """A line of a table is one line."""
    assert kept(json.dumps(pod(), indent=1).encode()) is None


@pytest.mark.parametrize(
    "raw", TAKEN + [raw for raw in LEFT if isinstance(raw.get("spec"), dict) and "metadata" in raw]
)
def test_both_ways_agree(raw: dict[str, Any]) -> None:
    """As text and as values an object gives the same objects and the same unknown fields."""

    def read(item: Any) -> tuple[Any, Any, Any]:
        snapshot: Snapshot = assemble([Answer(kinds.PODS, (item,))])
        table = snapshot.tables["pods"]
        return list(table.raws()), table.unknown_fields, [item.missing is None for item in table.coverage]

    assert read(compact(raw)) == read(json.loads(compact(raw)))


def test_secrets_and_config_maps_are_always_looked_at() -> None:
    """Their data is what redaction is for."""
    for kind in (kinds.HELM_RELEASES, kinds.CONFIG_MAPS):
        assert kept(compact({"metadata": {"name": "x", "namespace": "a"}}), kind) is None


SECRETS = ("AKIAABCDEFGHIJKLMNOP", "ghp_" + "a" * 36, "postgres://u:hunter22@db/x", "-----BEGIN RSA PRIVATE KEY-----")
WORDS = (
    "",
    "fast",
    "--x=1",
    "--y",
    "true",
    "/etc/a/b",
    "$(TOKEN)",
    "é",
    "<&>",
    '"',
    "a\\b",
    "{}",
    "managedFields",
    "k:v",
)
BAD = ("--token", "--password=hunter22", "null", "\n", "\x01", '{"lastProbeTime":null,"a":1}', "***HIDDEN***", *SECRETS)
texts = st.sampled_from(WORDS * 8 + BAD)
names = st.sampled_from(["MODE"] * 12 + ["DB_PASSWORD", "TOKEN", "name", "metadata", "managedFields", "lastProbeTime"])
odd = st.none() | st.integers() | texts | st.lists(texts, max_size=2) | st.dictionaries(names, texts, max_size=2)


@st.composite
def members(draw: st.DrawFn, /, **some: st.SearchStrategy[Any]) -> dict[str, Any]:
    """An object with any of these members, in any order, one of them odd now and then."""
    chosen = draw(st.lists(st.sampled_from(sorted(some)), unique=True))
    return {name: draw(odd if draw(st.integers(0, 39)) == 7 else some[name]) for name in chosen}


variables = members(name=names, value=texts, valueFrom=st.just({"fieldRef": {"fieldPath": "a"}}))
containers = st.lists(
    members(name=texts, env=st.lists(variables, max_size=3), args=st.lists(texts, max_size=3), command=st.lists(texts)),
    max_size=2,
)
metadata = members(
    name=st.just("p"),
    namespace=st.just("a"),
    creationTimestamp=st.none() | st.just("2026-01-01T00:00:00Z"),
    annotations=st.dictionaries(st.sampled_from([*WORDS, redact.LAST_APPLIED]), texts, max_size=2),
    managedFields=st.lists(st.just({"manager": "m"}), max_size=1),
)
pods = members(containers=containers, initContainers=containers, ephemeralContainers=containers, nodeName=texts)
templates = members(metadata=metadata, spec=pods | members(containers=containers, template=members(spec=pods)))
specs = pods | members(containers=containers, template=templates, jobTemplate=templates)
conditions = st.lists(members(type=texts, lastProbeTime=st.none()), max_size=2)
objects = members(
    apiVersion=st.just("v1"),
    kind=st.just("Pod"),
    metadata=metadata,
    spec=specs,
    status=members(conditions=conditions, phase=texts),
    data=st.dictionaries(names, texts, max_size=2),
)


@given(st.lists(objects.map(lambda raw: {"metadata": {"name": "p"}, **raw}), min_size=1, max_size=4))
def test_what_is_taken_is_what_the_long_way_makes(raws: list[dict[str, Any]]) -> None:
    """Byte by byte, whatever came before it; and no credential is remembered."""
    short = AsIs(kinds.PODS, "v1")
    for raw in raws + raws:
        line = short.kept(msgspec.Raw(msgspec.json.encode(raw)), "Pod")
        event(f"taken: {line is not None}")
        if line is None:
            continue
        plain = redact.without_nulls(raw)
        plain.setdefault("apiVersion", "v1")
        plain.setdefault("kind", "Pod")
        assert redact.kubernetes_object(plain) + redact.hidden_fields(plain) == []
        assert line == msgspec.json.encode(plain)
        assert redact.REDACTED.encode() not in line
    for text in short._harmless:
        value = msgspec.json.decode(text)
        inside = {"metadata": {"annotations": value}, "spec": container(env=value, args=value)}
        copy = msgspec.json.decode(msgspec.json.encode(inside))
        redact.kubernetes_object(copy)
        assert copy == inside


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that never come again do not pile up; a text too long to remember is judged each time."""
    monkeypatch.setattr(asis, "_MOST_REMEMBERED", 200)
    short = AsIs(kinds.PODS, "v1")
    for number in range(100):
        assert short.kept(compact(pod(spec=container(args=[f"--x={number}"]))), "Pod") is not None
        assert short.kept(compact(pod(spec=container(args=["--x=" + "1" * 300]))), "Pod") is not None
        assert sum(map(len, short._harmless)) <= 200
