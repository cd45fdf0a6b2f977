"""The tiers in their order: Admin, NetworkPolicy, Baseline, and what no policy decides is allowed.

A NetworkPolicy that isolates the pod in a direction is final for that direction; the Baseline tier is asked only
where none does (network-policy-api, ``clusternetworkpolicy_types.go``, ``Tier``). Client and server are asked apart.
"""

from __future__ import annotations

from typing import NamedTuple

from clusterproof.reach.addresses import NOWHERE, AddressSet
from clusterproof.reach.adminpolicy.index import AdminIndex, Option, Verdict
from clusterproof.reach.networkpolicy import (
    Classes,
    Decision,
    Direction,
    Nearness,
    Outcome,
    Peer,
    PolicyIndex,
    ServiceView,
)
from clusterproof.reach.networkpolicy.rules import Flow
from clusterproof.snapshot.fields import Cause, Ref, Unknown


class _Said(NamedTuple):
    """One possible end of the way through the tiers."""

    outcome: Outcome
    words: str
    refs: tuple[Ref, ...] = ()
    selected_by: int = 0
    part: AddressSet = NOWHERE


class Tiers:
    """Answers with all tiers.

    Args:
        admin: the cluster-wide policies that something enforces.
        policies: the NetworkPolicies.
    """

    def __init__(self, admin: AdminIndex, policies: PolicyIndex) -> None:
        self._admin = admin
        self._policies = policies
        self._classes = Classes()
        self._memo: dict[tuple[object, ...], _Said] = {}

    def decide(
        self,
        direction: Direction,
        subject: Peer,
        other: Peer,
        port: int,
        protocol: str,
        *,
        via_service: ServiceView | None = None,
        same_node_host: bool = False,
        itself: bool = False,
    ) -> Decision:
        """As :meth:`PolicyIndex.decide`, with the tiers before and behind it."""
        near = Nearness(same_node_host, itself, via_service is not None and not via_service.headless)
        if self._policies.exempt(direction, subject, near) is not None or not self._admin.selecting(direction, subject):
            return self._lowest(direction, subject, other, port, protocol, via_service, near)
        seen = via_service if near.dialled and self._before_translation(direction) else None
        named = None if via_service is None else (via_service.namespace, via_service.name, via_service.port)
        key = (direction, self._classes.of(subject), self._classes.of(other), port, protocol, named, near)
        said = self._memo.get(key)
        if said is None:
            answers: list[tuple[Peer, _Said]] = []
            for part in self._admin.parts(direction, subject, other) if seen is None else (other,):
                flow = Flow(direction, subject, part, port, protocol.upper(), seen)
                answers.append((part, self._through(flow, via_service, near)))
            said = self._memo[key] = _over_addresses(answers)
        return Decision(said.outcome, said.words, subject, other, said.refs, said.selected_by, said.part)

    def _before_translation(self, direction: Direction) -> bool:
        return direction == "egress" and self._policies.dialect.cluster_ip_before_nat

    def _lowest(
        self,
        direction: Direction,
        subject: Peer,
        other: Peer,
        port: int,
        protocol: str,
        service: ServiceView | None,
        near: Nearness,
    ) -> Decision:
        return self._policies.decide(
            direction,
            subject,
            other,
            port,
            protocol,
            via_service=service,
            same_node_host=near.own_node,
            itself=near.itself,
        )

    def _through(self, flow: Flow, service: ServiceView | None, near: Nearness) -> _Said:
        """Every way that the tiers leave open, for one part of the far side's addresses."""
        crowd = self._admin.crowd(flow)
        if crowd is not None:
            return _Said(crowd, crowd.detail)
        verdict = self._admin.decide("Admin", flow)
        said: list[_Said] = []
        doubt = verdict.doubt
        for option in verdict.options:
            if option.says == "next":
                below, why = self._below(flow, service, near)
                said += below
                doubt = doubt or why
            else:
                said.append(self._final(option, flow))
        return _one_of(said, doubt)

    def _below(self, flow: Flow, service: ServiceView | None, near: Nearness) -> tuple[list[_Said], Unknown | None]:
        """What NetworkPolicies say and, where none isolates the pod, the Baseline tier."""
        found = self._lowest(flow.direction, flow.subject, flow.other, flow.port, flow.protocol, service, near)
        lowest = _Said(found.outcome, found.words, found.refs, found.selected_by, found.part)
        isolated = self._policies.isolated(flow.subject, flow.direction)
        if isolated is True or not self._admin.has("Baseline"):
            return [lowest], None
        verdict: Verdict = self._admin.decide("Baseline", flow)
        said = [lowest if option.says == "next" else self._final(option, flow) for option in verdict.options]
        if isinstance(isolated, Unknown):
            return [lowest, *said], verdict.doubt or isolated
        return said, verdict.doubt

    def _final(self, option: Option, flow: Flow) -> _Said:
        if option.says == "allow":
            return _Said("allowed", option.text, option.refs)
        doubt = self._policies.doubts(flow.subject)
        if doubt is None:
            return _Said("refused", option.text, option.refs, 1)
        told = doubt.detail.replace("{", "{{").replace("}", "}}")
        return _Said(doubt, f"whether policies are enforced is not known: {told}", option.refs, 1)


def _one_of(said: list[_Said], doubt: Unknown | None) -> _Said:
    """One answer where all possible ones are the same, else why they are not."""
    first = said[0]
    if all(one.outcome == first.outcome and one.part == first.part for one in said):
        return first
    unread = next((one.outcome for one in said if isinstance(one.outcome, Unknown)), None)
    why = doubt or unread or Unknown(Cause.NOT_ANSWERABLE, "cluster-wide policies leave several answers open")
    words = why.detail.replace("{", "{{").replace("}", "}}")
    refs = tuple(ref for one in said for ref in one.refs)
    return _Said(why, words, refs, max(one.selected_by for one in said))


def _over_addresses(answers: list[tuple[Peer, _Said]]) -> _Said:
    """Parts of the far side's addresses together: some admitted and some refused is varying."""
    first = answers[0][1]
    if all(said.outcome == first.outcome and not said.part for _, said in answers):
        return first
    for _, said in answers:
        if isinstance(said.outcome, Unknown):
            return said
    admitted = NOWHERE
    for part, said in answers:
        admitted = admitted | (part.addresses if said.outcome == "allowed" else said.part)
    refusing = next((said for _, said in answers if said.outcome != "allowed"), first)
    words = f"of the addresses of {{other}} only {admitted} are admitted: {refusing.words}"
    return _Said("varies", words, refusing.refs, refusing.selected_by, admitted)


__all__ = ["Tiers"]
