"""The load balancer of a Service: who sends to its targets, from which addresses, to which kind of target.

A Network Load Balancer keeps the address of its clients for instance targets and for UDP, not for IP targets with TCP
or TLS, unless its target group's attribute says otherwise; an Application Load Balancer never does. Health checks
come from the balancer itself. What is not read makes the answer unknown, with the Service's name.
Sources: Network Load Balancers guide, "Edit target group attributes" (Client IP preservation), "Health checks" and
"Update the security groups for your Network Load Balancer"; Application Load Balancers guide, "HTTP headers";
AWS Load Balancer Controller, "Service annotations" and its service model builder (target group port, health check
port); Kubernetes documentation, "Create an External Load Balancer".
"""

from __future__ import annotations

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import LoadBalancer, TargetGroup
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Service, ServicePort
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Attachment, Interface

_PREFIX = "service.beta.kubernetes.io/"
TARGET_TYPE = f"{_PREFIX}aws-load-balancer-nlb-target-type"
ATTRIBUTES = f"{_PREFIX}aws-load-balancer-target-group-attributes"
SOURCE_RANGES = f"{_PREFIX}load-balancer-source-ranges"
NODE_LABELS = f"{_PREFIX}aws-load-balancer-target-node-labels"
PRESERVE = "preserve_client_ip.enabled"
_ALWAYS = ("UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
_OF = {"TCP": ("TCP", "TLS", "TCP_UDP", "HTTP", "HTTPS"), "UDP": ("UDP", "TCP_UDP", "QUIC", "TCP_QUIC")}


class Target(msgspec.Struct, frozen=True):
    """What a balancer sends to the targets of one port of its Service.

    Attributes:
        instance: the targets are nodes, at the Service's node port; else they are the pods.
        kept: the packets carry the client's address.
        unread: why it may be the other way about; None where that is certain.
        health_port: of its health checks; 0 where that is the traffic's own.
    """

    instance: bool
    kept: bool
    unread: Unknown | None = None
    health_port: int = 0


class Balancer(msgspec.Struct, frozen=True):
    """The load balancer of a Service.

    Attributes:
        service: the Service.
        name: of the balancer.
        kind: ``network`` or ``application``.
        interfaces: its own, one for each of its subnets.
        clients: CIDR blocks from which it may be dialled.
        groups: its target groups.
        untold: why these are not known; None where they are.
        internal: its addresses are the VPC's own.
    """

    service: Service
    name: str
    kind: str
    interfaces: tuple[Interface, ...]
    clients: tuple[str, ...]
    groups: tuple[TargetGroup, ...] = ()
    untold: Unknown | None = None
    internal: bool = False

    @property
    def key(self) -> str:
        """``namespace/name`` of the Service."""
        return f"{self.service.metadata.namespace}/{self.service.metadata.name}"

    def keeping(self) -> tuple[Interface, ...]:
        """Its interfaces as they send where it keeps the addresses of its clients."""
        return tuple(msgspec.structs.replace(item, sends_as=self.clients) for item in self.interfaces)

    def target(self, port: ServicePort) -> Target | Unknown:
        """What it sends for one port of the Service, or why that is not known."""
        found = self._group(port)
        if isinstance(found, Unknown):
            return found
        kind, protocol, health = found
        if kind not in ("instance", "ip"):
            return Unknown(Cause.NOT_MODELLED, f"the targets of Service {self.key}'s load balancer are of type {kind}")
        kept = preserved(self.kind, kind, protocol, self._preserve)
        unread = None
        if self.kind == "network" and protocol not in _ALWAYS and self._preserve is None:
            what = f"whether the load balancer of Service {self.key} keeps its clients' addresses was not read"
            command = "aws elbv2 describe-target-group-attributes --target-group-arn ARN --output json"
            remedy = f"see {PRESERVE} of {command}, or say it in the annotation {ATTRIBUTES}"
            unread = Unknown(Cause.NOT_COLLECTED, f"{what}; {'on' if kept else 'off'} is the default", remedy)
        number = int(health) if health.isdigit() else 0
        local = kind == "instance" and self.service.spec.external_traffic_policy == "Local"
        if not number and local and not self.groups:
            number = self.service.spec.health_check_node_port
        return Target(kind == "instance", kept, unread, number)

    @property
    def _preserve(self) -> str | None:
        """The attribute as the Service sets it; the controller keeps the target group to that."""
        for pair in self.service.metadata.annotations.get(ATTRIBUTES, "").split(","):
            name, _, value = pair.partition("=")
            if name.strip() == PRESERVE:
                return value.strip().lower()
        return None

    def _group(self, port: ServicePort) -> tuple[str, str, str] | Unknown:
        """Target type, protocol and health check port of the port's target group."""
        spec, notes = self.service.spec, self.service.metadata.annotations
        if not self.groups:
            kind = notes.get(TARGET_TYPE) or ("instance" if spec.load_balancer_class else "")
            if kind and self.kind == "network":
                return kind, port.protocol, notes.get(f"{_PREFIX}aws-load-balancer-healthcheck-port", "")
            why = self.untold or Unknown(Cause.INCOMPLETE, "it has no target group among those that were read")
            what = f"the targets of Service {self.key}'s load balancer {self.name} are not known: {why.detail}"
            return Unknown(why.cause, what, why.remedy)
        fitting = [item for item in self.groups if item.protocol in _OF.get(port.protocol, ())] or list(self.groups)
        own = [item for item in fitting if item.target_type == "instance" and item.port == port.node_port]
        own = own or [item for item in fitting if item.target_type == "ip" and item.port == port.target_port] or fitting
        if len({(item.target_type, item.protocol, item.health_check_port) for item in own}) > 1:
            names = ", ".join(sorted(item.target_group_name for item in own))
            what = f"which of the target groups {names} is that of port {port.port} of Service {self.key} is not known"
            return Unknown(Cause.NOT_ANSWERABLE, what)
        return own[0].target_type, own[0].protocol, own[0].health_check_port


def preserved(kind: str, target_type: str, protocol: str, attribute: str | None) -> bool:
    """Whether targets see the client's address: the table of the guide.

    Args:
        kind: of the balancer: ``network`` or ``application``.
        target_type: ``instance`` or ``ip``.
        protocol: of the target group.
        attribute: ``preserve_client_ip.enabled`` where it is set.
    """
    if kind != "network":
        return False
    if protocol in _ALWAYS:
        return True
    return attribute == "true" if attribute is not None else target_type == "instance"


def balancer_of(snapshot: Snapshot, service: Service, clients: tuple[str, ...] = ()) -> Balancer | Unknown:
    """The load balancer of a Service, or why it is not known.

    Args:
        snapshot: its load balancers, target groups and VPCs are read.
        service: of type LoadBalancer.
        clients: CIDR blocks of the clients that are meant; empty: all that may dial it.
    """
    key = f"{service.metadata.namespace}/{service.metadata.name}"
    if service.spec.type != "LoadBalancer":
        return Unknown(Cause.NOT_ANSWERABLE, f"Service {key} has no load balancer (type {service.spec.type})")
    host = next((item.hostname for item in service.status.load_balancer.ingress if item.hostname), "")
    if not host:
        return Unknown(Cause.NOT_ANSWERABLE, f"the load balancer of Service {key} has no name yet")
    if service.metadata.annotations.get(NODE_LABELS):
        what = (
            f"which nodes the load balancer of Service {key} has as targets is in {NODE_LABELS}, which is not modelled"
        )
        return Unknown(Cause.NOT_MODELLED, what)
    found = next((item for item in snapshot.objects(kinds.LOAD_BALANCERS) if _same(item.dns_name, host)), None)
    if found is None:
        missing = snapshot.missing(kinds.LOAD_BALANCERS)
        why = missing or Unknown(
            Cause.NOT_MODELLED,
            "it is not among the Application and Network Load Balancers; a Classic one is not modelled",
        )
        what = f"the load balancer {host} of Service {key} is not known: {why.detail}"
        return Unknown(why.cause, what, why.remedy)
    if found.type not in ("network", "application") or not found.availability_zones:
        return Unknown(Cause.NOT_MODELLED, f"load balancer {found.load_balancer_name} of Service {key} is not modelled")
    allowed = clients or _clients(snapshot, service, found)
    if isinstance(allowed, Unknown):
        return allowed
    return Balancer(
        service,
        found.load_balancer_name,
        found.type,
        _interfaces(found),
        allowed,
        tuple(
            item for item in snapshot.objects(kinds.TARGET_GROUPS) if found.load_balancer_arn in item.load_balancer_arns
        ),
        snapshot.missing(kinds.TARGET_GROUPS),
        found.scheme == "internal",
    )


def _interfaces(balancer: LoadBalancer) -> tuple[Interface, ...]:
    groups = tuple(sorted(balancer.security_groups))
    said = f"security groups {', '.join(groups) or 'none'}"
    ref = Ref(kinds.LOAD_BALANCERS.name, balancer.load_balancer_arn, "SecurityGroups", said)
    subnets = sorted({zone.subnet_id for zone in balancer.availability_zones} - {""})
    return tuple(
        Interface(Attachment.BALANCER, groups, subnet, groups, subnet, (ref,), keeps_address=True) for subnet in subnets
    )


def _clients(snapshot: Snapshot, service: Service, balancer: LoadBalancer) -> tuple[str, ...] | Unknown:
    """Who may dial it: the Service's source ranges, else everybody, or the VPC where it is internal."""
    said = service.metadata.annotations.get(SOURCE_RANGES, "")
    ranges = service.spec.load_balancer_source_ranges or tuple(part.strip() for part in said.split(",") if part.strip())
    if ranges or balancer.scheme != "internal":
        return ranges or ("0.0.0.0/0", "::/0")
    vpc = snapshot.get(kinds.VPCS, balancer.vpc_id)
    if vpc is None:
        name = f"{service.metadata.namespace}/{service.metadata.name}"
        missing = snapshot.missing(kinds.VPCS) or Unknown(Cause.INCOMPLETE, f"VPC {balancer.vpc_id} is not there")
        what = f"who dials the internal load balancer of Service {name} is not known: {missing.detail}"
        return Unknown(missing.cause, what, missing.remedy)
    four = {vpc.cidr_block, *(item.cidr_block for item in vpc.cidr_block_association_set)}
    six = {item.ipv6_cidr_block for item in vpc.ipv6_cidr_block_association_set}
    return tuple(sorted((four | six) - {""}))


def _same(one: str, other: str) -> bool:
    return one.lower().removeprefix("dualstack.") == other.lower().removeprefix("dualstack.")


class Sends(msgspec.Struct, frozen=True):
    """A part of what a balancer sends.

    Attributes:
        balancer: who.
        kept: what carries its clients' addresses; else what carries its own, health checks among it.
    """

    balancer: Balancer
    kept: bool
