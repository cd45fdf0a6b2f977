"""What a snapshot file holds, for the terminal."""

from __future__ import annotations

from clusterproof.reports.text import Paint, clean, columns, hang, of_cluster, pad, plural
from clusterproof.reports.words import moment, unknown_lines
from clusterproof.snapshot.format import KindRecord, Manifest


def render(manifest: Manifest, *, width: int, colour: bool) -> str:
    """The manifest in words: what it is of, each kind with its count and size, and what is missing and why."""
    width = max(width - 1, 40)
    paint = Paint(colour)
    facts = [
        manifest.cluster or "cluster not named",
        f"account {manifest.account}" if manifest.account else "",
        manifest.region,
        f"Kubernetes {manifest.kubernetes_version}" if manifest.kubernetes_version else "",
        f"read {moment(manifest.time)}" if manifest.time else "",
    ]
    lines = hang("", clean(", ".join(fact for fact in facts if fact)), width, indent=2)
    total = sum(record.count for record in manifest.kinds.values())
    written = f"format {manifest.version}, written by clusterproof {manifest.tool}" if manifest.tool else ""
    lines += hang("", clean(f"{plural(total, 'object')} of {plural(len(manifest.kinds), 'kind')}; {written}"), width)
    lines += hang("", "Every hash is as it was written.", width)
    for source in manifest.sources:
        lines += hang("  from  ", clean(source), width)
    lines.append("")
    rows = [["kind", "objects", "size", "read"]]
    rows += [[clean(n), str(r.count), _size(r.size), _coverage(r)] for n, r in sorted(manifest.kinds.items())]
    sizes = columns(rows)
    for number, (kind, objects, size, read) in enumerate(rows):
        text = f"  {pad(kind, sizes[0])}{objects.rjust(sizes[1] - 2)}  {size.rjust(sizes[2] - 2)}  "
        lines += [paint.dim(text + read)] if number == 0 else hang(text, read, width)
    missing = _missing(manifest)
    if missing:
        lines += ["", paint.bold("Not known")]
        for item in missing:
            lines += hang("  ", item, width, indent=4)
    for note in manifest.notes:
        lines += hang("  note  ", clean(note), width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _size(size: int) -> str:
    """Bytes in the unit that keeps the number short."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:.1f} GB"


def _coverage(record: KindRecord) -> str:
    complete = [c.scope for c in record.coverage if c.missing is None]
    if "" in complete:
        return "complete"
    if complete:
        return f"complete in {', '.join(clean(scope) for scope in complete)} only"
    return "not complete"


def _missing(manifest: Manifest) -> list[str]:
    found: list[str] = []
    for name, record in sorted(manifest.kinds.items()):
        for coverage in record.coverage:
            if coverage.missing is not None:
                detail, remedy = unknown_lines(coverage.missing)
                remedy = of_cluster(remedy, manifest.cluster)
                where = f" in {coverage.scope}" if coverage.scope else ""
                found.append(clean(f"{name}{where}: {detail}" + (f"; {remedy}" if remedy else "")))
        found += [
            clean(f"{name}: {plural(len(group.fields), 'field')} not known: {group.detail}")
            for group in record.unknown_fields
        ]
    return found
