"""Families: where other pods are. Topology spread, affinity and anti-affinity to pods."""

from __future__ import annotations

from typing import Any

from tests.controlplane.client import Raw
from tests.controlplane.generate import HOST, IMAGES, ZONE, Case, Dice, bound, nodes, tolerations
from tests.controlplane.objects import namespace, plain, pod

APPS = ("web", "db")
TEAMS = ("default", "team-a", "team-b")
KEYS = (ZONE, HOST, "pool")


def _app(dice: Dice, name: str, *, team: str = "default", **spec: Any) -> Raw:
    labels = {"app": dice.one(APPS), "version": dice.one(("1", "2"))}
    if dice.hit(0.1):
        labels = {}
    wanted = {} if dice.hit(0.4) else {"cpu": dice.one(("100m", "500m")), "memory": "128Mi"}
    if dice.hit(0.4):
        spec.setdefault("tolerations", tolerations(dice))
    return pod(name, namespace=team, labels=labels, requests=wanted, image=dice.one(IMAGES)[0], **spec)


def _selector(dice: Dice) -> Raw:
    if dice.hit(0.7):
        return {"matchLabels": {"app": dice.one(APPS)}}
    if dice.hit(0.2):
        return {}
    operator = dice.one(("In", "NotIn", "Exists", "DoesNotExist"))
    one: Raw = {"key": dice.one(("app", "tier")), "operator": operator}
    if operator in ("In", "NotIn"):
        one["values"] = dice.some(APPS)
    return {"matchExpressions": [one]}


def spread(seed: int) -> Case:
    """Hard and soft topology spread: skew, least domains, inclusion policies, keys that narrow the selector."""
    dice = Dice(seed)
    made = nodes(dice, taints=0.2, bare=0.12)
    there = bound(dice, made, dice.randint(0, 12), lambda name: _app(dice, name))
    wanted = []
    for number in range(dice.randint(3, 6)):
        one = _app(dice, f"p{number}")
        keys = dice.sample(KEYS, dice.randint(1, 2))
        one["spec"]["topologySpreadConstraints"] = [_constraint(dice, key) for key in keys]
        if dice.hit(0.25):
            one["spec"]["nodeSelector"] = {"pool": dice.one(("gpu", "cpu"))}
        wanted.append(one)
    return Case("spread", seed, (*made, *there), tuple(wanted))


def _constraint(dice: Dice, key: str) -> Raw:
    hard = dice.hit(0.55)
    one: Raw = {
        "topologyKey": key,
        "maxSkew": dice.randint(1, 3),
        "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway",
        "labelSelector": _selector(dice),
    }
    if hard and dice.hit(0.25):
        one["minDomains"] = dice.randint(1, 4)
    if dice.hit(0.25):
        one["nodeAffinityPolicy"] = dice.one(("Honor", "Ignore"))
    if dice.hit(0.25):
        one["nodeTaintsPolicy"] = dice.one(("Honor", "Ignore"))
    if dice.hit(0.25):
        one["matchLabelKeys"] = ["version"]
    return one


def default_spread(seed: int) -> Case:
    """Pods that a Service or a ReplicaSet has, without constraints of their own: the cluster-wide default spreads them."""
    dice = Dice(seed)
    made = nodes(dice, taints=0.1, bare=0.12)
    there = bound(dice, made, dice.randint(2, 12), lambda name: _app(dice, name))
    owners: list[Raw] = []
    if dice.hit(0.6):
        selector = {"app": dice.one(APPS)} | ({"version": "1"} if dice.hit(0.3) else {})
        owners.append(
            plain("v1", "Service", "s", namespace="default", spec={"selector": selector, "ports": [{"port": 80}]})
        )
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": IMAGES[0][0]}]},
    }
    owners += [
        plain(
            "apps/v1",
            kind,
            name,
            namespace="default",
            spec={"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
            | ({"serviceName": "s"} if kind == "StatefulSet" else {}),
        )
        for kind, name in (("ReplicaSet", "rs"), ("StatefulSet", "ss"))
    ]
    wanted = []
    for number in range(dice.randint(3, 6)):
        one = _app(dice, f"p{number}")
        if dice.hit(0.6):
            kind, name = dice.one((("ReplicaSet", "rs"), ("StatefulSet", "ss")))
            one["metadata"]["labels"] |= {"app": "web"}
            owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": True}
            one["metadata"]["ownerReferences"] = [owner]
        wanted.append(one)
    return Case("default spread", seed, (*made, *owners, *there), tuple(wanted))


def affinity(seed: int) -> Case:
    """Affinity and anti-affinity to pods, required and preferred, both ways, over namespaces."""
    dice = Dice(seed)
    made = nodes(dice, taints=0.15, bare=0.12)
    teams = [namespace("team-a", owner="x"), namespace("team-b", owner="y", shared="yes")]
    there = bound(dice, made, dice.randint(0, 8), lambda name: _sociable(dice, name, chance=0.4))
    wanted = [_sociable(dice, f"p{number}", chance=0.95) for number in range(dice.randint(3, 6))]
    return Case("affinity", seed, (*made, *teams, *there), tuple(wanted))


def _sociable(dice: Dice, name: str, *, chance: float) -> Raw:
    one = _app(dice, name, team=dice.one(TEAMS))
    wishes: Raw = {}
    for side, often in (("podAffinity", 0.5), ("podAntiAffinity", 0.5)):
        rules: Raw = {}
        if dice.hit(chance * often):
            rules["requiredDuringSchedulingIgnoredDuringExecution"] = [
                _near(dice, one) for _ in range(1 if dice.hit(0.7) else 2)
            ]
        if dice.hit(chance * often):
            rules["preferredDuringSchedulingIgnoredDuringExecution"] = [
                {"weight": dice.one((1, 10, 100)), "podAffinityTerm": _near(dice, one)}
                for _ in range(dice.randint(1, 2))
            ]
        if rules:
            wishes[side] = rules
    if wishes:
        one["spec"]["affinity"] = wishes
    return one


def _near(dice: Dice, mine: Raw) -> Raw:
    term: Raw = {"topologyKey": dice.one(KEYS), "labelSelector": _selector(dice)}
    labels = mine["metadata"]["labels"]
    if labels and dice.hit(0.3):
        term["labelSelector"] = {
            "matchLabels": {"app": labels["app"]}
        }  # of its own kind: the first of them may go anywhere
    where = dice.random()
    if where < 0.2:
        term["namespaces"] = dice.some(TEAMS)
    elif where < 0.4:
        term["namespaceSelector"] = dice.one(({}, {"matchLabels": {"owner": "x"}}, {"matchLabels": {"shared": "yes"}}))
    elif where < 0.5:
        term["namespaces"] = [dice.one(TEAMS)]
        term["namespaceSelector"] = {"matchLabels": {"owner": "y"}}
    if labels and dice.hit(0.15):
        term[dice.one(("matchLabelKeys", "mismatchLabelKeys"))] = ["version"]
    return term
