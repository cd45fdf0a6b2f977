"""The interface that a pod will have on a node of a class.

Host-network pods use the node's primary interface. Others, under the VPC CNI:
a branch interface where a SecurityGroupPolicy selects the pod, else the
ENIConfig's subnet and groups under custom networking, else a secondary
interface with the primary's groups. On nodes of EKS Auto Mode the NodeClass decides
instead of the CNI's settings; a Fargate pod has its node's interface for itself.
A branch interface is in the instance's own subnet (under custom networking in the ENIConfig's), never in a
discovered one. A pod that runs keeps the interface that it was made with.
Sources: VPC CNI README; EKS best practices "Custom Networking" and "Security
Groups Per Pod"; vpc-resource-controller pkg/utils/helper.go, pkg/provider/branch/trunk/trunk.go and
webhooks/core/pod_webhook.go (resource ``vpc.amazonaws.com/pod-eni``); EKS user guide "Assign security
groups to individual Pods" and "Assign security groups to individual Pods in EKS Auto Mode". IPv4 of pods in IPv6
clusters: VPC CNI README, ENABLE_V4_EGRESS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from ipaddress import ip_address, ip_network

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import NetworkInterface
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, Pod, PodSpec, SecurityGroupPolicy
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world import automode, customnetworking
from clusterproof.world.model import Attachment, DataPlane, Interface, NodeClass, PodNetwork, Workload
from clusterproof.world.selectors import all_of, matches, matches_partly
from clusterproof.world.subnetdiscovery import Discovery
from clusterproof.world.workloads import generated_labels

POD_ENI = "vpc.amazonaws.com/pod-eni"
"""The resource that a pod with a branch interface takes of its node: its webhook adds it to the pod."""

_Selected = tuple[tuple[str, ...], tuple[Ref, ...]] | Unknown | None


class Interfaces:
    """Answers which interfaces a workload's pods may have; memoised per workload and class.

    Args:
        snapshot: everything that was read.
        plane: the network of the pods.
        version: of Kubernetes.
        family: 4, or 6 in an IPv6 cluster.
    """

    def __init__(self, snapshot: Snapshot, plane: DataPlane, version: str = "", family: int = 4) -> None:
        self._snapshot = snapshot
        self._plane = plane
        self._version = version
        self._family = family
        self._memo: dict[tuple[str, str], tuple[Interface, ...]] = {}
        self._bases: dict[str, tuple[Interface, ...]] = {}
        self._selected: dict[str, _Selected] = {}
        self._pods: dict[str, dict[str, list[Pod]]] = {}
        self._policies: defaultdict[str, list[SecurityGroupPolicy]] = defaultdict(list)
        for policy in snapshot.objects(kinds.SECURITY_GROUP_POLICIES):
            self._policies[policy.metadata.namespace].append(policy)
        self._discovery = Discovery(snapshot, enabled=plane.subnet_discovery)
        self._service_accounts: dict[tuple[str, str], Labels] = {
            (obj.metadata.namespace, obj.metadata.name): obj.metadata.labels
            for obj in snapshot.objects(kinds.SERVICE_ACCOUNTS)
        }

    def of(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        """The interfaces that may come up, at least one; which one is nobody's choice."""
        token = ("" if self.alike(workload, node_class) else workload.id, node_class.id)
        if token not in self._memo:
            self._memo[token] = self._families(self._decide(workload, node_class), node_class)
        return self._memo[token]

    def alike(self, workload: Workload, node_class: NodeClass) -> bool:
        """Whether a workload's pods have there what those of every other such workload have: nothing asks who they are."""
        if workload.spec.host_network or node_class.fargate or node_class.pod_network is not None:
            return False
        if self._plane.pod_groups:
            return False
        return self._plane.custom_networking or self._discovery.left_out(node_class.host) is None

    def running(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        """Those that pods which run on nodes of the class have, as far as that differs from the next pod's."""
        if workload.spec.host_network or node_class.fargate or node_class.pod_network is not None:
            return self.of(workload, node_class)
        today = self._today(workload, node_class)
        return self._families(today, node_class) if today else self.of(workload, node_class)

    def branch(self, workload: Workload) -> bool | Unknown:
        """Whether the VPC CNI gives the workload's pods branch interfaces, so that they take :data:`POD_ENI` of a node."""
        selected = self._policy_groups(workload) if self._plane.pod_groups and not workload.spec.host_network else None
        return selected if isinstance(selected, Unknown) else selected is not None

    def _decide(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        host = node_class.host
        if workload.spec.host_network:
            return (host,)
        if node_class.fargate:
            return (self._fargate(workload, node_class),)
        if node_class.pod_network is not None:
            return self._auto_mode(workload, host, node_class.pod_network)
        found = (*self._next(workload, node_class), *self._today(workload, node_class))
        return tuple({_seen(item): item for item in reversed(found)}[key] for key in dict.fromkeys(map(_seen, found)))

    def _next(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        """The interfaces that a pod which is made now may get."""
        host = node_class.host
        groups = self._policy_groups(workload) if self._plane.pod_groups else None
        if groups is None:
            return self._ordinary(node_class)
        trunk = self._trunk(node_class)
        if isinstance(groups, Unknown):
            # It may be a branch interface: then also one-node traffic may cross it.
            either = (trunk, *(item for item in self._ordinary(node_class) if item.subnet != trunk.subnet))
            return tuple(_replace(item, attachment=self._attachment, security_groups=groups) for item in either)
        ids, refs = groups
        refs = (*refs, *trunk.refs)
        return (Interface(self._attachment, ids, trunk.subnet, host.security_groups, host.subnet, refs),)

    @property
    def _attachment(self) -> Attachment:
        return Attachment.BRANCH_STRICT if self._plane.strict else Attachment.BRANCH_STANDARD

    def _trunk(self, node_class: NodeClass) -> Interface:
        """Where branch interfaces are made; its groups are not theirs."""
        host = node_class.host
        if self._plane.custom_networking:
            name, zone = node_class.eni_config, node_class.zone
            return customnetworking.configured(self._snapshot, name, node_class.group, zone, host)
        return _replace(host, attachment=Attachment.SECONDARY)

    def _ordinary(self, node_class: NodeClass) -> tuple[Interface, ...]:
        if node_class.id not in self._bases:
            if self._plane.custom_networking:
                found = customnetworking.places(self._snapshot, node_class)
            else:
                found = self._discovery.places(node_class.host, node_class.zone)
                found = (*found, *customnetworking.older(node_class, found[0]))
            self._bases[node_class.id] = found
        return self._bases[node_class.id]

    def _today(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        """What pods on nodes of the class have that the next pod may not get: they keep what they were made with.

        A pod is ordinary where it does not ask for :data:`POD_ENI`, whatever policies say now; the other way round its
        branch interface keeps its groups. A subnet that was left out later still holds the pods that it held.
        """
        left_out = self._discovery.left_out(node_class.host) if not self._plane.custom_networking else None
        if not node_class.born or not (self._plane.pod_groups or left_out):
            return ()
        by_node = self._running(workload)
        pods = [pod for node in sorted(by_node.keys() & set(node_class.nodes)) for pod in by_node[node]]
        selected = self._policy_groups(workload) if self._plane.pod_groups else None
        found: list[Interface] = []
        for pod in pods:
            if _takes_branch(pod.spec):
                found += self._branch(pod, node_class.host, known=selected is not None)
            elif left_out is not None and self._within(pod, left_out):
                found.append(left_out)
            elif selected is not None and not isinstance(selected, Unknown):
                found += self._ordinary(node_class)
        return tuple(found)

    def _running(self, workload: Workload) -> dict[str, list[Pod]]:
        """The workload's pods by the name of their node."""
        if workload.id not in self._pods:
            result: defaultdict[str, list[Pod]] = defaultdict(list)
            for name, node in zip(workload.pod_names, workload.pod_nodes, strict=True):
                pod = self._snapshot.get(kinds.PODS, f"{workload.namespace}/{name}")
                if pod is not None:
                    result[node].append(pod)
            self._pods[workload.id] = dict(result)
        return self._pods[workload.id]

    def _branch(self, pod: Pod, host: Interface, *, known: bool) -> tuple[Interface, ...]:
        """A running pod's own branch interface; nothing where it was not read and a policy tells what it should be."""
        item = self._branches.get(pod.status.pod_ip)
        if item is not None:
            groups = tuple(sorted(group.group_id for group in item.groups))
            ref = Ref(kinds.NETWORK_INTERFACES.name, item.network_interface_id, "Groups", ", ".join(groups))
            return (Interface(self._attachment, groups, item.subnet_id, host.security_groups, host.subnet, (ref,)),)
        if known:
            return ()
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        what = (
            f"pod {key} has a branch network interface, which was not read, and no SecurityGroupPolicy selects it now"
        )
        missing = self._snapshot.missing(kinds.NETWORK_INTERFACES)
        why = Unknown(missing.cause if missing else Cause.INCOMPLETE, what, missing.remedy if missing else "")
        return (Interface(self._attachment, why, why, host.security_groups, host.subnet, host.refs),)

    @cached_property
    def _branches(self) -> dict[str, NetworkInterface]:
        """Branch interfaces by their address."""
        found = self._snapshot.objects(kinds.NETWORK_INTERFACES)
        return {item.private_ip_address: item for item in found if item.interface_type == "branch"}

    def _within(self, pod: Pod, interface: Interface) -> bool:
        """Whether a pod's address is one of the interface's subnet; also where that cannot be told."""
        subnet = self._snapshot.get(kinds.SUBNETS, interface.subnet) if isinstance(interface.subnet, str) else None
        try:
            return subnet is None or ip_address(pod.status.pod_ip) in ip_network(subnet.cidr_block)
        except ValueError:  # it has no address yet
            return False

    def _families(self, found: tuple[Interface, ...], node_class: NodeClass) -> tuple[Interface, ...]:
        """In an IPv6 cluster what pods send over IPv4 leaves with their node's IPv4 address.

        The interface of a Fargate pod is its node's own.
        """
        if self._family != 6 or node_class.fargate:
            return found
        return tuple(
            item if item.attachment is Attachment.HOST else _replace(item, family4=self._ipv4(item, node_class))
            for item in found
        )

    def _ipv4(self, interface: Interface, node_class: NodeClass) -> Interface | Unknown:
        if node_class.pod_network is not None:
            what = "whether pods of EKS Auto Mode in an IPv6 cluster send over IPv4 (enableV4Egress of their NodeClass)"
            return Unknown(Cause.NOT_MODELLED, f"{what} is not read")
        if interface.attachment in (Attachment.BRANCH_STRICT, Attachment.BRANCH_STANDARD):
            what = "how a pod with security groups of its own sends over IPv4 in an IPv6 cluster is not documented"
            return Unknown(Cause.NOT_MODELLED, what)
        switch = self._discovery.variable("ENABLE_V4_EGRESS")
        if isinstance(switch, Unknown):
            return switch
        if switch.lower() in ("false", "0", "f"):
            what = "ENABLE_V4_EGRESS of DaemonSet kube-system/aws-node is false: pods of this IPv6 cluster have no IPv4"
            return Unknown(Cause.ERROR, what, "set ENABLE_V4_EGRESS to true, or use an IPv6 address")
        # Evidence apart, so that equal ways out are judged once.
        return _replace(node_class.host, refs=())

    def _fargate(self, workload: Workload, node_class: NodeClass) -> Interface:
        """The interface of the pod's own node: a policy's groups where one selects the pod; a running pod keeps its."""
        host = node_class.host
        if node_class.born and host.refs and host.refs[0].kind == kinds.NETWORK_INTERFACES.name:
            return host
        groups = self._policy_groups(workload)
        if groups is None:
            return host
        ids, refs = (groups, ()) if isinstance(groups, Unknown) else groups
        return _replace(host, security_groups=ids, node_security_groups=ids, refs=(*refs, *host.refs))

    def _auto_mode(self, workload: Workload, host: Interface, network: PodNetwork) -> tuple[Interface, ...]:
        """Subnets and groups as the NodeClass says; SecurityGroupPolicies count from Kubernetes 1.36 on."""
        chosen = network.subnets
        subnets: tuple[str | Unknown, ...] = (chosen,) if isinstance(chosen, Unknown) else chosen or (host.subnet,)
        groups = network.security_groups if network.security_groups != () else host.security_groups
        attachment = Attachment.SECONDARY if network.subnets == () else Attachment.CUSTOM
        keeps = network.keeps_address
        refs = (*network.refs, *host.refs)
        counts = automode.pod_groups(self._snapshot, self._version)
        selected = self._policy_groups(workload) if counts is not False else None
        if selected is not None:
            attachment = Attachment.BRANCH_STRICT
            if isinstance(selected, Unknown) or isinstance(counts, Unknown):
                groups = next(item for item in (selected, counts) if isinstance(item, Unknown))
            else:
                groups, refs = selected[0], (*selected[1], *refs)
            subnets, keeps = automode.branch(network, host)
        return tuple(
            Interface(attachment, groups, subnet, host.security_groups, host.subnet, refs, keeps_address=keeps)
            for subnet in subnets
        )

    def _policy_groups(self, workload: Workload) -> _Selected:
        """Groups from all SecurityGroupPolicies that select the pod; None when none does."""
        if workload.id not in self._selected:
            self._selected[workload.id] = self._groups_of(workload)
        return self._selected[workload.id]

    def _groups_of(self, workload: Workload) -> _Selected:
        missing = self._snapshot.missing(kinds.SECURITY_GROUP_POLICIES, workload.namespace)
        ids: set[str] = set()
        refs: list[Ref] = []
        for policy in self._policies.get(workload.namespace, ()):
            selected = self._selects(policy, workload)
            if isinstance(selected, Unknown):
                return selected
            if selected:
                ids.update(policy.spec.security_groups.group_ids)
                key = f"{policy.metadata.namespace}/{policy.metadata.name}"
                value = ", ".join(policy.spec.security_groups.group_ids)
                refs.append(Ref("securitygrouppolicies", key, "spec.securityGroups.groupIds", value))
        if missing is not None:
            return missing
        return (tuple(sorted(ids)), tuple(refs)) if ids else None

    def _selects(self, policy: SecurityGroupPolicy, workload: Workload) -> bool | Unknown:
        """Both selectors must match where both are set; one without any selector is invalid and selects nothing."""
        pods, accounts = policy.spec.pod_selector, policy.spec.service_account_selector
        if pods is None and accounts is None:
            return False
        by_pod = matches_partly(pods, workload.labels, generated_labels(workload)) if pods is not None else True
        if accounts is None or by_pod is False:
            return by_pod
        name = workload.spec.service_account_name or "default"
        labels = self._service_accounts.get((workload.namespace, name))
        if labels is None:
            missing = self._snapshot.missing(kinds.SERVICE_ACCOUNTS, workload.namespace)
            return missing or not_collected(kinds.SERVICE_ACCOUNTS, workload.namespace)
        return all_of((matches(accounts, labels), by_pod))


def _takes_branch(spec: PodSpec) -> bool:
    return any(POD_ENI in (*item.resources.requests, *item.resources.limits) for item in spec.containers)


def _seen(interface: Interface) -> tuple[object, ...]:
    """What tells two interfaces apart: not the evidence."""
    return interface.attachment, interface.security_groups, interface.subnet


def _replace(interface: Interface, **changes: object) -> Interface:
    return msgspec.structs.replace(interface, **changes)


def primary_groups(interfaces: Iterable[Interface]) -> tuple[str, ...] | Unknown:
    """The union of the groups, for display; the first unknown wins."""
    ids: set[str] = set()
    for interface in interfaces:
        if isinstance(interface.security_groups, Unknown):
            return interface.security_groups
        ids.update(interface.security_groups)
    return tuple(sorted(ids))
