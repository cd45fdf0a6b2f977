from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.beside_nca import Pair, differing, main, manifests, nca_pairs, our_pairs, world
from clusterproof.checks.connections import connections
from clusterproof.reach.trace import Outcome
from clusterproof.reports.connections import render

ROOT = Path(__file__).resolve().parents[2]

# The rules that nca 2.1.0 prints are of these forms; namespaces are ns0 … ns9, of w0 … w9 here.
RULES = """\
final fw rules for query: connectivity_map, config: manifests:
src: 0.0.0.0/0 dst_ns: [ns0] dst_pods: [*] conn: All connections
src_ns: [ns0] src_pods: [*] dst_ns: [ns1] dst_pods: [*] conn: All connections
src_ns: [ns2] src_pods: [app=w2] dst_ns: [ns0,ns1] dst_pods: [tier in (r0,r3)] conn: {protocols:TCP,dst_ports:80-81}
src_ns: [ns3] src_pods: [tier not in (r3)] dst_ns: [ns0] dst_pods: [*] conn: All connections
src_ns: [ns4,ns5] src_pods: [tier!=r5] dst_ns: [ns4,ns5,ns6] dst_pods: [w5, w6] conn: {protocols:TCP,dst_ports:22,80}
src_ns: [ns7] src_pods: [*] dst_ns: [ns8] dst_pods: [*] conn: {protocols:TCP,dst_ports:81-82}
Total run time: 0.1
"""


def allowed(count: int, policies: int) -> set[Pair]:
    """Which pairs of the manifests may connect on port 80, straight from what the manifests say."""
    found = set()
    for server in range(count):
        mine = [p for p in range(policies) if p % 10 == server % 10 and p % 7 == server % 7]
        for client in range(count):
            # By the one app that it names in its own namespace, or by the namespace's team; by its first port only.
            admitted = any(
                p % 3 == 0 and ((client == p * 13 % count and client % 10 == p % 10) or client % 10 % 3 == p % 3)
                for p in mine
            )
            if client != server and (not mine or admitted):
                found.add((f"ns{client % 10}/w{client}", f"ns{server % 10}/w{server}"))
    return found


def test_the_manifests_have_what_they_say() -> None:
    """As many of each kind as asked for, a Service for each Deployment, and the same bytes each time."""
    objects = manifests(30, 12)
    kinds = Counter(item["kind"] for item in objects)
    assert kinds == {"Namespace": 10, "Deployment": 30, "Service": 30, "NetworkPolicy": 12}
    assert manifests(30, 12) == objects
    names = {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects}
    assert len(names) == len(objects)


@pytest.mark.parametrize("size", [(21, 0), (30, 12), (40, 70)])
def test_our_answer_is_what_the_manifests_say(size: tuple[int, int]) -> None:
    """The world of the comparison lets nothing but policies decide: the pairs are those of the policies' own words."""
    rows = connections(world(manifests(*size)).world())
    assert {row.outcome for row in rows} <= {Outcome.WORKS, Outcome.BLOCKED}
    pairs = our_pairs(render(rows, "csv").splitlines(keepends=True))
    assert pairs == allowed(*size)
    assert pairs


def test_rules_of_nca_are_spread_over_pairs() -> None:
    """Every form of pod set that it prints, and only connections on the port that is asked for."""
    assert nca_pairs(RULES, 10) == {
        ("ns0/w0", "ns1/w1"),
        ("ns2/w2", "ns0/w0"),
        ("ns4/w4", "ns5/w5"),
        ("ns4/w4", "ns6/w6"),
    }


@pytest.mark.parametrize("pods", ["weird~w1", "zone=a", "tier in r0"])
def test_a_rule_that_is_not_understood_ends_the_comparison(pods: str) -> None:
    """Half an answer is never compared."""
    rule = f"src_ns: [ns0] src_pods: [{pods}] dst_ns: [ns1] dst_pods: [*] conn: All connections"
    with pytest.raises(ValueError, match="not understood"):
        nca_pairs(rule, 10)


def stand_in(folder: Path, pairs: set[Pair], *, ends: bool = True) -> str:
    """A program that prints what nca would of these pairs, one rule each."""
    lines = [
        f"src_ns: [{one.split('/')[0]}] src_pods: [{one.split('/')[1]}] "
        f"dst_ns: [{other.split('/')[0]}] dst_pods: [{other.split('/')[1]}] conn: All connections"
        for one, other in sorted(pairs)
    ]
    said = "\n".join([*lines, *(["Total run time: 0.1"] if ends else [])])
    (folder / "said").write_text(said + "\n")
    program = folder / "nca"
    program.write_text(f'#!/bin/sh\ncat "{folder / "said"}"\n')
    program.chmod(0o755)
    return str(program)


def test_a_seeded_difference_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Equal answers end with 0; one pair that only one of the two lets through is counted, named, and ends with 1."""
    pairs = allowed(21, 12)
    arguments = ["--sizes", "21/12", "--runs", "1", "--nca"]
    assert main([*arguments, stand_in(tmp_path, pairs)]) == 0
    assert "0 differ" in capsys.readouterr().out
    missing = min(pairs)
    assert main([*arguments, stand_in(tmp_path, pairs - {missing})]) == 1
    said = capsys.readouterr().out
    assert f"1 differ ({missing[0]} to {missing[1]}: ours only)" in said
    assert differing(pairs, pairs | {("x", "y")}).endswith("1 differ (x to y: nca only)")


def test_a_program_that_does_not_end_is_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without nca's last line there is nothing to compare with, and that is said."""
    assert main(["--sizes", "21/2", "--runs", "1", "--limit", "7", "--nca", stand_in(tmp_path, set(), ends=False)]) == 0
    assert "nca did not end within 7 s" in capsys.readouterr().out


def test_it_runs_as_it_is_told_to(tmp_path: Path) -> None:
    """The command of the page, from another directory: one line with the size, both times, and the pairs."""
    program = stand_in(tmp_path, allowed(21, 2))
    command = [sys.executable, str(ROOT / "benchmarks" / "beside_nca.py"), "--nca", program, "--sizes", "21/2"]
    done = subprocess.run([*command, "--runs", "1"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:4] == ["21", "workloads", "2", "policies"]
    assert done.stdout.rstrip().endswith("0 differ")
