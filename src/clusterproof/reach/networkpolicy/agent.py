"""Where the tables of the VPC CNI's agent may say less than the policies do.

For each address the agent holds one list of ports, those of all rules that hold the address together, of blocks
around it, too. The list is short, and an exception of one rule has an entry of its own that may shadow a wider block
of another.
Source: aws/aws-network-policy-agent, ``pkg/fwruleprocessor`` and ``pkg/ebpf/c``.
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet
from clusterproof.reach.networkpolicy.model import Dialect
from clusterproof.reach.networkpolicy.prepared import Isolation
from clusterproof.reach.networkpolicy.rules import Flow, Rule, admits
from clusterproof.snapshot.fields import Cause, Unknown


def lost(flow: Flow, isolation: Isolation, dialect: Dialect) -> Unknown | None:
    """Why what some rule admits may be refused all the same; None where it is not, or another plugin enforces."""
    if not dialect.max_ports:
        return None
    rules = [
        rule
        for policy in (*isolation.certain, *(one for one, _ in isolation.possible))
        for rule in policy.rules[flow.direction]
    ]
    return _crowd(flow, rules, dialect) or _shadow(flow, rules, dialect)


def _crowd(flow: Flow, rules: list[Rule], dialect: Dialect) -> Unknown | None:
    if sum(max(1, len(rule.ports)) for rule in rules) <= dialect.max_ports:
        return None
    held: set[tuple[object, ...]] = set()
    for rule in rules:
        if not admits(msgspec.structs.replace(rule, ports=()), flow, dialect).nothing:
            held.update((one.protocol, one.port, one.end_port) for one in rule.ports)
            if not rule.ports:
                held.add(())
    if len(held) <= dialect.max_ports:
        return None
    return Unknown(
        Cause.NOT_MODELLED,
        f"{len(held)} combinations of port and protocol apply to one address, over all policies that select the pod, "
        f"more than the {dialect.max_ports} that the agent of the {dialect.name} holds",
        "use endPort, or name fewer ports",
    )


def _shadow(flow: Flow, rules: list[Rule], dialect: Dialect) -> Unknown | None:
    """An exception that holds the far side, where only wider blocks admit it: one by a selector is an entry of its own."""
    far = flow.other.addresses if flow.service is None else AddressSet.of(flow.service.cluster_ip)
    shadows = [rule for rule in rules if _excepts(rule, far)]
    if not shadows:
        return None
    for rule in rules:
        chosen = tuple(peer for peer in rule.peers if peer.ip_block is None)
        if chosen and admits(msgspec.structs.replace(rule, peers=chosen), flow, dialect).whole:
            return None
    return Unknown(
        Cause.NOT_MODELLED,
        f"{shadows[0].field} ({shadows[0].text}) excepts addresses that another rule admits; whether the agent of the "
        f"{dialect.name} lets them pass depends on its version",
        "leave the exception out where another rule admits it",
    )


def _excepts(rule: Rule, far: AddressSet) -> bool:
    for peer in rule.peers:
        if peer.ip_block is not None and peer.ip_block.except_:
            try:
                if AddressSet.of(*peer.ip_block.except_).covers(far) != "none":
                    return True
            except AddressError:
                continue
    return False
