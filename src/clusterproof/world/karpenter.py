"""Nodes that Karpenter or EKS Auto Mode would make next: one template per subnet, type and label choice of a NodePool.

Labels are the pool's own and those that its requirements fix; where a requirement leaves several values and a loaded
rule reads them, there is a template for each. Start-up taints pass by themselves and do not count; limits and weights
change when and which, not whether.
Sources: Karpenter, "NodePools", "NodeClasses" and "Scheduling"; kubernetes-sigs/karpenter
pkg/controllers/provisioning/scheduling/nodeclaimtemplate.go (a NodeClaim carries the pool's labels, those of its
requirements and its node class's); EKS User Guide, "Create a Node Pool for EKS Auto Mode".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Labels, Node, NodeClassObject, NodePool, Taint
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.automode import pod_network
from clusterproof.world.choices import Choice, choices
from clusterproof.world.groups import unread
from clusterproof.world.instancetypes import labels_of, lacking_variety, named_types
from clusterproof.world.model import Attachment, Interface, NodeGroup, PodNetwork
from clusterproof.world.pools import (
    AUTO_MODE_GROUP,
    CAPACITY_TYPE,
    NODEPOOL,
    WINDOWS_BUILD,
    ZONE_ID,
    Requirements,
    is_zero,
    provider,
    well_known,
)
from clusterproof.world.readable import ARCH, OS
from clusterproof.world.selectorterms import Zoned, node_groups, node_subnets
from clusterproof.world.templates import (
    Template,
    predict,
    shared_annotations,
    structural_taints,
    with_sibling_taints,
)
from clusterproof.world.zones import AUTO_EBS_ZONE, EBS_ZONE, TYPE_LABELS, ZONE_LABELS, located, place_labels

MOST = 8
"""So many combinations of label values are told apart; of more, the values are unknown."""
_MANAGED = ("eks.amazonaws.com/nodegroup", "eks.amazonaws.com/capacityType", "eks.amazonaws.com/sourceLaunchTemplate")
"""Labels of nodes of EKS managed node groups."""
_DEVICES = ("nvidia.com/", "amd.com/")
"""Labels that device discovery gives to nodes with such devices only."""
_LIMIT_PODS = 110
"""EKS Auto Mode: "EKS limits the maximum number of pods on a node to 110"."""


def pool_templates(
    snapshot: Snapshot, group: NodeGroup, siblings: Sequence[Node], readable_keys: Sequence[str]
) -> tuple[Template, ...] | Unknown:
    """What a NodePool would make next; or why that is not known."""
    if group.template is not None:
        return group.template
    if not group.can_grow:
        return ()
    pool = snapshot.get(kinds.NODE_POOLS, group.refs[0].key)
    if pool is None:
        return unread(snapshot, kinds.NODE_POOLS, f"NodePool {group.name} was not read", "")
    node_class = node_class_of(snapshot, pool)
    if isinstance(node_class, Unknown):
        return node_class
    subnets = node_subnets(snapshot, node_class)
    if isinstance(subnets, Unknown):
        return subnets
    requirements = Requirements(pool)
    subnets = tuple(item for item in subnets if _admitted(requirements, item))
    if not subnets:
        zones = ", ".join(requirements.values(ZONE_LABELS[0]) or ()) or "the zones it asks for"
        what = f"NodePool {group.name} has no subnet in {zones}, so that it can make no node"
        return Unknown(Cause.ERROR, what, f"let node class {node_class.metadata.name} select a subnet there")
    groups = node_groups(snapshot, node_class)
    if isinstance(groups, Unknown):
        return groups
    return _Maker(snapshot, pool, node_class, siblings, readable_keys).templates(subnets, groups)


def node_class_of(snapshot: Snapshot, pool: NodePool) -> NodeClassObject | Unknown:
    """The node class that a pool refers to; or why it is not known."""
    name = pool.metadata.name
    ref = pool.spec.template.spec.node_class_ref
    group = provider(pool)
    kind = {"karpenter.k8s.aws": kinds.EC2_NODE_CLASSES, "eks.amazonaws.com": kinds.NODE_CLASSES}.get(group)
    if kind is None:
        return Unknown(Cause.NOT_MODELLED, f"NodePool {name} refers to a {ref.kind} ({group}), which is not modelled")
    found = snapshot.get(kind, ref.name)
    if found is not None:
        return found
    if snapshot.missing(kind) is None:
        what = f"NodePool {name} refers to {kind.wire} {ref.name}, which does not exist, so that it can make no node"
        return Unknown(Cause.ERROR, what, f"create {kind.wire} {ref.name}")
    what = f"{kind.wire} {ref.name} of NodePool {name} was not read"
    return unread(snapshot, kind, what, f"run: {kind.command} > {kind.name}.json")


def _admitted(requirements: Requirements, subnet: Zoned) -> bool:
    _, zone, zone_id = subnet
    return (not zone or requirements.admits(ZONE_LABELS[0], zone)) and (
        not zone_id or requirements.admits(ZONE_ID, zone_id)
    )


class _Maker:
    """The templates of one pool."""

    def __init__(
        self,
        snapshot: Snapshot,
        pool: NodePool,
        node_class: NodeClassObject,
        siblings: Sequence[Node],
        keys: Sequence[str],
    ) -> None:
        self._snapshot = snapshot
        self._pool = pool
        self._class = node_class
        self._siblings = siblings
        self._keys = keys
        self._group = provider(pool)
        self._requirements = Requirements(pool)
        self._auto = self._group == AUTO_MODE_GROUP
        self._storage = AUTO_EBS_ZONE if self._auto else EBS_ZONE

    def templates(self, subnets: Sequence[Zoned], groups: tuple[str, ...]) -> tuple[Template, ...] | Unknown:
        if not self._requirements.admits(OS, self._system()):
            what = f"NodePool {self._pool.metadata.name} does not admit {self._system()}, which its node class makes"
            return Unknown(Cause.ERROR, what, f"correct the requirement on {OS}, or the node class")
        limit = _LIMIT_PODS if self._auto else self._class.spec.kubelet.max_pods
        found = choices(self._snapshot, self._requirements, self._group, self._siblings, self._pool.spec.limits, limit)
        if not found:
            what = f"NodePool {self._pool.metadata.name} admits none of the instance types that it names"
            return Unknown(Cause.ERROR, what, "correct spec.template.spec.requirements")
        named = named_types(self._snapshot, self._requirements, self._group)
        if named and (lacks := lacking_variety(self._snapshot, named, self._requirements, self._group)):
            what = (
                f"NodePool {self._pool.metadata.name} asks for at least {lacks}: it makes no node, unless Karpenter's"
            )
            remedy = "lower minValues, or admit more instance types"
            return Unknown(Cause.ERROR, f"{what} --min-values-policy is BestEffort", remedy)
        taints = self._taints()
        result: list[Template] = []
        for subnet in subnets:
            host = self._host(subnet, groups)
            network = pod_network(self._snapshot, self._class, subnet[1]) if self._auto else None
            for choice in found:
                result += [
                    self._template(subnet, choice, values, taints, host, network)
                    for values in self._alternatives(choice)
                ]
        return tuple(result)

    def _template(
        self,
        subnet: Zoned,
        choice: Choice,
        values: Labels,
        taints: tuple[Taint, ...] | Unknown,
        host: Interface,
        network: PodNetwork | None,
    ) -> Template:
        _, zone, zone_id = subnet
        labels = self._fixed() | choice.labels | values
        unknown: dict[str, Unknown] = {}
        if zone:
            labels |= located(zone, self._storage)
        else:
            what = f"the zone of subnet {subnet[0]} was not read"
            why = unread(self._snapshot, kinds.SUBNETS, what, f"run: {kinds.SUBNETS.command} > subnets.json")
            unknown |= dict.fromkeys(place_labels(self._storage), why)
        if zone_id:
            labels[ZONE_ID] = zone_id
        if choice.name:
            labels |= dict.fromkeys(TYPE_LABELS, choice.name)
        for key in choice.open:
            unknown.setdefault(key, self._requirements.unknown(key))
        for alias, stable in (("beta.kubernetes.io/os", OS), ("beta.kubernetes.io/arch", ARCH)):
            if stable in labels:
                labels[alias] = labels[stable]
        same = [node for node in self._siblings if node.metadata.labels.get(TYPE_LABELS[0]) == choice.name]
        keys = [key for key in self._keys if not self._never(key, choice, same)]
        for key in keys:
            self._open(key, labels, unknown)
        predict(labels, unknown, same, keys, own_labels=not self._custom("node-labels"))
        return Template(
            labels,
            unknown,
            taints,
            choice.allocatable,
            shared_annotations(same),
            zone,
            host,
            pod_network=network,
            devices_known=choice.devices_known,
        )

    def _never(self, key: str, choice: Choice, same: Sequence[Node]) -> bool:
        """Whether nodes of the choice certainly lack a label: other makers' labels, and those of devices they have not."""
        if any(key in node.metadata.labels for node in same):
            return False
        other = "karpenter.k8s.aws/" if self._auto else "eks.amazonaws.com/"
        if key in (EBS_ZONE, AUTO_EBS_ZONE):
            return key != self._storage
        if key == WINDOWS_BUILD and self._system() == "linux":
            return True
        if choice.name and labels_of(self._snapshot, choice.name, self._group).get(key, "") is None:
            return True
        if key.startswith((other, *_MANAGED)) and key not in self._requirements:
            return True
        offered = choice.allocatable
        none = isinstance(offered, dict) and not any(
            name.startswith(_DEVICES) and not is_zero(amount) for name, amount in offered.items()
        )
        return none and key.startswith((f"{self._group}/instance-gpu-", *_DEVICES))

    def _open(self, key: str, labels: Labels, unknown: dict[str, Unknown]) -> None:
        """Labels that the pool or the type decides, and that are not known."""
        if key in labels or key in unknown or self._requirements.absent(key):
            return
        if key in self._requirements or well_known(key):
            unknown[key] = self._requirements.unknown(key)

    def _fixed(self) -> Labels:
        """Labels that every node of the pool has."""
        ref = self._pool.spec.template.spec.node_class_ref
        kind = ref.kind.lower() or ("nodeclass" if self._auto else "ec2nodeclass")
        fixed = {
            NODEPOOL: self._pool.metadata.name,
            "karpenter.sh/registered": "true",
            "karpenter.sh/initialized": "true",
            f"{self._group}/{kind}": ref.name,
            OS: self._system(),
        }
        if self._auto:
            fixed["eks.amazonaws.com/compute-type"] = "auto"
        for key in self._requirements.keys:
            values = self._requirements.values(key)
            if values is not None and len(values) == 1 and key not in (OS, *ZONE_LABELS, *TYPE_LABELS):
                fixed[key] = values[0]
        return fixed

    def _system(self) -> str:
        """The operating system, which the images' family decides."""
        spec = self._class.spec
        families = (spec.ami_family, *(term.alias for term in spec.ami_selector_terms))
        return "windows" if any(name.lower().startswith("windows") for name in families) else "linux"

    def _alternatives(self, choice: Choice) -> Sequence[Labels]:
        """The values of labels that rules read and the pool leaves open among few; else none, and they are unknown."""
        open_keys: list[str] = []
        named: list[tuple[str, ...]] = []
        for key in self._keys:
            own_or_capacity = key == CAPACITY_TYPE or not well_known(key)
            values = self._requirements.values(key)
            if key not in choice.labels and own_or_capacity and values is not None and len(values) > 1:
                open_keys.append(key)
                named.append(values)
        count = 1
        for values in named:
            count *= len(values)
        if count > MOST:
            return ({},)
        return [dict(zip(open_keys, values, strict=True)) for values in product(*named)]

    def _taints(self) -> tuple[Taint, ...] | Unknown:
        spec = self._pool.spec.template.spec
        if self._custom("register-with-taints") or self._custom("node-taints"):
            what = f"user data of node class {self._class.metadata.name} sets taints, which are not modelled"
            return Unknown(Cause.NOT_MODELLED, what)
        own = structural_taints(spec.taints)
        passing = {taint for taint in spec.startup_taints if taint not in own}
        found = with_sibling_taints(own, self._siblings)
        return tuple(taint for taint in found if taint not in passing)

    def _custom(self, word: str) -> bool:
        return word in self._class.spec.user_data

    def _host(self, subnet: Zoned, groups: tuple[str, ...]) -> Interface:
        kind = kinds.NODE_CLASSES if self._auto else kinds.EC2_NODE_CLASSES
        name = self._class.metadata.name
        field = "status" if self._class.status.security_groups else "spec"
        where = "securityGroups" if field == "status" else "securityGroupSelectorTerms"
        refs = (
            Ref(kind.name, name, f"{field}.{where}", ", ".join(groups)),
            Ref("subnets", subnet[0], "AvailabilityZone", subnet[1]),
        )
        return Interface(Attachment.HOST, groups, subnet[0], groups, subnet[0], refs)
