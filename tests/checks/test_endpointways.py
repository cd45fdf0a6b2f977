"""Requests leave the VPC through endpoints whose policies must allow them, and which settle conditions on the path."""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.access.ask import SEND, URL, keda, may, unknowns
from tests.access.build import ACCOUNT, QUEUES, REGION, deny, document, statement
from tests.checks.ask import ask


def test_the_policy_of_an_interface_endpoint_must_allow_it() -> None:
    """With private DNS all requests pass the endpoint, and its policy."""
    account = keda(statement("sqs:*", QUEUES))
    assert ask(account.endpoint("sqs"), may(SEND)).verdict is Verdict.PASS
    narrow = document(statement(URL, "*", Principal="*"))
    found = ask(keda(statement("sqs:*", QUEUES)).endpoint("sqs", narrow), may(SEND, URL))
    assert found.verdict is Verdict.FAIL
    assert found.evidence[0].kind == "vpc-endpoints"
    assert "through VPC endpoint vpce-sqs" in found.summary
    apart = keda(statement("sqs:*", QUEUES)).endpoint("sqs", narrow, PrivateDnsEnabled=False)
    assert ask(apart, may(SEND)).verdict is Verdict.PASS


def test_an_endpoint_settles_conditions_on_the_path() -> None:
    """A queue that asks for one endpoint is content with the one that is there, and with no other."""
    here = {"StringEquals": {"aws:SourceVpce": "vpce-sqs"}}
    account = keda(statement(SEND, QUEUES, Condition=here))
    assert ask(account, may(SEND)).verdict is Verdict.FAIL
    assert ask(account.endpoint("sqs"), may(SEND)).verdict is Verdict.PASS


def test_an_endpoint_that_is_gone_takes_nothing() -> None:
    """Neither does one in another VPC."""
    narrow = document(statement(URL, "*", Principal="*"))
    for more in ({"State": "Deleting"}, {"VpcId": "vpc-other"}, {"ServiceName": f"com.amazonaws.{REGION}.sns"}):
        account = keda(statement("sqs:*", QUEUES)).endpoint("sqs", narrow, **more)
        assert ask(account, may(SEND)).verdict is Verdict.PASS


def test_through_an_endpoint_there_is_no_public_address() -> None:
    """A Deny of all but some public addresses denies what comes through an endpoint; without one it is not known."""
    office = {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    bucket = document(deny("s3:*", "arn:aws:s3:::results/*", Principal="*", Condition=office))
    asked = may("s3:GetObject", on="arn:aws:s3:::results/*")
    account = keda(statement("s3:*")).bucket("results", bucket)
    assert ask(account, asked).verdict is Verdict.UNKNOWN
    assert ask(account.endpoint("s3"), asked).verdict is Verdict.FAIL


def test_an_endpoint_of_one_region_is_for_its_own_resources() -> None:
    """Requests to another Region pass it by."""
    far = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:asya-*"
    narrow = document(deny("sqs:*", "*", Principal="*"))
    account = keda(statement("sqs:*")).endpoint("sqs", narrow)
    assert ask(account, may(SEND, on=far)).verdict is Verdict.PASS
    assert ask(account, may(SEND)).verdict is Verdict.FAIL


def test_a_gateway_endpoint_on_one_of_two_subnets_depends() -> None:
    """Nodes whose subnet is routed through the gateway meet its policy, the others do not."""
    narrow = document(statement("s3:GetObject", "*", Principal="*"))
    account = keda(statement("s3:*")).bucket("results")
    account.managed("a").managed("b", subnets=("subnet-b",))
    table = {"RouteTableId": "rtb-b", "VpcId": "vpc-1", "Routes": [], "Associations": [{"SubnetId": "subnet-b"}]}
    account.put(kinds.ROUTE_TABLES, table)
    account.endpoint("s3", narrow, VpcEndpointType="Gateway", PrivateDnsEnabled=False, RouteTableIds=["rtb-b"])
    found = ask(account, may("s3:PutObject", on="arn:aws:s3:::results/*"))
    assert found.verdict is Verdict.DEPENDS
    assert "which subnet" in found.cause
    assert "may not always" in found.summary


def test_endpoints_that_were_not_read_may_deny() -> None:
    """Whether a VPC endpoint's policy refuses is asked before anything passes."""
    found = ask(keda(statement("sqs:*", QUEUES)).without(kinds.VPC_ENDPOINTS), may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert "describe-vpc-endpoints" in unknowns(found)
