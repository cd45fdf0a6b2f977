from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.model import Check, LetsOut
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, requirement, two_groups
from tests.world.build import Tiny

Raw = dict[str, Any]
ASKED = requirement(Check(lets_out=LetsOut("deploy/app/client", ("sqs", "s3"))))
HTTPS = [{"protocol": "TCP", "port": 443}]


def world(*rules: Raw, endpoint: Raw | None = None) -> Tiny:
    """A client that a policy isolates for egress but for these rules, in a VPC that may have an endpoint for SQS."""
    tiny = two_groups().cni(agent_args=["--enable-network-policy=true"])
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "out"}, "spec": spec})
    return tiny.put(kinds.VPC_ENDPOINTS, *([endpoint] if endpoint else []))


def to(cidr: str, *without: str) -> Raw:
    """A rule that admits HTTPS to a block."""
    return {"to": [{"ipBlock": {"cidr": cidr, **({"except": list(without)} if without else {})}}], "ports": HTTPS}


def interface(*subnets: str) -> Raw:
    """An interface endpoint for SQS with private DNS."""
    return {
        "VpcEndpointId": "vpce-1",
        "VpcEndpointType": "Interface",
        "VpcId": "vpc-1",
        "ServiceName": "com.amazonaws.eu-west-1.sqs",
        "State": "available",
        "PrivateDnsEnabled": True,
        "SubnetIds": list(subnets),
    }


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ([to("0.0.0.0/0", "169.254.169.254/32")], Verdict.PASS),
        ([to("0.0.0.0/0")], Verdict.PASS),
        ([to("10.0.0.0/8")], Verdict.FAIL),
        ([], Verdict.FAIL),
        ([to("52.94.0.0/16")], Verdict.UNKNOWN),
        ([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 80}]}], Verdict.FAIL),
    ],
)
def test_public_addresses(rules: list[Raw], verdict: Verdict) -> None:
    """All public addresses let out is a pass, none a fail; of a part nobody knows whether the service is in it."""
    found = ask(world(*rules), ASKED)
    assert found.verdict is verdict, found.summary


@pytest.mark.parametrize(
    ("subnets", "verdict"),
    [(("subnet-a",), Verdict.PASS), (("subnet-a", "subnet-b"), Verdict.UNKNOWN), (("subnet-9",), Verdict.UNKNOWN)],
)
def test_interface_endpoint(subnets: tuple[str, ...], verdict: Verdict) -> None:
    """With private DNS the endpoint's own addresses are asked; S3 has none here and is asked in public."""
    public = [to(block) for block in ("0.0.0.0/5", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6", "16.0.0.0/4", "32.0.0.0/3")]
    rest = [to(block) for block in ("64.0.0.0/2", "128.0.0.0/1")]
    tiny = world(*public, *rest, to("10.0.1.0/24"), endpoint=interface(*subnets))
    found = ask(tiny.subnet("subnet-a", "a", "10.0.1.0/24").subnet("subnet-b", "b", "10.0.2.0/24"), ASKED)
    assert found.verdict is verdict, found.summary


def test_nothing_selects_the_pods() -> None:
    """Pods that no policy selects are let out everywhere."""
    tiny = (
        two_groups()
        .cni(agent_args=["--enable-network-policy=true"])
        .put(kinds.NETWORK_POLICIES)
        .put(kinds.VPC_ENDPOINTS)
    )
    assert ask(tiny, ASKED).verdict is Verdict.PASS


@pytest.mark.parametrize("kind", [kinds.VPC_ENDPOINTS, kinds.NETWORK_POLICIES])
def test_what_was_not_read(kind: kinds.Kind[Any]) -> None:
    """Endpoints or policies that were not read make it unknown, with what to collect."""
    found = ask(world(to("0.0.0.0/0")).drop(kind), ASKED)
    assert found.verdict is Verdict.UNKNOWN
    assert any(kind.name in unknown.remedy or kind.command in unknown.remedy for unknown in found.unknowns)
