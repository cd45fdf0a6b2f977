"""Clusters drawn at random for the comparison with the real scheduler: one seed, one case, the same on every machine.

A case is 3 to 12 nodes with what is on them, and pods to be placed on it one after another. The families each stress
some of the scheduler's plugins, with values so few that they collide: ties, full nodes and refusals are common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

import msgspec

from tests.controlplane.client import Raw
from tests.controlplane.objects import node, pod

T = TypeVar("T")

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
ZONES = ("za", "zb", "zc")
POOLS = ("gpu", "cpu", "system")
IMAGES = (("example.com/app:1", 90), ("example.com/train:2", 700), ("example.com/big:3", 2000))
"""Name and size in MiB."""


class Case(msgspec.Struct, frozen=True):
    """One generated cluster.

    Attributes:
        family: which rules it stresses.
        seed: makes the same again.
        objects: all but the pods to place.
        pods: to place, in order.
    """

    family: str
    seed: int
    objects: tuple[Raw, ...]
    pods: tuple[Raw, ...]


class Dice(Random):
    """Short ways to draw."""

    def hit(self, chance: float) -> bool:
        """Whether something of this probability happens."""
        return self.random() < chance

    def one(self, values: Sequence[T]) -> T:
        """Any of them."""
        return self.choice(values)

    def some(self, values: Sequence[T], least: int = 1) -> list[T]:
        """Several different ones, in their order."""
        count = self.randint(least, len(values))
        return [values[index] for index in sorted(self.sample(range(len(values)), count))]


TAINTS: tuple[Raw, ...] = (
    {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"},
    {"key": "dedicated", "value": "system", "effect": "NoExecute"},
    {"key": "spot", "effect": "PreferNoSchedule"},
    {"key": "slow", "value": "yes", "effect": "PreferNoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"},
)


def nodes(
    dice: Dice, *, least: int = 3, most: int = 12, taints: float = 0.25, images: float = 0.2, bare: float = 0.1
) -> list[Raw]:
    """Nodes of few shapes.

    Args:
        dice: draws.
        least: how many there are at the least.
        most: and at the most.
        taints: how often a node has one.
        images: how often a node lists an image.
        bare: how often a node lacks a label that others have.
    """
    shapes = [(dice.one(("2", "4", "8")), dice.one(("4Gi", "8Gi", "16Gi")), dice.one((4, 8, 110))) for _ in range(2)]
    found = []
    for number in range(dice.randint(least, most)):
        cpu, memory, count = dice.one(shapes)
        labels = {ZONE: dice.one(ZONES), "pool": dice.one(POOLS), "gen": dice.one(("1", "2", "10", "x", "007"))}
        labels = {key: value for key, value in labels.items() if not dice.hit(bare)}
        extended = {"nvidia.com/gpu": dice.one(("1", "2", "8"))} if dice.hit(0.3) else {}
        listed = [{"names": [name], "sizeBytes": size * 1024 * 1024} for name, size in IMAGES if dice.hit(images)]
        found.append(
            node(
                f"n{number}",
                cpu=cpu,
                memory=memory,
                pods=count,
                labels=labels,
                taints=dice.some(TAINTS)[:2] if dice.hit(taints) else (),
                extended=extended,
                images=listed,
                unschedulable=dice.hit(0.08),
            )
        )
    return found


def requests(dice: Dice) -> dict[str, str]:
    """What a container asks for; sometimes nothing."""
    if dice.hit(0.15):
        return {}
    wanted = {"cpu": dice.one(("100m", "500m", "1", "1500m", "3")), "memory": dice.one(("64Mi", "512Mi", "1Gi", "3G"))}
    if dice.hit(0.15):
        wanted.pop(dice.one(tuple(wanted)))
    if dice.hit(0.15):
        wanted["nvidia.com/gpu"] = dice.one(("1", "2"))
    if dice.hit(0.05):
        wanted["ephemeral-storage"] = dice.one(("1Gi", "60Gi"))
    return wanted


def tolerations(dice: Dice) -> list[Raw]:
    """Of some taints, or of all."""
    if dice.hit(0.3):
        return [{"operator": "Exists"}]
    made: list[Raw] = []
    for taint in dice.some(TAINTS, least=0):
        one: Raw = {"key": taint["key"]}
        if dice.hit(0.5) or "value" not in taint:
            one["operator"] = "Exists"
        else:
            one["value"] = dice.one((taint["value"], "other"))
        if dice.hit(0.5):
            one["effect"] = taint["effect"]
        made.append(one)
    return made


def bound(dice: Dice, found: Sequence[Raw], count: int, make: Callable[[str], Raw]) -> list[Raw]:
    """Pods that run on the nodes already, whether they fit or not; some are finished, and take nothing."""
    made = []
    for number in range(count):
        one = make(f"b{number}")
        one["spec"]["nodeName"] = dice.one(found)["metadata"]["name"]
        made.append(one)
    return made


def simple(dice: Dice, name: str, **more: Any) -> Raw:
    """A pod that only asks for resources, and perhaps tolerates taints."""
    if dice.hit(0.5):
        more.setdefault("tolerations", tolerations(dice))
    return pod(name, requests=requests(dice), image=dice.one(IMAGES)[0], **more)
