"""Decisions against other implementations: random worlds, and the cases of cyclonus (MIT, © 2021 Matt Fenwick)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkpolicy import KUBERNETES, Dialect, Peer, PolicyIndex
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import ContainerPort, NetworkPolicy
from tests.conftest import Oracle

HERE = Path(__file__).parents[1] / "data" / "networkpolicy"
FULL = Path(__file__).parents[3] / "shared" / "corpus" / "networkpolicy"
BY_ADDRESS = Dialect(ip_block_matches_pods=True)
EXTERNAL_ONLY = Dialect(ip_block_matches_pods=False)

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


DIALECTS = {"by address": BY_ADDRESS, "external only": EXTERNAL_ONLY, "left open": KUBERNETES}


class Expected(NamedTuple):
    """How many rows a file has, and with which a dialect differs: rows and steps that are not as the file says."""

    rows: int
    off_rows: int = 0
    steps: int = 0


ALL_ROWS: dict[tuple[str, str], Expected] = {
    ("random-1", "by address"): Expected(577_920),
    ("random-1", "external only"): Expected(577_920, 4_104, 118),
    ("random-1", "left open"): Expected(577_920, 4_104, 118),
    ("random-78", "by address"): Expected(350_670),
    ("random-78", "external only"): Expected(350_670),
    ("random-78", "left open"): Expected(350_670),
    ("cyclonus", "by address"): Expected(123_669),
    ("cyclonus", "external only"): Expected(123_669, 298, 20),
    ("cyclonus", "left open"): Expected(123_669, 298, 20),
}
FEW_ROWS: dict[tuple[str, str], Expected] = {
    ("random-1", "by address"): Expected(13_380),
    ("random-1", "external only"): Expected(13_380, 57, 3),
    ("random-1", "left open"): Expected(13_380, 57, 3),
    ("random-78", "by address"): Expected(11_580),
    ("random-78", "external only"): Expected(11_580),
    ("random-78", "left open"): Expected(11_580),
    ("cyclonus", "by address"): Expected(8_262),
    ("cyclonus", "external only"): Expected(8_262, 76, 5),
    ("cyclonus", "left open"): Expected(8_262, 76, 5),
}


def compared(folder: Path, name: str, dialect: str, expected: Expected, oracle: Oracle) -> None:
    """Judge one file in one dialect, and say how many rows there were, and of which copy."""
    judge = cyclonus if name == "cyclonus" else partial(random_worlds, name=name)
    score = judge(folder, dialect=DIALECTS[dialect])
    copy = "all rows" if folder == FULL else "small copy in tests/data"
    if not FULL.is_dir():
        copy += "; ../shared/corpus is not there"
    differ = abs(score.off_rows - expected.off_rows)
    counts = {"rows": score.rows, "by the dialect alone": score.off_rows, "differ": differ}
    oracle(f"corpus networkpolicy ({copy})", counts)
    assert (score.rows, score.off_rows, len(score.steps)) == expected
    # What a dialect leaves open is unknown in rows that it decides, and contradicts none.
    assert dialect != "left open" or score.wrong == 0


@pytest.mark.parametrize(("name", "dialect"), ALL_ROWS)
def test_every_row_of_the_small_copy(name: str, dialect: str, oracle: Oracle) -> None:
    """All rows of the copy in the test tree, in each dialect (rules 7.1, 7.2, 7.3, 7.6)."""
    compared(HERE, name, dialect, FEW_ROWS[name, dialect], oracle)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dialect"), ALL_ROWS)
def test_every_row(name: str, dialect: str, oracle: Oracle) -> None:
    """All 1,052,259 rows in each dialect; where they are not beside the checkout, the copy's (rules 7.2, 7.3, 7.6)."""
    full = FULL.is_dir()
    compared(FULL if full else HERE, name, dialect, (ALL_ROWS if full else FEW_ROWS)[name, dialect], oracle)
