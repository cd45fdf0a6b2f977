"""What a load balancer's targets need (reference rule 11.2)."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Subject
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from clusterproof.world.loadbalancers import ATTRIBUTES, SOURCE_RANGES, TARGET_TYPE
from tests.checks.ask import ask, reach
from tests.world.build import Tiny, on

HOST = "k8s-app-server-0123.elb.us-east-1.amazonaws.com"
ARN = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/lb/1"
ON, OFF = {ATTRIBUTES: "preserve_client_ip.enabled=true"}, {ATTRIBUTES: "preserve_client_ip.enabled=false"}
CLIENTS = "198.51.100.0/24"


def cluster(
    *rules: str,
    target: str = "instance",
    protocol: str = "TCP",
    kind: str = "network",
    groups: tuple[str, ...] = ("sg-lb",),
    annotations: dict[str, str] | None = None,
    health: str = "traffic-port",
    balancer: dict[str, Any] | None = None,
    **spec: Any,
) -> Tiny:
    """One node group with these rules, ``app/server`` behind a balancer in ``subnet-a``; port 80, 30080, 8080."""
    tiny = Tiny().sg("sg-lb").sg("sg-node", "all sg-node", *rules)
    tiny.managed("nodes", ["sg-node"], subnets=("subnet-b",), nodes=2).deployment("app/server", on("nodes"))
    transport = "UDP" if protocol in ("UDP", "TCP_UDP") else "TCP"
    port = {"port": 80, "targetPort": 8080, "nodePort": 30080, "protocol": transport}
    tiny.put(
        kinds.SERVICES,
        {
            "metadata": {"namespace": "app", "name": "server", "annotations": annotations or {}},
            "spec": {"type": "LoadBalancer", "selector": {"app": "server"}, "ports": [port], **spec},
            "status": {"loadBalancer": {"ingress": [{"hostname": HOST}]}},
        },
    )
    zones = [{"SubnetId": "subnet-a", "ZoneName": "us-east-1a"}]
    raw: dict[str, Any] = {
        "LoadBalancerArn": ARN,
        "DNSName": HOST,
        "LoadBalancerName": "lb",
        "Type": kind,
        "VpcId": "vpc-1",
    }
    raw |= {"Scheme": "internet-facing", "AvailabilityZones": zones, "SecurityGroups": list(groups)}
    tiny.put(kinds.LOAD_BALANCERS, raw | (balancer or {}))
    group: dict[str, Any] = {
        "TargetGroupArn": "tg",
        "TargetGroupName": "tg",
        "LoadBalancerArns": [ARN],
        "HealthCheckPort": health,
    }
    group |= {"Protocol": protocol, "Port": 30080 if target == "instance" else 8080, "TargetType": target}
    return tiny.put(kinds.TARGET_GROUPS, group)


def asked(tiny: Tiny, *, transport: str = "TCP", clients: str = CLIENTS) -> Finding:
    """Whether the balancer of ``app/server`` reaches its targets."""
    return ask(tiny, reach(Subject(load_balancer="app/server", address=clients), port=f"80/{transport}"))


@pytest.mark.parametrize(
    ("target", "protocol", "annotations", "kept"),
    [
        ("instance", "TCP", ON, True),
        ("instance", "TLS", ON, True),
        ("instance", "TCP", OFF, False),
        ("instance", "UDP", {}, True),
        ("instance", "UDP", OFF, True),
        ("instance", "TCP_UDP", OFF, True),
        ("ip", "TCP", OFF, False),
        ("ip", "TLS", OFF, False),
        ("ip", "TCP", ON, True),
        ("ip", "UDP", {}, True),
        ("ip", "UDP", OFF, True),
    ],
)
def test_whose_address_targets_see(target: str, protocol: str, annotations: dict[str, str], kept: bool) -> None:
    """The guide's table: rules for the clients are needed where their address is kept, else only the balancer's (rule 11.2)."""
    port, health = (30080, "tcp 30080") if target == "instance" else (8080, "tcp 8080")
    transport = "udp" if "UDP" in protocol else "tcp"
    clients, own = f"{transport} {port} {CLIENTS}", f"{transport} {port} 10.0.0.0/24"
    for rules, passes in (((clients,), kept), ((own,), not kept)):
        # Health checks come from the balancer itself, whatever it does with its clients' addresses.
        tiny = cluster(
            *rules, f"{health} 10.0.0.0/24" if transport == "udp" or passes else "tcp 1 sg-lb", target=target,
            protocol=protocol, annotations=annotations,
        )  # fmt: skip
        found = asked(tiny, transport=transport.upper())
        assert (found.verdict is Verdict.PASS) is passes, (rules, found.summary)


@pytest.mark.parametrize("target", ["instance", "ip"])
def test_an_application_load_balancer_never_keeps_addresses(target: str) -> None:
    """Targets of an Application Load Balancer see the balancer (rule 11.2)."""
    port = 30080 if target == "instance" else 8080
    for peer, verdict in (("sg-lb", Verdict.PASS), (CLIENTS, Verdict.FAIL)):
        found = asked(cluster(f"tcp {port} {peer}", target=target, protocol="HTTP", kind="application"))
        assert found.verdict is verdict


@pytest.mark.parametrize("annotations", [ON, OFF])
def test_the_balancers_group_admits_what_comes_through_it(annotations: dict[str, str]) -> None:
    """A rule that names the balancer's group admits kept addresses too: Update the security groups, guide (rule 11.2)."""
    assert asked(cluster("tcp 30080 sg-lb", annotations=annotations)).verdict is Verdict.PASS


def test_a_balancer_without_groups_is_its_subnets() -> None:
    """Where it has no group, only its subnets' addresses and its clients' can be named (rule 11.2)."""
    assert asked(cluster("tcp 30080 10.0.0.0/24", groups=(), annotations=OFF)).verdict is Verdict.PASS
    assert asked(cluster("tcp 30080 sg-lb", groups=(), annotations=OFF)).verdict is Verdict.FAIL


def test_health_checks_come_from_the_balancer() -> None:
    """Rules for the clients alone leave every target unhealthy (rule 11.2)."""
    assert asked(cluster(f"tcp 30080 {CLIENTS}", annotations=ON)).verdict is Verdict.FAIL
    both = cluster(f"tcp 30080 {CLIENTS}", "tcp 30080 10.0.0.0/24", annotations=ON)
    assert asked(both).verdict is Verdict.PASS


@pytest.mark.parametrize("target", ["instance", "ip"])
def test_health_checks_may_have_a_port_of_their_own(target: str) -> None:
    """The target group's health check port must be open as well, on the node or the pod (rule 11.2)."""
    port = 30080 if target == "instance" else 8080
    rules = (f"tcp {port} sg-lb", "tcp 9000 sg-lb")
    assert asked(cluster(*rules, target=target, health="9000", annotations=OFF)).verdict is Verdict.PASS
    assert asked(cluster(rules[0], target=target, health="9000", annotations=OFF)).verdict is Verdict.FAIL


def test_the_default_where_the_attribute_was_not_read() -> None:
    """Without the attribute the default holds only where the other setting would work as well (rule 11.2)."""
    either = asked(cluster("tcp 30080 sg-lb"))
    assert either.verdict is Verdict.PASS
    assert any("the default; the target group's attribute was not read" in note for note in either.notes)
    one = asked(cluster(f"tcp 30080 {CLIENTS}", "tcp 30080 10.0.0.0/24"))
    assert one.verdict is Verdict.PASS
    pods = asked(cluster("tcp 8080 10.0.0.0/24", target="ip"))
    assert pods.verdict is Verdict.UNKNOWN
    assert "load balancer of Service app/server keeps its clients' addresses was not read" in pods.unknowns[0].detail


def test_clients_are_those_of_the_service() -> None:
    """Source ranges name the clients; without them everybody is one, and of an internal balancer the VPC (rule 11.2)."""
    own = "tcp 30080 10.0.0.0/24"
    ranges = cluster(own, f"tcp 30080 {CLIENTS}", annotations={**ON, SOURCE_RANGES: CLIENTS})
    assert asked(ranges, clients="").verdict is Verdict.PASS
    everybody = asked(cluster(own, f"tcp 30080 {CLIENTS}", annotations=ON), clients="")
    assert everybody.verdict is Verdict.DEPENDS
    internal = cluster(own, "tcp 30080 10.0.0.0/16", annotations=ON, balancer={"Scheme": "internal"})
    assert asked(internal, clients="").verdict is Verdict.PASS


@pytest.mark.parametrize(("policy", "verdict"), [("Cluster", Verdict.DEPENDS), ("Local", Verdict.PASS)])
def test_instance_targets_and_external_traffic_policy(policy: str, verdict: Verdict) -> None:
    """Cluster sends on with the node's address, which policies refuse but from the pod's own node; Local does not (rule 11.2)."""
    tiny = cluster("tcp 30080 sg-lb", annotations=ON, externalTrafficPolicy=policy)
    tiny.cni(agent_args=["--enable-network-policy=true"])
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in (CLIENTS, "10.0.0.0/24")]
    spec = {"podSelector": {}, "ingress": [{"from": blocks}]}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "edge"}, "spec": spec})
    assert asked(tiny).verdict is verdict


def test_ip_targets_need_no_node_port() -> None:
    """IP targets are the pods: their port counts, their policies see the balancer, no node is dialled (rule 11.2)."""
    assert asked(cluster("tcp 8080 sg-lb", target="ip", annotations=OFF)).verdict is Verdict.PASS
    assert asked(cluster("tcp 30080 sg-lb", target="ip", annotations=OFF)).verdict is Verdict.FAIL


def test_network_acls_and_the_balancers_ports() -> None:
    """A balancer sends from 1024 up: an ACL that lets only Linux's ports back makes it vary (rules 2.4, 11.2)."""
    tiny = cluster("tcp 8080 sg-lb", target="ip", annotations=OFF)
    back = {"Protocol": "6", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 32768, "To": 60999}}
    entries = [
        {"RuleNumber": 1, "RuleAction": "allow", "Egress": False, "Protocol": "-1", "CidrBlock": "0.0.0.0/0"},
        {"RuleNumber": 1, "Egress": True, **back},
    ]
    acl = {"NetworkAclId": "acl-b", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-b"}], "Entries": entries}
    assert asked(tiny.put(kinds.NETWORK_ACLS, acl)).verdict is Verdict.DEPENDS


# --- what was not read -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", kinds.BALANCERS)
def test_balancers_that_were_not_read(kind: Any) -> None:
    """Without balancers or target groups it is unknown, and the Service is named (rule 11.2)."""
    tiny = cluster("all 0.0.0.0/0", annotations=OFF)
    denied = Unknown(Cause.DENIED, f"{kind.name} could not be read", f"grant {kind.permission}")
    tiny.objects[kind.name] = []
    found = asked(tiny.partly(kind, denied))
    assert found.verdict is Verdict.UNKNOWN
    assert "Service app/server" in found.unknowns[0].detail
    assert found.unknowns[0].remedy == f"grant {kind.permission}"


def test_the_service_says_the_target_type_where_target_groups_were_not_read() -> None:
    """Annotations of the Service stand in for its target groups (rule 11.2)."""
    tiny = cluster("tcp 8080 sg-lb", annotations={**OFF, TARGET_TYPE: "ip"}).drop(kinds.TARGET_GROUPS)
    assert asked(tiny).verdict is Verdict.PASS
    classed = cluster("tcp 30080 sg-lb", annotations=OFF, loadBalancerClass="service.k8s.aws/nlb")
    assert asked(classed.drop(kinds.TARGET_GROUPS)).verdict is Verdict.PASS


def test_local_has_a_health_check_port_of_its_own() -> None:
    """Under Local the controller checks healthCheckNodePort where nothing else is said (rule 11.2)."""
    more: dict[str, Any] = {
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 31000,
        "loadBalancerClass": "service.k8s.aws/nlb",
    }
    shut = cluster("tcp 30080 sg-lb", annotations=OFF, **more).drop(kinds.TARGET_GROUPS)
    assert asked(shut).verdict is Verdict.FAIL
    rules = ("tcp 30080 sg-lb", "tcp 31000 sg-lb")
    assert asked(cluster(*rules, annotations=OFF, **more).drop(kinds.TARGET_GROUPS)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"spec": {"type": "ClusterIP"}}, "has no load balancer (type ClusterIP)"),
        ({"status": {}}, "has no name yet"),
        ({"status": {"loadBalancer": {"ingress": [{"hostname": "other"}]}}}, "a Classic one is not modelled"),
        ({"spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}, "does not select deploy/app/server"),
    ],
)
def test_services_without_a_balancer_that_is_modelled(change: dict[str, Any], says: str) -> None:
    """What is no Network or Application Load Balancer of this Service is unknown (rule 11.2)."""
    tiny = cluster("all 0.0.0.0/0", annotations=OFF)
    tiny.objects[kinds.SERVICES.name][-1] |= change
    found = asked(tiny)
    assert (found.verdict, says in found.unknowns[0].detail) == (Verdict.UNKNOWN, True)


def test_another_port_of_the_service() -> None:
    """A port that the Service does not publish is unknown, not refused (rule 11.2)."""
    found = ask(cluster("all 0.0.0.0/0"), reach(Subject(load_balancer="app/server"), port="81/TCP"))
    assert (found.verdict, found.unknowns[0].detail) == (Verdict.UNKNOWN, "Service app/server publishes no 81/TCP")


@pytest.mark.parametrize(
    ("annotations", "policy", "verdict"),
    [(ON, "Cluster", Verdict.DEPENDS), (ON, "Local", Verdict.UNKNOWN), (OFF, "Cluster", Verdict.UNKNOWN)],
)
def test_a_target_that_dials_its_own_balancer(annotations: dict[str, str], policy: str, verdict: Verdict) -> None:
    """A connection that an internal balancer hands back to the client's own node times out (rule 11.2)."""
    scheme = {"Scheme": "internal"}
    tiny = cluster("all 0.0.0.0/0", annotations=annotations, balancer=scheme, externalTrafficPolicy=policy)
    found = ask(tiny.deployment("app/client", on("nodes")), reach(by="load-balancer"))
    assert found.verdict is verdict
    assert found.matrix is not None
    (cell,) = found.matrix.cells
    assert cell.hop is not None
    assert ("handed back" in cell.hop.text or "times out" in cell.hop.text) is (verdict is Verdict.DEPENDS)
    assert cell.colocated is (
        Outcome.UNKNOWN if annotations is OFF else Outcome.VARIES if policy == "Cluster" else Outcome.BLOCKED
    )
