"""Small clusters for tests of repairs, made from plain objects; every kind is there and complete unless said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings, report
from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.mended import Fix
from clusterproof.fixes.propose import repair
from clusterproof.profiles.model import (
    Check,
    Document,
    Evidence,
    Level,
    NodeSet,
    Profile,
    Reach,
    Requirement,
    Source,
    Subject,
)
from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import Meta, Snapshot, table_of

Raw = dict[str, Any]

REGION = "us-west-2"
ACCOUNT = "111122223333"
CIDRS = {"subnet-a": "10.0.1.0/24", "subnet-b": "10.0.2.0/24", "subnet-c": "10.0.3.0/24", "subnet-d": "10.0.4.0/24"}
_ALL_OUT = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}


def rule(port: int | tuple[int, int] | None, *, group: str = "", cidr: str = "", protocol: str = "tcp") -> Raw:
    """One IpPermission; no port is all traffic."""
    raw: Raw = {"IpProtocol": "-1"} if port is None else {"IpProtocol": protocol}
    if port is not None:
        low, high = (port, port) if isinstance(port, int) else port
        raw |= {"FromPort": low, "ToPort": high}
    if group:
        raw["UserIdGroupPairs"] = [{"GroupId": group, "UserId": ACCOUNT}]
    if cidr:
        raw["IpRanges"] = [{"CidrIp": cidr}]
    return raw


def group(
    group_id: str,
    ingress: Iterable[Raw] = (),
    egress: Iterable[Raw] = (_ALL_OUT,),
    *,
    name: str = "",
    vpc: str = "vpc-1",
    tags: Mapping[str, str] | None = None,
) -> Raw:
    """A security group that lets everything out unless told otherwise."""
    return {
        "GroupId": group_id,
        "GroupName": name or group_id.removeprefix("sg-"),
        "VpcId": vpc,
        "OwnerId": ACCOUNT,
        "IpPermissions": list(ingress),
        "IpPermissionsEgress": list(egress),
        "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
    }


def entry(
    number: int,
    action: str,
    ports: tuple[int, int] | None = None,
    *,
    egress: bool,
    cidr: str = "0.0.0.0/0",
    protocol: str = "6",
) -> Raw:
    """One network ACL entry; without ports all traffic."""
    raw: Raw = {"RuleNumber": number, "RuleAction": action, "Egress": egress, "CidrBlock": cidr, "Protocol": "-1"}
    if ports is not None:
        raw |= {"Protocol": protocol, "PortRange": {"From": ports[0], "To": ports[1]}}
    return raw


OPEN = (entry(100, "allow", egress=False), entry(100, "allow", egress=True))


def acl(acl_id: str, entries: Iterable[Raw], subnets: Iterable[str] = (), *, default: bool = False) -> Raw:
    """A network ACL with the final deny entries that AWS adds."""
    final = [entry(32767, "deny", egress=False), entry(32767, "deny", egress=True)]
    return {
        "NetworkAclId": acl_id,
        "VpcId": "vpc-1",
        "IsDefault": default,
        "Entries": [*entries, *final],
        "Associations": [{"SubnetId": item} for item in subnets],
    }


def place(
    name: str,
    groups: str,
    subnet: str,
    *,
    nodes: int = 2,
    labels: Mapping[str, str] | None = None,
    pods: tuple[str, str] | None = None,
) -> Raw:
    """A node group: nodes of one kind in one subnet with space-separated security groups.

    ``pods`` are subnet and groups of an interface that the VPC CNI made on each.
    """
    own = {"labels": dict(labels or {}), "pods": pods}
    return {"name": name, "groups": groups.split(), "subnet": subnet, "nodes": nodes, **own}


def deployment(
    key: str, on: str = "", *, labels: Mapping[str, str] | None = None, ports: Iterable[Raw] = (), **spec: Any
) -> Raw:
    """A Deployment ``namespace/name`` that is held to a node group by a node selector."""
    namespace, _, name = key.partition("/")
    own = dict(labels if labels is not None else {"app": name})
    body: Raw = {"containers": [{"name": "main", "image": f"{name}:1", "ports": list(ports)}], **spec}
    if on:
        body["nodeSelector"] = {"alpha.eksctl.io/nodegroup-name": on}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": own},
            "template": {"metadata": {"labels": own}, "spec": body},
        },
    }


def service(
    key: str, port: int, *, target: int | str | None = None, selector: Mapping[str, str] | None = None, **more: Any
) -> Raw:
    """A ClusterIP Service ``namespace/name`` that selects ``app: name``."""
    namespace, _, name = key.partition("/")
    ports = more.pop("ports", [{"name": "main", "port": port, "protocol": "TCP", "targetPort": target or port}])
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "172.20.0.9",
            "selector": dict(selector or {"app": name}),
            "ports": ports,
            **more,
        },
    }


def policy(key: str, spec: Raw) -> Raw:
    """A NetworkPolicy ``namespace/name``."""
    namespace, _, name = key.partition("/")
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def deny(namespace: str, way: str, selector: Raw | None = None) -> Raw:
    """A policy that isolates pods of a namespace in one direction and admits nothing."""
    return policy(f"{namespace}/deny-{way.lower()}", {"podSelector": selector or {}, "policyTypes": [way]})


def cluster(
    places: Sequence[Raw],
    groups: Iterable[Raw],
    deployments: Iterable[Raw],
    services: Iterable[Raw] = (),
    *,
    acls: Iterable[Raw] = (),
    subnets: Iterable[Raw] | None = None,
    policies: Iterable[Raw] = (),
    env: Mapping[str, str] | None = None,
    enforced: bool = True,
    without: Iterable[str] = (),
    **more: Iterable[Raw],
) -> Snapshot:
    """A snapshot of a cluster with the VPC CNI and CoreDNS on the node group ``system``.

    ``places`` come from :func:`place`; ``env`` is that of aws-node; ``enforced`` says whether NetworkPolicies are
    enforced; ``without`` names kinds that were not read; ``more`` are objects by kind name, with ``_`` for ``-``.
    """
    nodes, instances = _machines(places)
    own = list(deployments)
    own.append(deployment("kube-system/coredns", "system", labels={"k8s-app": "kube-dns"}))
    published = [
        *services,
        service(
            "kube-system/kube-dns",
            53,
            selector={"k8s-app": "kube-dns"},
            clusterIP="172.20.0.10",
            ports=[
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
            ],
        ),
    ]
    names = {raw["metadata"]["namespace"] for raw in own} | {"kube-system"}
    objects: dict[str, list[Raw]] = {
        "nodes": nodes,
        "instances": instances,
        "security-groups": list(groups),
        "subnets": list(subnets) if subnets is not None else [subnet(key) for key in CIDRS],
        "vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
        "network-acls": [acl("acl-default", OPEN, default=True), *acls],
        "route-tables": [
            {
                "RouteTableId": "rtb-main",
                "VpcId": "vpc-1",
                "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}],
                "Associations": [{"Main": True}],
            }
        ],
        "namespaces": [
            {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}} for name in sorted(names)
        ],
        "deployments": own,
        "services": published,
        "networkpolicies": list(policies),
        "daemonsets": [_aws_node(env or {}, enforced=enforced)],
        **{key.replace("_", "-"): list(raws) for key, raws in more.items()},
    }
    tables = {
        kind.name: table_of(kind, objects.get(kind.name, [])) for kind in kinds.ALL if kind.name not in set(without)
    }
    return Snapshot(Meta(cluster="test", region=REGION, account=ACCOUNT, time="2026-05-15T10:00:00Z"), tables)


def subnet(key: str, cidr: str = "", *, vpc: str = "vpc-1", zone: str = "us-west-2a") -> Raw:
    """One subnet."""
    return {"SubnetId": key, "VpcId": vpc, "CidrBlock": cidr or CIDRS[key], "AvailabilityZone": zone}


def _machines(places: Sequence[Raw]) -> tuple[list[Raw], list[Raw]]:
    nodes: list[Raw] = []
    instances: list[Raw] = []
    for index, item in enumerate(places):
        for number in range(item["nodes"]):
            instance = f"i-{index:04x}{number:013x}"
            nodes.append(
                {
                    "metadata": {
                        "name": f"{item['name']}-{number}",
                        "labels": {
                            "alpha.eksctl.io/nodegroup-name": item["name"],
                            "kubernetes.io/hostname": f"{item['name']}-{number}",
                            "kubernetes.io/os": "linux",
                            "topology.kubernetes.io/zone": "us-west-2a",
                            **item["labels"],
                        },
                    },
                    "spec": {"providerID": f"aws:///us-west-2a/{instance}"},
                    "status": {
                        "allocatable": {
                            "cpu": "8",
                            "memory": "32Gi",
                            "pods": "58",
                            "vpc.amazonaws.com/pod-eni": "9",
                        }
                    },
                }
            )
            face = {
                "NetworkInterfaceId": f"eni-{index:04x}{number:013x}",
                "SubnetId": item["subnet"],
                "Groups": [{"GroupId": key} for key in item["groups"]],
                "Attachment": {"DeviceIndex": 0, "NetworkCardIndex": 0, "InstanceId": instance},
            }
            faces = [face]
            if item["pods"] is not None:
                faces.append(
                    {
                        "NetworkInterfaceId": f"eni-{index:04x}{number:012x}f",
                        "Description": f"aws-K8S-{instance}",
                        "SubnetId": item["pods"][0],
                        "Groups": [{"GroupId": key} for key in item["pods"][1].split()],
                        "Attachment": {"DeviceIndex": 1, "NetworkCardIndex": 0, "InstanceId": instance},
                    }
                )
            instances.append({"InstanceId": instance, "SubnetId": item["subnet"], "NetworkInterfaces": faces})
    return nodes, instances


def _aws_node(env: Mapping[str, str], *, enforced: bool) -> Raw:
    agent = {
        "name": "aws-eks-nodeagent",
        "image": "agent:1",
        "args": [f"--enable-network-policy={str(enforced).lower()}"],
    }
    main = {"name": "aws-node", "image": "cni:1", "env": [{"name": key, "value": value} for key, value in env.items()]}
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "aws-node", "namespace": "kube-system"},
        "spec": {
            "template": {
                "metadata": {"labels": {"k8s-app": "aws-node"}},
                "spec": {"hostNetwork": True, "containers": [main, agent], "tolerations": [{"operator": "Exists"}]},
            }
        },
    }


def reach(
    name: str, client: Subject | str, server: Subject | str, port: str, *, by: str = "name", level: Level = Level.MUST
) -> Requirement:
    """A requirement that one end reaches another; a text names a workload."""
    one = Subject(workload=client) if isinstance(client, str) else client
    other = Subject(workload=server) if isinstance(server, str) else server
    check = Check(reach=Reach(from_=one, to=other, port=port, by=by))
    return Requirement(name, name, level, Source("test"), check, "what", "why", "how", "unknown", "do it by hand")


def profile(*requirements: Requirement, **sets: str) -> Profile:
    """A profile; ``sets`` are node sets by node group name."""
    found = {name: NodeSet(name, (Evidence(group=(value,)),)) for name, value in sets.items()}
    return Profile("p", "p", Document("test"), requirements, node_sets=found)


def repaired(snapshot: Snapshot, *requirements: Requirement, **sets: str) -> Report:
    """The report with fixes."""
    context = Context(snapshot, profile(*requirements, **sets), Settings())
    return repair(context, report(context, findings(context)))


def only(found: Report) -> Finding:
    """The one finding of a report."""
    assert len(found.findings) == 1
    return found.findings[0]


def fix_of(found: Report) -> Fix:
    """The fix of the one finding."""
    fix = only(found).fix
    assert fix is not None, only(found)
    return fix
