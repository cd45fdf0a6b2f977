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

import clusterproof
import clusterproof.checks.engine
import clusterproof.fixes.propose  # loading modules is start-up, not checking
from clusterproof.checks.odds import MANY_NODES
from clusterproof.checks.paths import why
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes.outlines import PodOutline
from clusterproof.snapshot.reader import read, read_manifest
from clusterproof.snapshot.snapshot import Snapshot, Table
from clusterproof.world.world import World


def main(file: str, profile: str) -> dict[str, Any]:
    """Read the file, decode every kind in it as the check asks for it, then check."""
    loaded = clusterproof.load_profile(profile)
    size = sum(record.size for record in read_manifest(file).kinds.values())
    start_mb = _peak_mb()
    start = time.perf_counter()
    snapshot = read(file)
    decode(snapshot)
    decode_s = time.perf_counter() - start
    decoded_mb = _peak_mb()
    before = _decoded(snapshot)
    start, start_cpu = time.perf_counter(), time.process_time()
    report = clusterproof.check(snapshot, loaded)
    check_s = time.perf_counter() - start
    check_cpu = time.process_time() - start_cpu
    late = _decoded(snapshot) - before
    if late:
        raise SystemExit(f"measure.py: the check decoded {', '.join(sorted(late))} by itself; decode() must name them")
    return {
        "nodes": len(snapshot.tables["nodes"]),
        "pods": len(snapshot.tables["pods"]),
        "policies": len(snapshot.tables["networkpolicies"]),
        "groups": len(snapshot.tables["nodegroups"]),
        "decode_s": round(decode_s, 4),
        "check_s": round(check_s, 4),
        "check_cpu_s": round(check_cpu, 4),
        **_why(snapshot),
        "peak_mb": round(_peak_mb(), 1),
        "decoded_mb": round(decoded_mb, 1),
        "start_mb": round(start_mb, 1),
        "json_mb": round(size / 1e6, 3),
        "file_mb": round(Path(file).stat().st_size / 1e6, 3),
        "decode_mb_per_s": round(size / 1e6 / decode_s, 1),
        "kinds": sorted(name for name, table in snapshot.tables.items() if len(table)),
        "profile": profile,
        "verdicts": {finding.id: finding.verdict.value for finding in report.findings},
        "fixes_proven": sum(finding.fix is not None and finding.fix.proven for finding in report.findings),
    }


def _why(snapshot: Snapshot) -> dict[str, float]:
    """Two questions about different ports, the world being there: seconds until each is answered.

    The first prepares what both need: the index of the policies, and where the workloads may be.
    """
    world = World(snapshot)
    worker = next(workload.id for workload in world.workloads if "vllm" in workload.name)
    taken = []
    for server in ("etcd:2379", "nats:4222"):
        start = time.perf_counter()
        why(snapshot, worker, f"svc/dynamo/dynamo-platform-{server}", world=world)
        taken.append(round(time.perf_counter() - start, 4))
    return {"why_s": taken[0], "why_next_s": taken[1]}


def decode(snapshot: Snapshot) -> None:
    """Decode every kind in the snapshot in the shape that the check reads.

    Pods are read as outlines; in clusters so small that odds are reckoned, also whole.
    """
    small = len(snapshot.tables[kinds.NODES.name]) < MANY_NODES
    for name, table in snapshot.tables.items():
        if name == kinds.PODS.name:
            table.shaped(PodOutline)
        if name != kinds.PODS.name or small:
            table.objects  # noqa: B018 - decodes them


def _decoded(snapshot: Snapshot) -> set[str]:
    """The kinds of which all objects were decoded whole."""

    def whole(table: Table[Any]) -> bool:
        return "objects" in vars(table)

    return {name for name, table in snapshot.tables.items() if whole(table)}


def _peak_mb() -> float:
    """The most resident memory so far, in MB (ru_maxrss is in KiB on Linux, in bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
