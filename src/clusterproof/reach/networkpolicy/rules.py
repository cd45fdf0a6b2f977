"""Does one rule of a NetworkPolicy admit a flow?

Rules of ``networking.k8s.io/v1`` (Kubernetes documentation, "Network Policies", and the API reference of
NetworkPolicySpec). An answer has three parts that never hide one another: certainly all, certainly these
addresses, and why the rest is unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from clusterproof.reach.addresses import NOWHERE, AddressError, AddressSet
from clusterproof.reach.networkpolicy.model import Dialect, Direction, Peer, ServiceView
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import (
    ContainerPort,
    EgressRule,
    IngressRule,
    IPBlock,
    Labels,
    LabelSelector,
    NetworkPolicyPeer,
    NetworkPolicyPort,
)
from clusterproof.world.selectors import SelectorError, Truth, all_of, any_of, matches_partly, matches_state

NAME_LABEL = "kubernetes.io/metadata.name"
"""Set by the API server on every namespace to its name, immutable (Kubernetes documentation, "Well-Known Labels")."""


class Admission(NamedTuple):
    """What a rule, or several, admit of a flow.

    Attributes:
        whole: the flow certainly, from every address of the other side.
        part: certainly these addresses of the other side.
        unknown: why more than that may be admitted; None when nothing is in doubt.
    """

    whole: bool = False
    part: AddressSet = NOWHERE
    unknown: Unknown | None = None

    @property
    def nothing(self) -> bool:
        """Certainly not admitted."""
        return not self.whole and not self.part and self.unknown is None


ALL = Admission(whole=True)
NONE = Admission()


def admission(truth: Truth) -> Admission:
    """A three-valued answer that does not depend on addresses."""
    if isinstance(truth, Unknown):
        return Admission(unknown=truth)
    return ALL if truth else NONE


def either(admissions: Iterable[Admission], addresses: AddressSet = NOWHERE) -> Admission:
    """OR: the first that admits the whole decides; parts are united, and may fill ``addresses``."""
    part, unknown = NOWHERE, None
    for one in admissions:
        if one.whole:
            return ALL
        if one.part:
            part = part | one.part
        unknown = unknown or one.unknown
    if part and part.covers(addresses) == "all":
        return ALL
    return Admission(part=part, unknown=unknown)


def both(peer: Admission, port: Truth) -> Admission:
    """AND of who may and on which port."""
    if port is True:
        return peer
    if port is False or peer.nothing:
        return NONE
    return Admission(unknown=port)


class Rule(msgspec.Struct, frozen=True):
    """An ingress or egress rule: ``field`` is its path in the policy, ``namespace`` the policy's."""

    field: str
    namespace: str
    peers: tuple[NetworkPolicyPeer, ...]
    ports: tuple[NetworkPolicyPort, ...]

    @property
    def text(self) -> str:
        """In words, e.g. ``TCP 2379 from pods app=worker``."""
        word = "from" if self.field.startswith("spec.ingress") else "to"
        ports = ", ".join(_port_text(port) for port in self.ports) or "all ports"
        return f"{ports} {word} {' or '.join(_peer_text(peer) for peer in self.peers) or 'anywhere'}"


def rule_of(rule: IngressRule | EgressRule, index: int, namespace: str) -> Rule:
    """An API rule with its place: the ``index``-th of its direction in a policy of ``namespace``."""
    if isinstance(rule, IngressRule):
        return Rule(f"spec.ingress[{index}]", namespace, rule.from_, rule.ports)
    return Rule(f"spec.egress[{index}]", namespace, rule.to, rule.ports)


class Flow(NamedTuple):
    """One direction's question: ``subject`` is who the policies select, ``other`` the far side."""

    direction: Direction
    subject: Peer
    other: Peer
    port: int
    protocol: str
    service: ServiceView | None


def select(selector: LabelSelector, labels: Mapping[str, str], unknown: Collection[str] = ()) -> Truth:
    """A label selector on labels, of which some may be unknown; a malformed selector is unknown, never False."""
    try:
        return matches_partly(selector, labels, unknown)
    except SelectorError as error:
        return Unknown(Cause.NOT_MODELLED, f"a selector that Kubernetes refuses: {error}", "correct the policy")


def select_namespace(selector: LabelSelector, name: str, labels: Labels | Unknown) -> Truth:
    """A namespace selector; of unknown labels the API server's own is known all the same."""
    if not isinstance(labels, Unknown):
        return select(selector, labels if NAME_LABEL in labels else {**labels, NAME_LABEL: name})
    try:
        return matches_state(selector, lambda key: name if key == NAME_LABEL else labels)
    except SelectorError as error:
        return Unknown(Cause.NOT_MODELLED, f"a selector that Kubernetes refuses: {error}", "correct the policy")


def admits(rule: Rule, flow: Flow, dialect: Dialect) -> Admission:
    """What one rule admits of a flow."""
    if flow.service is not None:
        return _admits_cluster_ip(rule, flow, flow.service)
    nameless = flow.direction == "egress" and not dialect.named_egress_ports_by_address
    by_pod = _pod_ports(rule.ports, flow, dialect)
    by_address = ports_match(rule.ports, flow.port, flow.protocol, None) if nameless else by_pod
    if not rule.peers:
        return admission(by_address)
    return either(
        (
            both(_peer(peer, rule, flow, dialect), by_address if peer.ip_block is not None else by_pod)
            for peer in rule.peers
        ),
        flow.other.addresses,
    )


def _pod_ports(ports: tuple[NetworkPolicyPort, ...], flow: Flow, dialect: Dialect) -> Truth:
    """Whether a rule's ports hold the flow's, names resolved on the destination pod."""
    pod = flow.subject if flow.direction == "ingress" else flow.other
    found = ports_match(ports, flow.port, flow.protocol, pod.ports)
    if found is True or not pod.sidecar_ports or dialect.sidecar_ports is False:
        return found
    wider = ports_match(ports, flow.port, flow.protocol, (*pod.ports, *pod.sidecar_ports))
    return dialect.sidecar_ports if wider is True and isinstance(dialect.sidecar_ports, Unknown) else wider


def ports_match(
    ports: tuple[NetworkPolicyPort, ...], port: int, protocol: str, pods: tuple[ContainerPort, ...] | None
) -> Truth:
    """Whether a rule's ports hold a port; none at all mean every port.

    Args:
        port: the port that is dialled at the destination.
        protocol: TCP, UDP or SCTP.
        ports: the rule's; a name resolves by (name, protocol) on the destination, an unresolved one matches nothing.
        pods: the destination's container ports; None when names are not resolved.
    """
    if not ports:
        return True
    return any_of(_port(one, port, pods) for one in ports if one.protocol == protocol)


def _port(entry: NetworkPolicyPort, port: int, pods: tuple[ContainerPort, ...] | None) -> Truth:
    wanted, end = entry.port, entry.end_port
    if end is not None and (not isinstance(wanted, int) or end < wanted):
        return Unknown(Cause.NOT_MODELLED, "a port range that Kubernetes refuses", "correct the policy's endPort")
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return wanted <= port <= (wanted if end is None else end)
    return any(
        one.container_port == port and one.name == wanted and one.protocol == entry.protocol for one in pods or ()
    )


def _peer(peer: NetworkPolicyPeer, rule: Rule, flow: Flow, dialect: Dialect) -> Admission:
    malformed = _malformed(peer)
    if malformed is not None:
        return Admission(unknown=malformed)
    other = flow.other
    if peer.ip_block is not None:
        return _ip_block(peer.ip_block, other, dialect)
    if other.namespace is None and not other.host_network:
        return NONE
    if other.host_network and dialect.selectors_match_host_pods is False:
        return NONE
    if other.namespace is None:
        found: Truth = True  # a host-network peer of which nothing more is known
    else:
        found = _selectors(
            peer, rule.namespace, other.namespace, other.namespace_labels, other.labels, other.unknown_labels
        )
    if other.host_network and isinstance(dialect.selectors_match_host_pods, Unknown) and found is not False:
        return Admission(unknown=dialect.selectors_match_host_pods)
    return admission(found)


def _selectors(
    peer: NetworkPolicyPeer,
    own: str,
    namespace: str,
    namespace_labels: Labels | Unknown,
    labels: Labels,
    unknown: Collection[str] = (),
) -> Truth:
    """Both selectors of a peer; without a namespace selector only the policy's own namespace is meant."""
    if peer.namespace_selector is None:
        there: Truth = namespace == own
    else:
        there = select_namespace(peer.namespace_selector, namespace, namespace_labels)
    if there is False or peer.pod_selector is None:
        return there
    return all_of((there, select(peer.pod_selector, labels, unknown)))


def _malformed(peer: NetworkPolicyPeer) -> Unknown | None:
    selects = peer.pod_selector is not None or peer.namespace_selector is not None
    if selects != (peer.ip_block is not None):
        return None
    what = "both a selector and an ipBlock" if selects else "neither a selector nor an ipBlock"
    return Unknown(Cause.NOT_MODELLED, f"a peer with {what}, which Kubernetes refuses", "correct the policy")


def _block(block: IPBlock) -> AddressSet | Unknown:
    try:
        return AddressSet.of(block.cidr) - AddressSet.of(*block.except_)
    except AddressError as error:
        return Unknown(Cause.NOT_MODELLED, f"an ipBlock that Kubernetes refuses: {error}", "correct the policy")


def _ip_block(block: IPBlock, other: Peer, dialect: Dialect) -> Admission:
    matched: bool | Unknown = True
    if other.host_network:
        matched = dialect.ip_block_matches_nodes
    elif other.is_pod:
        matched = dialect.ip_block_matches_pods
    if matched is False:
        return NONE
    space = _block(block)
    if isinstance(space, Unknown):
        return Admission(unknown=space)
    if not other.addresses:
        return Admission(unknown=Unknown(Cause.NOT_COLLECTED, "the address of the other side is not known"))
    cover = space.covers(other.addresses)
    if cover == "none":
        return NONE
    if isinstance(matched, Unknown):
        return Admission(unknown=matched)
    return ALL if cover == "all" else Admission(part=space & other.addresses)


# --- cluster addresses before translation (VPC CNI) -----------------------------------------


def _admits_cluster_ip(rule: Rule, flow: Flow, service: ServiceView) -> Admission:
    """Egress to a Service's cluster address where the hook stands before the translation.

    The controller adds the cluster address of every Service whose *selector* the rule's pod selector matches,
    with the service ports that lead to the rule's ports; an ipBlock or a rule for all destinations is compared
    with the cluster address and the service port as they are (endpoints.go, ``getMatchingServiceClusterIPs``).
    """
    by_address = ports_match(rule.ports, service.port, flow.protocol, None)
    if not rule.peers:
        return admission(by_address)
    truths: list[Truth] = []
    for peer in rule.peers:
        malformed = _malformed(peer)
        if malformed is not None:
            truths.append(malformed)
        elif peer.ip_block is not None:
            space = _block(peer.ip_block)
            held = space if isinstance(space, Unknown) else space.covers(AddressSet.of(service.cluster_ip)) == "all"
            truths.append(all_of((by_address, held)))
        else:
            found = _selectors(peer, rule.namespace, service.namespace, service.namespace_labels, service.selector)
            truths.append(found if found is False else all_of((found, _service_ports(rule, flow, service))))
    return admission(any_of(truths))


def _service_ports(rule: Rule, flow: Flow, service: ServiceView) -> Truth:
    if not rule.ports:
        return True
    entries = [one for one in rule.ports if one.protocol == flow.protocol]
    found = any_of(_leads_to(one, rule, flow, service) for one in entries)
    if found is True and service.port != flow.port and all(one.port is not None for one in entries):
        return Unknown(
            Cause.NOT_MODELLED,
            f"service {service.namespace}/{service.name} maps port {service.port} to {flow.port}: the VPC CNI wants "
            "the service port equal to the container port where NetworkPolicies apply",
            "make the two ports equal, or name no ports in the egress rule",
        )
    return found


def _leads_to(entry: NetworkPolicyPort, rule: Rule, flow: Flow, service: ServiceView) -> Truth:
    """Whether one port of a rule stands for the service port that is dialled."""
    if entry.port is None or (entry.end_port is not None and not isinstance(entry.port, int)):
        return _port(entry, service.port, None)
    listen = _listen_port(entry.port, entry.protocol, flow.other.ports, service)
    if listen is None:
        return False
    if not listen <= service.port <= (listen if entry.end_port is None else entry.end_port):
        return False
    if isinstance(entry.port, int) and ports_match(rule.ports, flow.port, flow.protocol, None) is False:
        return Unknown(
            Cause.NOT_MODELLED,
            f"service {service.namespace}/{service.name} leads to port {flow.port}, which the rule does not name: "
            "whether its cluster address is admitted depends on the version of the network policy controller",
            "name the container port in the egress rule",
        )
    return True


def _listen_port(port: int | str, protocol: str, pods: tuple[ContainerPort, ...], service: ServiceView) -> int | None:
    """The service port that leads to a rule's port: by equal targetPort, else through the pod's container ports."""
    candidates = [one for one in service.ports if one.protocol == protocol]
    for one in candidates:
        if (one.port if one.target_port is None else one.target_port) == port:
            return one.port
    number, name = (port, "") if isinstance(port, int) else (None, "")
    for container in pods:
        if container.protocol == protocol and port in (container.container_port, container.name):
            number, name = container.container_port, container.name
            break
    for one in candidates:
        target = one.port if one.target_port is None else one.target_port
        if target == number or (name and target == name):
            return one.port
    return None


# --- words ------------------------------------------------------------------------------------


def selector_text(selector: LabelSelector) -> str:
    """A label selector as kubectl would take it, e.g. ``app=etcd,tier in (a,b)``; ``all`` when empty."""
    parts = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    for one in selector.match_expressions:
        values = ",".join(one.values)
        words = {"In": f"{one.key} in ({values})", "NotIn": f"{one.key} notin ({values})"}
        words |= {"Exists": one.key, "DoesNotExist": f"!{one.key}"}
        parts.append(words.get(one.operator, f"{one.key} {one.operator} ({values})"))
    return ",".join(parts) or "all"


def _port_text(port: NetworkPolicyPort) -> str:
    if port.port is None:
        return port.protocol
    return f"{port.protocol} {port.port}" + (f"-{port.end_port}" if port.end_port is not None else "")


def _peer_text(peer: NetworkPolicyPeer) -> str:
    if peer.ip_block is not None:
        return peer.ip_block.cidr + (f" except {', '.join(peer.ip_block.except_)}" if peer.ip_block.except_ else "")
    pods = f"pods {selector_text(peer.pod_selector)}" if peer.pod_selector is not None else "pods"
    if peer.namespace_selector is None:
        return pods
    return f"{pods} in namespaces {selector_text(peer.namespace_selector)}"
