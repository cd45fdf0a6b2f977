"""Beside network-config-analyzer: the same manifests, the same question, the answers compared pair by pair.

    python -m venv nca && nca/bin/pip install network-config-analyzer==2.1.0
    python benchmarks/beside_nca.py --nca nca/bin/nca --sizes 50/20,100/40,250/100

The manifests are Deployments that each have labels and a Service of their own, and NetworkPolicies on ingress by pod
and namespace selectors. nca reads them as files (``--connectivity``). Here they are put beside one node
group whose data plane enforces NetworkPolicies, so that nothing but policies decides. Both programs run in a process
of their own, start and output included (every row of ours, as CSV). nca prints rules over sets of pods, which are
spread over pairs; a rule that is not understood ends the run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from clusterproof.snapshot import kinds  # noqa: E402 - found by the line above
from clusterproof.snapshot.writer import write  # noqa: E402
from tests.world.build import Tiny  # noqa: E402

PORT = 80
SPACES = 10
Pair = tuple[str, str]


def manifests(count: int, policies: int) -> list[dict[str, Any]]:
    """Namespaces, Deployments, Services and NetworkPolicies; no chance in it."""
    found: list[dict[str, Any]] = []
    for number in range(SPACES):
        labels = {"kubernetes.io/metadata.name": f"ns{number}", "team": f"t{number % 3}"}
        found.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns{number}", "labels": labels}})
    for number in range(count):
        meta = {"name": f"w{number}", "namespace": f"ns{number % SPACES}"}
        labels = {"app": f"w{number}", "tier": f"r{number % 7}"}
        container = {"name": "c", "image": "x", "ports": [{"containerPort": PORT}]}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec: dict[str, Any] = {"replicas": 1, "selector": {"matchLabels": {"app": f"w{number}"}}, "template": template}
        found.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
        ports = [{"name": "main", "port": PORT, "targetPort": PORT, "protocol": "TCP"}]
        service: dict[str, Any] = {"clusterIP": f"172.20.{number // 250}.{number % 250 + 1}", "ports": ports}
        service["selector"] = {"app": f"w{number}"}
        found.append({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service})
    for number in range(policies):
        peers = [
            {"podSelector": {"matchLabels": {"app": f"w{number * 13 % count}"}}},
            {"namespaceSelector": {"matchLabels": {"team": f"t{number % 3}"}}},
        ]
        spec = {
            "podSelector": {"matchLabels": {"tier": f"r{number % 7}"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": peers, "ports": [{"port": PORT + number % 3}]}],
        }
        meta = {"name": f"p{number}", "namespace": f"ns{number % SPACES}"}
        found.append({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec})
    return found


def world(objects: list[dict[str, Any]], *, one_node: bool = False) -> Tiny:
    """The manifests in a cluster of one node group, or one node, whose security group admits everything."""
    tiny = Tiny().sg("sg-a", "all sg-a")
    if one_node:
        tiny.node("n", ["sg-a"])
    else:
        tiny.managed("a", ["sg-a"], nodes=2)
    tiny.cni({}, ["--enable-network-policy=true"])
    tables: dict[str, kinds.Kind[Any]] = {
        "Namespace": kinds.NAMESPACES,
        "Deployment": kinds.DEPLOYMENTS,
        "Service": kinds.SERVICES,
        "NetworkPolicy": kinds.NETWORK_POLICIES,
    }
    for item in objects:
        tiny.put(tables[item["kind"]], item)
    return tiny


def run(command: list[str], said: Path) -> tuple[float, float]:
    """A command's seconds by the wall, and the processor's; what it prints goes to a file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with said.open("wb") as out:
        subprocess.run(command, check=False, stdout=out, stderr=subprocess.DEVNULL, env=environment)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def our_pairs(lines: Iterable[str]) -> set[Pair]:
    """Pairs of workloads that reach each other on the port, from ``connections -o csv``."""
    return {
        (row["client"].removeprefix(_KIND), row["server"].removeprefix(_KIND))
        for row in csv.DictReader(lines)
        if row["outcome"] == "works" and row["client"].startswith(f"{_KIND}ns") and row["server"] != row["client"]
    }


_KIND = "deploy/"


def nca_pairs(text: str, count: int) -> set[Pair]:
    """Pairs of workloads that reach each other on the port, from the rules that nca prints.

    Raises:
        ValueError: a rule is not understood; then nothing can be compared.
    """
    found: set[Pair] = set()
    for line in text.splitlines():
        rule = _RULE.fullmatch(line.strip())
        if rule is None:
            if " conn: " in line and "0.0.0.0/0" not in line:
                raise ValueError(f"this rule is not understood: {line}")
            continue
        if _has_port(rule["conn"]):
            targets = _pods(rule["to_ns"], rule["to_pods"], count)
            for one in _pods(rule["from_ns"], rule["from_pods"], count):
                found |= {(one, other) for other in targets if one != other}
    return found


_RULE = re.compile(
    r"src_ns: \[(?P<from_ns>[^]]*)\] src_pods: \[(?P<from_pods>[^]]*)\] "
    r"dst_ns: \[(?P<to_ns>[^]]*)\] dst_pods: \[(?P<to_pods>[^]]*)\] conn: (?P<conn>.*)"
)


def _has_port(text: str) -> bool:
    if text == "All connections":
        return True
    match = re.fullmatch(r"\{protocols:TCP,dst_ports:([\d,-]+)\}", text)
    if match is None:
        raise ValueError(f"these connections are not understood: {text}")
    spans = (piece.partition("-") for piece in match[1].split(","))
    return any(int(low) <= PORT <= int(high or low) for low, _, high in spans)


def _label(key: str, number: int) -> str:
    return f"r{number % 7}" if key == "tier" else f"w{number}"


def _pods(spaces: str, which: str, count: int) -> list[str]:
    """The workloads of some namespaces: all, those named, or by one label (``tier not in (r0,r3)``)."""
    numbers = [n for n in range(count) if f"ns{n % SPACES}" in spaces.split(",")]
    label = re.fullmatch(r"(app|tier) (not in|in) \(([^)]*)\)", which)
    unlike = re.fullmatch(r"(app|tier)!=(\w+)", which)
    if which == "*":
        chosen = numbers
    elif label is not None:
        values = set(label[3].split(","))
        chosen = [n for n in numbers if (_label(label[1], n) in values) == (label[2] == "in")]
    elif unlike is not None:
        chosen = [n for n in numbers if _label(unlike[1], n) != unlike[2]]
    elif re.fullmatch(r"(app|tier)=\w+|w\d+(,\s*w\d+)*", which):
        key, _, one = which.partition("=")
        names = {one} if one else set(re.split(r",\s*", which))
        chosen = [n for n in numbers if _label(key, n) in names]
    else:
        raise ValueError(f"these pods are not understood: {which}")
    return [f"ns{n % SPACES}/w{n}" for n in chosen]


def differing(mine: set[Pair], other: set[Pair]) -> str:
    """How many pairs each has, how many only one of them has, and the first of those."""
    apart = sorted(mine ^ other)
    first = f" ({apart[0][0]} to {apart[0][1]}: {'ours' if apart[0] in mine else 'nca'} only)" if apart else ""
    return f"pairs {len(mine)} and {len(other)}, {len(apart)} differ{first}"


def main(argv: list[str] | None = None) -> int:
    """Run both at each size and print a line each; 1 where a pair differs."""
    parser = argparse.ArgumentParser(prog="beside_nca.py")
    parser.add_argument("--nca", required=True, help="the program nca of its own environment")
    parser.add_argument("--sizes", default="50/20,100/40,250/100", help="workloads/policies, separated by commas")
    parser.add_argument("--limit", type=int, default=600, help="seconds after which nca is given up")
    parser.add_argument("--runs", type=int, default=3, help="runs of ours, of which the best counts (default 3)")
    options = parser.parse_args(argv)
    differ = False
    for size in options.sizes.split(","):
        count, policies = map(int, size.split("/"))
        objects = manifests(count, policies)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            file = folder / "ours.snapshot"
            write(world(objects).snapshot(), file)
            theirs = folder / "manifests"
            theirs.mkdir()
            (theirs / "all.yaml").write_text("\n---\n".join(map(json.dumps, objects)))
            rows, rules = folder / "rows.csv", folder / "rules.txt"
            command = [sys.executable, "-m", "clusterproof", "connections", str(file), "-o", "csv"]
            wall, cpu = min((run(command, rows) for _ in range(options.runs)), key=lambda seconds: seconds[1])
            with rows.open(newline="") as lines:
                mine = our_pairs(lines)
            command = [options.nca, "--connectivity", str(theirs), "--resource_list", str(theirs)]
            their_wall, their_cpu = run(["timeout", str(options.limit), *command, "--output_format", "txt"], rules)
            said = rules.read_text()
        if "Total run time" in said:
            other = nca_pairs(said, count)
            compared = f"ratio {their_cpu / cpu:.0f}   {differing(mine, other)}"
            differ |= mine != other
        else:
            compared = f"nca did not end within {options.limit} s"
        print(
            f"{count:>5} workloads {policies:>4} policies   ours {wall:7.2f} s ({cpu:.2f} CPU)   "
            f"nca {their_wall:7.2f} s ({their_cpu:.2f} CPU)   {compared}",
            flush=True,
        )
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
