"""Transit gateways: their attachments, and the routes of their route tables (EC2 API Reference)."""

from __future__ import annotations

import msgspec
from msgspec import field

from clusterproof.snapshot.aws.base import Ec2


class TransitGatewayOptions(Ec2, frozen=True):
    """``enable`` or ``disable``; empty where the answer did not say."""

    security_group_referencing_support: str = ""


class TransitGateway(Ec2, frozen=True):
    """From describe-transit-gateways."""

    transit_gateway_id: str
    owner_id: str = ""
    state: str = ""
    options: TransitGatewayOptions = field(default_factory=TransitGatewayOptions)


class TransitGatewayAssociation(Ec2, frozen=True):
    """The one route table by which what comes from an attachment is routed; ``state`` is ``associated`` while it holds."""

    transit_gateway_route_table_id: str = ""
    state: str = ""


class TransitGatewayAttachment(Ec2, frozen=True):
    """From describe-transit-gateway-attachments; ``resource_type`` is ``vpc``, ``vpn``, ``peering`` and more."""

    transit_gateway_attachment_id: str
    transit_gateway_id: str = ""
    transit_gateway_owner_id: str = ""
    resource_type: str = ""
    resource_id: str = ""
    state: str = ""
    association: TransitGatewayAssociation | None = None


class TransitGatewayVpcOptions(Ec2, frozen=True):
    """``enable`` or ``disable`` each; empty where the answer did not say."""

    security_group_referencing_support: str = ""
    ipv6_support: str = field(default="", name="Ipv6Support")


class TransitGatewayVpcAttachment(Ec2, frozen=True):
    """From describe-transit-gateway-vpc-attachments; at most one subnet for each Availability Zone."""

    transit_gateway_attachment_id: str
    transit_gateway_id: str = ""
    vpc_id: str = ""
    state: str = ""
    subnet_ids: tuple[str, ...] = ()
    options: TransitGatewayVpcOptions = field(default_factory=TransitGatewayVpcOptions)


class TransitGatewayRouteAttachment(Ec2, frozen=True):
    resource_id: str = ""
    transit_gateway_attachment_id: str = ""
    resource_type: str = ""


class TransitGatewayRoute(Ec2, frozen=True):
    """One route; ``type`` is ``static`` or ``propagated``, ``state`` ``active`` or ``blackhole``."""

    destination_cidr_block: str = ""
    prefix_list_id: str = ""
    transit_gateway_attachments: tuple[TransitGatewayRouteAttachment, ...] = ()
    type: str = ""
    state: str = "active"


class TransitGatewayRoutes(msgspec.Struct, frozen=True, gc=False):
    """Routes of one transit gateway route table, from search-transit-gateway-routes; the id is the file's own record.

    The API's answer does not name its table; a source stores the id that it asked for (from the file name).
    """

    transit_gateway_route_table_id: str = field(name="TransitGatewayRouteTableId")
    routes: tuple[TransitGatewayRoute, ...] = field(default=(), name="Routes")
    additional_routes_available: bool = field(default=False, name="AdditionalRoutesAvailable")
