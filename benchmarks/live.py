"""Reading live: how long it takes beside a bare download, how much memory, and what every fault of every call leaves.

    python benchmarks/live.py                 # both parts
    python benchmarks/live.py --only time     # a cluster of --nodes from a local HTTPS API
    python benchmarks/live.py --only matrix   # every call × every fault, on the repaired demo

The API is the tests' own (``tests/sources/kubernetes_api/stub.py``), in a process of its own; each run reads in a fresh
process. ``docs/benchmarks.md`` says what the figures mean. Exit status 1: a false pass, or slower than ``--limit``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

WAYS = ("single", "bare", "read")
"""A bare download in one loop; one with the reading's own workers and connections, the measure; the reading."""


class _Meta(msgspec.Struct):
    token: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _Meta


def main(argv: list[str] | None = None) -> int:
    """Parse, measure, print; 1 where a goal is missed."""
    options = _options(argv)
    if options.serve:
        return _serve(options.serve, options.nodes, options.pods_per_node)
    if options.way:
        print(json.dumps(_measured(options.way, options.kubeconfig, options.page)))
        return 0
    good = True
    if options.only in ("", "time"):
        good = _timing(options) and good
    if options.only in ("", "matrix"):
        good = _matrix(options.lanes) and good
    return 0 if good else 1


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="live.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=("", "time", "matrix"), default="", help="one of the two parts")
    parser.add_argument("--nodes", type=int, default=500, help="nodes (default 500)")
    parser.add_argument("--pods-per-node", type=int, default=20, help="pods on each node (default 20)")
    parser.add_argument("--page", type=int, default=500, help="objects per page (default 500)")
    parser.add_argument("--runs", type=int, default=5, help="runs, of which the median is printed (default 5)")
    parser.add_argument("--limit", type=float, default=1.5, help="most times of a bare download (default 1.5)")
    parser.add_argument("--lanes", type=int, default=4, help="cells of the matrix tried at once (default 4)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=(*WAYS, "memory", "underway"), help=argparse.SUPPRESS)
    parser.add_argument("--kubeconfig", default="", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


# --- time and memory ---


def _timing(options: argparse.Namespace) -> bool:
    from clusterproof.sources.kubernetes_api import ClusterOptions

    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    workers = ClusterOptions().workers
    with _api(options.nodes, options.pods_per_node) as kubeconfig:

        def run(way: str) -> dict[str, float]:
            return _run(["--way", way, "--kubeconfig", kubeconfig, "--page", str(options.page)])

        for number in range(options.runs):  # in turn, so that a slow moment of the machine strikes all
            for way in WAYS if number % 2 else reversed(WAYS):
                found[way].append(run(way))
        memory, underway = run("memory"), run("underway")
    middle = {way: {key: median(run[key] for run in runs) for key in runs[0]} for way, runs in found.items()}
    bare, read = middle["bare"], middle["read"]
    ratio = median(of["seconds"] / by["seconds"] for of, by in zip(found["read"], found["bare"], strict=True))
    print(f"{options.nodes} nodes, {options.nodes * options.pods_per_node} pods, pages of {options.page}")
    print(
        f"{bare['mb']:.1f} MB of JSON in {bare['requests']:.0f} requests; the largest page has {bare['largest_mb']:.1f} MB"
    )
    labels = ("bare, one loop", f"bare, {workers} workers", f"read_cluster, {workers} workers")
    for way, label in zip(WAYS, labels, strict=True):
        print(f"{label:25}{middle[way]['seconds']:6.2f} s   {middle[way]['cpu']:6.2f} s of CPU")
    best = min(run["seconds"] for run in found["read"]) / min(run["seconds"] for run in found["bare"])
    print(f"ratio to bare            {ratio:6.2f}     goal: at most {options.limit}; median of {options.runs} rounds")
    print(
        f"                         {read['seconds'] / bare['seconds']:6.2f}     median by median; best by best {best:.2f}"
    )
    pages = underway["most_mb"] / bare["largest_mb"]
    print(
        f"memory under way         {underway['most_mb']:6.1f} MB  {pages:.1f} of the largest page; goal: {workers}, one per worker"
    )
    print(f"memory held at the end   {memory['held_mb']:6.1f} MB  {memory['most_mb']:.1f} MB at most (Python's own)")
    print(f"resident                 {read['peak_mb']:6.1f} MB at most, of which {read['start_mb']:.0f} MB before")
    return bool(ratio <= options.limit and pages <= workers)


@contextlib.contextmanager
def _api(nodes: int, pods_per_node: int) -> Iterator[str]:
    """Serves the synthetic cluster from a process of its own; gives the kubeconfig."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--serve", folder, "--nodes", str(nodes)]
        command += ["--pods-per-node", str(pods_per_node)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(30)


def _serve(folder: Path, nodes: int, pods_per_node: int) -> int:
    """The API, until standard input ends."""
    from benchmarks.synthetic.cluster import synthetic
    from benchmarks.synthetic.plan import Size
    from tests.sources.kubernetes_api.stub import Stub, helm_secret

    world: dict[str, list[Any]] = {}
    for table in synthetic(Size(nodes, pods_per_node, 200, 12)).tables.values():
        kind = table.kind
        if kind.origin != "kubernetes" or not len(table):
            continue
        if kind.name == "helmreleases":
            rows = [{**raw["metadata"], **raw} for raw in table.raws()]
            world["secrets"] = [
                helm_secret(
                    {
                        "name": row["name"],
                        "namespace": row["namespace"],
                        "revision": "1",
                        "status": "deployed",
                        "chart": f"{row.get('chart', '')}-{row.get('version', '')}",
                        "app_version": row.get("appVersion", ""),
                    }
                )
                for row in rows
            ]
            continue
        world[f"{kind.resource}.{kind.group}" if kind.group else kind.resource] = list(table.raws())
    with Stub(world).serve() as stub:
        print(stub.kubeconfig(folder), flush=True)
        sys.stdin.read()
    return 0


def _run(arguments: list[str]) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _measured(way: str, kubeconfig: str, page: int) -> dict[str, float]:
    """One run in this process; loading modules is start-up and not measured."""
    from clusterproof.sources.kubernetes_api import ClusterOptions, reader

    options = ClusterOptions(kubeconfig=kubeconfig, page=page)
    if way in ("single", "bare"):
        return _bare(options, 1 if way == "single" else options.workers)
    if way == "underway":
        return {"most_mb": _underway_mb(options)}
    if way == "memory":
        tracemalloc.start()
    before = _resident_mb()
    start, cpu = time.perf_counter(), time.process_time()
    read = reader.read_cluster(options, environ={})
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    objects = sum(len(answer.gathered.lines) for answer in read.answers if answer.gathered is not None)
    held, most = tracemalloc.get_traced_memory()
    missing = [item.missing for answer in read.answers for item in answer.coverage if item.missing is not None]
    if missing:
        raise SystemExit(f"live.py: not everything was read: {missing[0]}")
    return {
        "seconds": seconds,
        "cpu": cpu,
        "objects": objects,
        "start_mb": before,
        "peak_mb": _peak_mb(),
        "held_mb": held / 1e6,
        "most_mb": most / 1e6,
    }


def _underway_mb(options: Any) -> float:
    """The most memory that a reading needs beside what it keeps: of one that judges every object and keeps none."""
    from clusterproof.sources.gather import Gathered
    from clusterproof.sources.kubernetes_api import reader

    def forgotten(*_: Any) -> None:
        """Instead of keeping an object."""

    Gathered._keep = forgotten  # type: ignore[method-assign,assignment]  # noqa: SLF001 - in a process of its own
    tracemalloc.start()
    reader.read_cluster(options, environ={})
    return tracemalloc.get_traced_memory()[1] / 1e6


def _bare(options: Any, workers: int) -> dict[str, float]:
    """The same lists, page by page: each answer is received whole, and only its token is looked for.

    The workers, the limit of connections, TLS, gzip, pages and the order of the lists are the reading's own; what is
    not asked is what the reading asks besides (discovery, own rights).
    """
    import httpx

    from clusterproof.sources.kubernetes_api import discovery, lists, pool, tls
    from clusterproof.sources.kubernetes_api.kubeconfig import connection
    from clusterproof.sources.kubernetes_api.options import READ
    from clusterproof.sources.kubernetes_api.reader import _FIRST

    found = connection(options, {})
    decoder = msgspec.json.Decoder(_Page)
    headers = {"Authorization": f"Bearer {found.token}", "Accept": "application/json", "Accept-Encoding": "gzip"}
    limits = httpx.Limits(max_connections=workers + 2, max_keepalive_connections=workers + 2)
    sizes: list[int] = []
    start, cpu = time.perf_counter(), time.process_time()
    with httpx.Client(verify=tls.context(found, (b"", b"")), limits=limits, headers=headers, trust_env=False) as http:

        def download(kind: Any) -> None:
            version = discovery.usual(kind)
            resource = discovery.resource_of(kind)
            path = f"{found.server}/{'apis' if '/' in version else 'api'}/{version}/{resource}"
            params = {"limit": str(min(options.page, lists._LARGE.get(resource, options.page)))}  # noqa: SLF001 - the same pages
            while True:
                answer = http.get(path, params=params)
                sizes.append(len(answer.content))
                if answer.status_code == 404:  # no such kind is served
                    return
                answer.raise_for_status()
                token = decoder.decode(answer.content).metadata.token
                if not token:
                    return
                params["continue"] = token

        order = [*_FIRST, *(kind for kind in READ if kind not in _FIRST)]
        pool.run([partial(download, kind) for kind in order], workers, http.close)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "mb": sum(sizes) / 1e6,
        "largest_mb": max(sizes) / 1e6,
        "requests": len(sizes),
    }


def _resident_mb() -> float:
    """Resident memory now, in MB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _peak_mb() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


# --- the matrix of faults ---


def _matrix(lanes: int) -> bool:
    from tests.faults.cells import FAULTS, cells
    from tests.faults.excuses import false_passes
    from tests.faults.served import CREDENTIALS, served

    os.environ.update(CREDENTIALS)
    start = time.perf_counter()
    with served(lanes) as world:
        found = cells(world, FAULTS, lanes)
    rows: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    for cell in found:
        counts = [sum(v.value == value for v in cell.verdicts.values()) for value in ("pass", "unknown")]
        failing = sum(verdict.failing for verdict in cell.verdicts.values())
        bad = false_passes(cell)
        wrong += [f"{cell.call}, {cell.fault}: {requirement} passes without {kind}" for requirement, kind in bad]
        mark = ("!" if bad else "") + (f" fail {failing}" if failing else "")
        row = rows.setdefault(cell.call, {})
        if cell.struck or cell.missing:
            row[cell.fault] = f"{counts[0]}+{counts[1]}{mark}"
    width = max(map(len, rows))
    print(f"{'pass+unknown':{width}}  " + "  ".join(f"{fault:>14}" for fault in FAULTS))
    for call, row in rows.items():
        print(f"{call:{width}}  " + "  ".join(f"{row.get(fault, '-'):>14}" for fault in FAULTS))
    for line in wrong:
        print(f"false pass: {line}")
    seconds = time.perf_counter() - start
    print(f"{len(rows)} calls, {sum(map(len, rows.values()))} cells, {len(wrong)} false passes, {seconds:.0f} s")
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
