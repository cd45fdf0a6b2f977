"""The snapshot file: what is written is read, the same bytes each time, and a bad file is one sentence."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.errors import InputError, SnapshotFormatError
from clusterproof.snapshot import format as file_format
from clusterproof.snapshot import kinds, reader, writer
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Coverage, MemoryLines, Meta, Snapshot, Table, UnknownField, table_of


def pod(name: str, namespace: str = "dynamo", **spec: Any) -> dict[str, Any]:
    """A pod as kubectl prints it."""
    return {"kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": {"é": "☃"}}, "spec": spec}


def sample(pods: int = 50) -> Snapshot:
    """A snapshot with complete, partial and unread kinds and a redacted field."""
    denied = Unknown(Cause.DENIED, "networkpolicies could not be listed", "grant list networkpolicies")
    secret = Unknown(Cause.REDACTED, "looks like a credential")
    rows = [pod(f"p-{n}", nodeName="n1", containers=[{"name": "c", "image": "i" * 50}]) for n in range(pods)]
    pod_table = table_of(kinds.PODS, rows)
    return Snapshot(
        Meta(time="2026-05-15T10:02:00Z", cluster="demo", account="111122223333", region="us-west-2", sources=("a",)),
        {
            "pods": Table(
                kinds.PODS,
                pod_table.lines,
                unknown_fields=[UnknownField("dynamo/p-1", "spec.containers.0.env", secret)],
            ),
            "nodes": table_of(kinds.NODES, [{"metadata": {"name": "n1"}}]),
            "networkpolicies": table_of(kinds.NETWORK_POLICIES, [], [Coverage("dynamo"), Coverage("", denied)]),
            "subnets": table_of(kinds.SUBNETS, []),
        },
    )


def written(snapshot: Snapshot) -> bytes:
    """The file's bytes."""
    out = io.BytesIO()
    writer.write_to(snapshot, out)
    return out.getvalue()


def said(snapshot: Snapshot) -> Any:
    """Everything a snapshot holds, comparable."""
    return {
        name: ([table.lines.line(n) for n in range(len(table))], table.objects, table.coverage, table.unknown_fields)
        for name, table in snapshot.tables.items()
    }


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of about 1 kB, so that small snapshots have many."""
    monkeypatch.setattr(writer, "FRAME_BYTES", 1000)


@pytest.mark.usefixtures("small_frames")
def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Objects, order, coverage, unknown fields and metadata survive, over several frames."""
    path = tmp_path / "a.snapshot"
    before = sample()
    writer.write(before, path)
    after = reader.read(path)
    assert said(after) == said(before)
    assert len(reader.read_manifest(path).kinds["pods"].frames) > 5
    assert (after.meta.cluster, after.meta.account, after.meta.time) == ("demo", "111122223333", "2026-05-15T10:02:00Z")
    assert after.missing(kinds.NETWORK_POLICIES, "dynamo") is None
    missing = after.missing(kinds.NETWORK_POLICIES)
    assert missing is not None
    assert missing.cause is Cause.DENIED
    assert after.unknown_field(kinds.PODS, "dynamo/p-1", "spec.containers.0.env.3.value") is not None
    reader.verify(path)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=40), max_size=4), max_size=60), st.integers(1, 400)
)
def test_any_objects_round_trip(labels: list[dict[str, str]], frame: int) -> None:
    """Whatever text the objects hold, and wherever frames are cut, the same lines come back."""
    rows = [{"metadata": {"name": str(n), "labels": each}} for n, each in enumerate(labels)]
    before = Snapshot(Meta(), {"nodes": table_of(kinds.NODES, rows)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "FRAME_BYTES", frame)
        assert said(reader.from_bytes(written(before))) == said(before)


def test_pretty_printed_lines_are_one_line_each() -> None:
    """A table whose texts hold line breaks is still written as JSON Lines."""
    lines = MemoryLines([json.dumps({"metadata": {"name": "a\nb"}}, indent=2).encode()])
    after = reader.from_bytes(written(Snapshot(Meta(), {"nodes": Table(kinds.NODES, lines)})))
    assert after.objects(kinds.NODES)[0].metadata.name == "a\nb"


def test_same_snapshot_same_bytes(tmp_path: Path) -> None:
    """Neither the clock nor the order in which kinds were read shows in the file."""
    one = sample()
    other = Snapshot(one.meta, dict(reversed(list(one.tables.items()))))
    assert written(one) == written(other)
    path = tmp_path / "x"
    writer.write(one, path)
    assert path.read_bytes() == written(reader.from_bytes(written(one)))


def test_a_kind_that_no_one_asks_for_is_never_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading nodes leaves pods alone, and one object costs one frame."""
    monkeypatch.setattr(writer, "FRAME_BYTES", 1000)
    frames: list[str] = []
    original = reader._decompress

    def counted(data: memoryview, frame: file_format.Frame, where: str) -> bytes:
        frames.append(where)
        return original(data, frame, where)

    monkeypatch.setattr(reader, "_decompress", counted)
    snapshot = reader.from_bytes(written(sample()), "f")
    assert frames == []
    assert len(snapshot.objects(kinds.NODES)) == 1
    assert frames == ["f: nodes"]
    assert b"p-20" in snapshot.tables["pods"].lines.line(20)
    assert b"p-21" in snapshot.tables["pods"].lines.line(21)
    assert frames == ["f: nodes", "f: pods"]


@pytest.mark.usefixtures("small_frames")
def test_truncated_anywhere_is_one_sentence() -> None:
    """A file cut at any byte is refused as a snapshot format error."""
    whole = written(sample())
    for end in range(0, len(whole), 7):
        with pytest.raises(SnapshotFormatError, match=r"^f: .*\.?$") as caught:
            said(reader.from_bytes(whole[:end], "f"))
        assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("small_frames")
def test_any_flipped_byte_is_an_error_or_harmless() -> None:
    """Damage is found, or lies where no data is; no other exception ever comes out."""
    whole = written(sample(20))
    expected = said(reader.from_bytes(whole))
    refused = 0
    for at in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[at] ^= 0x41
        try:
            found = said(reader.from_bytes(bytes(damaged), "f"))
        except SnapshotFormatError:
            refused += 1
        else:
            assert found == expected
    assert refused > len(whole) / 5 / 2


def _archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _changed(change: Any) -> bytes:
    """A good file whose manifest was edited and stored anew."""
    with zipfile.ZipFile(io.BytesIO(written(sample(5)))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    members["manifest.json"] = json.dumps(manifest).encode()
    return _archive(members)


def _set(path: str, value: Any) -> Any:
    def change(manifest: Any) -> None:
        *parents, last = path.split("/")
        for part in parents:
            manifest = manifest[int(part) if part.isdigit() else part]
        manifest[last] = value

    return change


BAD = {
    "empty": (b"", "is not a snapshot file"),
    "text": (b"hello", "is not a snapshot file"),
    "foreign zip": (_archive({"a.txt": b"x"}), "it has no manifest.json"),
    "foreign manifest": (_archive({"manifest.json": b"{}"}), "no clusterproof wrote"),
    "manifest of text": (_archive({"manifest.json": b"\xff"}), "no clusterproof wrote"),
    "manifest bomb": (_archive({"manifest.json": b" " * 20_000_000}, zipfile.ZIP_DEFLATED), "no clusterproof wrote"),
    "newer": (_changed(lambda m: m.update(version=99, tool="7.1")), "install clusterproof 7.1 or newer"),
    "wrong type": (_changed(_set("kinds/pods/count", "five")), "the manifest is damaged"),
    "count": (_changed(_set("kinds/pods/count", 6)), "the manifest says 6 objects"),
    "frame count": (
        _changed(lambda m: (_set("kinds/pods/count", 6)(m), _set("kinds/pods/frames/0/count", 6)(m))),
        "holds 5 objects where the manifest says 6",
    ),
    "declared bomb": (_changed(_set("kinds/pods/frames/0/size", 10**12)), "which no snapshot has"),
    "declared objects": (_changed(_set("kinds/pods/frames/0/count", 10**9)), "which no snapshot has"),
    "size": (
        _changed(lambda m: (_set("kinds/pods/size", 9999)(m), _set("kinds/pods/frames/0/size", 9999)(m))),
        "is damaged",
    ),
    "lacks a member": (_changed(lambda m: m["kinds"].update(vpcs=m["kinds"]["pods"])), "lacks its member"),
    "wrong kind": (
        _changed(lambda m: m["kinds"].update(pods=m["kinds"]["nodes"])),
        "the manifest says 1 objects",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(case: str) -> None:
    """Each kind of bad file is refused in one sentence that names the file and what to do."""
    data, expected = BAD[case]
    with pytest.raises(SnapshotFormatError) as caught:
        said(reader.from_bytes(data, "prod.snapshot"))
    message = str(caught.value)
    assert message.startswith("prod.snapshot: ")
    assert expected in message
    assert ";" in message or ":" in message.removeprefix("prod.snapshot: ")


def test_objects_of_another_type_are_an_error() -> None:
    """A frame whose objects are not of their kind is refused with the path that is wrong."""
    lines = MemoryLines([b'{"metadata":{"name":"a"},"spec":{"providerID":{}}}'])
    data = written(Snapshot(Meta(), {"nodes": Table(kinds.NODES, lines)}))
    with pytest.raises(SnapshotFormatError, match=r"f: nodes: objects 0 to 0 are not of this kind .*providerID"):
        said(reader.from_bytes(data, "f"))


def test_verify_finds_what_checksums_do_not(tmp_path: Path) -> None:
    """A manifest whose hash is not the data's is refused when the hash is asked for."""
    path = tmp_path / "x.snapshot"
    path.write_bytes(_changed(_set("kinds/pods/blake2b", "00" * 32)))
    assert len(reader.read(path).objects(kinds.PODS)) == 5
    with pytest.raises(SnapshotFormatError, match="its hash is not the manifest's"):
        reader.verify(path)


def test_an_unknown_kind_is_noted() -> None:
    """A kind of a later release is left aside, and said so."""
    with zipfile.ZipFile(io.BytesIO(written(sample(5)))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    manifest["kinds"]["gizmos"] = manifest["kinds"]["nodes"]
    members["manifest.json"] = json.dumps(manifest).encode()
    members["objects/gizmos.jsonl.zst"] = members["objects/nodes.jsonl.zst"]
    assert any("gizmos" in note for note in reader.from_bytes(_archive(members)).meta.notes)


class _Interrupted(MemoryLines):
    def line(self, index: int) -> bytes:
        if index == 3:
            raise KeyboardInterrupt
        return super().line(index)


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    """Ctrl-C while writing neither harms the older file nor leaves a part of the new one."""
    path = tmp_path / "x.snapshot"
    path.write_bytes(b"older")
    lines = _Interrupted([b'{"metadata":{"name":"a"}}'] * 5)
    with pytest.raises(KeyboardInterrupt):
        writer.write(Snapshot(Meta(), {"nodes": Table(kinds.NODES, lines)}), path)
    assert [each.name for each in tmp_path.iterdir()] == ["x.snapshot"]
    assert path.read_bytes() == b"older"


def test_only_files_are_replaced(tmp_path: Path) -> None:
    """A pipe or a directory is refused and stays what it is; a link stays and leads to the snapshot."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(InputError, match=r"cannot be written here \(it is no file\)"):
            writer.write(Snapshot(Meta(), {}), place)
    assert pipe.is_fifo()
    link = tmp_path / "link"
    link.symlink_to("real.snapshot")
    writer.write(Snapshot(Meta(), {}), link)
    assert link.is_symlink()
    assert (tmp_path / "real.snapshot").read_bytes()[:2] == b"PK"


def test_a_place_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    """Missing directories and files are one sentence, not a traceback."""
    with pytest.raises(InputError, match="cannot be written here"):
        writer.write(sample(1), tmp_path / "no" / "x.snapshot")
    with pytest.raises(InputError, match="cannot be read"):
        reader.read(tmp_path / "no.snapshot")


def test_every_manifest_field_is_documented() -> None:
    """docs/snapshot-format.md names every field of the manifest."""
    text = (Path(__file__).parents[2] / "docs" / "snapshot-format.md").read_text()
    structs: list[Any] = [
        file_format.Manifest,
        file_format.KindRecord,
        file_format.Frame,
        file_format.UnknownFields,
        Coverage,
        Unknown,
    ]
    for struct in structs:
        for field in msgspec.structs.fields(struct):
            assert f"`{field.encode_name}`" in text, f"{struct.__name__}.{field.name}"
