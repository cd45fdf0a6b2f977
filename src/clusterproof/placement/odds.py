"""How likely is each node: exact odds of a first run, and of the next run when the image is cached.

Source: kubernetes ``pkg/scheduler/schedule_one.go`` (``numFeasibleNodesToFind``, ``selectHost``): the scheduler takes
one of the nodes with the highest total, each with the same chance. It looks for at most so many feasible nodes, from a
start that rotates; where there are more, the odds hang on that hidden start and are not given.

Odds never decide a verdict (design rule 3): feasibility does. Nodes that are not born have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement.filters import Rules, feasible_now
from clusterproof.placement.images import (
    LISTED_IMAGES,
    ImageTable,
    image_scores,
    image_table,
    normalised,
    pod_images,
    with_images,
)
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.scores import base_scores
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod

DEFAULT_SCHEDULER = "default-scheduler"
ALWAYS_SCANNED = 100
"""``minFeasibleNodesToFind``."""

Distribution = dict[str, Fraction]
"""Probability by node name, in the cluster's order; the values sum to 1."""


class Odds(msgspec.Struct, frozen=True):
    """Where one pod goes.

    Attributes:
        probability: of each feasible node, 0 for those that others outscore; empty when there are no odds.
        winners: the nodes with the highest total.
        feasible: the nodes that passed every filter now: also without odds, the set it can go to.
        why_not: why there are no odds, else None.
        message: the scheduler's sentence when no node is feasible, else empty.
        caveats: what could change the numbers and is not modelled.
    """

    probability: Distribution = msgspec.field(default_factory=dict)
    winners: tuple[str, ...] = ()
    feasible: tuple[str, ...] = ()
    why_not: Unknown | None = None
    message: str = ""
    caveats: tuple[str, ...] = ()


class AfterCaching(msgspec.Struct, frozen=True):
    """Where the next run goes, once a first run has ended and left its images on its node.

    Attributes:
        first: the first run.
        second: for each feasible first node, the distribution of the next run.
        marginal: the next run whatever the first was, weighted with the first run's odds.
        stays: the probability that the next run is on the node of the first.
        why_not: why there are no odds, else None.
    """

    first: Odds
    second: dict[str, Distribution] = msgspec.field(default_factory=dict)
    marginal: Distribution = msgspec.field(default_factory=dict)
    stays: Fraction = Fraction(0)
    why_not: Unknown | None = None


class Field(msgspec.Struct, frozen=True):
    """What all runs share: the feasible nodes and their totals without ImageLocality.

    Attributes:
        feasible: in the cluster's order; empty where there are no odds.
        base: the total of each without ImageLocality.
        table: the images of today.
        odds: of a first run.
        version: the scheduler's.
    """

    feasible: tuple[NodeView, ...]
    base: tuple[int, ...]
    table: ImageTable
    odds: Odds
    version: SchedulerVersion


def nodes_to_find(nodes: int) -> int:
    """How many feasible nodes the scheduler looks for among so many (``percentageOfNodesToScore`` unset)."""
    if nodes < ALWAYS_SCANNED:
        return nodes
    percentage = max(5, 50 - nodes // 125)
    return max(ALWAYS_SCANNED, nodes * percentage // 100)


def sampled_why(feasible: int, nodes: int) -> Unknown:
    """Why there are no odds where the scheduler does not look at every feasible node."""
    return Unknown(
        Cause.NOT_MODELLED,
        f"the scheduler stops at {nodes_to_find(nodes)} of {feasible} feasible nodes (of {nodes} in all) from a start "
        "that rotates: any feasible node is possible",
    )


def first_run(
    pod: Pod,
    cluster: Cluster,
    *,
    volumes: Rules = (),
    version: SchedulerVersion | None = None,
) -> Odds:
    """Odds of one pod in the cluster as it stands.

    Args:
        pod: not placed yet.
        cluster: every node, with the pods on it; nodes not yet born are left out.
        volumes: what the pod's bound volumes ask of a node.
        version: the scheduler's.
    """
    return field_of(pod, cluster, volumes, version or cluster.version or SchedulerVersion()).odds


def after_caching(
    pod: Pod,
    cluster: Cluster,
    image_sizes: Mapping[str, int],
    *,
    volumes: Rules = (),
    version: SchedulerVersion | None = None,
) -> AfterCaching:
    """Odds of the next run of the same pod, for each node that the first may have been on.

    The first run has ended: what it asked for is free again, and all of its images are on its node. Nothing else
    has changed. Sizes come from the nodes that have an image already, else from ``image_sizes``.

    Args:
        pod: not placed yet.
        cluster: every node, with the pods on it; nodes not yet born are left out.
        image_sizes: bytes by image, as the node would report it, for images that no node has yet.
        volumes: what the pod's bound volumes ask of a node.
        version: the scheduler's.
    """
    version = version or cluster.version or SchedulerVersion()
    return after_first(pod, field_of(pod, cluster, volumes, version), image_sizes)


def after_first(pod: Pod, field: Field, image_sizes: Mapping[str, int]) -> AfterCaching:
    """:func:`after_caching` for a first run that was already computed."""
    if field.odds.why_not is not None or not field.feasible:
        return AfterCaching(field.odds, why_not=field.odds.why_not)
    wanted = pod_images(pod.spec, field.version)
    sizes = sizes_of(wanted, field, image_sizes)
    if isinstance(sizes, Unknown):
        return AfterCaching(field.odds, why_not=sizes)
    second = _second_runs(pod, field, wanted, sizes)
    if isinstance(second, Unknown):
        return AfterCaching(field.odds, why_not=second)
    marginal = {node.id: Fraction(0) for node in field.feasible}
    for first, chance in field.odds.probability.items():
        for name, after in second[first].items():
            marginal[name] += chance * after
    stays = sum((chance * second[name][name] for name, chance in field.odds.probability.items()), Fraction(0))
    return AfterCaching(field.odds, second, marginal, stays)


def field_of(pod: Pod, cluster: Cluster, volumes: Rules, version: SchedulerVersion) -> Field:
    """The first run, and what the next ones are computed from.

    A pod or node that says what the API refuses has no odds, and takes nothing else down.
    """
    try:
        return _field(pod, cluster, volumes, version)
    except ClusterproofError as error:
        return _none(Unknown(Cause.ERROR, str(error)), version)


def _field(pod: Pod, cluster: Cluster, volumes: Rules, version: SchedulerVersion) -> Field:
    scheduler = pod.spec.scheduler_name or DEFAULT_SCHEDULER
    if scheduler != DEFAULT_SCHEDULER:
        return _none(Unknown(Cause.NOT_MODELLED, f"{scheduler} decides, not the default scheduler"), version)
    born = tuple(node for node in cluster.nodes if node.born)
    cluster = msgspec.structs.replace(cluster, nodes=born, version=version)
    answers = feasible_now(pod, cluster, volumes, version=version)
    feasible = tuple(node for node, answer in zip(born, answers, strict=True) if answer.ok is True)
    names = tuple(node.id for node in feasible)
    unknown = next((answer.ok for answer in answers if isinstance(answer.ok, Unknown)), None)
    if unknown is not None:
        return _none(unknown, version, names)
    if not feasible:
        message = unschedulable_message(answers, version=version)
        return _none(None, version, message=message)
    if len(feasible) > nodes_to_find(len(born)):
        return _none(sampled_why(len(feasible), len(born)), version, names)
    table = image_table(born)
    if len(feasible) == 1:
        # A single feasible node is taken without being scored.
        odds = Odds({names[0]: Fraction(1)}, names, names, caveats=_caveats(pod, cluster, feasible, version))
        return Field(feasible, (0,), table, odds, version)
    scores = base_scores(pod, cluster, feasible, version)
    images = image_scores(pod.spec, feasible, table, version)
    if isinstance(scores, Unknown):
        return _none(scores, version, names)
    if isinstance(images, Unknown):
        return _none(images, version, names)
    base = tuple(sum(values[index] for values in scores.values()) for index in range(len(feasible)))
    totals = [one + image for one, image in zip(base, images, strict=True)]
    most = max(totals)
    winners = tuple(name for name, total in zip(names, totals, strict=True) if total == most)
    odds = Odds(_uniform(names, winners), winners, names, caveats=_caveats(pod, cluster, feasible, version))
    return Field(feasible, base, table, odds, version)


def sizes_of(wanted: Sequence[str], field: Field, given: Mapping[str, int]) -> dict[str, int] | Unknown:
    """Bytes of the pod's images that no node has, or why they are not known.

    With a single feasible node the size does not matter, and is 0 where it was not given.
    """
    sizes = {normalised(name): size for name, size in given.items()}
    unsized = [name for name in wanted if name not in field.table.images and name not in sizes]
    if unsized and len(field.feasible) > 1:
        return Unknown(Cause.NOT_COLLECTED, f"no node has the image {unsized[0]}", "give its size in bytes")
    return {**dict.fromkeys(unsized, 0), **sizes}


def _second_runs(
    pod: Pod, field: Field, wanted: Sequence[str], sizes: Mapping[str, int]
) -> dict[str, Distribution] | Unknown:
    """Nodes with the same base total and the same of the pod's images are one class: its first member stands for it."""
    names = [node.id for node in field.feasible]
    order = {name: index for index, name in enumerate(names)}
    classes: dict[tuple[int, frozenset[str]], list[str]] = {}
    for name, base in zip(names, field.base, strict=True):
        held = frozenset(one for one in wanted if one in field.table.images and name in field.table.images[one].holders)
        classes.setdefault((base, held), []).append(name)
    second: dict[str, Distribution] = {}
    for members in classes.values():
        first = members[0]
        table = with_images(field.table, wanted, sizes, first)
        images = image_scores(pod.spec, field.feasible, table, field.version)
        if isinstance(images, Unknown):
            return images
        totals = [one + image for one, image in zip(field.base, images, strict=True)]
        most = max(totals)
        best = [name for name, total in zip(names, totals, strict=True) if total == most]
        for member in members:
            # What holds for the first member holds for each other with the two exchanged.
            swap = {first: member, member: first}
            winners = sorted((swap.get(name, name) for name in best), key=order.__getitem__)
            second[member] = _uniform(names, winners)
    return {name: second[name] for name in names}


def _uniform(names: Sequence[str], winners: Sequence[str]) -> Distribution:
    chosen = frozenset(winners)
    return {name: Fraction(1, len(chosen)) if name in chosen else Fraction(0) for name in names}


def no_field(why: Unknown) -> Field:
    """Where there are no odds, for that reason."""
    return _none(why, SchedulerVersion())


def _none(why: Unknown | None, version: SchedulerVersion, names: tuple[str, ...] = (), *, message: str = "") -> Field:
    return Field((), (), ImageTable({}, 0), Odds(feasible=names, why_not=why, message=message), version)


def _caveats(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView], version: SchedulerVersion) -> tuple[str, ...]:
    found = []
    if cluster.storage is None and any(volume.persistent_volume_claim is not None for volume in pod.spec.volumes):
        found.append("how many volumes a node can still attach was not looked at")
    if not version.compared:
        found.append(f"the scores of Kubernetes 1.{version.minor} were not compared with its source")
    wanted = frozenset(pod_images(pod.spec, version))
    for node in feasible:
        listed = {name for image in node.images for name in image.names}
        if len(node.images) >= LISTED_IMAGES and not wanted <= listed:
            found.append(f"{node.id} lists {LISTED_IMAGES} images, and may have more")
            break
    return tuple(found)
