"""Where a workload may land, as data: what ``place`` says, and ``place -o json`` prints.

The JSON Schema is generated from these structs, so every field is documented here.
"""

from __future__ import annotations

import enum

import msgspec

from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Verdict

SCHEMA = "clusterproof.placement/1"
"""Name and version of what ``place -o json`` prints; the version changes when a field goes or changes its meaning."""


class May(enum.StrEnum):
    """Whether a pod may be scheduled somewhere. The set is closed; a test pins it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


BEST_FIRST = (May.YES, May.UNKNOWN, May.NO)
"""The order in which answers are told; of several the first one that is there decides."""


class Record(msgspec.Struct, frozen=True):
    """Base: immutable."""


class Answer(Record, frozen=True):
    """What the scheduler's filters say of a node, or of what a node group would make.

    Attributes:
        may: whether it takes the pod.
        plugin: the scheduler's plugin that refuses, or that could not be decided; empty for yes.
        reasons: why not, each in the scheduler's words; empty for yes.
        ref: the field of the node that refuses; null where no one field does.
        unknown: why it cannot be said; null where it can.
    """

    may: May
    plugin: str = ""
    reasons: tuple[str, ...] = ()
    ref: Ref | None = None
    unknown: Unknown | None = None


class Displacing(Record, frozen=True):
    """Whether a node takes the pod once pods of lower priority are displaced (preemption).

    Attributes:
        may: whether it does.
        victims: ``namespace/name`` of the pods that would go from a node, the most important first; budgets are not read.
        unknown: why it cannot be said; null where it can.
    """

    may: May
    victims: tuple[str, ...] = ()
    unknown: Unknown | None = None


class Standing(Record, frozen=True):
    """Nodes of one class that stand alike today: the same answer now, and the same odds.

    Attributes:
        nodes: their names, sorted.
        now: whether each of them takes one more pod now.
        displacing: where no node of the cluster takes one now: whether each of these does by preemption; else null.
        first: the probability that a first pod lands on one of them, all of them together; null where there are no odds.
        later: the same of the pod after it, when the first one's node has its images; null where there are no odds.
    """

    nodes: tuple[str, ...]
    now: Answer
    displacing: Displacing | None = None
    first: float | None = None
    later: float | None = None


class PlacedClass(Record, frozen=True):
    """Nodes of a group that no rule tells apart, or those that the group would make.

    Attributes:
        id: short, and stable in one cluster: ``gpu#0``; ``gpu+0`` for nodes not yet born.
        zone: availability zone; empty when not known.
        born: false for nodes that the group's template would make.
        again: nodes of it exist, and the group makes further ones like them.
        count: how many nodes there are today.
        ever: whether such a node may ever take the pod, whatever runs there today: labels, lasting taints, what it
            holds when it is empty, and the zones of the pod's volumes decide.
        stays: whether pods of it run here today, though no further one would be scheduled here.
        today: its nodes by how they stand today; empty for nodes not yet born.
    """

    id: str
    zone: str
    born: bool
    again: bool
    count: int
    ever: Answer
    stays: bool
    today: tuple[Standing, ...] = ()


class PlacedGroup(Record, frozen=True):
    """A node group, and whether the pod may land there.

    Attributes:
        name: as its owner calls it.
        kind: how it makes nodes: ``EKS managed node group``, ``Auto Scaling group``, ``nodes by label``.
        may: whether any node of it, also one not yet born, may ever take the pod.
        nodes: how many nodes it has today.
        ever: how many of these may ever take the pod.
        now: how many of these take one more now; null where that is not known.
        displacing: how many take one by displacing pods of lower priority; 0 where some node takes one anyway.
        new_nodes: whether a node not yet born may take it; null where the group makes no further nodes.
        size: the fewest, the desired and the most nodes; null where nothing is known to make them.
        first: the probability that a first pod lands on the group; null where there are no odds.
        later: the same of the pod after it; null where there are no odds.
        classes: what the answer rests on.
        unknown: why the group's next nodes are not known; null where they are.
    """

    name: str
    kind: str
    may: May
    nodes: int
    ever: int
    now: int | None
    displacing: int
    new_nodes: May | None
    size: tuple[int, int, int] | None
    first: float | None
    later: float | None
    classes: tuple[PlacedClass, ...]
    unknown: Unknown | None = None


class Chances(Record, frozen=True):
    """What the odds rest on.

    Attributes:
        unknown: why there are no odds; null where there are.
        basis: in a clause, what they rest on: ``a tie among 3 of 12 feasible nodes``.
        stays: the probability that the next pod lands on the node of the first; null where it is not known.
        later_unknown: why there are none of the next pod, though there are of the first; else null.
    """

    unknown: Unknown | None = None
    basis: str = ""
    stays: float | None = None
    later_unknown: Unknown | None = None


class CopiesOn(Record, frozen=True):
    """How many copies end up on a node group.

    Attributes:
        group: the node group's name.
        expected: how many on average.
        chances: the probability of 0, 1, … copies.
    """

    group: str
    expected: float
    chances: tuple[float, ...]


class Copies(Record, frozen=True):
    """Where copies end up that are placed one after another, beside the pods that run already.

    Attributes:
        count: how many.
        groups: those on which one may end up.
        unplaced: the probability of 0, 1, … copies for which no node is left.
        unknown: why there are no odds; null where there are.
    """

    count: int
    groups: tuple[CopiesOn, ...] = ()
    unplaced: tuple[float, ...] = ()
    unknown: Unknown | None = None


class RunsOn(Record, frozen=True):
    """How often runs land on a node group.

    Attributes:
        group: the node group's name.
        expected: how many of the runs on average.
        chances: the probability that run 1, 2, … lands there.
        again: the probability that the second run lands there too once the first has; null where the first cannot,
            and for a single run.
    """

    group: str
    expected: float
    chances: tuple[float, ...]
    again: float | None


class Runs(Record, frozen=True):
    """Where runs of the same pod land, one ending before the next begins.

    Attributes:
        count: how many.
        groups: those on which one may land.
        image: whether it matters which nodes have its images, in a sentence.
        unknown: why there are no odds; null where there are.
    """

    count: int
    groups: tuple[RunsOn, ...] = ()
    image: str = ""
    unknown: Unknown | None = None


class Placement(Record, frozen=True):
    """Where the pods of a workload may land, on nodes of today and on nodes not yet born.

    Attributes:
        schema: name and version of this format.
        tool_version: the version of clusterproof that wrote this.
        cluster: the EKS cluster's name; empty when the input does not say.
        read_at: when it was read, RFC 3339 in UTC; empty when the input does not say.
        workload: ``kind/namespace/name``.
        how: by what it was found, where a profile's name was given; else empty.
        installed: false for a profile's own pod template, which is not in the cluster.
        replicas: how many pods it wants; null where that is no number of its own.
        running_on: the nodes of its pods, one for each pod that has one, sorted.
        waiting: how many of its pods have no node.
        every_node: whether it runs on all nodes that take it at once (a DaemonSet), so that nothing is left to chance.
        scheduler: who decides: ``default-scheduler``, or what the pod names.
        verdict: pass: there is a place; fail: there is none; unknown: it could not be decided.
        sentence: the answer in a sentence or two.
        nodes: how many nodes there are today.
        now: how many of them take one more pod now; null where that is not known.
        ever_message: who may ever take it, in the form of the scheduler's message, over the nodes of today.
        now_message: the same for now: the message that a pod with no place would get, with the count of each reason.
        groups: every node group, those that may take it first.
        chances: what the odds rest on.
        unread: what was not read, and may make nodes that take the pod, or take the pod first.
        caveats: what could change the answer about now and the odds, each in a clause.
        unread_nodes: why not all nodes are known; null where they are.
        copies: where so many copies end up as were asked about; null where none were.
        runs: where so many runs land as were asked about; null where none were.
    """

    schema: str
    tool_version: str
    cluster: str
    read_at: str
    workload: str
    how: str
    installed: bool
    replicas: int | None
    running_on: tuple[str, ...]
    waiting: int
    every_node: bool
    scheduler: str
    verdict: Verdict
    sentence: str
    nodes: int
    now: int | None
    ever_message: str
    now_message: str
    groups: tuple[PlacedGroup, ...]
    chances: Chances
    unread: tuple[Unknown, ...] = ()
    caveats: tuple[str, ...] = ()
    unread_nodes: Unknown | None = None
    copies: Copies | None = None
    runs: Runs | None = None
