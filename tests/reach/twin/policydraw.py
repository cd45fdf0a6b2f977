"""Policies of drawn worlds: NetworkPolicies, and cluster-wide ones in both versions of their API."""

from __future__ import annotations

import random

from tests.reach.twin.plan import NAMED, Plan, Raw, block

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def any_block(plan: Plan, draw: random.Random) -> str:
    """A block that may cut a subnet; open ones come up often, so that connections work at times."""
    if draw.random() < 0.25:
        return "0.0.0.0/0" if plan.family == 4 else "::/0"
    if plan.family == 6 and draw.random() < 0.1:
        return "0.0.0.0/0"  # of the other family: holds nothing here (rules 1.8, 2.2)
    vpc, subnets = draw.choice([(0, 4), (0, 4), (0, 4), (9, 1)])
    if draw.random() < 0.3:
        return block(plan.family, vpc)
    size = draw.choice([16, 16, 8, 4, 1])
    first = draw.randrange(0, 16, size) if size < 16 else 0
    return block(plan.family, vpc, draw.randrange(subnets), first, size)


def _selector(draw: random.Random, key: str = "tier") -> Raw:
    form = draw.randrange(6)
    if form == 0:
        return {}
    if form <= 2:
        return {"matchLabels": {key: draw.choice("xyz")}}
    operator = draw.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    one: Raw = {"key": draw.choice([key, "role" if key == "tier" else "none"]), "operator": operator}
    if operator in ("In", "NotIn"):
        one["values"] = sorted(draw.sample("xyz", draw.randint(1, 2)))
    return {"matchExpressions": [one]}


def policies(plan: Plan, draw: random.Random) -> None:
    """NetworkPolicies of some namespaces."""
    for number in range(draw.randint(1, 4)):
        spec: Raw = {"podSelector": _selector(draw)}
        ways = draw.choice([["ingress"], ["egress"], ["ingress", "egress"]])
        for way in ways:
            rules = [_policy_rule(plan, draw, way) for _ in range(draw.randint(0, 3))]
            if rules or draw.random() < 0.5:
                spec[way] = rules
        if draw.random() < 0.6:
            spec["policyTypes"] = [way.capitalize() for way in ways]
        namespace = draw.choice(["app", "app", "two", "three"])
        plan.policies.append({"metadata": {"namespace": namespace, "name": f"p{number}"}, "spec": spec})


def _policy_rule(plan: Plan, draw: random.Random, way: str) -> Raw:
    rule: Raw = {}
    if draw.random() < 0.8:
        rule["from" if way == "ingress" else "to"] = [_policy_peer(plan, draw) for _ in range(draw.randint(0, 2))]
    if draw.random() < 0.6:
        rule["ports"] = [_policy_port(plan, draw) for _ in range(draw.randint(0, 2))]
    return rule


def _policy_peer(plan: Plan, draw: random.Random) -> Raw:
    form = draw.randrange(4)
    if form == 0:
        cidr = draw.choice([any_block(plan, draw), "172.20.0.0/16" if plan.family == 4 else "fd00::/64"])
        found: Raw = {"cidr": cidr}
        if draw.random() < 0.4:
            base = block(plan.family, 0, draw.randrange(4), draw.choice([0, 8]), 8)
            if cidr in (EVERYWHERE[plan.family], block(plan.family, 0)):
                found["except"] = [base]
        return {"ipBlock": found}
    if form == 1:
        return {"podSelector": _selector(draw)}
    if form == 2:
        return {"namespaceSelector": _selector(draw, "team")}
    return {"namespaceSelector": _selector(draw, "team"), "podSelector": _selector(draw)}


def _policy_port(plan: Plan, draw: random.Random) -> Raw:
    found: Raw = {}
    if draw.random() < 0.7:
        found["protocol"] = draw.choice(["TCP", "TCP", "UDP", "SCTP"])
    form = draw.randrange(5)
    if form <= 2:
        found["port"] = draw.choice([80, 8080, 53])
        # What the VPC CNI does with ranges behind a cluster address is a matter of its controller's version.
        if plan.engine != "aws" and draw.random() < 0.3:
            found["endPort"] = draw.choice([80, 8080]) if found["port"] != 8080 else 9000
    elif form == 3 and plan.engine != "aws":
        found["port"] = NAMED
    return found


def admin(plan: Plan, draw: random.Random) -> None:
    """v1alpha1's two kinds where Calico is 3.29 or 3.30, v1alpha2's one from 3.32 on."""
    old = plan.engine == "calico-3.29"
    for number in range(draw.randint(1, 3)):
        baseline = draw.random() < 0.3
        spec: Raw = {"subject": _pods(draw)}
        if not old:
            spec["tier"] = "Baseline" if baseline else "Admin"
        if not (old and baseline):
            spec["priority"] = draw.choice([1, 5, 5, 9])
        for way in ("ingress", "egress"):
            if draw.random() < 0.7:
                spec[way] = [
                    _admin_rule(plan, draw, way, old=old, baseline=baseline) for _ in range(draw.randint(1, 3))
                ]
        if old and baseline:
            continue  # Calico 3.29 does not read BaselineAdminNetworkPolicies; 3.30 does, and nothing else differs
        kind = "adminnetworkpolicies" if old else "clusternetworkpolicies"
        plan.admin.append((kind, {"metadata": {"name": f"a{number}"}, "spec": spec}))


def _pods(draw: random.Random) -> Raw:
    if draw.random() < 0.5:
        return {"namespaces": _selector(draw, "team")}
    return {"pods": {"namespaceSelector": _selector(draw, "team"), "podSelector": _selector(draw)}}


def _admin_rule(plan: Plan, draw: random.Random, way: str, *, old: bool, baseline: bool) -> Raw:
    allow = "Allow" if old else "Accept"
    actions = [allow, "Deny"] if baseline else [allow, "Deny", "Pass"]
    peers = [_pods(draw) for _ in range(draw.randint(1, 2))]
    if way == "egress" and draw.random() < 0.4:
        peers.append({"networks": [any_block(plan, draw)]})
    rule: Raw = {"action": draw.choice(actions), "from" if way == "ingress" else "to": peers}
    if draw.random() < 0.5:
        protocol, port = draw.choice(["TCP", "TCP", "UDP", "SCTP"]), draw.choice([80, 8080, 53])
        ranged = draw.random() < 0.3
        if old:
            whole: Raw = {"portRange": {"protocol": protocol, "start": port, "end": 9000}}
            rule["ports"] = [whole if ranged else {"portNumber": {"protocol": protocol, "port": port}}]
        else:
            number: Raw = {"range": {"start": port, "end": 9000}} if ranged else {"number": port}
            rule["protocols"] = [{protocol.lower(): {"destinationPort": number}}]
    return rule
