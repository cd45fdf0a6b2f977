"""What of transit gateways is read: the tables by which the cluster's VPCs are routed, and the VPCs that they lead to."""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.sources.aws_api import requests
from clusterproof.sources.aws_api.calls import Request, whole
from clusterproof.sources.aws_api.reading import Account


def routes(accounts: list[Account], own: set[str]) -> list[tuple[Account, Request]]:
    """The tables of the gateways that a VPC of the cluster is attached to, each asked of the gateway's own account.

    Nobody else sees them (Transit Gateway Guide, "Shared transit gateways"): where no profile reads that account, the
    kind is incomplete and says so.

    Args:
        accounts: the cluster's first; their gateways and attachments are read.
        own: the VPCs that the cluster is in; where none is known, every gateway counts.
    """
    kind = kinds.TRANSIT_GATEWAY_ROUTES
    for account in accounts:
        account.results.setdefault(kind.name, [])
    gateways = _attached(accounts, own)
    by_id = {account.identity.account: account for account in reversed(accounts)}
    asked: dict[str, Account] = {}
    for account in accounts:
        for listing in (kinds.TRANSIT_GATEWAY_ATTACHMENTS, kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS):
            stopped = next((item.missing for item in account.results.get(listing.name, ()) if item.missing), None)
            if stopped is not None:
                what = f"{kind.name} could not be read: which tables there are is not known, {stopped.detail}"
                account.limits[kind.name] = Unknown(stopped.cause, what, stopped.remedy)
        for item in account.typed(kinds.TRANSIT_GATEWAY_ATTACHMENTS):
            if item.transit_gateway_id not in gateways:
                continue
            owner = item.transit_gateway_owner_id
            teller = by_id.get(owner) if owner else account
            if teller is None and not account.identity.account:
                teller = account
            if teller is None:
                what = f"transit gateway {item.transit_gateway_id} belongs to account {owner}, which no profile reads"
                remedy = f"add --aws-profile with a profile of account {owner}"
                accounts[0].limits.setdefault(kind.name, Unknown(Cause.INCOMPLETE, what, remedy))
            elif item.association is not None and item.association.transit_gateway_route_table_id:
                asked.setdefault(item.association.transit_gateway_route_table_id, teller)
    return [
        (account, requests.gateway_routes(table)) for table, account in sorted(asked.items(), key=lambda one: one[0])
    ]


def _attached(accounts: list[Account], own: set[str]) -> set[str]:
    """The gateways that a VPC of the cluster is attached to."""
    return {
        item.transit_gateway_id
        for account in accounts
        for item in account.typed(kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS)
        if item.vpc_id in own or not own
    }


def led_to(accounts: list[Account], own: set[str]) -> set[str]:
    """The VPCs behind the gateways to which a route of the cluster's VPCs leads; none where no route leads to one."""
    used = {
        route.transit_gateway_id
        for account in accounts
        for table in account.typed(kinds.ROUTE_TABLES)
        if table.vpc_id in own
        for route in table.routes
    } - {""}
    attached = [item for account in accounts for item in account.typed(kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS)]
    return {item.vpc_id for item in attached if item.transit_gateway_id in used}


def gather(account: Account) -> None:
    """The answer does not name its table: each becomes one object with the id that was asked for."""
    for result in account.results.get(kinds.TRANSIT_GATEWAY_ROUTES.name, ()):
        identity = result.request.params["TransitGatewayRouteTableId"]
        if result.error is not None and result.missing is None:
            continue
        result.items = whole(result.request, [result], "TransitGatewayRouteTableId", identity)
