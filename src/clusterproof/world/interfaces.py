"""The interface that a pod will have on a node of a class.

Host-network pods use the node's primary interface. Others, under the VPC CNI:
a branch interface where a SecurityGroupPolicy selects the pod, else the
ENIConfig's subnet and groups under custom networking, else a secondary
interface with the primary's groups. On nodes of EKS Auto Mode the NodeClass decides
instead of the CNI's settings; a Fargate pod has its node's interface for itself.
Sources: VPC CNI README; EKS best practices "Custom Networking" and "Security
Groups Per Pod"; vpc-resource-controller pkg/utils/helper.go; EKS user guide "Assign security
groups to individual Pods" and "Assign security groups to individual Pods in EKS Auto Mode".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, SecurityGroupPolicy
from clusterproof.snapshot.snapshot import Snapshot, not_collected
from clusterproof.world import automode
from clusterproof.world.model import Attachment, DataPlane, Interface, NodeClass, PodNetwork, Workload
from clusterproof.world.selectors import all_of, matches, matches_partly
from clusterproof.world.workloads import generated_labels


class Interfaces:
    """Answers which interfaces a workload's pods may have; memoised per workload and class."""

    def __init__(self, snapshot: Snapshot, plane: DataPlane, version: str = "") -> None:
        self._snapshot = snapshot
        self._plane = plane
        self._version = version
        self._memo: dict[tuple[str, str], tuple[Interface, ...]] = {}
        self._policies: defaultdict[str, list[SecurityGroupPolicy]] = defaultdict(list)
        for policy in snapshot.objects(kinds.SECURITY_GROUP_POLICIES):
            self._policies[policy.metadata.namespace].append(policy)
        self._discovery = _tagged_subnets(snapshot) if plane.subnet_discovery else {}
        self._unread_subnets = _unread_subnets(snapshot) if plane.subnet_discovery else None
        self._service_accounts: dict[tuple[str, str], Labels] = {
            (obj.metadata.namespace, obj.metadata.name): obj.metadata.labels
            for obj in snapshot.objects(kinds.SERVICE_ACCOUNTS)
        }

    def of(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        """The interfaces that may come up, at least one; which one is nobody's choice."""
        token = (workload.id, node_class.id)
        if token not in self._memo:
            self._memo[token] = self._decide(workload, node_class)
        return self._memo[token]

    def _decide(self, workload: Workload, node_class: NodeClass) -> tuple[Interface, ...]:
        host = node_class.host
        if workload.spec.host_network:
            return (host,)
        if node_class.fargate:
            return (self._fargate(workload, node_class),)
        if node_class.pod_network is not None:
            return self._auto_mode(workload, host, node_class.pod_network)
        base = self._ordinary(node_class)
        groups = self._policy_groups(workload) if self._plane.pod_groups else None
        if groups is None:
            return base
        attachment = Attachment.BRANCH_STRICT if self._plane.strict else Attachment.BRANCH_STANDARD
        if isinstance(groups, Unknown):
            # It may be a branch interface: then also one-node traffic may cross it.
            return tuple(_replace(item, attachment=attachment, security_groups=groups) for item in base)
        ids, refs = groups
        return tuple(
            Interface(attachment, ids, item.subnet, host.security_groups, host.subnet, (*refs, *item.refs))
            for item in base
        )

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
        subnets = network.subnets if isinstance(network.subnets, Unknown) else network.subnets or (host.subnet,)
        groups = network.security_groups if network.security_groups != () else host.security_groups
        attachment = Attachment.SECONDARY if network.subnets == () else Attachment.CUSTOM
        counts = automode.pod_groups(self._snapshot, self._version)
        selected = self._policy_groups(workload) if counts is not False else None
        if selected is not None:
            what = "how a SecurityGroupPolicy applies on nodes of EKS Auto Mode is not modelled"
            groups = next(
                (item for item in (selected, counts) if isinstance(item, Unknown)), Unknown(Cause.NOT_MODELLED, what)
            )
            attachment = Attachment.BRANCH_STRICT
        refs = (*network.refs, *host.refs)
        return tuple(
            Interface(
                attachment, groups, subnet, host.security_groups, host.subnet, refs, keeps_address=network.keeps_address
            )
            for subnet in ((subnets,) if isinstance(subnets, Unknown) else subnets)
        )

    def _ordinary(self, node_class: NodeClass) -> tuple[Interface, ...]:
        host = node_class.host
        if self._plane.custom_networking:
            return (self._custom(node_class),)
        result = [
            Interface(
                Attachment.SECONDARY, host.security_groups, host.subnet, host.security_groups, host.subnet, host.refs
            )
        ]
        own = self._snapshot.get(kinds.SUBNETS, host.subnet) if isinstance(host.subnet, str) else None
        for subnet in self._discovery.get((own.vpc_id if own is not None else "", node_class.zone), ()):
            if subnet != host.subnet:
                tag = Ref("subnets", subnet, "Tags", "kubernetes.io/role/cni")
                result.append(_replace(result[0], subnet=subnet, refs=(*host.refs, tag)))
        if self._unread_subnets is not None and own is not None:
            result.append(_replace(result[0], subnet=self._unread_subnets))
        return tuple(result)

    def _custom(self, node_class: NodeClass) -> Interface:
        """Custom networking: the ENIConfig's subnet and groups; an empty list means the primary's groups."""
        host = node_class.host
        name = node_class.eni_config
        if isinstance(name, Unknown):
            return Interface(Attachment.CUSTOM, name, name, host.security_groups, host.subnet, host.refs)
        config = self._snapshot.get(kinds.ENI_CONFIGS, name)
        missing = self._snapshot.missing(kinds.ENI_CONFIGS)
        if config is None:
            unknown = missing or Unknown(
                Cause.ERROR,
                f"ENIConfig {name} does not exist, so pods get no address on group {node_class.group}",
                f"create ENIConfig {name}",
            )
            return Interface(Attachment.CUSTOM, unknown, unknown, host.security_groups, host.subnet, host.refs)
        ref = Ref("eniconfigs", name, "spec.securityGroups", ", ".join(config.spec.security_groups))
        groups: tuple[str, ...] | Unknown = tuple(sorted(set(config.spec.security_groups)))
        if not groups:
            groups = host.security_groups
            ref = Ref("eniconfigs", name, "spec.securityGroups", "empty: the primary interface's groups")
        refs = (ref, Ref("eniconfigs", name, "spec.subnet", config.spec.subnet))
        return Interface(Attachment.CUSTOM, groups, config.spec.subnet, host.security_groups, host.subnet, refs)

    def _policy_groups(self, workload: Workload) -> tuple[tuple[str, ...], tuple[Ref, ...]] | Unknown | None:
        """Groups from all SecurityGroupPolicies that select the pod; None when none does."""
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


def _tagged_subnets(snapshot: Snapshot) -> dict[tuple[str, str], tuple[str, ...]]:
    """VPC and zone → subnets that subnet discovery may put secondary interfaces in (tag kubernetes.io/role/cni)."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for subnet in snapshot.objects(kinds.SUBNETS):
        if any(tag.key == "kubernetes.io/role/cni" and tag.value != "0" for tag in subnet.tags):
            found[subnet.vpc_id, subnet.availability_zone].append(subnet.subnet_id)
    return {place: tuple(sorted(ids)) for place, ids in found.items()}


def _unread_subnets(snapshot: Snapshot) -> Unknown | None:
    """Why a pod's interface may be in a subnet that was not read."""
    missing = snapshot.missing(kinds.SUBNETS)
    if missing is None:
        return None
    what = f"whether more subnets carry the tag kubernetes.io/role/cni is not known: {missing.detail}"
    return Unknown(missing.cause, what, missing.remedy)


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
