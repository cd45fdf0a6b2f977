"""How fast the real kube-scheduler places pods on empty nodes, one after the other, on this machine.

    python benchmarks/scheduler_throughput.py --nodes 1000 --pods 1000

etcd, kube-apiserver and kube-scheduler of ``tests/controlplane`` are started on loopback; that harness finds or builds
them. Nodes are objects without a kubelet, in three zones. The scheduler is stopped while the pods are made, all of one
template with requests, and then started: what is measured is from its first binding to its last, by the conditions and
its own metrics, without the making of the pods. Its client may send 5,000 requests a second in place of 50, so that the
limit is its own or the API server's. ``docs/performance.md`` says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

PATIENCE = 900.0
"""Seconds until all pods have to be bound."""
ZONES = 3


def main(argv: list[str] | None = None) -> int:
    """Parse, start, measure, print; 2 without the programs, or for sizes that do not fit."""
    options = _options(argv)
    if options.nodes < 1 or options.pods < 2 or options.pods > options.nodes * 100:
        print("scheduler_throughput.py: give --nodes 1 or more, and --pods 2 to 100 for each", file=sys.stderr)
        return 2
    from tests.controlplane.binaries import Missing, find

    try:
        binaries = find()
    except Missing as missing:
        print(f"scheduler_throughput.py: {missing}", file=sys.stderr)
        return 2
    found = measured(binaries, options.nodes, options.pods)
    print(json.dumps(found, indent=2) if options.json else _line(found))
    return 0


def measured(binaries: Any, nodes: int, pods: int) -> dict[str, Any]:
    """The figures of one run: by the clock, by the scheduler's own metrics, and its processor time, in seconds."""
    from tests.controlplane.objects import node, pod
    from tests.controlplane.plane import SCHEDULER, ControlPlane

    with ControlPlane.start(binaries, scheduler=False) as plane:
        zone = "topology.kubernetes.io/zone"
        plane.admin.create_all(
            [node(f"n{number:05}", cpu="32", labels={zone: f"z{number % ZONES}"}) for number in range(nodes)]
        )
        wanted = {"cpu": "100m", "memory": "128Mi"}
        plane.admin.create_all(
            [pod(f"p{number:05}", requests=wanted, labels={"app": "bench"}) for number in range(pods)]
        )
        begun = time.monotonic()
        plane.start_scheduler()
        seen: list[tuple[float, int]] = []
        while not seen or seen[-1][1] < pods:
            seen.append((time.monotonic(), _scheduled(plane.scheduler_metrics())))
            if seen[-1][0] - begun > PATIENCE:
                raise TimeoutError(f"{seen[-1][1]} of {pods} pods were scheduled after {PATIENCE:.0f} s")
            time.sleep(0.02)
        metrics = plane.scheduler_metrics()
        used = _processor(plane.processes.pids()[SCHEDULER])
        bound = sum(1 for one in plane.admin.items("/api/v1/pods") if one["spec"].get("nodeName"))
        first = next(number for number, (_, count) in enumerate(seen) if count)
        begun = seen[first - 1][0] if first else begun
        wall = seen[-1][0] - begun
        cycles = _sum(metrics, "scheduler_scheduling_algorithm_duration_seconds_sum")
        return {
            "version": plane.version,
            "nodes": nodes,
            "pods": pods,
            "bound": bound,
            "wall_s": round(wall, 3),
            "pods_per_s": round(pods / wall, 1),
            "algorithm_s": round(cycles, 3),
            "algorithm_ms_per_pod": round(1000 * cycles / pods, 3),
            "scheduler_processor_s": round(used, 2),
            "load": round(os.getloadavg()[0], 1),
        }


def _scheduled(metrics: str) -> int:
    found = re.findall(
        r'^scheduler_schedule_attempts_total\{[^}]*result="scheduled"[^}]*\} (\S+)$', metrics, re.MULTILINE
    )
    return int(sum(map(float, found)))


def _sum(metrics: str, name: str) -> float:
    return sum(map(float, re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", metrics, re.MULTILINE)))


def _processor(pid: int) -> float:
    """Processor time of a process so far (proc(5), ``stat``, utime and stime)."""
    after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after[11]) + int(after[12])) / os.sysconf("SC_CLK_TCK")


def _line(found: dict[str, Any]) -> str:
    return (
        f"kube-scheduler {found['version']}: {found['bound']} of {found['pods']} pods bound on {found['nodes']} nodes in "
        f"{found['wall_s']} s, {found['pods_per_s']} pods/s; choosing a node took {found['algorithm_ms_per_pod']} ms a pod; "
        f"{found['scheduler_processor_s']} s of processor time in all; load {found['load']}"
    )


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scheduler_throughput.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=1000, help="nodes, all empty (default 1000)")
    parser.add_argument("--pods", type=int, default=1000, help="pods of one template (default 1000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
