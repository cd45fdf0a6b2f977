"""All pairs of workload classes for one port, in one process: how long judging takes, without reading and writing.

    python benchmarks/pairs.py --sizes 500/500,1000/1000,2000/2000

The world is that of beside_nca.py: as many Deployments with labels and a Service of their own as NetworkPolicies, which
select them by labels and admit by pod and namespace selectors. Every pair of workloads is a row.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.beside_nca import manifests, world  # noqa: E402 - found by the line above
from clusterproof.checks.connections import connections  # noqa: E402


def judged(workloads: int, policies: int) -> tuple[int, int, float]:
    """Rows, classes of clients, and seconds of processor time until every row is known; the world is there."""
    made = world(manifests(workloads, policies)).world()
    start = time.process_time()
    rows = connections(made)
    return len(rows), len(rows.classes), time.process_time() - start


def main(argv: list[str] | None = None) -> int:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(prog="pairs.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="500/500,1000/1000,2000/2000", help="workloads/policies, with commas")
    options = parser.parse_args(argv)
    for size in options.sizes.split(","):
        workloads, policies = (int(part) for part in size.split("/"))
        rows, classes, seconds = min((judged(workloads, policies) for _ in range(3)), key=lambda found: found[2])
        print(f"{workloads:>6} workloads {policies:>6} policies {rows:>9} rows {classes:>5} classes   {seconds:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
