"""Worlds in which a right decides: the demo, changed so that what the right reads is what a verdict rests on.

The cluster's side of a world is an edit of the demo's objects, which the stub serves. The AWS side is one account on a
moto server that has something for every world: a prefix list in a rule, a peered VPC and one that is not, a Fargate
profile, and node groups whose Auto Scaling groups have lost EKS's tags.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.sources.aws_api.records import Needed
from tests.e2e.moto_account import ACCOUNT, Account
from tests.e2e.motogateway import attach, of_each_zone
from tests.sources.aws_api.motoserver import REGION, extended_moto
from tests.sources.kubernetes_api.stub import Raw, helm_secret, recorded

WORLD = Path(__file__).resolve().parents[2] / "src" / "clusterproof" / "worlds" / "demo"
CLUSTER = "demo-gpu"
Objects = dict[str, list[Raw]]
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
PEERED, STRAY, JOINED, FARGATE = "10.9.0.20", "10.8.0.20", "172.30.0.20", "10.0.0.77"
"""Addresses of an instance in a peered VPC, of one in a VPC that is not, of one in a VPC to which a transit gateway
leads, and of a pod that Fargate runs."""


class Cloud(msgspec.Struct, frozen=True):
    """The account that all worlds share.

    Attributes:
        url: the moto server.
        base: the demo's Kubernetes objects by resource, with the server's ids.
        groups: security group id by name.
        subnets: subnet id by CIDR block.
        instances: instance id by address, of those that are not the demo's own.
    """

    url: str
    base: Objects
    groups: dict[str, str]
    subnets: dict[str, str]
    instances: dict[str, str]


@contextmanager
def cloud(home: Path) -> Iterator[Cloud]:
    """Makes the account and serves it until left.

    Args:
        home: an empty directory.
    """
    with extended_moto() as url:
        account = Account(WORLD, url, REGION)
        account.make()
        groups = {g["GroupName"]: g["GroupId"] for g in account.ec2.describe_security_groups()["SecurityGroups"]}
        groups["cluster"] = account.eks.describe_cluster(name=CLUSTER)["cluster"]["resourcesVpcConfig"][
            "clusterSecurityGroupId"
        ]
        subnets = {s["CidrBlock"]: s["SubnetId"] for s in account.ec2.describe_subnets()["Subnets"]}
        _open(account, groups)
        _pod_interfaces(account, groups, subnets)
        account.eks.create_fargate_profile(
            clusterName=CLUSTER,
            fargateProfileName="dns",
            podExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/fargate",
            subnets=[subnets["10.0.0.0/22"], subnets["10.0.240.0/24"]],
            selectors=[{"namespace": "kube-system", "labels": {"on": "fargate"}}],
        )
        account.ec2.create_network_interface(
            SubnetId=subnets["10.0.0.0/22"], PrivateIpAddress=FARGATE, Groups=[groups["cluster"]]
        )
        instances = {PEERED: _elsewhere(account, "10.9", peered=True), STRAY: _elsewhere(account, "10.8", peered=False)}
        instances[JOINED] = _joined(account, groups)
        tags = [
            {"ResourceId": g["AutoScalingGroupName"], "ResourceType": "auto-scaling-group", "Key": tag["Key"]}
            for g in account.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
            for tag in g["Tags"]
            if tag["Key"] == "eks:nodegroup-name"
        ]
        account.scaling.delete_tags(Tags=tags)
        account.kubernetes(home / "kubernetes")
        yield Cloud(url, recorded(home / "kubernetes"), groups, subnets, instances)


def _open(account: Account, groups: Mapping[str, str]) -> None:
    """What the profile asks for, from every address; port 2379 by a prefix list alone."""
    everywhere = [{"CidrIp": "10.0.0.0/8"}]
    listed = account.ec2.create_managed_prefix_list(
        PrefixListName="everywhere", MaxEntries=5, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/8"}]
    )["PrefixList"]["PrefixListId"]
    ports = (("tcp", 4222), ("tcp", 9090), ("tcp", 53), ("udp", 53))
    rules: list[Raw] = [{"IpProtocol": p, "FromPort": n, "ToPort": n, "IpRanges": everywhere} for p, n in ports]
    rules.append({"IpProtocol": "tcp", "FromPort": 2379, "ToPort": 2379, "PrefixListIds": [{"PrefixListId": listed}]})
    for name in ("system-nodes", "gpu-nodes", "customer-nodes", "cluster"):
        account.ec2.authorize_security_group_ingress(GroupId=groups[name], IpPermissions=rules)


POD_BLOCKS = {"a": "10.0.0.0/22", "b": "10.0.4.0/22", "c": "10.0.8.0/22"}
"""By zone: where the pods' interfaces of the world with custom networking are."""


def _pod_interfaces(account: Account, groups: Mapping[str, str], subnets: Mapping[str, str]) -> None:
    """On each node the interface that the VPC CNI makes as the ENIConfig of its zone says."""
    number = 100
    for reservation in account.ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            number += 1
            block = POD_BLOCKS[instance["Placement"]["AvailabilityZone"].removeprefix(REGION)]
            made = account.ec2.create_network_interface(
                SubnetId=subnets[block],
                PrivateIpAddress=f"10.0.{int(block.split('.')[2]) + 3}.{number}",
                Description=f"aws-K8S-{instance['InstanceId']}",
                Groups=[groups["system-nodes"]],
            )["NetworkInterface"]["NetworkInterfaceId"]
            account.ec2.attach_network_interface(
                NetworkInterfaceId=made, InstanceId=instance["InstanceId"], DeviceIndex=1
            )


def _elsewhere(account: Account, net: str, *, peered: bool) -> str:
    """An instance in a VPC of its own; the id."""
    ec2 = account.ec2
    vpc = ec2.create_vpc(CidrBlock=f"{net}.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{net}.0.0/24", AvailabilityZone=f"{REGION}a")["Subnet"][
        "SubnetId"
    ]
    group = ec2.create_security_group(GroupName=f"nodes-{net}", Description="nodes", VpcId=vpc)["GroupId"]
    if peered:
        home = account.file("vpcs")["Vpcs"][0]["VpcId"]
        made = ec2.create_vpc_peering_connection(VpcId=home, PeerVpcId=vpc)["VpcPeeringConnection"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnectionId"])
        for table in ec2.describe_route_tables()["RouteTables"]:
            other = {home: f"{net}.0.0/16", vpc: "10.0.0.0/16"}.get(table["VpcId"])
            if other is not None:
                ec2.create_route(
                    RouteTableId=table["RouteTableId"],
                    DestinationCidrBlock=other,
                    VpcPeeringConnectionId=made["VpcPeeringConnectionId"],
                )
    image = ec2.describe_images()["Images"][0]["ImageId"]
    instance: str = ec2.run_instances(
        ImageId=image,
        InstanceType="m5.xlarge",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        PrivateIpAddress=f"{net}.0.20",
        SecurityGroupIds=[group],
    )["Instances"][0]["InstanceId"]
    return instance


def _joined(account: Account, groups: Mapping[str, str]) -> str:
    """An instance in a VPC to which a transit gateway leads, whose group the nodes' groups admit for DNS; the id."""
    ec2 = account.ec2
    instance = _elsewhere(account, "172.30", peered=False)
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    home, vpc = account.file("vpcs")["Vpcs"][0]["VpcId"], found["VpcId"]
    gateway = attach(
        ec2,
        {home: of_each_zone(ec2, home), vpc: [found["SubnetId"]]},
        {"10.0.0.0/16": home, "172.30.0.0/16": vpc},
    )
    for table in ec2.describe_route_tables()["RouteTables"]:
        other = {home: "172.30.0.0/16", vpc: "10.0.0.0/16"}.get(table["VpcId"])
        if other is not None:
            ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=other, TransitGatewayId=gateway)
    # Its addresses are in no range that the nodes' groups admit: only its group is named there.
    named = [{"GroupId": found["SecurityGroups"][0]["GroupId"]}]
    rules: list[Raw] = [
        {"IpProtocol": protocol, "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": named} for protocol in ("tcp", "udp")
    ]
    for name in ("system-nodes", "gpu-nodes", "customer-nodes", "cluster"):
        ec2.authorize_security_group_ingress(GroupId=groups[name], IpPermissions=rules)
    return instance


# --- the cluster's side ----------------------------------------------------------------

Edit = Callable[[Cloud, Objects], None]


def objects(made: Cloud, name: str) -> Objects:
    """A world's Kubernetes objects."""
    found = copy.deepcopy(made.base)
    WORLDS[name](made, found)
    return found


def needed(world: Objects) -> Needed:
    """What reading the account is told of a world's nodes, as live reading tells it."""
    ids = (node["spec"].get("providerID", "").rpartition("/")[2] for node in world["nodes"])
    return Needed(
        instances=tuple(sorted(item for item in ids if item.startswith("i-"))), instance_types=("g5.2xlarge",)
    )


def _add(world: Objects, resource: str, name: str, namespace: str = "", labels: Any = None, **members: Any) -> None:
    metadata: Raw = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": labels or {}}
    world.setdefault(resource, []).append({"metadata": metadata, **members})


def _define(world: Objects, kind: kinds.Kind[Any]) -> None:
    name = f"{kind.resource}.{kind.group}"
    if any(crd["metadata"]["name"] == name for crd in world[CRDS]):
        return
    scope = "Namespaced" if kind.namespaced else "Cluster"
    spec = {"group": kind.group, "names": {"plural": kind.resource, "kind": kind.wire}, "scope": scope}
    _add(world, CRDS, name, spec=spec)


def _cni(world: Objects) -> Raw:
    found: Raw = next(item for item in world["daemonsets.apps"] if item["metadata"]["name"] == "aws-node")
    return found


def _set(world: Objects, **variables: str) -> None:
    env = _cni(world)["spec"]["template"]["spec"]["containers"][0]["env"]
    env[:] = [item for item in env if item["name"] not in variables]
    env += [{"name": name, "value": value} for name, value in variables.items()]


def _enforce(world: Objects) -> None:
    """Switches the VPC CNI's NetworkPolicies on."""
    for container in _cni(world)["spec"]["template"]["spec"]["containers"]:
        off, on = ("--enable-network-policy=false", "--enable-network-policy=true")
        container["args"] = [on if item == off else item for item in container.get("args", ())]


def _plain(_made: Cloud, _world: Objects) -> None:
    """The demo itself."""


def _policies(_made: Cloud, world: Objects) -> None:
    """Only namespaces without the label ``team`` reach Prometheus: all of them."""
    _enforce(world)
    _add(
        world,
        "networkpolicies.networking.k8s.io",
        "prometheus",
        "monitoring",
        spec={
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [
                        {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}},
                    ]
                }
            ],
        },
    )


def _aws_policies(_made: Cloud, world: Objects) -> None:
    """The VPC CNI enforces, in a release that reads its own kinds of policy; all kinds are defined, without objects."""
    _enforce(world)
    for container in _cni(world)["spec"]["template"]["spec"]["containers"]:
        container["image"] = container["image"].replace("amazon-k8s-cni:v1.20.", "amazon-k8s-cni:v1.21.")
    for kind in kinds.OTHER_POLICIES:
        _define(world, kind)


def _calico(_made: Cloud, world: Objects) -> None:
    """Calico enforces NetworkPolicies beside the VPC CNI and has no kinds of its own defined."""
    _engine(world, "calico-node", "calico/node:v3.30.0")


def _calico_policies(_made: Cloud, world: Objects) -> None:
    """Calico in a release that does not show enforces, and every kind of policy is defined, without objects."""
    _engine(world, "calico-node", "calico/node:stable")
    for kind in kinds.OTHER_POLICIES:
        _define(world, kind)


def _cilium_policies(_made: Cloud, world: Objects) -> None:
    """Cilium enforces, and every kind of policy is defined, without objects."""
    _engine(world, "cilium", "cilium/cilium:v1.18.1")
    for kind in kinds.OTHER_POLICIES:
        _define(world, kind)


def _engine(world: Objects, name: str, image: str) -> None:
    labels = {"k8s-app": name}
    spec = {"hostNetwork": True, "containers": [{"name": name, "image": image}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    _add(
        world,
        "daemonsets.apps",
        name,
        "kube-system",
        labels,
        spec={"selector": {"matchLabels": labels}, "template": template},
    )


def _pod_groups(made: Cloud, world: Objects) -> None:
    """Security groups for pods, chosen by a label of service accounts that the workers' has not."""
    _set(world, ENABLE_POD_ENI="true", POD_SECURITY_GROUP_ENFORCING_MODE="standard")
    _define(world, kinds.SECURITY_GROUP_POLICIES)
    spec = {
        "serviceAccountSelector": {"matchLabels": {"role": "worker"}},
        "securityGroups": {"groupIds": [made.groups["gpu-nodes"]]},
    }
    _add(world, "securitygrouppolicies.vpcresources.k8s.aws", "workers", "dynamo", spec=spec)


def _custom_networking(made: Cloud, world: Objects) -> None:
    """Pods' interfaces in subnets and groups of their own."""
    _set(world, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG="true", ENI_CONFIG_LABEL_DEF="topology.kubernetes.io/zone")
    for zone, block in POD_BLOCKS.items():
        spec = {"subnet": made.subnets[block], "securityGroups": [made.groups["system-nodes"]]}
        _add(world, "eniconfigs.crd.k8s.amazonaws.com", f"{REGION}{zone}", spec=spec)


def _pool(made: Cloud, world: Objects, node_class: kinds.Kind[Any]) -> None:
    """A NodePool beside the node groups, and the class that says where its nodes will be."""
    _define(world, kinds.NODE_POOLS)
    _define(world, node_class)
    subnets = {zone: made.subnets[block] for zone, block in (("a", "10.0.16.0/22"), ("b", "10.0.20.0/22"))}
    group = made.groups["gpu-nodes"]
    spec = {
        "nodeClassRef": {"group": node_class.group, "kind": node_class.wire, "name": "gpus"},
        "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
        "requirements": [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g5.2xlarge"]}],
    }
    _add(world, "nodepools.karpenter.sh", "gpus", spec={"template": {"metadata": {"labels": {}}, "spec": spec}})
    _add(
        world,
        f"{node_class.resource}.{node_class.group}",
        "gpus",
        spec={
            "role": "nodes",
            "amiSelectorTerms": [{"alias": "al2023@latest"}],
            "subnetSelectorTerms": [{"id": item} for item in subnets.values()],
            "securityGroupSelectorTerms": [{"id": group}],
        },
        status={
            "subnets": [{"id": item, "zone": f"{REGION}{zone}"} for zone, item in subnets.items()],
            "securityGroups": [{"id": group}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    )


def _at_zero(_made: Cloud, world: Objects) -> None:
    """No GPU node runs today: what the next will offer, its instance type tells."""
    gone = {
        node["metadata"]["name"]
        for node in world["nodes"]
        if node["metadata"]["labels"].get("eks.amazonaws.com/nodegroup") == "gpu"
    }
    world["nodes"] = [node for node in world["nodes"] if node["metadata"]["name"] not in gone]
    world["pods"] = [pod for pod in world["pods"] if pod["spec"].get("nodeName") not in gone]


def _node(world: Objects, name: str, address: str, provider: str, **more: Any) -> None:
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": f"{REGION}a",
        **more.pop("labels", {}),
    }
    room = {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "80Gi", "pods": "58"}
    status = {
        "addresses": [{"type": "InternalIP", "address": address}],
        "allocatable": room,
        "capacity": room,
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    _add(
        world, "nodes", name, labels=labels, spec={"providerID": f"aws:///{REGION}a/{provider}", **more}, status=status
    )


def _peered(made: Cloud, world: Objects) -> None:
    """A node that nobody manages, in a VPC that is peered with the cluster's."""
    _node(world, "peered", PEERED, made.instances[PEERED])


def _gateway(made: Cloud, world: Objects) -> None:
    """A node that nobody manages, in a VPC to which a transit gateway leads."""
    _node(world, "joined", JOINED, made.instances[JOINED])


def _stray(made: Cloud, world: Objects) -> None:
    """A node that nobody manages, in a VPC from which no way leads to the cluster's."""
    _node(world, "stray", STRAY, made.instances[STRAY])


def _fargate(_made: Cloud, world: Objects) -> None:
    """CoreDNS belongs on Fargate and one pod runs there; only its interface tells in which of the profile's subnets."""
    name = f"fargate-ip-{FARGATE.replace('.', '-')}.{REGION}.compute.internal"
    kind = "eks.amazonaws.com/compute-type"
    taint = {"key": kind, "value": "fargate", "effect": "NoSchedule"}
    _node(world, name, FARGATE, f"0/{name}", labels={kind: "fargate"}, taints=[taint])
    pod = copy.deepcopy(next(item for item in world["pods"] if item["metadata"]["name"].startswith("coredns-")))
    template = next(item for item in world["deployments.apps"] if item["metadata"]["name"] == "coredns")["spec"][
        "template"
    ]
    for one in (template, pod, *(item for item in world["pods"] if item["metadata"]["name"].startswith("coredns-"))):
        one["metadata"]["labels"]["on"] = "fargate"
    pod["metadata"]["name"] += "-f"
    pod["metadata"]["labels"]["eks.amazonaws.com/fargate-profile"] = "dns"
    pod["spec"]["nodeName"] = name
    pod["status"] |= {"podIP": FARGATE, "podIPs": [{"ip": FARGATE}]}
    world["pods"].append(pod)


def _later(_made: Cloud, world: Objects) -> None:
    """A version of Dynamo from which on other requirements apply; only Helm's release tells."""
    releases = json.loads((WORLD / "kubernetes" / "helm.json").read_text("utf-8"))
    (release,) = (row for row in releases if row["name"] == "dynamo-platform")
    world["secrets"] = [helm_secret(release | {"chart": "dynamo-platform-1.5.0", "app_version": "1.5.0"})]


WORKER = "vllm-agg-vllmdecodeworker"


def _worker(world: Objects, **spec: Any) -> None:
    """Changes the worker's template, and its pods with it."""
    owned = [
        item for item in world["deployments.apps"] + world["replicasets.apps"] if WORKER in item["metadata"]["name"]
    ]
    bodies = [item["spec"]["template"]["spec"] for item in owned]
    bodies += [item["spec"] for item in world["pods"] if WORKER in item["metadata"]["name"]]
    for body in bodies:
        body.update(copy.deepcopy(spec))


def _waiting(_made: Cloud, world: Objects) -> None:
    """The worker has a claim whose volume is made where its pod lands: its class says where that can be."""
    _add(
        world,
        "persistentvolumeclaims",
        "model",
        "dynamo",
        spec={"storageClassName": "gp3"},
        status={"phase": "Pending"},
    )
    _worker(world, volumes=[{"name": "model", "persistentVolumeClaim": {"claimName": "model"}}])


def _runtime(_made: Cloud, world: Objects) -> None:
    """The worker's template names a RuntimeClass, which asks for more than the template itself does."""
    _worker(world, runtimeClassName="nvidia")
    _add(world, "runtimeclasses.node.k8s.io", "nvidia", handler="nvidia", overhead={"podFixed": {"cpu": "10m"}})


def _devices(_made: Cloud, world: Objects) -> None:
    """The worker has two claims of devices, one that is there and one made for each pod, which drivers publish by node."""
    group = "resource.k8s.io"
    request = {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "fast"}}]}}
    _add(world, f"deviceclasses.{group}", "fast", spec={})
    _add(world, f"resourceclaims.{group}", "shared", "dynamo", spec=request)
    _add(world, f"resourceclaimtemplates.{group}", "own", "dynamo", spec={"spec": request})
    for node in world["nodes"]:
        name = node["metadata"]["name"]
        devices = [{"name": f"d{number}"} for number in range(8)]
        pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
        spec = {"driver": "dra.example.com", "nodeName": name, "pool": pool, "devices": devices}
        _add(world, f"resourceslices.{group}", f"{name}-fast", spec=spec)
    claims = [
        {"name": "shared", "resourceClaimName": "shared"},
        {"name": "own", "resourceClaimTemplateName": "own"},
    ]
    _worker(world, resourceClaims=claims)


WORLDS: dict[str, Edit] = {
    "waiting": _waiting,
    "a runtime": _runtime,
    "devices": _devices,
    "demo": _plain,
    "Dynamo 1.5": _later,
    "policies": _policies,
    "AWS's policies": _aws_policies,
    "Calico": _calico,
    "Calico's policies": _calico_policies,
    "Cilium's policies": _cilium_policies,
    "pods' groups": _pod_groups,
    "custom networking": _custom_networking,
    "Karpenter": lambda made, world: _pool(made, world, kinds.EC2_NODE_CLASSES),
    "Auto Mode": lambda made, world: _pool(made, world, kinds.NODE_CLASSES),
    "at zero": _at_zero,
    "peered": _peered,
    "stray": _stray,
    "gateway": _gateway,
    "Fargate": _fargate,
}
"""What each adds to the demo."""
