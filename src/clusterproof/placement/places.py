"""Where a workload's pods may be, today and tomorrow: node classes with the interface the pod has there.

Feasibility is structural (design rule 3). A class that cannot be decided stays a
place, with its doubt; a class that refuses is kept with the scheduler's reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement.claims import Claims, claims_of
from clusterproof.placement.devices.read import inventory_of
from clusterproof.placement.fargate import on_fargate, refused_by_fargate
from clusterproof.placement.feasibility import Feasibility, refused_whole
from clusterproof.placement.filters import Rules, structural, with_name
from clusterproof.placement.folded import keys_read, names_read, read_by_structural
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.needs import Needs, needs_of
from clusterproof.placement.node import NodeView
from clusterproof.placement.tocome import by_claims
from clusterproof.placement.wishes import refused_by_pool
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Container, Node, PodSpec, Toleration
from clusterproof.snapshot.snapshot import Table
from clusterproof.world.ground import Ground
from clusterproof.world.interfaces import POD_ENI
from clusterproof.world.model import Interface, NodeClass, Workload
from clusterproof.world.selectors import all_of, any_of
from clusterproof.world.world import World


class Place(msgspec.Struct, frozen=True):
    """A node class and an interface that the pod may have there.

    Attributes:
        doubt: set when it cannot be said whether the pod may be scheduled here.
        stays: a pod of it runs here today, though no further one would be scheduled here (a taint or a label came
            later, another template made it, or it is on Fargate).
    """

    node_class: NodeClass
    interface: Interface
    doubt: Unknown | None = None
    stays: bool = False

    @property
    def text(self) -> str:
        """``gpu`` or ``gpu (node not yet born)``, with the zone where known; of what is no node its own name."""
        node_class = self.node_class
        if node_class.born and not node_class.nodes:
            return node_class.id
        where = node_class.nodes[0] if node_class.born and node_class.nodes else "a node not yet born"
        more = f" and {len(node_class.nodes) - 1} more" if len(node_class.nodes) > 1 else ""
        zone = f", {node_class.zone}" if node_class.zone else ""
        return f"{node_class.group} ({where}{more}{zone})"


class Refusal(msgspec.Struct, frozen=True):
    """A node class that refuses the workload, with the scheduler's reason."""

    node_class: NodeClass
    feasibility: Feasibility


class Places(msgspec.Struct, frozen=True):
    """All places of a workload.

    Attributes:
        places: feasible ones and those in doubt.
        refused: the others.
    """

    places: tuple[Place, ...]
    refused: tuple[Refusal, ...]

    @property
    def message(self) -> str:
        """The scheduler's own kind of summary of what refuses."""
        born = [refusal for refusal in self.refused if refusal.node_class.born]
        whole = next((refusal.feasibility for refusal in self.refused if refusal.feasibility.whole), None)
        if not born and whole is not None:
            return f"{whole.reason}."
        if not born:
            return "there is no node and no node group that would take it."
        counts = [len(refusal.node_class.nodes) for refusal in born]
        return unschedulable_message([refusal.feasibility for refusal in born], counts=counts)


def places(world: World, workload: Workload) -> Places:
    """Where the workload's pods may be scheduled, on nodes that exist and on nodes not yet born.

    Kept with the world's ground, on which it rests alone. Equal answers are one object: workloads with one template
    are in the same places.
    """
    memo: _Memo = world.ground.memo.setdefault("places", _Memo({}, {}))
    found = memo.by_id.get(workload.id)
    if found is None or (found[0] is not workload and found[0] != workload):
        answer = _places(world.ground, workload)
        shape = tuple([id(place.node_class) for place in answer.places]), len(answer.refused)
        alike = memo.distinct.setdefault(shape, [])
        known = next((other for other in alike if other == answer), None)
        if known is None:
            alike.append(answer)
        found = memo.by_id[workload.id] = workload, known or answer
    return found[1]


class _Memo(NamedTuple):
    """Answers by workload, and each different one by the node classes of its places and how many refuse."""

    by_id: dict[str, tuple[Workload, Places]]
    distinct: dict[tuple[tuple[int, ...], int], list[Places]]


def _places(world: Ground, workload: Workload) -> Places:
    if workload.refusal:
        return _nowhere(world, workload)
    branch = world.interfaces.branch(workload)
    spec = workload.spec if workload.unread is None else _with_any_toleration(workload.spec)
    try:
        needs = needs_of(spec, pinned=bool(spec.node_name))
        with_branch = needs_of(_with_branch(spec), pinned=bool(spec.node_name)) if branch else needs
    except ClusterproofError as error:
        unread = Unknown(Cause.ERROR, f"{workload.id}: {error}")
        return Places(
            tuple(
                Place(node_class, interface, unread)
                for node_class in world.classes
                for interface in world.interfaces.of(workload, node_class)
            ),
            (),
        )
    choices = by_claims(workload.spec, workload, world.snapshot, world.exact_version)
    volumes = [rules for _, rules in choices]
    devices = claims_of(workload.spec, workload.namespace, inventory_of(world, workload.spec, workload.namespace))
    judge, judge_plain = _Judge(world, with_branch, devices), _Judge(world, needs, devices)
    on_fargate_too = bool(world.fargate.of(workload)) or any(item.fargate for item in world.classes)
    today = frozenset(workload.pod_nodes)
    plain_only = branch is False and not on_fargate_too and volumes == [()] and devices.inventory is None
    if plain_only and workload.unread is None and _alike(world, workload):
        # Who it is matters only where it runs and would not be put again.
        kept: dict[Hashable, tuple[Places, frozenset[int]]] = world.memo.setdefault("places alike", {})
        key = judge.read, workload.spec.host_network
        if key not in kept:
            plain = _judged(world, workload, volumes, (judge, judge_plain, branch), frozenset(), on_fargate_too=False)
            kept[key] = plain, frozenset(id(item.node_class) for item in plain.refused)
        plain, refusing = kept[key]
        if not today or refusing.isdisjoint(_classes_of(world, today)):
            return plain
    return _judged(world, workload, volumes, (judge, judge_plain, branch), today, on_fargate_too=on_fargate_too)


def _alike(world: Ground, workload: Workload) -> bool:
    """Whether its interfaces are those of every other workload that is on the host network, or is not, as it is."""
    if workload.spec.host_network:
        return True
    found: bool | None = world.memo.get("alike")
    if found is None:
        found = all(world.interfaces.alike(workload, node_class) for node_class in world.classes)
        world.memo["alike"] = found
    return found


def _classes_of(world: Ground, nodes: Iterable[str]) -> frozenset[int]:
    """The identities of the classes that nodes belong to."""
    of_node: dict[str, int] | None = world.memo.get("class of node")
    if of_node is None:
        of_node = {node: id(node_class) for node_class in world.classes for node in node_class.nodes}
        world.memo["class of node"] = of_node
    return frozenset(of_node[node] for node in nodes if node in of_node)


def _judged(
    world: Ground,
    workload: Workload,
    volumes: Sequence[Rules],
    judges: tuple[_Judge, _Judge, bool | Unknown],
    today: frozenset[str],
    *,
    on_fargate_too: bool,
) -> Places:
    """Class by class.

    Args:
        world: without what cannot matter here.
        workload: any.
        volumes: what each of its choices of volumes asks.
        judges: of its pods with a branch interface, and without; and whether they get one.
        today: the nodes that it runs on.
        on_fargate_too: whether EKS may decide for some of its places.
    """
    judge, judge_plain, branch = judges
    found: list[Place] = []
    refused: list[Refusal] = []
    for node_class in world.classes:
        decided = on_fargate(world, workload, node_class) if on_fargate_too else None
        # Nodes of EKS Auto Mode and Fargate have no such resource, and need none.
        asked = judge_plain if node_class.pod_network is not None or node_class.fargate else judge
        answers = [decided] if decided is not None else [asked.of(node_class, choice) for choice in volumes]
        truth = any_of(answer.ok for answer in answers)
        if truth is False and isinstance(branch, Unknown) and decided is None:
            # Without a branch interface it may fit all the same.
            truth = all_of((any_of(judge_plain.of(node_class, choice).ok for choice in volumes), branch))
        if truth is not False and workload.unread is not None:
            truth = workload.unread  # what is not read may only ask for more
        if isinstance(truth, Unknown) and not node_class.born:
            by_pool = refused_by_pool(world, workload.spec, node_class.group, view_of(node_class))
            truth, answers = (truth, answers) if by_pool is None else (False, [by_pool])
        if truth is False:
            refused.append(Refusal(node_class, answers[0]))
            if not today.isdisjoint(node_class.nodes):
                # Filters are asked once: a pod that is there stays, and every placement counts, today's too.
                interfaces = world.interfaces.running(workload, node_class)
                found += [Place(node_class, interface, stays=True) for interface in interfaces]
            continue
        doubt = truth if isinstance(truth, Unknown) else None
        found += [Place(node_class, interface, doubt) for interface in world.interfaces.of(workload, node_class)]
    return Places(tuple(found), tuple(refused))


_ADMISSION = "RuntimeClass"
"""The admission plugin that refuses a pod before any node is looked at."""


def refused_everywhere(world: World, workload: Workload) -> Feasibility | None:
    """Why no pod made from now on runs anywhere, whatever else was not read; None where it may."""
    if workload.refusal:
        return refused_whole(_ADMISSION, workload.refusal)
    return refused_by_fargate(world, workload)


def _nowhere(world: Ground, workload: Workload) -> Places:
    """Of a workload whose pods the API server refuses: where they run today they stay."""
    refused = refused_whole(_ADMISSION, workload.refusal)
    today = frozenset(workload.pod_nodes)
    stay = [
        Place(node_class, interface, stays=True)
        for node_class in world.classes
        if not today.isdisjoint(node_class.nodes)
        for interface in world.interfaces.running(workload, node_class)
    ]
    return Places(tuple(stay), tuple(Refusal(node_class, refused) for node_class in world.classes))


def _with_any_toleration(spec: PodSpec) -> PodSpec:
    """With a toleration of every taint, which a RuntimeClass may bring; all else that it brings asks for more."""
    return msgspec.structs.replace(spec, tolerations=(*spec.tolerations, Toleration(operator="Exists")))


class _Judge:
    """Asks the filters about one pod template, once for all node classes that read the same.

    The answers rest on nothing but the template and the class as the filters see it, so that they are kept with the
    nodes' table: worlds of snapshots that differ in anything else share them, and so do workloads with one template.
    """

    def __init__(self, world: Ground, needs: Needs, devices: Claims) -> None:
        self._classes = world.classes
        self._memo = world.memo
        self._needs = needs
        self._devices = devices
        nodes = world.snapshot.tables.get(kinds.NODES.name)
        memo: _Answers = {} if nodes is None else nodes.derived(_no_answers)
        self.read = read_by_structural(needs)
        self._known = memo.setdefault(self.read, {})
        self._named = bool(needs.pinned) or names_read(needs.spec)
        self._labels = keys_read(needs)

    def of(self, node_class: NodeClass, volumes: Rules) -> Feasibility:
        """Whether the pod may ever run there, with one of its choices of volumes."""
        view, rest = self._memo.get(("view", node_class.id)) or self._view(node_class)
        if self._devices.inventory is not None:
            return self._with_devices(node_class, view, volumes)
        if volumes or self._named:
            return structural(self._needs, view, volumes)
        key = rest, tuple([view.label_state(label) for label in self._labels])
        found = self._known.get(key)
        if found is None:
            found = structural(self._needs, view, volumes)
            if isinstance(found.ok, Unknown):
                return found  # its words may name the class
            self._known[key] = found
        return with_name(found, view)

    def _with_devices(self, node_class: NodeClass, view: NodeView, volumes: Rules) -> Feasibility:
        """Nodes of a class may publish different devices: one that has them is enough."""
        if not node_class.nodes:
            view = msgspec.structs.replace(view, like=self._sibling(node_class))
        answers = []
        for name in node_class.nodes or ("",):
            one = msgspec.structs.replace(view, name=name) if name else view
            answers.append(structural(self._needs, one, volumes, self._devices))
            if answers[-1].ok is True or not self._needs.claims:
                break
        undecided = (answer for answer in answers if isinstance(answer.ok, Unknown))
        return answers[-1] if answers[-1].ok is True else next(undecided, answers[0])

    def _sibling(self, node_class: NodeClass) -> str:
        """A node of today of the same group, and of the same instance type where both are known."""
        kind = node_class.labels.get(_INSTANCE_TYPE)
        names = (
            other.nodes[0]
            for other in self._classes
            if other.nodes
            and other.born
            and other.group == node_class.group
            and kind in (None, other.labels.get(_INSTANCE_TYPE))
        )
        return next(names, "")

    def _view(self, node_class: NodeClass) -> tuple[NodeView, bytes]:
        """The class, and all that a filter may read of it but labels and names."""
        view = view_of(node_class)
        named = isinstance(view.name, str)
        read = (view.taints, view.allocatable, named, view.born, view.devices_known)
        made = view, msgspec.json.encode(read, order="deterministic")
        self._memo[("view", node_class.id)] = made
        return made


_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_Answers = dict[bytes, dict[Hashable, Feasibility]]


def _no_answers(_nodes: Table[Node]) -> _Answers:
    return {}


def _with_branch(spec: PodSpec) -> PodSpec:
    """The pod as its webhook leaves it: one branch interface is asked of the node.

    Source: vpc-resource-controller webhooks/core/pod_webhook.go (limit and request of the first container).
    """
    first, *rest = spec.containers or (Container(),)
    if any(POD_ENI in (*item.resources.requests, *item.resources.limits) for item in spec.containers):
        return spec
    resources = msgspec.structs.replace(first.resources, requests={**first.resources.requests, POD_ENI: "1"})
    return msgspec.structs.replace(spec, containers=(msgspec.structs.replace(first, resources=resources), *rest))


def view_of(node_class: NodeClass) -> NodeView:
    """The first node of a class as the scheduler's filters see it."""
    name: str | Unknown = (
        node_class.nodes[0] if node_class.nodes else Unknown(Cause.NOT_MODELLED, "a node not yet born has no name")
    )
    return NodeView(
        name=name,
        labels=node_class.labels,
        unknown_labels=node_class.unknown_labels,
        taints=node_class.taints,
        allocatable=node_class.allocatable,
        born=node_class.born,
        key=node_class.id,
        devices_known=node_class.devices_known,
    )
