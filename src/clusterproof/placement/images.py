"""Images that are on nodes already: the ImageLocality score.

Source: kubernetes ``pkg/scheduler/framework/plugins/imagelocality/image_locality.go`` and
``pkg/scheduler/backend/cache`` (``addNodeImageStates``: a size is kept from the node that was seen first, the count
is of all nodes).

The scheduler takes the count of an image's nodes when it copies a node for its snapshot, which it does when that node
changes (a pod, a status report): the count on a node that nothing changed may be some minutes old
(``framework/types.go``, ``ImageStateSummary.Snapshot``). Here it is always of now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from clusterproof.placement.node import NodeView
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import PodSpec

_MIB = 1024 * 1024
LEAST = 23 * _MIB
"""Below this an image is worth nothing."""
MOST_PER_CONTAINER = 1000 * _MIB
"""An image above this is worth no more."""
LISTED_IMAGES = 50
"""How many images a kubelet reports by default (``nodeStatusMaxImages``, KubeletConfiguration)."""


class ImageState(msgspec.Struct, frozen=True):
    """An image over the cluster: the sizes that nodes report (bytes, least and most) and the nodes that have it."""

    smallest: int
    largest: int
    holders: frozenset[str]


class ImageTable(msgspec.Struct, frozen=True):
    """Every image of the cluster by each of its names, and how many nodes there are."""

    images: dict[str, ImageState]
    nodes: int


def image_table(nodes: Iterable[NodeView]) -> ImageTable:
    """From ``status.images`` of every node."""
    found: dict[str, tuple[int, int, set[str]]] = {}
    count = 0
    for node in nodes:
        count += 1
        for image in node.images:
            for name in image.names:
                low, high, holders = found.get(name, (image.size_bytes, image.size_bytes, set()))
                holders.add(node.id)
                found[name] = (min(low, image.size_bytes), max(high, image.size_bytes), holders)
    return ImageTable({name: ImageState(a, b, frozenset(c)) for name, (a, b, c) in found.items()}, count)


def normalised(name: str) -> str:
    """``repo/app`` means ``repo/app:latest``; nothing else is completed (``normalizedImageName``)."""
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"


def pod_images(spec: PodSpec, version: SchedulerVersion) -> tuple[str, ...]:
    """The images that count, one per container and, from 1.36, image volume, in order."""
    containers = (*spec.init_containers, *spec.containers) if version.init_images_count else spec.containers
    mounted = spec.volumes if version.image_volumes_count else ()
    return tuple(
        normalised(name)
        for name in (*(one.image for one in containers), *(one.image.reference for one in mounted if one.image))
    )


def dividing(spec: PodSpec, version: SchedulerVersion) -> int:
    """By how many images' worth the sum is divided: containers, and image volumes only after 1.36."""
    containers = len(spec.containers) + (len(spec.init_containers) if version.init_images_count else 0)
    return containers + (sum(1 for one in spec.volumes if one.image) if version.image_volumes_divide else 0)


def image_scores(
    spec: PodSpec, feasible: Sequence[NodeView], table: ImageTable, version: SchedulerVersion
) -> list[int] | Unknown:
    """ImageLocality of each node, 0 to 100.

    Unknown when nodes report different sizes of one image (two architectures) and the score hangs on which of them
    the scheduler met first.
    """
    wanted, count = pod_images(spec, version), dividing(spec, version)
    scores = [_locality(wanted, node.id, table, count, largest=False) for node in feasible]
    if scores != [_locality(wanted, node.id, table, count, largest=True) for node in feasible]:
        return Unknown(
            Cause.NOT_ANSWERABLE,
            "nodes report different sizes of one of the pod's images, and the scheduler keeps the one it met first",
        )
    return scores


def with_images(table: ImageTable, names: Iterable[str], sizes: Mapping[str, int], node: str) -> ImageTable:
    """The table after a node has pulled images; ``sizes`` (bytes) are for those that no node has yet."""
    images = dict(table.images)
    for name in names:
        state = images.get(name)
        if state is None:
            images[name] = ImageState(sizes[name], sizes[name], frozenset((node,)))
        elif node not in state.holders:
            images[name] = msgspec.structs.replace(state, holders=state.holders | {node})
    return ImageTable(images, table.nodes)


def _locality(wanted: Sequence[str], node: str, table: ImageTable, count: int, *, largest: bool) -> int:
    present = 0
    for name in wanted:
        state = table.images.get(name)
        if state is not None and node in state.holders:
            present += spread_size(state.largest if largest else state.smallest, len(state.holders), table.nodes)
    return points(present, count)


def spread_size(size: int, holders: int, nodes: int) -> int:
    """What an image of that many bytes is worth on a node that has it, in bytes (``scaledImageScore``)."""
    return int(float(size) * (float(holders) / float(nodes)))


def points(present: int, count: int) -> int:
    """ImageLocality, 0 to 100, of so many bytes' worth of images for a pod of so many (``calculatePriority``)."""
    most = MOST_PER_CONTAINER * count
    if most <= LEAST:
        return 0
    return 100 * (min(max(present, LEAST), most) - LEAST) // (most - LEAST)


def least_for_a_point(count: int) -> int:
    """The fewest bytes' worth of images that gain a point: 32.77 MiB for one container."""
    return LEAST + -(-(MOST_PER_CONTAINER * count - LEAST) // 100)
