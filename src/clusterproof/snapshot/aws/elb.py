"""Load balancers and their target groups (Elastic Load Balancing API reference, version 2015-12-01)."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.aws.base import Ec2


class BalancerZone(Ec2, frozen=True):
    zone_name: str = ""
    subnet_id: str = ""


class LoadBalancer(Ec2, frozen=True):
    """``type`` is ``application``, ``network`` or ``gateway``; ``scheme`` is ``internet-facing`` or ``internal``."""

    load_balancer_arn: str
    dns_name: str = field(default="", name="DNSName")
    load_balancer_name: str = ""
    type: str = ""
    scheme: str = ""
    vpc_id: str = ""
    availability_zones: tuple[BalancerZone, ...] = ()
    security_groups: tuple[str, ...] = ()


class TargetGroup(Ec2, frozen=True):
    """``target_type`` is ``instance``, ``ip``, ``lambda`` or ``alb``; ``health_check_port`` a number or ``traffic-port``."""

    target_group_arn: str
    target_group_name: str = ""
    protocol: str = ""
    port: int = 0
    target_type: str = ""
    health_check_port: str = ""
    health_check_protocol: str = ""
    load_balancer_arns: tuple[str, ...] = ()
