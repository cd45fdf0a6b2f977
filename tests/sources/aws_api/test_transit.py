"""Which tables of transit gateways are asked, of whom, and which VPCs behind gateways are read."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.aws_api import requests, transit
from clusterproof.sources.aws_api.calls import Result
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.records import AccountOptions, Identity
from clusterproof.sources.aws_api.session import Source
from clusterproof.sources.aws_api.workers import Call
from tests.reach.vpcbuild import Raw, gateway_attachment, gateway_vpc, local, table, to

HOME, NETWORK = "111122223333", "999900001111"
REGION = "us-west-2"


def account(identity: str, **given: list[Raw]) -> Account:
    """An account of which these answers came."""
    who = Identity(identity, identity)
    made = Account(Source("", AccountOptions(region=REGION), {}), who, 0)
    names: dict[str, Kind[Any]] = {
        "attachments": kinds.TRANSIT_GATEWAY_ATTACHMENTS,
        "vpcs": kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS,
        "tables": kinds.ROUTE_TABLES,
    }
    for name, raws in given.items():
        request = requests.request(names[name])
        call = Call(request.what, lambda _: None)
        call.items = [msgspec.json.encode(raw) for raw in raws]
        made.results[names[name].name] = [Result(request, call, who, REGION)]
    return made


def attached(owner: str) -> dict[str, list[Raw]]:
    """The cluster's VPC and two more on one gateway, one of them with a table of its own."""
    pairs = (("vpc-1", "tgw-rtb-1"), ("vpc-2", "tgw-rtb-1"), ("vpc-3", "tgw-rtb-2"))
    return {
        "attachments": [gateway_attachment(f"a-{vpc}", "tgw-1", vpc, rtb, owner=owner) for vpc, rtb in pairs],
        "vpcs": [gateway_vpc(f"a-{vpc}", "tgw-1", vpc, [f"subnet-{vpc}"]) for vpc, _ in pairs],
    }


def asked(accounts: list[Account], own: set[str]) -> list[tuple[str, str]]:
    """(account, table) of each call."""
    found = transit.routes(accounts, own)
    return [(item.identity.account, request.params["TransitGatewayRouteTableId"]) for item, request in found]


def test_each_table_is_asked_once_of_the_gateways_owner() -> None:
    """Two profiles see the attachments; only the owner is asked for the routes."""
    both = [account(HOME, **attached(NETWORK)), account(NETWORK, **attached(NETWORK))]
    assert asked(both, {"vpc-1"}) == [(NETWORK, "tgw-rtb-1"), (NETWORK, "tgw-rtb-2")]
    assert not both[0].limits
    assert asked([account(HOME, **attached(HOME))], {"vpc-1"}) == [(HOME, "tgw-rtb-1"), (HOME, "tgw-rtb-2")]


def test_an_owner_whom_no_profile_reads_is_named() -> None:
    """The kind is incomplete, names the account, and says how to read it."""
    home = account(HOME, **attached(NETWORK))
    assert asked([home], {"vpc-1"}) == []
    why = home.limits[kinds.TRANSIT_GATEWAY_ROUTES.name]
    assert why.cause is Cause.INCOMPLETE
    assert f"belongs to account {NETWORK}" in why.detail
    assert why.remedy == f"add --aws-profile with a profile of account {NETWORK}"


def test_gateways_of_others_are_left_alone() -> None:
    """Where no VPC of the cluster is attached, nothing is asked and the kind is complete and empty."""
    home = account(HOME, **attached(NETWORK))
    assert asked([home], {"vpc-9"}) == []
    assert not home.limits
    assert home.complete(kinds.TRANSIT_GATEWAY_ROUTES)


def test_vpcs_behind_a_gateway_are_read_where_a_route_leads_to_it() -> None:
    """Only routes of the cluster's own VPCs count."""
    leads = table("rtb-1", [local("10.0.0.0/16"), to("0.0.0.0/0", "TransitGatewayId", "tgw-1")], main=True)
    plain = table("rtb-1", [local("10.0.0.0/16")], main=True)
    there = [account(HOME, **attached(HOME), tables=[leads])]
    assert transit.led_to(there, {"vpc-1"}) == {"vpc-1", "vpc-2", "vpc-3"}
    assert transit.led_to(there, {"vpc-8"}) == set()
    assert transit.led_to([account(HOME, **attached(HOME), tables=[plain])], {"vpc-1"}) == set()
