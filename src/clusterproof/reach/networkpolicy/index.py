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
from clusterproof.reach.networkpolicy.agent import lost
from clusterproof.reach.networkpolicy.model import (
    KUBERNETES,
    READINGS,
    Decision,
    Dialect,
    Direction,
    Outcome,
    Peer,
    ServiceView,
)
from clusterproof.reach.networkpolicy.prepared import NOT_ISOLATED, Classes, Isolation, Policy, prepare
from clusterproof.reach.networkpolicy.rules import (
    ALL,
    Admission,
    Flow,
    Rule,
    admits,
    either,
    select,
)
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, NetworkPolicy
from clusterproof.world.selectors import Truth, all_of
from clusterproof.world.workloads import GENERATED_LABELS

PROTOCOLS = ("TCP", "UDP", "SCTP")
"""The protocols that NetworkPolicies define."""


_WAYS: tuple[Direction, ...] = ("ingress", "egress")


class _Core(NamedTuple):
    """A decision about classes, without names."""

    outcome: Outcome
    words: str
    refs: tuple[Ref, ...] = ()
    selected_by: int = 0
    part: AddressSet = NOWHERE


class Nearness(NamedTuple):
    """How the two ends lie to one another, as far as policies make exceptions for it.

    Attributes:
        own_node: the far side is the pod's own node, or a host-network pod on it.
        itself: the far side is the very same pod.
        dialled: it goes by a Service's cluster address.
    """

    own_node: bool = False
    itself: bool = False
    dialled: bool = False


_FAR = Nearness()


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
        self._by_label: dict[str, dict[tuple[str, str] | None, list[NetworkPolicy]]] = {}
        for policy in policies:
            labels = policy.spec.pod_selector.match_labels
            demanded = min((item for item in labels.items() if item[0] not in GENERATED_LABELS), default=None)
            namespace = self._by_label.setdefault(policy.metadata.namespace, {})
            namespace.setdefault(demanded, []).append(policy)
        self._prepared: dict[int, Policy] = {}
        self._isolation: dict[tuple[Direction, int], Isolation] = {}
        self._classes = Classes()
        self._cores: dict[tuple[object, ...], _Core] = {}

    def isolation(self, peer: Peer, direction: Direction) -> Isolation:
        """The policies that isolate a pod in a direction."""
        if not peer.is_pod or peer.namespace is None or peer.namespace not in self._by_label:
            return NOT_ISOLATED
        key = (direction, self._classes.of(peer))
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
        for policy in map(self._ready, candidates):
            truth = all_of((policy.isolates[direction], select(policy.selector, labels, unknown)))
            if isinstance(truth, Unknown):
                possible.append((policy, truth))
            elif truth:
                certain.append(policy)
        certain.sort(key=lambda policy: policy.key)
        possible.sort(key=lambda pair: pair[0].key)
        return Isolation(tuple(certain), tuple(possible))

    def _ready(self, policy: NetworkPolicy) -> Policy:
        """Prepared when a pod's labels first lead to it: most policies are about other pods than those asked for."""
        found = self._prepared.get(id(policy))
        if found is None:
            found = self._prepared[id(policy)] = prepare(policy)
        return found

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
        """Whether the policies that select ``subject`` let a flow pass in one direction.

        Args:
            direction: ``ingress``: ``subject`` is the server; ``egress``: it is the client.
            subject: whose policies are asked.
            other: the far side.
            port: the container port at the destination, after any Service was resolved.
            protocol: TCP, UDP or SCTP; of others NetworkPolicies say nothing.
            via_service: the Service whose cluster address the client dials; rules read it on egress only, and
                only where the dialect judges before the translation.
            same_node_host: ``other`` is the subject's own node (or a host-network pod on it).
            itself: ``other`` is the subject: one pod, not another of its workload.
        """
        dialled = via_service is not None and not via_service.headless
        near = Nearness(same_node_host, itself, dialled) if same_node_host or itself or dialled else _FAR
        seen: bytes | None = None
        if via_service is not None and direction == "egress" and self.dialect.cluster_ip_before_nat and near.dialled:
            seen = msgspec.json.encode(via_service, order="sorted")
        else:
            via_service = None
        key = (direction, self._classes.of(subject), self._classes.of(other), port, protocol, seen, near)
        core = self._cores.get(key)
        if core is None:
            flow = Flow(direction, subject, other, port, protocol.upper(), via_service)
            core = self._cores[key] = self._decide(flow, near)
        return Decision(core.outcome, core.words, subject, other, core.refs, core.selected_by, core.part)

    def exempt(self, direction: Direction, subject: Peer, near: Nearness) -> str | None:
        """Why no policy of any tier touches a flow, as a template of words; None where one may."""
        if self.dialect.enforced is False:
            return "not enforced: nothing in this cluster enforces NetworkPolicies"
        if subject.enforced is False:
            return _plain(f"not enforced: {self.dialect.name} enforces no NetworkPolicy where ") + "{subject} runs"
        if subject.host_network:
            return "not enforced: {subject} is on the host network"
        if subject.namespace is None:
            return "{subject} is not a pod: no NetworkPolicy selects it"
        if near.itself and not near.dialled:
            return "{subject} reaches itself: its own address never leaves the pod"
        if near.own_node and self._own_node(direction, subject, near) is True:
            return "traffic between {subject} and its own node is always allowed"
        return None

    def doubts(self, subject: Peer) -> Unknown | None:
        """Why a refusal of a pod's traffic may not be enforced; None where it is."""
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

    def _own_node(self, direction: Direction, subject: Peer, near: Nearness) -> Truth:
        """Whether a pod and its own node always reach one another, in one direction and way."""
        if self.dialect.default_deny and not any(self.isolation(subject, way).certain for way in _WAYS):
            return Unknown(
                Cause.NOT_ANSWERABLE,
                "Kubernetes says that traffic between a pod and its own node is always allowed; in strict enforcing "
                "mode not all versions of the agent let it pass",
            )
        if direction == "ingress":
            return True
        if near.dialled and self.dialect.cluster_ip_before_nat:
            return Unknown(
                Cause.NOT_ANSWERABLE,
                "Kubernetes says that traffic of a pod to its own node is always allowed; the VPC CNI sees the "
                "Service's cluster address, and no rule admits that",
            )
        return self.dialect.own_node_egress

    def _decide(self, flow: Flow, near: Nearness) -> _Core:
        free = self.exempt(flow.direction, flow.subject, near)
        if free is not None:
            return _Core("allowed", free)
        core = self._governed(flow)
        if core.outcome == "allowed" or isinstance(core.outcome, Unknown):
            return core
        softer = self._softer(flow.direction, flow.subject, near)
        if softer is not None:
            return core._replace(outcome=softer, words=_plain(softer.detail))
        doubt = self.doubts(flow.subject)
        if doubt is None:
            return core
        lead = "whether NetworkPolicies are enforced is not known (if they are: {}; if not: allowed): {}"
        return core._replace(outcome=doubt, words=_plain(lead.format(core.outcome, doubt.detail)), part=NOWHERE)

    def _softer(self, direction: Direction, subject: Peer, near: Nearness) -> Unknown | None:
        """Why a refusal between a pod and itself, or its own node, is not certain."""
        if near.own_node:
            truth = self._own_node(direction, subject, near)
            return truth if isinstance(truth, Unknown) else None
        if near.itself:
            return Unknown(
                Cause.NOT_ANSWERABLE,
                "Kubernetes says that a pod cannot be kept from itself; by a Service its packets leave the pod, and no "
                "rule admits them",
            )
        return None

    def _governed(self, flow: Flow) -> _Core:
        """What the policies say of a flow that nothing exempts."""
        isolation = self.isolation(flow.subject, flow.direction)
        if not isolation:
            if self.incomplete is not None:
                return _unknown(self.incomplete, "not all NetworkPolicies were read")
            return self._ungoverned(flow)
        core = self._judge(flow, isolation, self.dialect)
        return self._both_readings(flow, isolation, core) if isinstance(core.outcome, Unknown) else core

    def _ungoverned(self, flow: Flow) -> _Core:
        """No policy isolates the subject in this direction."""
        allowed = _Core("allowed", f"no NetworkPolicy selects {{subject}} for {flow.direction}")
        if not self.dialect.default_deny:
            return allowed
        elsewhere = self.isolation(flow.subject, "egress" if flow.direction == "ingress" else "ingress")
        if elsewhere.certain:
            # Any policy that selects the pod ends its default deny (aws-network-policy-agent, issue 319).
            return allowed
        if elsewhere.possible:
            return _unknown(elsewhere.possible[0][1], "strict enforcing mode refuses what no policy selects")
        return _Core("refused", "strict enforcing mode: no NetworkPolicy selects {subject}, so everything is refused")

    def _both_readings(self, flow: Flow, isolation: Isolation, core: _Core) -> _Core:
        """An answer that the plugin leaves open: both of them are told, and where they agree it is none."""
        for name, words in READINGS.items():
            if getattr(self.dialect, name) is not core.outcome:
                continue
            found = [
                self._judge(flow, isolation, msgspec.structs.replace(self.dialect, **{name: answer}))
                for answer in (True, False)
            ]
            if found[0].outcome == found[1].outcome:
                return found[0]
            said = [one.outcome if isinstance(one.outcome, str) else "unknown" for one in found]
            why = core.outcome
            if isinstance(why, Unknown):
                both = f"{why.detail} ({words[0]}: {said[0]}; {words[1]}: {said[1]})"
                told = msgspec.structs.replace(why, detail=both)
                return core._replace(outcome=told, words=core.words.replace(_plain(why.detail), _plain(both)))
        return core

    def _judge(self, flow: Flow, isolation: Isolation, dialect: Dialect) -> _Core:
        count = len(isolation.certain)
        if flow.protocol not in PROTOCOLS:
            return _unknown(
                Unknown(Cause.NOT_ANSWERABLE, f"NetworkPolicies do not define {flow.protocol}"),
                "a NetworkPolicy selects the pod",
                selected_by=count,
            )
        found, by = _admission(flow, isolation.certain, dialect)
        if by is not None and count:
            doubt = lost(flow, isolation, dialect)
            return _allowed(by, count) if doubt is None else _unknown(doubt, "admitted", selected_by=count)
        alternatives = [_admission(flow, (policy,), dialect) for policy, _ in isolation.possible]
        if not count and self.incomplete is None and all(one.whole for one, _ in alternatives):
            # Selected or not, it passes, unless the plugin loses what admits it.
            doubt = lost(flow, isolation, dialect)
            return _allowed(alternatives[0][1], 0) if doubt is None else _unknown(doubt, "admitted")
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


def _admission(
    flow: Flow, policies: Sequence[Policy], dialect: Dialect
) -> tuple[Admission, tuple[Policy, Rule] | None]:
    """What the rules of some policies admit together, and the rule that admits the whole, if one does."""
    found: list[Admission] = []
    partly: tuple[Policy, Rule] | None = None
    for policy in policies:
        for rule in policy.rules[flow.direction]:
            one = admits(rule, flow, dialect)
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
