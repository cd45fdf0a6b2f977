"""The whole of reach against a brute-force twin: drawn worlds, every layer, packet by packet.

The twin (packets.py, rulings.py, brute.py) is written from the reference's sections 1 to 8 and imports nothing of the
engine; compare.py puts the two beside one another: where pods may be, each layer and the outcome of single
connections, and the rows of ``connections``.
"""

from __future__ import annotations

import ast
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from tests.conftest import SEED, Oracle
from tests.reach.twin.build import built, world_of
from tests.reach.twin.compare import Comparison, Tally, compare
from tests.reach.twin.drawing import drawn
from tests.reach.twin.plan import Plan
from tests.world.build import Tiny

WORLDS, SHARDS, CELLS = 2_000, 20, 40
SAMPLE = 30


def judged(first: int, worlds: int) -> Tally:
    """All that the worlds of some seeds come to; the rows of every third one are compared, too."""
    total = Tally()
    for seed in range(first, first + worlds):
        found = compare(drawn(seed), cells=CELLS, rows=seed % 3 == 0)
        total.cells += found.cells
        total.rows += found.rows
        total.cautious += found.cautious
        total.open += found.open
        total.outcomes += found.outcomes
        total.differ += found.differ
    return total


def told(oracle: Oracle, name: str, first: int, worlds: int, found: Tally) -> None:
    """The counts of some worlds, for the end of the run."""
    seeds = (first, first + worlds - 1)
    counts = {"worlds": worlds, "cells": found.cells, "rows": found.rows, "differ": len(found.differ)}
    oracle(name, {**counts, "open": found.open, "cautious": found.cautious}, seeds=seeds)


@pytest.mark.parametrize("name", ["plan", "drawing", "policydraw", "packets", "rulings", "brute", "doors"])
def test_the_twin_knows_nothing_of_the_engine(name: str) -> None:
    """What the twin answers with imports the standard library and itself: no code is on both sides."""
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    found = [item.module or "" for item in ast.walk(tree) if isinstance(item, ast.ImportFrom)]
    found += [alias.name for item in ast.walk(tree) if isinstance(item, ast.Import) for alias in item.names]
    assert found
    assert all(one.startswith("tests.reach.twin.") or one.split(".")[0] in sys.stdlib_module_names for one in found)


def test_a_sample_of_worlds(oracle: Oracle) -> None:
    """The first drawn worlds agree in every place, cell, layer and row; all outcomes come up among them."""
    found = judged(SEED, SAMPLE)
    told(oracle, "twin (sample)", SEED, SAMPLE, found)
    assert not found.differ, "\n".join(found.differ[:3])
    assert set(found.outcomes) >= {"works", "blocked", "varies"}


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_world(shard: int, oracle: Oracle) -> None:
    """2,000 drawn worlds agree in every place, cell, layer and row, and no outcome is rare among them."""
    worlds = WORLDS // SHARDS
    first = SEED + shard * worlds
    found = judged(first, worlds)
    told(oracle, "twin", first, worlds, found)
    assert not found.differ, "\n".join(found.differ[:3])
    assert found.cells >= worlds * CELLS
    least = Counter({"works": 500, "blocked": 500, "varies": 20})
    assert found.outcomes >= least, found.outcomes
    # What is left open, or said with more caution than needed, must stay the exception.
    assert found.open + found.cautious < found.cells // 20


UNREAD = (
    kinds.SECURITY_GROUPS,
    kinds.NETWORK_ACLS,
    kinds.ROUTE_TABLES,
    kinds.PREFIX_LIST_ENTRIES,
    kinds.PEERINGS,
    kinds.VPCS,
    kinds.NETWORK_POLICIES,
    kinds.NAMESPACES,
    *(kind for kind in kinds.OTHER_POLICIES if kind.name in ("adminnetworkpolicies", "clusternetworkpolicies")),
)


def _lost(tiny: Tiny, kind: Kind[Any], draw: random.Random) -> None:
    """A kind that was not read, or not all of it."""
    raws = tiny.objects[kind.name]
    if kind in kinds.OTHER_POLICIES:
        tiny.put(kinds.CRDS, {"metadata": {"name": f"{kind.resource}.{kind.group}"}})
    if not raws or draw.random() < 0.5:
        tiny.drop(kind)
        return
    del raws[draw.randrange(len(raws))]
    tiny.partly(kind, Unknown(Cause.DENIED, f"{kind.name} were refused", "ask for the permission"))


@pytest.mark.parametrize("kind", UNREAD, ids=lambda kind: kind.name)
def test_what_was_not_read_is_never_wrong(kind: Kind[Any], oracle: Oracle) -> None:
    """A world of which a kind, or one object of it, was not read: unknown, or what the twin knows to be true."""
    cells = unknown = 0
    for seed in range(SEED, SEED + SAMPLE):
        plan = drawn(seed)
        tiny = built(plan)
        _lost(tiny, kind, random.Random(seed))
        found = Comparison(plan, tiny.world(), unread=True).run(CELLS, rows=False)
        assert not found.differ, "\n".join(found.differ[:3])
        cells += found.cells
        unknown += found.open
    assert 0 < unknown < cells
    oracle("twin (with a part unread)", {"worlds": SAMPLE, "cells": cells, "unknown": unknown, "differ": 0})


def _no_rules(plan: Plan) -> None:
    plan.groups = {name: ((), outbound) for name, (_, outbound) in plan.groups.items()}


def _no_routes(plan: Plan) -> None:
    plan.tables = {name: routes[:1] for name, routes in plan.tables.items()}


def _other_settings(plan: Plan) -> None:
    plan.env = {**plan.env, "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false", "POD_SECURITY_GROUP_ENFORCING_MODE": "standard"}


def _other_labels(plan: Plan) -> None:
    plan.namespaces = {name: {"team": "z"} for name in plan.namespaces}


CHANGES: dict[str, Callable[[Plan], None]] = {
    "rules of groups": _no_rules,
    "ACLs": lambda plan: plan.acls.clear(),
    "routes": _no_routes,
    "settings of the VPC CNI": _other_settings,
    "labels of namespaces": _other_labels,
    "NetworkPolicies": lambda plan: plan.policies.clear(),
    "cluster-wide policies": lambda plan: plan.admin.clear(),
    "SecurityGroupPolicies": lambda plan: plan.pod_groups.clear(),
    "ENIConfigs": lambda plan: plan.eni_configs.clear(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_twin_that_knows_less_differs(what: str) -> None:
    """The comparison can fail: with any one input kept from the twin, drawn worlds differ."""
    differ = 0
    for seed in range(SEED, SEED + 60):
        plan = drawn(seed)
        world = world_of(plan)
        CHANGES[what](plan)
        differ += bool(Comparison(plan, world).run(CELLS, rows=True).differ)
        if differ > 2:
            return
    pytest.fail(f"only {differ} of 60 worlds differ without {what}")
