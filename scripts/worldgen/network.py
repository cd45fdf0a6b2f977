"""The VPC as ``aws ec2 describe-…`` prints it: VPCs, subnets, routes, ACLs, security groups."""

from __future__ import annotations

from typing import Any

from worldgen.spec import Rule, Spec

Raw = dict[str, Any]


def tags(**values: str) -> list[Raw]:
    """EC2 tags."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def vpcs(spec: Spec) -> Raw:
    """The one VPC."""
    blocks = [
        {
            "AssociationId": spec.id("vpc-cidr-assoc", cidr),
            "CidrBlock": cidr,
            "CidrBlockState": {"State": "associated"},
        }
        for cidr in spec.cidrs
    ]
    return {
        "Vpcs": [
            {
                "OwnerId": spec.account,
                "InstanceTenancy": "default",
                "CidrBlockAssociationSet": blocks,
                "IsDefault": False,
                "Tags": tags(Name=spec.cluster),
                "VpcId": spec.vpc_id,
                "State": "available",
                "CidrBlock": spec.cidrs[0],
                "DhcpOptionsId": spec.id("dopt", "main"),
            }
        ]
    }


def subnets(spec: Spec) -> Raw:
    """All subnets; the zone is the last letter of the name."""
    return {
        "Subnets": [
            {
                "AvailabilityZoneId": f"{_zone_code(spec.region)}-az{'abcdef'.index(item.name[-1]) + 1}",
                "MapCustomerOwnedIpOnLaunch": False,
                "OwnerId": spec.account,
                "AssignIpv6AddressOnCreation": False,
                "Ipv6CidrBlockAssociationSet": [],
                "Tags": tags(Name=f"{spec.cluster}-{item.name}"),
                "SubnetArn": f"arn:aws:ec2:{spec.region}:{spec.account}:subnet/{spec.subnet_id(item.name)}",
                "EnableDns64": False,
                "Ipv6Native": False,
                "SubnetId": spec.subnet_id(item.name),
                "State": "available",
                "VpcId": spec.vpc_id,
                "CidrBlock": item.cidr,
                "AvailableIpAddressCount": 2 ** (32 - int(item.cidr.split("/")[1])) - 5 - 60,
                "AvailabilityZone": spec.zone(item.name[-1]),
                "DefaultForAz": False,
                "MapPublicIpOnLaunch": item.public,
            }
            for item in spec.subnets
        ]
    }


def _zone_code(region: str) -> str:
    continent, side, number = region.split("-")
    return f"{continent}{side[0]}{number}"


def route_tables(spec: Spec) -> Raw:
    """One table per zone for the private subnets, one for the public ones, and the main one, which nobody uses."""
    public = [item.name for item in spec.subnets if item.public]
    tables = [_table(spec, "main", [], "", main=True), _table(spec, "public", public, spec.id("igw", "main"))]
    for letter in spec.zones:
        private = [item.name for item in spec.subnets if not item.public and item.name.endswith(letter)]
        tables.append(_table(spec, f"private-{letter}", private, spec.id("nat", letter)))
    return {"RouteTables": tables}


def _table(spec: Spec, name: str, members: list[str], way_out: str, *, main: bool = False) -> Raw:
    table_id = spec.id("rtb", name)
    routes: list[Raw] = [
        {"DestinationCidrBlock": cidr, "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
        for cidr in spec.cidrs
    ]
    if way_out:
        target = "NatGatewayId" if way_out.startswith("nat-") else "GatewayId"
        routes.append(
            {"DestinationCidrBlock": "0.0.0.0/0", target: way_out, "Origin": "CreateRoute", "State": "active"}
        )
    associations: list[Raw] = [
        {
            "Main": False,
            "RouteTableAssociationId": spec.id("rtbassoc", member),
            "RouteTableId": table_id,
            "SubnetId": spec.subnet_id(member),
            "AssociationState": {"State": "associated"},
        }
        for member in members
    ]
    if main:
        associations.append(
            {
                "Main": True,
                "RouteTableAssociationId": spec.id("rtbassoc", "main"),
                "RouteTableId": table_id,
                "AssociationState": {"State": "associated"},
            }
        )
    return {
        "Associations": associations,
        "PropagatingVgws": [],
        "RouteTableId": table_id,
        "Routes": routes,
        "Tags": tags(Name=f"{spec.cluster}-{name}"),
        "VpcId": spec.vpc_id,
        "OwnerId": spec.account,
    }


def network_acls(spec: Spec) -> Raw:
    """The VPC's default ACL, which lets everything through, for all subnets."""
    acl_id = spec.id("acl", "default")
    entries = [
        {
            "CidrBlock": "0.0.0.0/0",
            "Egress": egress,
            "Protocol": "-1",
            "RuleAction": action,
            "RuleNumber": number,
        }
        for egress in (True, False)
        for number, action in ((100, "allow"), (32767, "deny"))
    ]
    return {
        "NetworkAcls": [
            {
                "Associations": [
                    {
                        "NetworkAclAssociationId": spec.id("aclassoc", item.name),
                        "NetworkAclId": acl_id,
                        "SubnetId": spec.subnet_id(item.name),
                    }
                    for item in spec.subnets
                ],
                "Entries": entries,
                "IsDefault": True,
                "NetworkAclId": acl_id,
                "Tags": [],
                "VpcId": spec.vpc_id,
                "OwnerId": spec.account,
            }
        ]
    }


def security_groups(spec: Spec) -> Raw:
    """All groups, rules grouped as EC2 groups them."""
    return {
        "SecurityGroups": [
            {
                "GroupId": spec.group_id(name),
                "IpPermissionsEgress": _permissions(spec, name, egress=True),
                "Tags": tags(Name=spec.group_name(name))
                + ([{"Key": f"kubernetes.io/cluster/{spec.cluster}", "Value": "owned"}] if name == "cluster" else []),
                "VpcId": spec.vpc_id,
                "SecurityGroupArn": (f"arn:aws:ec2:{spec.region}:{spec.account}:security-group/{spec.group_id(name)}"),
                "OwnerId": spec.account,
                "GroupName": spec.group_name(name),
                "Description": description,
                "IpPermissions": _permissions(spec, name, egress=False),
            }
            for name, description in spec.security_groups.items()
        ]
    }


def _permissions(spec: Spec, name: str, *, egress: bool) -> list[Raw]:
    """As EC2 groups them: one permission per protocol and port range, with all its peers."""
    grouped: dict[tuple[str, int | None, int | None], Raw] = {}
    for rule in spec.rules:
        if rule.group != name or rule.egress != egress:
            continue
        permission = grouped.setdefault(
            (rule.protocol, rule.port, rule.to_port),
            {
                "IpProtocol": rule.protocol,
                **({} if rule.port is None else {"FromPort": rule.port, "ToPort": rule.to_port or rule.port}),
                "UserIdGroupPairs": [],
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
            },
        )
        text = {"Description": rule.description} if rule.description else {}
        if _is_cidr(rule):
            permission["IpRanges"].append({**text, "CidrIp": rule.peer})
        else:
            permission["UserIdGroupPairs"].append({**text, "UserId": spec.account, "GroupId": spec.group_id(rule.peer)})
    return list(grouped.values())


def _is_cidr(rule: Rule) -> bool:
    return "/" in rule.peer


def security_group_rules(spec: Spec) -> Raw:
    """The same rules one by one, with their ids."""
    found: list[Raw] = []
    for rule in spec.rules:
        way = "out" if rule.egress else "in"
        rule_id = spec.id("sgr", rule.group, way, rule.peer, rule.protocol, str(rule.port))
        peer = (
            {"CidrIpv4": rule.peer}
            if _is_cidr(rule)
            else {"ReferencedGroupInfo": {"GroupId": spec.group_id(rule.peer), "UserId": spec.account}}
        )
        found.append(
            {
                "SecurityGroupRuleId": rule_id,
                "GroupId": spec.group_id(rule.group),
                "GroupOwnerId": spec.account,
                "IsEgress": rule.egress,
                "IpProtocol": rule.protocol,
                "FromPort": -1 if rule.port is None else rule.port,
                "ToPort": -1 if rule.port is None else rule.to_port or rule.port,
                **peer,
                **({"Description": rule.description} if rule.description else {}),
                "Tags": [],
                "SecurityGroupRuleArn": f"arn:aws:ec2:{spec.region}:{spec.account}:security-group-rule/{rule_id}",
            }
        )
    return {"SecurityGroupRules": found}
