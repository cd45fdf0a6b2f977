"""All NetworkPolicies of a world, and what they decide.

Policies are additive: a pod is isolated in a direction when any policy that
selects it lists that direction, and then only what some selecting policy admits
passes (Kubernetes documentation, "Network Policies", "The two sorts of pod
isolation"). Unknown never hides a definite answer: a rule that certainly admits
allows, whatever else is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from clusterproof.reach.addresses import NOWHERE, AddressSet
from clusterproof.reach.networkpolicy.model import (
    KUBERNETES,
    Decision,
    Dialect,
    Direction,
    Outcome,
    Peer,
    ServiceView,
)
from clusterproof.reach.networkpolicy.rules import (
    ALL,
    Admission,
    Flow,
    Rule,
    admits,
    either,
    rule_of,
    select,
    selector_text,
)
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, LabelSelector, NetworkPolicy
from clusterproof.world.selectors import Truth, all_of
from clusterproof.world.workloads import GENERATED_LABELS

PROTOCOLS = ("TCP", "UDP", "SCTP")
"""The protocols that NetworkPolicies define."""


class Policy(msgspec.Struct, frozen=True):
    """One policy, prepared: per direction whether it isolates, and its rules; ``ref`` is its pod selector."""

    key: str
    selector: LabelSelector
    ref: Ref
    isolates: dict[Direction, Truth]
    rules: dict[Direction, tuple[Rule, ...]]


class Isolation(NamedTuple):
    """The policies that isolate a class of pods in one direction, by name.

    Attributes:
        certain: those that select it.
        possible: those of which that cannot be said, each with why.
    """

    certain: tuple[Policy, ...] = ()
    possible: tuple[tuple[Policy, Unknown], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.certain or self.possible)


class _Core(NamedTuple):
    """A decision about classes, without names."""

    outcome: Outcome
    words: str
    refs: tuple[Ref, ...] = ()
    selected_by: int = 0
    part: AddressSet = NOWHERE


NOT_ISOLATED = Isolation()


def _prepare(policy: NetworkPolicy) -> Policy:
    spec, name = policy.spec, policy.metadata.namespace
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    strange = [one for one in types if one not in ("Ingress", "Egress")]
    doubt: Truth = (
        Unknown(Cause.NOT_MODELLED, f"policyTypes holds {strange[0]!r}, which Kubernetes refuses", "correct the policy")
        if strange
        else False
    )
    key = f"{name}/{policy.metadata.name}"
    return Policy(
        key=key,
        selector=spec.pod_selector,
        ref=Ref("networkpolicies", key, "spec.podSelector", selector_text(spec.pod_selector)),
        isolates={
            "ingress": "Ingress" in types or doubt,
            "egress": "Egress" in types or doubt,
        },
        rules={
            "ingress": tuple(rule_of(rule, i, name) for i, rule in enumerate(spec.ingress)),
            "egress": tuple(rule_of(rule, i, name) for i, rule in enumerate(spec.egress)),
        },
    )


class PolicyIndex:
    """Answers for all pods of a world; built once per world, remembers per class.

    Args:
        policies: all NetworkPolicies, in any order.
        dialect: what the enforcing plugin does where Kubernetes leaves it open.
        incomplete: set when not all policies could be read; then nothing but a certain admission is certain.
    """

    def __init__(
        self, policies: Iterable[NetworkPolicy], dialect: Dialect = KUBERNETES, *, incomplete: Unknown | None = None
    ) -> None:
        self.dialect = dialect
        self.incomplete = incomplete
        # Per namespace, policies under one label that their selector demands, or under None where it demands none:
        # a pod's labels then lead to the few policies that can select it.
        self._by_label: dict[str, dict[tuple[str, str] | None, list[Policy]]] = {}
        for policy in policies:
            labels = policy.spec.pod_selector.match_labels
            demanded = min((item for item in labels.items() if item[0] not in GENERATED_LABELS), default=None)
            namespace = self._by_label.setdefault(policy.metadata.namespace, {})
            namespace.setdefault(demanded, []).append(_prepare(policy))
        self._isolation: dict[tuple[Direction, int], Isolation] = {}
        self._classes: dict[object, int] = {}
        self._class_of: dict[int, tuple[Peer, int]] = {}
        self._cores: dict[tuple[object, ...], _Core] = {}

    def isolation(self, peer: Peer, direction: Direction) -> Isolation:
        """The policies that isolate a pod in a direction."""
        if not peer.is_pod or peer.namespace is None or peer.namespace not in self._by_label:
            return NOT_ISOLATED
        key = (direction, self._class(peer))
        found = self._isolation.get(key)
        if found is None:
            found = self._isolation[key] = self._isolate(peer.namespace, peer.labels, peer.unknown_labels, direction)
        return found

    def isolated(self, peer: Peer, direction: Direction) -> Truth:
        """Whether some policy isolates a pod in a direction."""
        found = self.isolation(peer, direction)
        if found.certain:
            return True
        return self.incomplete or (found.possible[0][1] if found.possible else False)

    def _isolate(self, namespace: str, labels: Labels, unknown: tuple[str, ...], direction: Direction) -> Isolation:
        groups = self._by_label[namespace]
        candidates = list(groups.get(None, ()))
        for label in labels.items():
            candidates += groups.get(label, ())
        certain: list[Policy] = []
        possible: list[tuple[Policy, Unknown]] = []
        for policy in candidates:
            truth = all_of((policy.isolates[direction], select(policy.selector, labels, unknown)))
            if isinstance(truth, Unknown):
                possible.append((policy, truth))
            elif truth:
                certain.append(policy)
        certain.sort(key=lambda policy: policy.key)
        possible.sort(key=lambda pair: pair[0].key)
        return Isolation(tuple(certain), tuple(possible))

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
    ) -> Decision:
        """Whether the policies that select ``subject`` let a flow pass in one direction.

        Args:
            direction: ``ingress``: ``subject`` is the server; ``egress``: it is the client.
            subject: whose policies are asked.
            other: the far side.
            port: the container port at the destination, after any Service was resolved.
            protocol: TCP, UDP or SCTP; of others NetworkPolicies say nothing.
            via_service: on egress, the Service whose cluster address the client dials; it matters only
                where the dialect judges before the translation.
            same_node_host: ``other`` is the subject's own node (or a host-network pod on it), which is
                always allowed.
        """
        seen: bytes | None = None
        if via_service is not None:
            if direction == "egress" and self.dialect.cluster_ip_before_nat and not via_service.headless:
                seen = msgspec.json.encode(via_service, order="sorted")
            else:
                via_service = None
        key = (direction, self._class(subject), self._class(other), port, protocol, seen, same_node_host)
        core = self._cores.get(key)
        if core is None:
            flow = Flow(direction, subject, other, port, protocol.upper(), via_service)
            core = self._cores[key] = self._decide(flow, same_node_host)
        return Decision(core.outcome, core.words, subject, other, core.refs, core.selected_by, core.part)

    def _class(self, peer: Peer) -> int:
        """A number for all peers that no policy can tell apart."""
        held = self._class_of.get(id(peer))
        if held is not None:
            return held[1]
        space = peer.namespace_labels
        key = (
            peer.namespace,
            space if isinstance(space, Unknown) else frozenset(space.items()),
            frozenset(peer.labels.items()),
            peer.unknown_labels,
            peer.ports,
            peer.addresses,
            peer.host_network,
            peer.owned,
            peer.enforced,
        )
        number = self._classes.setdefault(key, len(self._classes))
        self._class_of[id(peer)] = (peer, number)  # holding the peer keeps its id from being used again
        return number

    def _decide(self, flow: Flow, same_node_host: bool) -> _Core:
        free = self._free(flow, same_node_host)
        if free is not None:
            return free
        isolation = self.isolation(flow.subject, flow.direction)
        if not isolation:
            if self.incomplete is not None:
                return _unknown(self.incomplete, "not all NetworkPolicies were read")
            return _Core("allowed", f"no NetworkPolicy selects {{subject}} for {flow.direction}")
        core = self._judge(flow, isolation)
        doubt = self._enforcement(flow.subject)
        if doubt is not None and core.outcome != "allowed":
            return _Core(
                doubt,
                _plain(f"whether NetworkPolicies are enforced is not known: {doubt.detail}"),
                core.refs,
                core.selected_by,
            )
        return core

    def _free(self, flow: Flow, same_node_host: bool) -> _Core | None:
        """What is allowed whatever the policies say."""
        subject = flow.subject
        if self.dialect.enforced is False:
            return _Core("allowed", "not enforced: nothing in this cluster enforces NetworkPolicies")
        if subject.enforced is False:
            return _Core(
                "allowed",
                _plain(f"not enforced: {self.dialect.name} enforces no NetworkPolicy where ") + "{subject} runs",
            )
        if subject.host_network:
            return _Core("allowed", "not enforced: {subject} is on the host network")
        if subject.namespace is None:
            return _Core("allowed", "{subject} is not a pod: no NetworkPolicy selects it")
        if same_node_host:
            return _Core("allowed", "traffic between {subject} and its own node is always allowed")
        return None

    def _enforcement(self, subject: Peer) -> Unknown | None:
        for known in (self.dialect.enforced, subject.enforced):
            if isinstance(known, Unknown):
                return known
        if self.dialect.needs_owner and not subject.owned:
            return Unknown(
                Cause.NOT_MODELLED,
                f"{self.dialect.name} promises enforcement only for pods with ownerReferences, and this one has none",
                "let a Deployment or another controller own the pod",
            )
        return None

    def _judge(self, flow: Flow, isolation: Isolation) -> _Core:
        count = len(isolation.certain)
        if flow.protocol not in PROTOCOLS:
            return _unknown(
                Unknown(Cause.NOT_ANSWERABLE, f"NetworkPolicies do not define {flow.protocol}"),
                "a NetworkPolicy selects the pod",
                selected_by=count,
            )
        found, by = self._admission(flow, isolation.certain)
        if by is not None and count:
            return _allowed(by, count)
        alternatives = [self._admission(flow, (policy,)) for policy, _ in isolation.possible]
        if not count and self.incomplete is None and all(one.whole for one, _ in alternatives):
            return _allowed(alternatives[0][1], 0)  # selected or not, it passes
        refs = tuple(one.ref for one in isolation.certain)
        doubt = self._doubt(found, alternatives, isolation)
        if doubt is not None:
            return _unknown(doubt, "no rule certainly admits it", refs=refs, selected_by=count)
        if found.part:
            words = f"{_select(count)} {{subject}}; of the addresses of {{other}} only {found.part} are admitted"
            return _Core("varies", words, refs, count, found.part)
        what = f"{flow.protocol} {flow.port} {'from' if flow.direction == 'ingress' else 'to'}"
        return _Core("refused", f"{_select(count)} {{subject}}; none admits {_plain(what)} {{other}}", refs, count)

    def _doubt(
        self, found: Admission, alternatives: Sequence[tuple[Admission, object]], isolation: Isolation
    ) -> Unknown | None:
        """Why a flow that is not certainly admitted is not certainly refused either."""
        if found.unknown is not None:
            return found.unknown
        if not isolation.certain:
            return isolation.possible[0][1]
        for (one, _), (_, why) in zip(alternatives, isolation.possible, strict=True):
            if not one.nothing:
                return one.unknown or why
        return self.incomplete

    def _admission(self, flow: Flow, policies: Sequence[Policy]) -> tuple[Admission, tuple[Policy, Rule] | None]:
        """What the rules of some policies admit together, and the rule that admits the whole, if one does."""
        found: list[Admission] = []
        partly: tuple[Policy, Rule] | None = None
        for policy in policies:
            for rule in policy.rules[flow.direction]:
                one = admits(rule, flow, self.dialect)
                if one.whole:
                    return ALL, (policy, rule)
                if one.part:
                    partly = partly or (policy, rule)
                found.append(one)
        together = either(found, flow.other.addresses)
        return together, partly if together.whole else None


def _select(count: int) -> str:
    return "1 NetworkPolicy selects" if count == 1 else f"{count} NetworkPolicies select"


def _plain(text: str) -> str:
    """Text that is no template."""
    return text.replace("{", "{{").replace("}", "}}")


def _allowed(by: tuple[Policy, Rule] | None, count: int) -> _Core:
    if by is None:  # unreachable: a whole admission always comes from a rule
        raise AssertionError("admitted by no rule")
    policy, rule = by
    ref = Ref("networkpolicies", policy.key, rule.field, rule.text)
    return _Core("allowed", _plain(f"NetworkPolicy {policy.key} admits {rule.text}"), (ref,), count)


def _unknown(why: Unknown, lead: str, *, refs: tuple[Ref, ...] = (), selected_by: int = 0) -> _Core:
    return _Core(why, _plain(f"{lead}: {why.detail}"), refs, selected_by)
