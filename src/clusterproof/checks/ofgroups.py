"""Which objects of a kind belong to a node set: nodes, and what makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusterproof.checks.context import Context
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown

ON_KINDS = (kinds.NODES.name, kinds.NODEGROUPS.name, kinds.AUTO_SCALING_GROUPS.name, kinds.NODE_POOLS.name)
"""Kinds that a node set can limit."""
_GROUP_TAG = "eks:nodegroup-name"
"""EKS sets it on the Auto Scaling group that it makes for a managed node group (EKS User Guide, "Tagging")."""


def members_of(
    context: Context, kind: str, set_name: str, keys: Sequence[str], raws: Sequence[Any]
) -> tuple[list[bool], list[Unknown]]:
    """Whether each object belongs to a set, and why more may.

    Args:
        context: a world and the profile that has the set.
        kind: one of :data:`ON_KINDS`.
        set_name: a node set of the profile.
        keys: of the objects.
        raws: the objects.
    """
    world, found = context.world, context.sets[set_name]
    on = set(found.groups)
    doubts = list(found.doubtful)
    if not on:
        # What makes nodes and was not read may make nodes of the set.
        doubts += [*world.unknown_templates.values(), *world.other_makers]
    if kind == kinds.NODES.name:
        return [world.group_of_node.get(key) in on for key in keys], doubts
    defined = {(ref.kind, ref.key) for name in on for ref in world.groups[name].refs}
    if kind == kinds.AUTO_SCALING_GROUPS.name:
        managed = {key for of, key in defined if of == kinds.NODEGROUPS.name}
        made = {
            str(item.get("name", ""))
            for name in managed
            for item in ((world.snapshot.raw(kinds.NODEGROUPS, name) or {}).get("resources") or {}).get(
                "autoScalingGroups", ()
            )
        }
        return [
            (kind, key) in defined or key in made or _tag(raw, world.snapshot.meta.cluster) in managed
            for key, raw in zip(keys, raws, strict=True)
        ], doubts
    return [(kind, key) in defined for key in keys], doubts


def _tag(raw: Any, cluster: str) -> str:
    """The managed node group of this cluster that an Auto Scaling group was made for; empty where it is of none."""
    tags = {item.get("Key"): item.get("Value") for item in raw.get("Tags") or ()}
    if cluster and tags.get("eks:cluster-name", cluster) != cluster:
        return ""
    return str(tags.get(_GROUP_TAG, ""))
