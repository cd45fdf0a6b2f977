"""Whole snapshots of tiny clusters from a few lines, as kubectl and the AWS CLI would print them.

A :class:`Tiny` is complete: every kind was read, most are empty. One VPC 10.0.0.0/16 with the
subnets ``subnet-a`` (zone us-east-1a) and ``subnet-b`` (us-east-1b), an open network ACL and a local
route; the VPC CNI without network policies; no node, no security group, no workload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import ALL, Kind
from clusterproof.snapshot.snapshot import Coverage, Meta, Snapshot, table_of
from clusterproof.world.world import World

Raw = dict[str, Any]
CLUSTER = "tiny"
ROOMY = {"cpu": "8", "memory": "32Gi", "pods": "58", "ephemeral-storage": "80Gi"}
ZONES = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b"}
ALL_OUT: Raw = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def rule(text: str) -> Raw:
    """One IpPermission from ``tcp 2379 sg-x``, ``udp 53 10.0.0.0/16`` or ``all sg-x``."""
    protocol, *rest = text.split()
    raw: Raw = {"IpProtocol": "-1" if protocol == "all" else protocol}
    if protocol != "all":
        low, _, high = rest.pop(0).partition("-")
        raw |= {"FromPort": int(low), "ToPort": int(high or low)}
    (peer,) = rest
    member = {"UserIdGroupPairs": [{"GroupId": peer}]} if peer.startswith("sg-") else {"IpRanges": [{"CidrIp": peer}]}
    return raw | member


def taint(text: str) -> Raw:
    """A Kubernetes taint from ``key=value:Effect``."""
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}


class Tiny:
    """A cluster that is put together piece by piece."""

    def __init__(self, *, cluster: str = CLUSTER, version: str = "1.33") -> None:
        self.meta = Meta(time="2026-01-01T00:00:00Z", cluster=cluster)
        self.objects: dict[str, list[Raw]] = {kind.name: [] for kind in ALL}
        self.coverage: dict[str, list[Coverage]] = {}
        self._instances = 0
        self.put(kinds.VPCS, {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"})
        for number, (name, zone) in enumerate(ZONES.items()):
            self.subnet(name, zone, f"10.0.{number}.0/24")
        entries = [
            {"RuleNumber": number, "RuleAction": action, "Egress": way, "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}
            for number, action in ((100, "allow"), (32767, "deny"))
            for way in (False, True)
        ]
        self.put(kinds.NETWORK_ACLS, {"NetworkAclId": "acl-0", "VpcId": "vpc-1", "IsDefault": True, "Entries": entries})
        routes = [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}]
        main = [{"Main": True}]
        self.put(
            kinds.ROUTE_TABLES,
            {"RouteTableId": "rtb-0", "VpcId": "vpc-1", "Routes": routes, "Associations": main},
        )
        vpc = {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-cluster"}
        self.put(kinds.CLUSTERS, {"name": cluster, "version": version, "resourcesVpcConfig": vpc})
        self.namespace("kube-system")
        self.namespace("app")
        self.cni()

    # --- any object -------------------------------------------------------------------

    def put(self, kind: Kind[Any], *raws: Raw) -> Tiny:
        """Objects as their API gives them."""
        self.objects[kind.name] += raws
        return self

    def drop(self, kind: Kind[Any]) -> Tiny:
        """The kind was not collected."""
        del self.objects[kind.name]
        return self

    def partly(self, kind: Kind[Any], unknown: Unknown) -> Tiny:
        """The kind was not read completely; what is there stays."""
        self.coverage[kind.name] = [Coverage(missing=unknown)]
        return self

    def snapshot(self) -> Snapshot:
        """The snapshot."""
        tables = {}
        for name, raws in self.objects.items():
            kind = kinds.BY_NAME[name]
            tables[name] = table_of(kind, raws, self.coverage.get(name, [Coverage()]))
        return Snapshot(self.meta, tables)

    def world(self) -> World:
        """The world of the snapshot."""
        return World(self.snapshot())

    # --- VPC ---------------------------------------------------------------------------

    def subnet(self, name: str, zone: str, cidr: str, *, vpc: str = "vpc-1", **tags: str) -> Tiny:
        """One subnet; ``__`` in a tag's key stands for ``/``."""
        pairs = [{"Key": key.replace("__", "/"), "Value": value} for key, value in tags.items()]
        raw = {"SubnetId": name, "VpcId": vpc, "AvailabilityZone": zone, "CidrBlock": cidr, "Tags": pairs}
        return self.put(kinds.SUBNETS, raw)

    def sg(self, name: str, *rules: str, egress: Sequence[Raw] = (ALL_OUT,)) -> Tiny:
        """One security group with inbound rules (:func:`rule`)."""
        raw = {"GroupId": name, "GroupName": name, "VpcId": "vpc-1", "IpPermissionsEgress": list(egress)}
        return self.put(kinds.SECURITY_GROUPS, {**raw, "IpPermissions": [rule(text) for text in rules]})

    # --- nodes --------------------------------------------------------------------------

    def node(
        self,
        name: str,
        groups: Iterable[str] = ("sg-node",),
        *,
        subnet: str = "subnet-a",
        labels: Mapping[str, str] | None = None,
        taints: Iterable[str] = (),
        allocatable: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        instance_type: str = "m5.xlarge",
        pod_interfaces: Iterable[tuple[str, Sequence[str]]] = (),
    ) -> str:
        """One node with its instance; gives the instance's id.

        ``pod_interfaces`` are subnet and groups of interfaces that the VPC CNI made.
        """
        self._instances += 1
        instance = f"i-{self._instances:08x}"
        zone = ZONES.get(subnet, "us-east-1a")
        known = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": instance_type,
            "topology.kubernetes.io/zone": zone,
            "topology.kubernetes.io/region": "us-east-1",
        }
        metadata = {"name": name, "labels": known | dict(labels or {}), "annotations": dict(annotations or {})}
        spec = {"providerID": f"aws:///{zone}/{instance}", "taints": [taint(text) for text in taints]}
        status = {"allocatable": dict(ROOMY if allocatable is None else allocatable)}
        self.put(kinds.NODES, {"metadata": metadata, "spec": spec, "status": status})
        interface = {
            "NetworkInterfaceId": f"eni-{self._instances}",
            "SubnetId": subnet,
            "Groups": [{"GroupId": group} for group in groups],
            "Attachment": {"DeviceIndex": 0, "NetworkCardIndex": 0},
        }
        more = [
            {
                "NetworkInterfaceId": f"eni-{self._instances}-{number}",
                "Description": f"aws-K8S-{instance}",
                "SubnetId": of_subnet,
                "Groups": [{"GroupId": group} for group in of_groups],
                "Attachment": {"DeviceIndex": number, "NetworkCardIndex": 0},
            }
            for number, (of_subnet, of_groups) in enumerate(pod_interfaces, 1)
        ]
        raw = {"InstanceId": instance, "SubnetId": subnet, "NetworkInterfaces": [interface, *more]}
        self.put(kinds.INSTANCES, raw)
        return instance

    def managed(
        self,
        name: str,
        groups: Sequence[str] = (),
        *,
        nodes: int = 1,
        size: tuple[int, int, int] | None = None,
        subnets: Sequence[str] = ("subnet-a",),
        labels: Mapping[str, str] | None = None,
        taints: Sequence[str] = (),
        types: Sequence[str] = ("m5.xlarge",),
        allocatable: Mapping[str, str] | None = None,
        template: Raw | None = None,
        described: bool = True,
    ) -> Tiny:
        """An EKS managed node group and its nodes ``name-0`` …, with a launch template that names ``groups``."""
        effects = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
        own = [{**raw, "effect": effects[raw["effect"]]} for raw in map(taint, taints)]
        low, wanted, high = size or (0, nodes, max(nodes, 1))
        raw: Raw = {
            "nodegroupName": name,
            "clusterName": CLUSTER,
            "subnets": list(subnets),
            "instanceTypes": list(types),
            "labels": dict(labels or {}),
            "taints": own,
            "scalingConfig": {"minSize": low, "desiredSize": wanted, "maxSize": high},
        }
        data = template if template is not None else ({"SecurityGroupIds": list(groups)} if groups else None)
        if data is not None:
            raw["launchTemplate"] = {"id": f"lt-{name}", "version": "1"}
            self.launch_template(f"lt-{name}", data)
        self.put(kinds.NODEGROUP_NAMES, {"name": name})
        if described:
            self.put(kinds.NODEGROUPS, raw)
        for number in range(nodes):
            self.node(
                f"{name}-{number}",
                groups or ("sg-cluster",),
                subnet=subnets[number % len(subnets)],
                labels={
                    "eks.amazonaws.com/nodegroup": name,
                    "eks.amazonaws.com/capacityType": "ON_DEMAND",
                    **dict(labels or {}),
                },
                taints=taints,
                allocatable=allocatable,
                instance_type=types[0] if types else "m5.xlarge",
            )
        return self

    def launch_template(self, name: str, data: Raw, version: int = 1, *, default: bool = True) -> Tiny:
        """One version of a launch template."""
        raw = {
            "LaunchTemplateId": name,
            "VersionNumber": version,
            "DefaultVersion": default,
            "LaunchTemplateData": data,
        }
        return self.put(kinds.LAUNCH_TEMPLATE_VERSIONS, raw)

    def asg(
        self,
        name: str,
        template: Raw,
        *,
        instances: Iterable[str] = (),
        size: tuple[int, int, int] = (0, 0, 3),
        subnets: str = "subnet-a",
        tags: Mapping[str, str] | None = None,
    ) -> Tiny:
        """A self-managed Auto Scaling group of this cluster; ``template`` are its own members."""
        low, wanted, high = size
        given = {f"kubernetes.io/cluster/{CLUSTER}": "owned"} if tags is None else tags
        raw = {
            "AutoScalingGroupName": name,
            "MinSize": low,
            "DesiredCapacity": wanted,
            "MaxSize": high,
            "VPCZoneIdentifier": subnets,
            "Instances": [{"InstanceId": instance} for instance in instances],
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(given.items())],
            **template,
        }
        return self.put(kinds.AUTO_SCALING_GROUPS, raw)

    # --- workloads -----------------------------------------------------------------------

    def namespace(self, name: str, **labels: str) -> Tiny:
        """A namespace with the label that every namespace has."""
        metadata = {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}}
        return self.put(kinds.NAMESPACES, {"metadata": metadata})

    def cni(
        self, env: Mapping[str, str] | None = None, agent_args: Sequence[str] | None = None, *, version: str = ""
    ) -> Tiny:
        """The VPC CNI's DaemonSet, replaced; ``agent_args`` adds the network policy agent."""
        image = f"602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon-k8s-cni:v{version}-eksbuild.1" if version else ""
        variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
        containers: list[Raw] = [{"name": "aws-node", "image": image, "env": variables}]
        if agent_args is not None:
            containers.append({"name": "aws-eks-nodeagent", "args": list(agent_args)})
        self.remove(kinds.DAEMON_SETS, "kube-system/aws-node")
        spec = {"containers": containers, "hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
        return self.controller("DaemonSet", "kube-system/aws-node", spec)

    def remove(self, kind: Kind[Any], key: str) -> Tiny:
        """Take one Kubernetes object away; nothing happens when it is not there."""
        namespace, _, name = key.rpartition("/")
        self.objects[kind.name] = [
            raw
            for raw in self.objects[kind.name]
            if (raw["metadata"].get("namespace", ""), raw["metadata"]["name"]) != (namespace, name)
        ]
        return self

    def controller(
        self,
        kind: str,
        key: str,
        spec: Raw | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        replicas: int = 1,
    ) -> Tiny:
        """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job; its pods carry ``app: <name>``."""
        tables = {
            "Deployment": kinds.DEPLOYMENTS,
            "StatefulSet": kinds.STATEFUL_SETS,
            "DaemonSet": kinds.DAEMON_SETS,
            "ReplicaSet": kinds.REPLICA_SETS,
            "Job": kinds.JOBS,
        }
        namespace, name = key.split("/")
        template = {"metadata": {"labels": {"app": name, **(labels or {})}}, "spec": pod_spec(spec)}
        raw: Raw = {
            "metadata": {"namespace": namespace, "name": name},
            "kind": kind,
            "spec": {"template": template, "replicas": replicas},
        }
        return self.put(tables[kind], raw)

    def deployment(self, key: str, spec: Raw | None = None, **more: Any) -> Tiny:
        """See :meth:`controller`."""
        return self.controller("Deployment", key, spec, **more)

    def pod(
        self,
        key: str,
        node: str = "",
        *,
        owner: str = "",
        labels: Mapping[str, str] | None = None,
        spec: Raw | None = None,
        phase: str = "Running",
    ) -> Tiny:
        """One pod; ``owner`` is ``Kind/name``."""
        namespace, name = key.split("/")
        metadata: Raw = {"namespace": namespace, "name": name, "labels": dict(labels or {})}
        if owner:
            kind, owner_name = owner.split("/")
            metadata["ownerReferences"] = [{"kind": kind, "name": owner_name, "uid": "u", "controller": True}]
        body = pod_spec(spec) | ({"nodeName": node} if node else {})
        return self.put(kinds.PODS, {"metadata": metadata, "spec": body, "status": {"phase": phase}})

    def service(self, key: str, port: int, selector: Mapping[str, str], **more: Any) -> Tiny:
        """A ClusterIP Service of one TCP port; ``port_more`` goes into the port, the rest into the spec."""
        namespace, name = key.split("/")
        port_more = more.pop("port_more", {})
        metadata = {"namespace": namespace, "name": name, "labels": more.pop("labels", {})}
        item = {"port": port, "protocol": "TCP", "name": "main", **port_more}
        spec = {"clusterIP": "172.20.0.9", "selector": dict(selector), "ports": [item], **more}
        return self.put(kinds.SERVICES, {"metadata": metadata, "spec": spec})

    def dns(self, spec: Raw | None = None) -> Tiny:
        """CoreDNS and its Service."""
        self.deployment("kube-system/coredns", spec, labels={"k8s-app": "kube-dns"}, replicas=2)
        ports = {"name": "dns", "protocol": "UDP", "targetPort": 53}
        return self.service("kube-system/kube-dns", 53, {"k8s-app": "kube-dns"}, port_more=ports)


def pod_spec(more: Raw | None = None) -> Raw:
    """A pod's spec with one container ``main``, unless ``more`` says otherwise."""
    return {"containers": [{"name": "main", "image": "app:1"}], **(more or {})}


def on(group: str) -> Raw:
    """A spec that binds pods to one EKS managed node group."""
    return {"nodeSelector": {"eks.amazonaws.com/nodegroup": group}}
