"""Decisions against other implementations: random worlds, and the cases of cyclonus (MIT, © 2021 Matt Fenwick)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkpolicy import KUBERNETES, Dialect, Peer, PolicyIndex
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import ContainerPort, NetworkPolicy

HERE = Path(__file__).parents[1] / "data" / "networkpolicy"
FULL = Path(__file__).parents[3] / "shared" / "corpus" / "networkpolicy"
BY_ADDRESS = Dialect(ip_block_matches_pods=True)
EXTERNAL_ONLY = Dialect(ip_block_matches_pods=False)

needs_corpus = pytest.mark.skipif(not FULL.is_dir(), reason="the corpus is not beside this checkout")

Row = tuple[str, str, int, str, bool, bool]
"""Client, server, port, protocol, ingress allowed, egress allowed."""


class Score:
    """Rows seen; decisions that contradict a row; decisions left unknown; steps with any of those two."""

    def __init__(self) -> None:
        self.rows = self.wrong = self.unknown = self.off_rows = 0
        self.steps: set[str] = set()

    def judge(self, index: PolicyIndex, peers: dict[str, Peer], rows: list[Row], step: str) -> None:
        """Compare the decisions of one world with its rows."""
        for client, server, port, protocol, ingress, egress in rows:
            self.rows += 1
            if client == server:
                continue
            a = index.decide("ingress", peers[server], peers[client], port, protocol).outcome
            b = index.decide("egress", peers[client], peers[server], port, protocol).outcome
            if a == ("allowed" if ingress else "refused") and b == ("allowed" if egress else "refused"):
                continue
            self.off_rows += 1
            self.steps.add(step)
            for outcome, expected in ((a, ingress), (b, egress)):
                self.unknown += isinstance(outcome, Unknown)
                self.wrong += outcome == ("refused" if expected else "allowed")


def without_null(value: Any) -> Any:
    """Sources drop JSON null; so does this."""
    if isinstance(value, dict):
        return {key: without_null(one) for key, one in value.items() if one is not None}
    return [without_null(one) for one in value] if isinstance(value, list) else value


def index_of(policies: Any, dialect: Dialect) -> PolicyIndex:
    """An index of policies as they stand in a corpus."""
    return PolicyIndex(msgspec.convert(without_null(policies), list[NetworkPolicy]), dialect)


def lines(path: Path) -> Iterator[Any]:
    """The JSON lines of a file."""
    with gzip.open(path) as file:
        for line in file:
            yield msgspec.json.decode(line)


def random_worlds(folder: Path, name: str, dialect: Dialect) -> Score:
    """Judge a file of random worlds."""
    score = Score()
    pairs = zip(lines(folder / f"{name}.in.jsonl.gz"), lines(folder / f"{name}.out.jsonl.gz"), strict=True)
    for world, answers in pairs:
        assert world["ID"] == answers["id"]
        peers = {
            f"{pod['NS']}/{pod['Name']}": Peer(
                pod["NS"],
                world["Namespaces"][pod["NS"]],
                pod["Labels"],
                tuple(ContainerPort(one["Port"], one["Name"], one["Proto"]) for one in pod["Ports"]),
                AddressSet.of(pod["IP"]),
            )
            for pod in world["Pods"]
        }
        peers |= {text: Peer(addresses=AddressSet.of(text)) for text in world["External"]}
        score.judge(index_of(world["Policies"], dialect), peers, answers["rows"], world["ID"])
    return score


def cyclonus(folder: Path, dialect: Dialect) -> Score:
    """Judge cyclonus's cases."""
    score = Score()
    with gzip.open(folder / "cyclonus-cases.json.gz") as file:
        cases = msgspec.json.decode(file.read())
    for case in cases:
        for number, step in enumerate(case["steps"]):
            peers = {
                f"{pod['Namespace']}/{pod['Name']}": Peer(
                    pod["Namespace"],
                    step["namespaces"][pod["Namespace"]],
                    pod["Labels"],
                    tuple(ContainerPort(one["Port"], one["PortName"], one["Protocol"]) for one in pod["Containers"]),
                    AddressSet.of(pod["IP"]),
                )
                for pod in step["pods"]
            }
            rows: list[Row] = [
                (row["from"], row["to"], row["port"], row["proto"], row["in"] == "allowed", row["eg"] == "allowed")
                for row in step["rows"]
            ]
            score.judge(index_of(step["policies"], dialect), peers, rows, f"{case['i']}.{number}")
    return score


def test_sample_of_random_worlds() -> None:
    """Every row of the worlds that are kept with the tests is decided as the reference decides it."""
    score = random_worlds(HERE, "random-1", BY_ADDRESS)
    assert (score.rows, score.off_rows) == (13_380, 0)
    for dialect in (BY_ADDRESS, EXTERNAL_ONLY, KUBERNETES):  # ipBlocks outside the cluster: the dialect is nothing
        score = random_worlds(HERE, "random-78", dialect)
        assert (score.rows, score.off_rows) == (11_580, 0)


def test_sample_of_cyclonus_cases() -> None:
    """Cyclonus matches ipBlocks by address; read as external only, exactly the steps with such blocks differ."""
    score = cyclonus(HERE, BY_ADDRESS)
    assert (score.rows, score.off_rows) == (8_262, 0)
    assert cyclonus(HERE, EXTERNAL_ONLY).steps == {"20.0", "76.0", "84.0", "117.0", "208.0"}


def test_open_questions_of_kubernetes_are_unknown_never_wrong() -> None:
    """Without a dialect the same rows are unknown, and no decision contradicts a row."""
    for score in (cyclonus(HERE, KUBERNETES), random_worlds(HERE, "random-1", KUBERNETES)):
        assert score.unknown > 0
        assert score.wrong == 0


@needs_corpus
def test_all_rows_of_random_1() -> None:
    """577,920 rows, ipBlocks matched by address: all agree."""
    score = random_worlds(FULL, "random-1", BY_ADDRESS)
    assert (score.rows, score.off_rows) == (577_920, 0)


@needs_corpus
def test_all_rows_of_random_78() -> None:
    """350,670 rows, ipBlocks outside the cluster: all agree."""
    score = random_worlds(FULL, "random-78", KUBERNETES)
    assert (score.rows, score.off_rows) == (350_670, 0)


@needs_corpus
def test_all_cyclonus_cases() -> None:
    """123,669 rows agree by address; 298 rows in 20 steps depend on that."""
    score = cyclonus(FULL, BY_ADDRESS)
    assert (score.rows, score.off_rows) == (123_669, 0)
    score = cyclonus(FULL, EXTERNAL_ONLY)
    assert (score.off_rows, len(score.steps)) == (298, 20)
    score = cyclonus(FULL, KUBERNETES)
    assert (score.wrong, len(score.steps)) == (0, 20)
