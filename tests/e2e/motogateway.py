"""A transit gateway on the moto server, attached to some VPCs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def attach(ec2: Any, vpcs: Mapping[str, Sequence[str]], blocks: Mapping[str, str]) -> str:
    """Makes a gateway with one route table that supports group references; its id.

    Args:
        ec2: a client.
        vpcs: the subnets of each VPC that is attached, one per zone.
        blocks: destination to VPC, or to nothing for a blackhole; real gateways propagate such routes by themselves.
    """
    options = {"SecurityGroupReferencingSupport": "enable"}
    made = ec2.create_transit_gateway(Options=options)["TransitGateway"]
    gateway: str = made["TransitGatewayId"]
    table = made["Options"]["AssociationDefaultRouteTableId"]
    attachments = {
        vpc: ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc, SubnetIds=list(subnets), Options=options
        )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        for vpc, subnets in vpcs.items()
    }
    for block, vpc in blocks.items():
        target = {"TransitGatewayAttachmentId": attachments[vpc]} if vpc else {"Blackhole": True}
        ec2.create_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock=block, **target)
    return gateway


def of_each_zone(ec2: Any, vpc: str) -> list[str]:
    """One subnet of a VPC in each of its zones."""
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return list({item["AvailabilityZone"]: item["SubnetId"] for item in subnets}.values())
