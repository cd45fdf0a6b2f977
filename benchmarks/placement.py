"""How fast many workloads are placed on many nodes: where each may land ever, and which nodes take one more now.

    python benchmarks/placement.py --nodes 5000 --workloads 1000

A synthetic cluster is made and its world built; that is not measured here (``scale.py`` measures it). What is: the
preparation of the nodes with their pods, all workloads' places for ever, and all workloads' nodes for now. Workloads
differ in what they ask: resources, node selectors, affinity, tolerations, ports; with ``--wishes`` so many of a hundred
also ask something of other pods (spread, anti-affinity), which is answered node by node. ``--profile`` prints where the
time goes. ``docs/performance.md`` says what the figures mean.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

SEED = 5


def main(argv: list[str] | None = None) -> int:
    """Parse, make, measure, print; 2 for a size of which no cluster can be made."""
    options = _options(argv)
    from benchmarks.synthetic.cluster import synthetic
    from benchmarks.synthetic.plan import Size

    try:
        snapshot = synthetic(Size(options.nodes, options.pods_per_node, 0, options.groups))
    except ValueError as error:
        print(f"placement.py: {error}", file=sys.stderr)
        return 2
    found = measured(snapshot, options.workloads, options.wishes, profile=options.profile)
    print(json.dumps(found, indent=2) if options.json else _line(found))
    return 0


def workloads(count: int, groups: list[str], wishes: int) -> list[Any]:
    """So many workloads, no two with the same template; the same for the same numbers."""
    import msgspec

    from clusterproof.snapshot.kubernetes import PodSpec
    from clusterproof.world.model import Workload

    draw = random.Random(SEED)
    found = []
    for number in range(count):
        resources = {"cpu": f"{draw.randint(1, 320) * 50}m", "memory": f"{draw.randint(1, 400) * 128}Mi"}
        if draw.random() < 0.1:
            resources["nvidia.com/gpu"] = str(draw.randint(1, 8))
        ports = [{"containerPort": 80, "hostPort": 9000 + number % 7}] if draw.random() < 0.05 else []
        container = {"name": "main", "image": f"app:{number}", "resources": {"requests": resources}, "ports": ports}
        spec: dict[str, Any] = {"containers": [container]}
        if draw.random() < 0.3:
            spec["nodeSelector"] = {"eks.amazonaws.com/nodegroup": draw.choice(groups)}
        if draw.random() < 0.4:
            spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
        affinity: dict[str, Any] = {}
        if draw.random() < 0.2:
            zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": draw.sample(_ZONES, 2)}
            required = {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}
            affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        own = {"matchLabels": {"app": f"w{number}"}}
        if draw.random() * 100 < wishes:
            if draw.random() < 0.5:
                hard = {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": own}
                spec["topologySpreadConstraints"] = [{"topologyKey": "topology.kubernetes.io/zone", **hard}]
            else:
                term = {"labelSelector": own, "topologyKey": "kubernetes.io/hostname"}
                affinity["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        if affinity:
            spec["affinity"] = affinity
        labels = {"app": f"w{number}"}
        found.append(Workload("Deployment", "bench", f"w{number}", labels, msgspec.convert(spec, PodSpec), replicas=1))
    return found


_ZONES = ("us-west-2a", "us-west-2b", "us-west-2c")


def measured(snapshot: Any, count: int, wishes: int, *, profile: bool = False) -> dict[str, Any]:
    """The times, in seconds of processor time, and what came of it."""
    from clusterproof.checks.today import next_pod
    from clusterproof.placement.crowd import Crowd
    from clusterproof.placement.node import Cluster, node_views
    from clusterproof.placement.places import places
    from clusterproof.placement.version import SchedulerVersion, scheduler_version
    from clusterproof.snapshot import kinds
    from clusterproof.snapshot.collector import paused
    from clusterproof.world.world import World

    groups = sorted(one.nodegroup_name for one in snapshot.objects(kinds.NODEGROUPS))
    wanted = workloads(count, groups, wishes)
    pods = snapshot.objects(kinds.PODS)
    world = World(snapshot, wanted)
    found = scheduler_version(world.kubernetes_version)
    version = found if isinstance(found, SchedulerVersion) else SchedulerVersion()
    seconds: dict[str, float] = {}
    profiler = cProfile.Profile()

    def timed(name: str, act: Any) -> Any:
        start = time.process_time()
        if profile:
            profiler.enable()
        result = act()
        profiler.disable()
        seconds[name] = round(time.process_time() - start, 3)
        return result

    def prepared() -> Crowd:
        views = node_views(snapshot.objects(kinds.NODES), pods)
        return Crowd(Cluster(tuple(sorted(views, key=lambda view: view.id)), world.namespaces), version)

    with paused():
        crowd = timed("prepare_s", prepared)
        ever = timed("ever_s", lambda: [places(world, workload) for workload in wanted])
        now = timed("now_s", lambda: [crowd.takers(next_pod(workload)) for workload in wanted])
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    return {
        "nodes": len(snapshot.tables["nodes"]),
        "pods": len(pods),
        "classes": len(world.classes),
        "workloads": len(wanted),
        "wishes_percent": wishes,
        **seconds,
        "placed_s": round(seconds["ever_s"] + seconds["now_s"], 3),
        "somewhere_ever": sum(1 for one in ever if one.places),
        "somewhere_now": sum(1 for one in now if one.nodes),
        "pairs_now": sum(one.count for one in now),
    }


def _line(found: dict[str, Any]) -> str:
    return (
        f"{found['workloads']} workloads on {found['nodes']} nodes ({found['classes']} classes) with {found['pods']} pods: "
        f"ever {found['ever_s']} s, now {found['now_s']} s, together {found['placed_s']} s "
        f"after {found['prepare_s']} s of preparation; "
        f"{found['somewhere_ever']} may land, {found['somewhere_now']} now"
    )


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="placement.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=5000, help="nodes (default 5000)")
    parser.add_argument("--pods-per-node", type=int, default=20, help="pods on each node (default 20)")
    parser.add_argument("--groups", type=int, default=50, help="node groups (default 50)")
    parser.add_argument(
        "--workloads", type=int, default=1000, help="workloads, each with its own template (default 1000)"
    )
    parser.add_argument("--wishes", type=int, default=0, help="how many of 100 ask something of other pods (default 0)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, on stderr")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
