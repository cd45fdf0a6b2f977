"""Families: what a pod asks of the node itself, and pods that the scheduler is kept from (gates, nodeName, others)."""

from __future__ import annotations

from tests.controlplane.client import Raw
from tests.controlplane.generate import (
    IMAGES,
    POOLS,
    ZONE,
    ZONES,
    Case,
    Dice,
    bound,
    nodes,
    requests,
    simple,
    tolerations,
)
from tests.controlplane.objects import plain, pod

OVERHEAD = {"cpu": "250m", "memory": "120Mi"}
PORTS = (8080, 9090)


def resources(seed: int) -> Case:
    """Resources, extended ones, init containers, sidecars, overhead, requests of the pod as a whole, ports, taints."""
    dice = Dice(seed)
    made = nodes(dice)
    runtime = plain("node.k8s.io/v1", "RuntimeClass", "heavy", handler="heavy", overhead={"podFixed": OVERHEAD})
    there = bound(dice, made, dice.randint(0, 10), lambda name: _loaded(dice, name))
    wanted = [_loaded(dice, f"p{number}") for number in range(dice.randint(3, 6))]
    return Case("resources", seed, (*made, runtime, *there), tuple(wanted))


def _loaded(dice: Dice, name: str) -> Raw:
    made = simple(dice, name)
    spec = made["spec"]
    if dice.hit(0.2):
        more = {"name": "second", "image": dice.one(IMAGES)[0], "resources": {"requests": {"cpu": "200m"}}}
        spec["containers"].append(more)
    if dice.hit(0.3):
        spec["initContainers"] = [_init(dice, number) for number in range(dice.randint(1, 3))]
    if dice.hit(0.15):
        spec["runtimeClassName"] = "heavy"
        spec["overhead"] = dict(OVERHEAD)
    extended = any("nvidia.com/gpu" in one["resources"].get("requests", {}) for one in spec["containers"])
    if dice.hit(0.15) and not extended and "initContainers" not in spec:
        spec["resources"] = {"requests": {"cpu": "4", "memory": "6Gi"}}
    if dice.hit(0.25):
        port = {"containerPort": 80, "hostPort": dice.one(PORTS), "protocol": dice.one(("TCP", "UDP"))}
        if dice.hit(0.4):
            port["hostIP"] = dice.one(("127.0.0.1", "10.0.0.1", "0.0.0.0"))  # noqa: S104 - an address in a pod's spec
        spec["containers"][0]["ports"] = [port]
    return made


def _init(dice: Dice, number: int) -> Raw:
    amounts = {"cpu": dice.one(("100m", "1", "2500m")), "memory": dice.one(("100Mi", "2Gi"))}
    one: Raw = {"name": f"init{number}", "image": dice.one(IMAGES)[0], "resources": {"requests": amounts}}
    if dice.hit(0.4):
        one["restartPolicy"] = "Always"
    if dice.hit(0.2):
        one["resources"] = {}
    return one


def selectors(seed: int) -> Case:
    """Node selectors, required and preferred node affinity with every operator, names of nodes, taints."""
    dice = Dice(seed)
    made = nodes(dice, taints=0.3, bare=0.2)
    there = bound(dice, made, dice.randint(0, 4), lambda name: simple(dice, name))
    names = [one["metadata"]["name"] for one in made]
    wanted = [_choosy(dice, f"p{number}", names) for number in range(dice.randint(3, 6))]
    return Case("selectors", seed, (*made, *there), tuple(wanted))


def _choosy(dice: Dice, name: str, names: list[str]) -> Raw:
    made = simple(dice, name)
    spec = made["spec"]
    if dice.hit(0.35):
        spec["nodeSelector"] = {ZONE: dice.one(ZONES)} if dice.hit(0.5) else {"pool": dice.one(POOLS)}
    affinity: Raw = {}
    if dice.hit(0.7):
        terms = [_term(dice, names) for _ in range(dice.randint(1, 2))]
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    if dice.hit(0.5):
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {"weight": dice.one((1, 5, 100)), "preference": _term(dice, names)} for _ in range(dice.randint(1, 3))
        ]
    if affinity:
        spec["affinity"] = {"nodeAffinity": affinity}
    return made


def _term(dice: Dice, names: list[str]) -> Raw:
    term: Raw = {}
    if dice.hit(0.8):
        term["matchExpressions"] = [_expression(dice) for _ in range(dice.randint(1, 2))]
    if not term or dice.hit(0.2):
        # The API takes one value here.
        term["matchFields"] = [
            {
                "key": "metadata.name",
                "operator": dice.one(("In", "In", "NotIn")),
                "values": [dice.one([*names, "nobody"])],
            }
        ]
    return term


def _expression(dice: Dice) -> Raw:
    operator = dice.one(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
    if operator in ("Gt", "Lt"):
        return {"key": "gen", "operator": operator, "values": [dice.one(("0", "1", "2", "5", "10"))]}
    key, values = dice.one(((ZONE, ZONES), ("pool", POOLS), ("gen", ("1", "2", "10")), ("nowhere", ("a",))))
    one: Raw = {"key": key, "operator": operator}
    if operator in ("In", "NotIn"):
        one["values"] = dice.some(values)
    return one


def kept(seed: int) -> Case:
    """Pods with scheduling gates, with a node's name, for another scheduler, between ordinary ones."""
    dice = Dice(seed)
    made = nodes(dice, most=6)
    wanted: list[Raw] = []
    for number in range(dice.randint(4, 7)):
        one = simple(dice, f"p{number}")
        kind = dice.one(("gated", "named", "foreign", "plain", "plain"))
        if kind == "gated":
            one["spec"]["schedulingGates"] = [{"name": f"example.com/g{gate}"} for gate in range(dice.randint(1, 2))]
        elif kind == "named":
            one["spec"]["nodeName"] = dice.one(made)["metadata"]["name"]
        elif kind == "foreign":
            one["spec"]["schedulerName"] = dice.one(("karpenter", "volcano"))
        wanted.append(one)
    return Case("kept", seed, tuple(made), tuple(wanted))


def copies(seed: int) -> Case:
    """Many copies of one pod, with and without requests: nodes fill up, until one is refused."""
    dice = Dice(seed)
    made = nodes(dice, most=5, taints=0.15)
    wanted, tolerated, image = requests(dice), tolerations(dice), dice.one(IMAGES)[0]
    pods = [
        pod(f"p{number}", requests=wanted, image=image, tolerations=tolerated) for number in range(dice.randint(5, 10))
    ]
    return Case("copies", seed, tuple(made), tuple(pods))
