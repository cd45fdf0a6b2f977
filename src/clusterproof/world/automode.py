"""EKS Auto Mode: the interfaces that its nodes give to pods, and what of its network is modelled.

Its networking is managed and has no DaemonSet; a NodeClass sets it per node. Pods share the node's subnet and groups,
unless the NodeClass selects subnets and groups for pods. ConfigMap ``kube-system/amazon-vpc-cni`` switches the network
policy controller on.
Sources: EKS User Guide, "Create a Node Class for Amazon EKS" ("Subnet selection for Pods", snatPolicy, networkPolicy),
"Learn about VPC Networking and Load Balancing in EKS Auto Mode" ("it provisions secondary network interfaces with
identical security groups as the primary interface in the node's subnet"), "Use Network Policies with EKS Auto Mode".
"""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, NodeClassObject
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import unread
from clusterproof.world.model import Interface, PodNetwork
from clusterproof.world.pools import AUTO_MODE_GROUP, NODEPOOL, provider
from clusterproof.world.selectorterms import security_groups, subnets

COMPUTE_TYPE = "eks.amazonaws.com/compute-type"
NODE_CLASS = "eks.amazonaws.com/nodeclass"
_CONFIG = "kube-system/amazon-vpc-cni"
_SWITCH = "enable-network-policy-controller"


def in_use(snapshot: Snapshot) -> bool:
    """Whether a cluster has EKS Auto Mode, or nodes or node classes of it."""
    if any(cluster.compute_config.enabled for cluster in snapshot.objects(kinds.CLUSTERS)):
        return True
    if snapshot.objects(kinds.NODE_CLASSES):
        return True
    return any(is_node(node.metadata.labels) for node in snapshot.objects(kinds.NODES))


def is_node(labels: Labels) -> bool:
    """Whether a node is one of EKS Auto Mode."""
    return labels.get(COMPUTE_TYPE) == "auto"


def pod_network(snapshot: Snapshot, node_class: NodeClassObject, zone: str) -> PodNetwork:
    """The interfaces of pods on nodes of a NodeClass in a zone.

    Pods must have their interface in the node's zone; where no selected subnet is there, they get no address.
    """
    spec = node_class.spec
    name = node_class.metadata.name
    who = f"NodeClass {name} (pods)"
    keeps = {"Random": False, "Disabled": True}.get(spec.snat_policy)
    keeps_address: bool | Unknown = (
        Unknown(Cause.NOT_MODELLED, f"snatPolicy {spec.snat_policy!r} of NodeClass {name}") if keeps is None else keeps
    )
    snat = Ref(kinds.NODE_CLASSES.name, name, "spec.snatPolicy", spec.snat_policy)
    if not spec.pod_subnet_selector_terms and not spec.pod_security_group_selector_terms:
        return PodNetwork(keeps_address=keeps_address, refs=(snat,))
    if not spec.pod_subnet_selector_terms or not spec.pod_security_group_selector_terms:
        lacking = Unknown(
            Cause.NOT_MODELLED,
            f"NodeClass {name} selects subnets or security groups for pods, and not both",
            "give it podSubnetSelectorTerms and podSecurityGroupSelectorTerms",
        )
        return PodNetwork(lacking, lacking, keeps_address, (snat,))
    groups = security_groups(snapshot, spec.pod_security_group_selector_terms, who)
    return PodNetwork(_in_zone(snapshot, node_class, zone), groups, keeps_address, (*_refs(name, groups), snat))


def _refs(name: str, groups: tuple[str, ...] | Unknown) -> tuple[Ref, ...]:
    words = ", ".join(groups) if isinstance(groups, tuple) else ""
    return (Ref(kinds.NODE_CLASSES.name, name, "spec.podSecurityGroupSelectorTerms", words),)


def _in_zone(snapshot: Snapshot, node_class: NodeClassObject, zone: str) -> tuple[str, ...] | Unknown:
    name = node_class.metadata.name
    found = subnets(snapshot, node_class.spec.pod_subnet_selector_terms, f"NodeClass {name} (pods)")
    if isinstance(found, Unknown):
        return found
    zones: dict[str, str] = {}
    for subnet in found:
        held = snapshot.get(kinds.SUBNETS, subnet)
        if held is None or not zone:
            what = f"which subnets for pods of NodeClass {name} are in the node's zone is not known"
            return unread(snapshot, kinds.SUBNETS, what, f"run: {kinds.SUBNETS.command} > subnets.json")
        zones[subnet] = held.availability_zone
    here = tuple(subnet for subnet in found if zones[subnet] == zone)
    if here:
        return here
    what = f"NodeClass {name} selects no subnet for pods in {zone}, so pods get no address on nodes there"
    return Unknown(Cause.ERROR, what, f"tag a subnet in {zone} as podSubnetSelectorTerms ask")


def branch(network: PodNetwork, host: Interface) -> tuple[tuple[str | Unknown, ...], Unknown]:
    """The subnet of a pod's branch interface on a node, and whose address leaves the VPC: only the groups are told.

    "A Pod matched by a SecurityGroupPolicy gets its own branch network interface … carrying only the security groups you
    specify. Traffic to and from that Pod is evaluated against those security groups at the branch interface" (EKS User
    Guide, "Assign security groups to individual Pods in EKS Auto Mode"): read as for mode strict of the VPC CNI, also
    between pods of one node. In which subnet it is made where the NodeClass selects subnets for pods, and whether
    snatPolicy holds for it, is not said.
    """
    what = "of a pod of EKS Auto Mode that a SecurityGroupPolicy selects is not documented"
    keeps = Unknown(
        Cause.NOT_MODELLED,
        f"whether SNAT (snatPolicy: the node's address; as with the VPC CNI: the pod's) holds {what}",
    )
    if network.subnets == ():
        return (host.subnet,), keeps
    either = f"the subnet (the NodeClass's podSubnetSelectorTerms: another; as with the VPC CNI: {host.subnet}) {what}"
    return (Unknown(Cause.NOT_MODELLED, either),), keeps


class Networks:
    """The pod networks of nodes that exist, by NodeClass and zone."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._memo: dict[tuple[str, str], PodNetwork] = {}
        self._pools = {
            pool.metadata.name: pool.spec.template.spec.node_class_ref.name
            for pool in snapshot.objects(kinds.NODE_POOLS)
            if provider(pool) == AUTO_MODE_GROUP
        }

    def of(self, labels: Labels, zone: str) -> PodNetwork | None:
        """Of a node by its labels; None where it is not one of EKS Auto Mode."""
        if not is_node(labels):
            return None
        name = labels.get(NODE_CLASS) or self._pools.get(labels.get(NODEPOOL, ""), "")
        token = (name, zone)
        if token not in self._memo:
            node_class = self._snapshot.get(kinds.NODE_CLASSES, name) if name else None
            self._memo[token] = (
                self._unknown(name) if node_class is None else pod_network(self._snapshot, node_class, zone)
            )
        return self._memo[token]

    def _unknown(self, name: str) -> PodNetwork:
        what = f"NodeClass {name} was not read" if name else "the NodeClass of an EKS Auto Mode node is not known"
        why = unread(
            self._snapshot,
            kinds.NODE_CLASSES,
            what,
            f"run: {kinds.NODE_CLASSES.command} > {kinds.NODE_CLASSES.name}.json",
        )
        return PodNetwork(why, why, why)


def unmodelled(snapshot: Snapshot) -> Unknown | None:
    """Why the network of EKS Auto Mode nodes is not modelled; None where it is."""
    missing = snapshot.missing(kinds.NODE_CLASSES)
    if missing is not None:
        return unread(
            snapshot,
            kinds.NODE_CLASSES,
            "the network settings of EKS Auto Mode stand in its NodeClasses, which were not read",
            f"run: {kinds.NODE_CLASSES.command} > {kinds.NODE_CLASSES.name}.json",
        )
    for node_class in snapshot.objects(kinds.NODE_CLASSES):
        if node_class.spec.network_policy != "DefaultAllow":
            what = f"networkPolicy {node_class.spec.network_policy} of NodeClass {node_class.metadata.name}"
            return Unknown(Cause.NOT_MODELLED, f"{what} is not modelled")
    return None


def policies(snapshot: Snapshot) -> tuple[bool | Unknown, tuple[Ref, ...]]:
    """Whether the network policy controller is switched on, and where that stands."""
    config = snapshot.get(kinds.CONFIG_MAPS, _CONFIG)
    if config is not None:
        value = config.data.get(_SWITCH, "")
        ref = Ref(kinds.CONFIG_MAPS.name, _CONFIG, f"data.{_SWITCH}", value)
        return value.lower() == "true", (ref,)
    missing = snapshot.missing(kinds.CONFIG_MAPS, "kube-system")
    if missing is None:
        return False, (Ref(kinds.CONFIG_MAPS.name, _CONFIG, "", "is absent: no network policy controller"),)
    what = f"whether ConfigMap {_CONFIG} switches network policies on was not read"
    why = unread(snapshot, kinds.CONFIG_MAPS, what, f"run: {kinds.CONFIG_MAPS.command} > {kinds.CONFIG_MAPS.name}.json")
    return why, ()


def pod_groups(snapshot: Snapshot, version: str) -> bool | Unknown:
    """Whether SecurityGroupPolicies count on EKS Auto Mode nodes: from Kubernetes 1.36 on.

    Source: EKS User Guide, "Assign security groups to individual Pods in EKS Auto Mode".
    """
    parts = version.lstrip("v").split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1][:2].rstrip("+").isdigit()):
        missing = snapshot.missing(kinds.CLUSTERS)
        return missing or Unknown(Cause.INCOMPLETE, "the cluster's Kubernetes version is not known")
    return (int(parts[0]), int(parts[1][:2].rstrip("+"))) >= (1, 36)
