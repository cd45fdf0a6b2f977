"""Measure one snapshot file in this process, which should be fresh: ``python measure.py FILE PROFILE``.

Prints one JSON object. Peak memory is the process's own, so that nothing else may have run in it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def main(file: str, profile: str) -> dict[str, Any]:
    """Read the file, decode every kind in it, then check."""
    import clusterproof
    from clusterproof.snapshot.reader import read, read_manifest
    from clusterproof.snapshot.snapshot import Snapshot

    loaded = clusterproof.load_profile(profile)
    base_mb = _peak_mb()
    start = time.perf_counter()
    snapshot: Snapshot = read(file)
    for table in snapshot.tables.values():
        table.objects  # noqa: B018 - decodes it
    decode_s = time.perf_counter() - start
    decoded_mb = _peak_mb()
    start = time.perf_counter()
    report = clusterproof.check(snapshot, loaded)
    check_s = time.perf_counter() - start
    manifest = read_manifest(file)
    size = sum(record.size for record in manifest.kinds.values())
    return {
        "nodes": len(snapshot.tables["nodes"]),
        "pods": len(snapshot.tables["pods"]),
        "policies": len(snapshot.tables["networkpolicies"]),
        "groups": len(snapshot.tables["nodegroups"]),
        "decode_s": round(decode_s, 4),
        "check_s": round(check_s, 4),
        "peak_mb": round(_peak_mb(), 1),
        "decoded_mb": round(decoded_mb, 1),
        "start_mb": round(base_mb, 1),
        "json_mb": round(size / 1e6, 3),
        "file_mb": round(Path(file).stat().st_size / 1e6, 3),
        "decode_mb_per_s": round(size / 1e6 / decode_s, 1),
        "kinds": sorted(name for name, record in manifest.kinds.items() if record.count),
        "profile": profile,
        "verdicts": {finding.id: finding.verdict.value for finding in report.findings},
        "fixes_proven": sum(finding.fix is not None and finding.fix.proven for finding in report.findings),
    }


def _peak_mb() -> float:
    """The most resident memory so far, in MB (ru_maxrss is in KiB on Linux, in bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
