"""Node groups as ``place`` shows them: classes with their answers, and the nodes of each that stand alike today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from clusterproof.checks.placed import BEST_FIRST, Answer, Displacing, May, PlacedClass, PlacedGroup, Standing
from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.preemption import Preemption
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.model import NodeClass
from clusterproof.world.world import World

Chance = Mapping[str, Fraction]
"""Probability by node; a node that is not named has none."""


def groups_of(
    world: World,
    ever: Mapping[str, Feasibility],
    stays: frozenset[str],
    now: Mapping[str, Feasibility],
    displacing: Mapping[str, Preemption],
    first: Chance | None,
    later: Chance | None,
) -> tuple[PlacedGroup, ...]:
    """Every node group, those that may take the pod first.

    Args:
        world: the cluster.
        ever: by node class: whether it may ever take the pod.
        stays: node classes where pods of it run, though no further one would be scheduled there.
        now: by node of today: whether it takes one more pod now.
        displacing: by node of today: whether it does by preemption; empty where that was not asked.
        first: where a first pod lands; None where there are no odds.
        later: where the pod after it lands; None where there are no odds.
    """
    classes: dict[str, list[NodeClass]] = {name: [] for name in world.groups}
    for item in world.classes:
        classes.setdefault(item.group, []).append(item)
    found = [
        _group(world, ever, stays, name, members, now, displacing, first, later) for name, members in classes.items()
    ]
    return tuple(sorted(found, key=lambda group: (BEST_FIRST.index(group.may), group.name)))


def _group(
    world: World,
    ever: Mapping[str, Feasibility],
    stays: frozenset[str],
    name: str,
    classes: Sequence[NodeClass],
    now: Mapping[str, Feasibility],
    displacing: Mapping[str, Preemption],
    first: Chance | None,
    later: Chance | None,
) -> PlacedGroup:
    placed = []
    for item in classes:
        answer = _answer(ever[item.id])
        today = _standings(item.nodes, now, displacing, first, later)
        placed.append(
            PlacedClass(item.id, item.zone, item.born, item.again, len(item.nodes), answer, item.id in stays, today)
        )
    group = world.groups.get(name)
    unknown = world.unknown_templates.get(name)
    unborn = [item.ever.may for item in placed if not item.born or item.again]
    answers = [standing.now.may for item in placed for standing in item.today]
    taking = sum(len(s.nodes) for item in placed for s in item.today if s.now.may is May.YES)
    nodes = [node for item in classes for node in item.nodes]
    return PlacedGroup(
        name=name,
        kind=group.kind.value if group is not None else "",
        may=_any([*(item.ever.may for item in placed), *((May.UNKNOWN,) if unknown is not None else ())]),
        nodes=len(nodes),
        ever=sum(item.count for item in placed if item.born and item.ever.may is May.YES),
        now=None if May.UNKNOWN in answers or world.snapshot.missing(kinds.NODES) is not None else taking,
        displacing=sum(
            len(one.nodes)
            for item in placed
            for one in item.today
            if one.displacing is not None and one.displacing.may is May.YES
        ),
        new_nodes=May.UNKNOWN if unknown is not None else _any(unborn) if unborn else None,
        size=group.size if group is not None else None,
        first=None if first is None else float(sum((first.get(node, _ZERO) for node in nodes), _ZERO)),
        later=None if later is None else float(sum((later.get(node, _ZERO) for node in nodes), _ZERO)),
        classes=tuple(placed),
        unknown=unknown,
    )


_ZERO = Fraction(0)


def _standings(
    nodes: Sequence[str],
    now: Mapping[str, Feasibility],
    displacing: Mapping[str, Preemption],
    first: Chance | None,
    later: Chance | None,
) -> tuple[Standing, ...]:
    """Nodes by the same answer and the same odds each; those that take the pod first."""
    alike: dict[tuple[Answer, Displacing | None, Fraction | None, Fraction | None], list[str]] = {}
    for node in nodes:
        if node not in now:
            continue
        answer = _answer(now[node])
        # Evidence names the node: those that differ in nothing else are told together, with that of the first.
        bare = msgspec.structs.replace(answer, ref=None)
        chance = None if first is None else first.get(node, _ZERO)
        again = None if later is None else later.get(node, _ZERO)
        alike.setdefault((bare, _displacing(displacing.get(node)), chance, again), []).append(node)
    found = [
        Standing(
            tuple(members),
            msgspec.structs.replace(bare, ref=_answer(now[members[0]]).ref),
            displaced,
            None if chance is None else float(chance * len(members)),
            None if again is None else float(again * len(members)),
        )
        for (bare, displaced, chance, again), members in alike.items()
    ]
    return tuple(sorted(found, key=lambda s: (BEST_FIRST.index(s.now.may), -(s.first or 0), s.nodes)))


def _displacing(found: Preemption | None) -> Displacing | None:
    if found is None:
        return None
    if isinstance(found.ok, Unknown):
        return Displacing(May.UNKNOWN, (), found.ok)
    return Displacing(May.YES if found.ok else May.NO, found.victims)


def _answer(found: Feasibility) -> Answer:
    """What the filters said, as data."""
    if isinstance(found.ok, Unknown):
        return Answer(May.UNKNOWN, found.plugin, (), None, found.ok)
    return Answer(May.YES if found.ok else May.NO, found.plugin, found.reasons, found.ref)


def _any(found: Sequence[May]) -> May:
    return next((may for may in BEST_FIRST if may in found), May.NO)
