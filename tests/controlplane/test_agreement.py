"""Generated clusters, decided by clusterproof and by the real scheduler: the same node set, the same refusals, the same words.

``HARNESS_CASES`` says how many clusters there are in all; ``ORACLE_SEED`` where the seeds begin. A case that differs is
named by its family and seed: ``python -m tests.controlplane.one FAMILY SEED`` makes it again and takes away what does not
matter.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import SEED, Oracle
from tests.controlplane import generateplain, generatepods, generatepriority, generatevolumes
from tests.controlplane.agree import Compared, compare
from tests.controlplane.generate import Case
from tests.controlplane.scheduling import Arena
from tests.controlplane.shares import tail_of_chi_square

pytestmark = pytest.mark.controlplane

CASES = int(os.environ.get("HARNESS_CASES", "504"))
FAMILIES: dict[str, tuple[Callable[[int], Case], int]] = {
    "resources": (generateplain.resources, 4),
    "selectors": (generateplain.selectors, 4),
    "kept": (generateplain.kept, 2),
    "copies": (generateplain.copies, 2),
    "spread": (generatepods.spread, 4),
    "default spread": (generatepods.default_spread, 2),
    "affinity": (generatepods.affinity, 4),
    "volumes": (generatevolumes.volumes, 2),
    "preemption": (generatepriority.preemption, 4),
}
"""Each family with its share of the cases."""
EXAMPLES = Path(__file__).parent.parent / "data" / "scheduling"
_LEVEL = 1e-6


def _count(family: str) -> int:
    shares = sum(share for _, share in FAMILIES.values())
    return -(-CASES * FAMILIES[family][1] // shares)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_real_scheduler_agrees(family: str, arena: Arena, oracle: Oracle) -> None:
    """Of every generated pod: its real node is among our winners, who is refused has none for us, with the same words; now is within ever (rules 9.1, 9.2, 9.4, 9.7)."""
    into = Compared()
    make, count = FAMILIES[family][0], _count(family)
    for seed in range(SEED, SEED + count):
        compare(arena, make(seed), into)
    counts = {key: into.counts[key] for key in sorted(into.counts)}
    oracle("harness", counts | {"differ": len(into.differ)}, seeds=(SEED, SEED + count - 1))
    oracle(f"harness: {family}", {"clusters": into.counts["clusters"], "pods": into.counts["pods"]})
    assert not into.differ, told(family, into.differ)
    foreign = into.counts["of other schedulers"]
    assert sum(into.unknown.values()) == foreign, f"left open: {into.unknown.most_common()}"
    assert into.counts["placed"]
    assert into.counts["refused"] or family == "default spread" or count < 30
    if family == "preemption":
        assert into.counts["by preemption"] >= count // 8
    _uniform(into)


def told(family: str, differ: list[str]) -> str:
    """What differs, and how to make each of these cases again."""
    seeds = sorted({text.removeprefix(f"{family} ").partition(" ")[0] for text in differ})
    again = [f"python -m tests.controlplane.one {shlex.quote(family)} {seed}" for seed in seeds[:3]]
    return "\n".join([f"{len(differ)} differ:", *differ[:20], "each again, as small as it still differs:", *again])


def _uniform(into: Compared) -> None:
    """Of several winners each is taken equally often, whatever its name (rule 9.4)."""
    statistic, freedom = 0.0, 0
    for size in {size for size, _ in into.ties}:
        seen = [into.ties[size, place] for place in range(size)]
        expected = sum(seen) / size
        if expected >= 5:
            statistic += sum((count - expected) ** 2 / expected for count in seen)
            freedom += size - 1
    if freedom:
        assert tail_of_chi_square(statistic, freedom) > _LEVEL, (statistic, freedom, into.ties)


def _examples() -> Iterator[Any]:
    for path in sorted(EXAMPLES.glob("*.yaml")):
        yield pytest.param(path, id=path.stem)


@pytest.mark.parametrize("path", list(_examples()))
def test_example(path: Path, arena: Arena, oracle: Oracle) -> None:
    """A case in which clusterproof and the scheduler once differed, as small as it could be made (rule 9.1)."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    into = Compared()
    compare(arena, Case(path.stem, 0, tuple(found["objects"]), tuple(found["pods"])), into)
    oracle("harness: examples", {"clusters": 1, "differ": len(into.differ)})
    assert not into.differ
    assert into.counts["pods"] == len(found["pods"])
