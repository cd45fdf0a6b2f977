from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.loadbalancers import Balancer, Target, balancer_of, preserved
from tests.world.build import Tiny


@pytest.mark.parametrize(
    ("kind", "target_type", "protocol", "attribute", "expected"),
    [
        ("network", "instance", "TCP", None, True),
        ("network", "instance", "TLS", None, True),
        ("network", "instance", "UDP", None, True),
        ("network", "instance", "TCP_UDP", None, True),
        ("network", "ip", "TCP", None, False),
        ("network", "ip", "TLS", None, False),
        ("network", "ip", "UDP", None, True),
        ("network", "ip", "TCP_UDP", None, True),
        ("network", "instance", "TCP", "false", False),
        ("network", "ip", "TLS", "true", True),
        ("network", "ip", "UDP", "false", True),
        ("application", "instance", "HTTP", "true", False),
    ],
)
def test_the_guides_table(kind: str, target_type: str, protocol: str, attribute: str | None, expected: bool) -> None:
    """Client IP preservation, row by row: defaults, and what the attribute can change (rule 11.2)."""
    assert preserved(kind, target_type, protocol, attribute) is expected


def balancer(*groups: dict[str, Any], host: str = "lb.example.com") -> Balancer:
    """The balancer of a Service with ports 80 and 53."""
    tiny = Tiny()
    ports = [
        {"port": 80, "name": "web", "nodePort": 30080, "targetPort": 8080},
        {"port": 53, "name": "dns", "nodePort": 30053, "protocol": "UDP"},
    ]
    status = {"loadBalancer": {"ingress": [{"hostname": host}]}}
    spec = {"type": "LoadBalancer", "ports": ports}
    tiny.put(kinds.SERVICES, {"metadata": {"namespace": "app", "name": "edge"}, "spec": spec, "status": status})
    zones = [{"SubnetId": subnet} for subnet in ("subnet-b", "subnet-a")]
    raw = {"LoadBalancerArn": "arn", "DNSName": "lb.example.com", "LoadBalancerName": "lb", "Type": "network"}
    tiny.put(kinds.LOAD_BALANCERS, {**raw, "AvailabilityZones": zones})
    for number, group in enumerate(groups):
        name = {"TargetGroupArn": f"tg-{number}", "TargetGroupName": f"tg-{number}", "LoadBalancerArns": ["arn"]}
        tiny.put(kinds.TARGET_GROUPS, {**name, **group})
    snapshot = tiny.snapshot()
    found = balancer_of(snapshot, snapshot.objects(kinds.SERVICES)[0])
    assert isinstance(found, Balancer)
    return found


def test_interfaces_of_a_balancer() -> None:
    """One for each of its subnets; those that keep addresses send as its clients (rule 11.2)."""
    found = balancer(host="dualstack.LB.example.com")
    assert [item.subnet for item in found.interfaces] == ["subnet-a", "subnet-b"]
    assert {item.sends_as for item in found.interfaces} == {()}
    assert {item.sends_as for item in found.keeping()} == {("0.0.0.0/0", "::/0")}


def test_each_port_has_its_own_target_group() -> None:
    """The target group of a port is that of its node port, or target port, and protocol (rule 11.2)."""
    web = {"Protocol": "TCP", "Port": 30080, "TargetType": "instance", "HealthCheckPort": "traffic-port"}
    dns = {"Protocol": "UDP", "Port": 30053, "TargetType": "instance", "HealthCheckPort": "8081"}
    found = balancer(web, dns)
    targets = [found.target(port) for port in found.service.spec.ports]
    assert all(isinstance(target, Target) and target.instance and target.kept for target in targets)
    assert [target.health_port for target in targets if isinstance(target, Target)] == [0, 8081]
    assert [target.unread is None for target in targets if isinstance(target, Target)] == [False, True]


def test_target_groups_that_cannot_be_told_apart() -> None:
    """Two that may both be the port's and differ are unknown; so is a type that is not modelled (rule 11.2)."""
    named = {"Protocol": "TCP", "Port": 1, "TargetType": "ip", "HealthCheckPort": "traffic-port"}
    web = balancer(named, {**named, "HealthCheckPort": "9000"})
    found = web.target(web.service.spec.ports[0])
    assert isinstance(found, Unknown)
    assert found.detail == "which of the target groups tg-0, tg-1 is that of port 80 of Service app/edge is not known"
    other = balancer({**named, "TargetType": "alb"})
    assert isinstance(other.target(other.service.spec.ports[0]), Unknown)
