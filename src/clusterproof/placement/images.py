"""Images that are on nodes already: the ImageLocality score.

Source: kubernetes ``pkg/scheduler/framework/plugins/imagelocality/image_locality.go`` and
``pkg/scheduler/backend/cache`` (``addNodeImageStates``: a size is kept from the node that was seen first, the count
is of all nodes). Image volumes are not read.
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
    """The images that count, one per container, in order."""
    containers = (*spec.init_containers, *spec.containers) if version.init_images_count else spec.containers
    return tuple(normalised(one.image) for one in containers)


def image_scores(
    spec: PodSpec, feasible: Sequence[NodeView], table: ImageTable, version: SchedulerVersion
) -> list[int] | Unknown:
    """ImageLocality of each node, 0 to 100.

    Unknown when nodes report different sizes of one image (two architectures) and the score hangs on which of them
    the scheduler met first.
    """
    wanted = pod_images(spec, version)
    scores = [_locality(wanted, node.id, table, largest=False) for node in feasible]
    if scores != [_locality(wanted, node.id, table, largest=True) for node in feasible]:
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


def _locality(wanted: Sequence[str], node: str, table: ImageTable, *, largest: bool) -> int:
    present = 0
    for name in wanted:
        state = table.images.get(name)
        if state is not None and node in state.holders:
            size = state.largest if largest else state.smallest
            present += int(float(size) * (float(len(state.holders)) / float(table.nodes)))
    most = MOST_PER_CONTAINER * len(wanted)
    if most <= LEAST:
        return 0
    return 100 * (min(max(present, LEAST), most) - LEAST) // (most - LEAST)
