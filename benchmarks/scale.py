"""How time and memory grow with a cluster: makes a synthetic snapshot, then reads and checks it.

    python benchmarks/scale.py --nodes 5000 --pods-per-node 20

The snapshot is made in a temporary file, one object at a time; that is not measured.
Reading, decoding and checking are, in a fresh process per run; the median run by
``decode_s + check_s`` is printed. ``docs/benchmarks.md`` says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]


def main(argv: list[str] | None = None) -> int:
    """Parse, make, measure, print; 2 for a size of which no cluster can be made."""
    options = _options(argv)
    from benchmarks.synthetic.cluster import synthetic
    from benchmarks.synthetic.plan import Size
    from clusterproof.snapshot.writer import write

    try:
        snapshot = synthetic(
            Size(options.nodes, options.pods_per_node, options.policies, options.groups, options.preset)
        )
    except ValueError as error:
        print(f"scale.py: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        file = options.keep or Path(folder) / "bench.snapshot"
        write(snapshot, file)
        runs = [measured(file, options.profile) for _ in range(options.runs)]
    runs.sort(key=lambda run: run["decode_s"] + run["check_s"])
    found = runs[len(runs) // 2]
    print(json.dumps(found, indent=2, sort_keys=True) if options.json else _line(found))
    return 0


def measured(file: Path, profile: str) -> dict[str, Any]:
    """One run, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("measure.py")), str(file), profile]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scale.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=1000, help="nodes (default 1000)")
    parser.add_argument("--pods-per-node", type=int, default=20, help="pods on each node (default 20)")
    parser.add_argument("--policies", type=int, default=200, help="NetworkPolicies (default 200)")
    parser.add_argument("--groups", type=int, default=12, help="EKS managed node groups (default 12)")
    parser.add_argument("--preset", default="uniform", help="uniform, skewed or adversarial (default uniform)")
    parser.add_argument("--profile", default="dynamo", help="a built-in profile or a file (default dynamo)")
    parser.add_argument("--runs", type=int, default=3, help="runs, of which the median is printed (default 3)")
    parser.add_argument("--keep", type=Path, help="keep the snapshot in this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(argv)


def _line(found: dict[str, Any]) -> str:
    counts: dict[str, int] = {}
    for verdict in found["verdicts"].values():
        counts[verdict] = counts.get(verdict, 0) + 1
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return (
        f"{found['nodes']:>6} nodes {found['pods']:>7} pods {found['json_mb']:>7.1f} MB JSON   "
        f"decode {found['decode_s']:6.3f} s ({found['decode_mb_per_s']:.0f} MB/s)   "
        f"check {found['check_s']:6.3f} s   why {found['why_s']:5.3f}, {found['why_next_s']:5.3f} s   peak {found['peak_mb']:.0f} MB   {verdicts}"
    )


if __name__ == "__main__":
    sys.exit(main())
