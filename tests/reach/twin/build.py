"""A drawn plan as the snapshot that the engine reads: what ``kubectl`` and the AWS CLI would print of it."""

from __future__ import annotations

from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.world.world import World
from tests.reach.twin.doors import NODE_PORT
from tests.reach.twin.plan import ZONES, Entry, NodeGroup, Plan, Pods, Raw, Route, Rule
from tests.world.build import Tiny, on

TRUNK = {"cpu": "8", "memory": "32Gi", "pods": "58", "ephemeral-storage": "80Gi", "vpc.amazonaws.com/pod-eni": "9"}


def world_of(plan: Plan) -> World:
    """The engine's world of a plan."""
    return built(plan).world()


def built(plan: Plan) -> Tiny:
    """The snapshot, still open for changes."""
    tiny = Tiny()
    for kind in (kinds.VPCS, kinds.SUBNETS, kinds.NETWORK_ACLS, kinds.ROUTE_TABLES, kinds.NAMESPACES):
        tiny.objects[kind.name] = []
    if plan.family == 6:
        tiny.objects[kinds.CLUSTERS.name][0]["kubernetesNetworkConfig"] = {"ipFamily": "ipv6"}
    _vpcs(plan, tiny)
    _rules(plan, tiny)
    for item in plan.node_groups:
        _nodes(plan, tiny, item)
    _pods(plan, tiny)
    return tiny


def _four(plan: Plan, cidr: str) -> str:
    """Every VPC and subnet has an IPv4 block; in an IPv6 world nothing rests on it."""
    if plan.family == 4:
        return cidr
    parts = cidr.split("/", maxsplit=1)[0].removeprefix("2001:db8:").split(":")
    vpc, subnet = parts[0], parts[1] or "0"
    return f"10.{vpc}.{subnet}.0/28" if cidr.endswith("/124") else f"10.{vpc}.0.0/16"


def _vpcs(plan: Plan, tiny: Tiny) -> None:
    for name, cidr in plan.vpcs.items():
        six = [{"Ipv6CidrBlock": cidr}] if plan.family == 6 else []
        raw: Raw = {"VpcId": name, "CidrBlock": _four(plan, cidr), "Ipv6CidrBlockAssociationSet": six}
        tiny.put(kinds.VPCS, raw)
        default = [
            *_entries([(100, way, True, -1, 0, 0, any_) for way in (True, False) for any_ in ("0.0.0.0/0", "::/0")])
        ]
        tiny.put(
            kinds.NETWORK_ACLS,
            {"NetworkAclId": f"acl-{name}", "VpcId": name, "IsDefault": True, "Entries": default, "Associations": []},
        )
    for name, (vpc, cidr) in plan.subnets.items():
        six = [{"Ipv6CidrBlock": cidr}] if plan.family == 6 else []
        tags = [{"Key": "kubernetes.io/role/cni", "Value": "1"}] if name in plan.discovered else []
        tiny.put(
            kinds.SUBNETS,
            {
                "SubnetId": name,
                "VpcId": vpc,
                "AvailabilityZone": ZONES.get(name, "us-east-1a"),
                "CidrBlock": _four(plan, cidr),
                "Ipv6CidrBlockAssociationSet": six,
                "Tags": tags,
            },
        )
    for name, entries in plan.acls.items():
        raw = {"NetworkAclId": f"acl-{name}", "VpcId": plan.subnets[name][0], "IsDefault": False}
        tiny.put(kinds.NETWORK_ACLS, {**raw, "Entries": _entries(entries), "Associations": [{"SubnetId": name}]})
    for name, routes in plan.tables.items():
        own: Raw = {"Main": True} if name == "main" else {"SubnetId": name, "Main": False}
        vpc = "vpc-1" if name == "main" else plan.subnets[name][0]
        made = [_route(route, f"eni-{number}") for number, route in enumerate(routes)]
        tiny.put(
            kinds.ROUTE_TABLES, {"RouteTableId": f"rtb-{name}", "VpcId": vpc, "Routes": made, "Associations": [own]}
        )
    tiny.put(
        kinds.PEERINGS,
        {
            "VpcPeeringConnectionId": "pcx-1",
            "RequesterVpcInfo": {"VpcId": "vpc-1", "Region": "r"},
            "AccepterVpcInfo": {"VpcId": "vpc-2", "Region": "r"},
            "Status": {"Code": "active" if plan.peered else "deleted"},
        },
    )
    for name, cidrs in plan.lists.items():
        tiny.put(kinds.PREFIX_LIST_ENTRIES, {"PrefixListId": name, "Entries": [{"Cidr": cidr} for cidr in cidrs]})


def _entries(entries: list[Entry] | tuple[Entry, ...]) -> list[Raw]:
    found = []
    for number, egress, allow, protocol, low, high, cidr in entries:
        raw: Raw = {"RuleNumber": number, "RuleAction": "allow" if allow else "deny", "Egress": egress}
        raw |= {"Protocol": str(protocol), "Ipv6CidrBlock" if ":" in cidr else "CidrBlock": cidr}
        if protocol in (6, 17):
            raw["PortRange"] = {"From": low, "To": high}
        found.append(raw)
    return found


def _route(route: Route, gone: str) -> Raw:
    cidr, kind = route
    raw: Raw = {"DestinationIpv6CidrBlock" if ":" in cidr else "DestinationCidrBlock": cidr, "State": "active"}
    more: dict[str, Raw] = {
        "local": {"GatewayId": "local"},
        "peering": {"VpcPeeringConnectionId": "pcx-1"},
        "blackhole": {"NetworkInterfaceId": gone, "State": "blackhole"},
    }
    return raw | more[kind]


def _rules(plan: Plan, tiny: Tiny) -> None:
    def permission(rule: Rule) -> Raw:
        protocol, low, high, kind, other = rule
        raw: Raw = {"IpProtocol": protocol}
        if protocol != "-1":
            raw |= {"FromPort": low, "ToPort": high}
        if kind == "cidr":
            return raw | ({"Ipv6Ranges": [{"CidrIpv6": other}]} if ":" in other else {"IpRanges": [{"CidrIp": other}]})
        if kind == "list":
            return raw | {"PrefixListIds": [{"PrefixListId": other}]}
        return raw | {"UserIdGroupPairs": [{"GroupId": other}]}

    for name, (inbound, outbound) in plan.groups.items():
        tiny.put(
            kinds.SECURITY_GROUPS,
            {
                "GroupId": name,
                "GroupName": name,
                "VpcId": "vpc-2" if name == "sg-peer" else "vpc-1",
                "IpPermissions": [permission(rule) for rule in inbound],
                "IpPermissionsEgress": [permission(rule) for rule in outbound],
            },
        )


def _nodes(plan: Plan, tiny: Tiny, item: NodeGroup) -> None:
    first = len(tiny.objects[kinds.INSTANCES.name])
    tiny.managed(
        item.name,
        item.groups,
        nodes=item.nodes,
        size=(0, item.nodes, item.high),
        subnets=item.subnets,
        allocatable=TRUNK if plan.on("ENABLE_POD_ENI") else None,
    )
    if not plan.eni_configs:
        return
    for raw in tiny.objects[kinds.INSTANCES.name][first:]:
        subnet, groups = plan.eni_configs[ZONES[raw["SubnetId"]]]
        held = groups or tuple(one["GroupId"] for one in raw["NetworkInterfaces"][0]["Groups"])
        more: Raw = {
            "NetworkInterfaceId": f"{raw['InstanceId']}-1",
            "Description": f"aws-K8S-{raw['InstanceId']}",
            "SubnetId": subnet,
            "Groups": [{"GroupId": group} for group in held],
            "Attachment": {"DeviceIndex": 1, "NetworkCardIndex": 0},
        }
        raw["NetworkInterfaces"].append(more)


def _pods(plan: Plan, tiny: Tiny) -> None:
    spec: Raw
    for zone, (subnet, groups) in plan.eni_configs.items():
        spec = {"subnet": subnet, "securityGroups": list(groups)}
        tiny.put(kinds.ENI_CONFIGS, {"metadata": {"name": zone}, "spec": spec})
    for namespace, labels in plan.namespaces.items():
        tiny.namespace(namespace, **labels)
    agent = ["--enable-network-policy=true"] if plan.engine == "aws" else None
    tiny.cni(plan.env, agent)
    if plan.engine.startswith("calico"):
        image = f"docker.io/calico/node:v{plan.engine.removeprefix('calico-')}.0"
        container = {"name": "calico-node", "image": image}
        spec = {"containers": [container], "hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
        tiny.controller("DaemonSet", "kube-system/calico-node", spec)
    for pods in plan.workloads:
        tiny.controller(
            pods.kind, f"{pods.namespace}/{pods.name}", _spec(pods), labels=pods.labels, replicas=pods.replicas
        )
    for number, (namespace, labels, groups) in enumerate(plan.pod_groups):
        spec = {"podSelector": {"matchLabels": labels}, "securityGroups": {"groupIds": list(groups)}}
        metadata = {"namespace": namespace, "name": f"sgp{number}"}
        tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": metadata, "spec": spec})
    for one in plan.services:
        more: dict[str, Any] = {"clusterIP": one.address}
        if one.local:
            more["internalTrafficPolicy"] = "Local"
        port: Raw = {"targetPort": one.target, "protocol": one.protocol}
        if one.outside_local is not None:
            port["nodePort"] = NODE_PORT
            more |= {"type": "NodePort", "externalTrafficPolicy": "Local" if one.outside_local else "Cluster"}
        tiny.service(f"{one.namespace}/{one.name}", one.port, one.selector, port_more=port, **more)
    tiny.put(kinds.NETWORK_POLICIES, *plan.policies)
    for kind, raw in plan.admin:
        tiny.put(kinds.BY_NAME[kind], raw)


def _spec(pods: Pods) -> Raw:
    ports = [{"name": name, "containerPort": port, "protocol": protocol} for name, port, protocol in pods.ports]
    raw: Raw = {"containers": [{"name": "main", "image": "app:1", "ports": ports}]}
    if pods.host:
        raw["hostNetwork"] = True
    return raw | (on(pods.group) if pods.group else {})
