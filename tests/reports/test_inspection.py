from __future__ import annotations

from pathlib import Path

from clusterproof.reports import inspection
from clusterproof.reports.text import width_of
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.reader import verify
from clusterproof.snapshot.snapshot import Coverage, Meta, Snapshot, UnknownField, table_of
from clusterproof.snapshot.writer import write

DENIED = Unknown(Cause.DENIED, "list pods was refused", "grant list pods")


def shown(tmp_path: Path, *, width: int = 80) -> str:
    """A small snapshot with gaps, written, verified and shown."""
    pods = table_of(kinds.PODS, [], [Coverage("dynamo"), Coverage("secret", DENIED)])
    nodes = table_of(kinds.NODES, [{"metadata": {"name": f"n{i}"}} for i in range(3)])
    nodes.unknown_fields = (UnknownField("n0", "spec", Unknown(Cause.REDACTED, "redacted on request")),)
    groups = table_of(
        kinds.SECURITY_GROUPS, [], [Coverage(missing=Unknown(Cause.DENIED, "UnauthorizedOperation\x1b[2J"))]
    )
    meta = Meta(
        time="2026-05-15T10:02:00Z", cluster="prod\x1b", region="us-west-2", sources=("./dump",), notes=("a\nb",)
    )
    path = tmp_path / "x.snapshot"
    write(Snapshot(meta, {"pods": pods, "nodes": nodes, "security-groups": groups}), path)
    return inspection.render(verify(path), width=width, colour=False)


def test_kinds_are_listed_with_counts_and_coverage(tmp_path: Path) -> None:
    """Every kind says how many objects, how large, and how completely it was read."""
    lines = shown(tmp_path).splitlines()
    assert lines[0] == "prod\\x1b, us-west-2, read 2026-05-15 10:02 UTC"
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["kind", "objects"])
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[start + 1 : start + 4]}
    assert rows["nodes"].startswith("3 ")
    assert rows["nodes"].endswith("complete")
    assert rows["pods"].endswith("complete in dynamo only")
    assert rows["security-groups"].endswith("not complete")


def test_gaps_are_named_with_their_remedy(tmp_path: Path) -> None:
    """What is missing says why, and what makes it known."""
    text = shown(tmp_path)
    assert "pods in secret: list pods was refused; grant list pods" in text
    assert "nodes: 1 field not known: redacted on request" in text
    assert "note  a\\nb" in text


def test_output_is_harmless_and_fits(tmp_path: Path) -> None:
    """Control characters are spelled out and lines fit."""
    for width in (60, 80, 200):
        text = shown(tmp_path, width=width)
        assert all(char == "\n" or char.isprintable() for char in text)
        assert all(width_of(line) < width for line in text.splitlines())
