"""Family: who outranks whom. Full clusters with pods of lower priority that would have to go, or not suffice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.controlplane.client import Raw
from tests.controlplane.generate import POOLS, ZONE, Case, Dice, bound, nodes
from tests.controlplane.objects import plain, pod

CLASSES = {"low": -10, "mid": 100, "high": 1000}
GRACE = 300
"""Seconds that a victim has: it is still there when the answer is looked at."""


def preemption(seed: int) -> Case:
    """Nodes that are full of pods of several priorities, and pods of higher, equal and never displacing priority."""
    dice = Dice(seed)
    made = nodes(dice, most=5, taints=0.08, images=0)
    classes = [plain("scheduling.k8s.io/v1", "PriorityClass", name, value=value) for name, value in CLASSES.items()]
    classes.append(plain("scheduling.k8s.io/v1", "PriorityClass", "polite", value=2000, preemptionPolicy="Never"))
    if dice.hit(0.2):
        classes[0]["globalDefault"] = True
    there = bound(
        dice,
        made,
        3 * len(made) + dice.randint(0, 6),
        lambda name: _ranked(dice, name, ("low", "low", "mid", "high", ""), GRACE),
    )
    _one_owner(there)
    for number, one in enumerate(dice.sample(there, len(there))):
        one["status"] = {"startTime": f"2026-01-01T00:{number:02}:00Z"}  # the longer a pod runs the later it goes
    wanted = [
        _ranked(dice, f"p{number}", ("high", "high", "mid", "polite", ""), GRACE)
        for number in range(dice.randint(2, 4))
    ]
    for one in wanted:
        if dice.hit(0.5):
            one["spec"]["containers"][0]["resources"]["requests"]["cpu"] = dice.one(("2", "3", "4", "7"))
    return Case("preemption", seed, (*made, *classes, *there), tuple(wanted))


def _one_owner(there: Sequence[Raw]) -> None:
    """Leaves a port of a node to one pod: a kubelet lets in no second one, and the scheduler keeps no count of owners.

    When one of two is taken away the port is free for it (``UsedPorts``), whoever else is there.
    """
    taken = set()
    for one in there:
        ports = one["spec"]["containers"][0].get("ports")
        if ports and one["spec"]["nodeName"] in taken:
            del one["spec"]["containers"][0]["ports"]
        elif ports:
            taken.add(one["spec"]["nodeName"])


def _ranked(dice: Dice, name: str, names: tuple[str, ...], grace: int) -> Raw:
    wanted = {"cpu": dice.one(("500m", "1", "2", "3")), "memory": dice.one(("128Mi", "1Gi", "3Gi"))}
    if dice.hit(0.1):
        wanted["nvidia.com/gpu"] = "1"
    spec: dict[str, Any] = {"terminationGracePeriodSeconds": grace}
    if chosen := dice.one(names):
        spec["priorityClassName"] = chosen
    if dice.hit(0.12):
        spec["nodeSelector"] = {"pool": dice.one(POOLS)}
    labels = {"app": dice.one(("web", "db"))}
    if dice.hit(0.15):
        term = {
            "topologyKey": dice.one((ZONE, "kubernetes.io/hostname")),
            "labelSelector": {"matchLabels": {"app": "web"}},
        }
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    made = pod(name, requests=wanted, labels=labels, **spec)
    if dice.hit(0.1):
        made["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 8080}]
    return made
