"""What the Cluster Autoscaler's tags say of a group's next node: labels, taints and resources.

They are the owner's word: the tool sets nothing on nodes. Malformed ones count for nothing, as there.
Sources: kubernetes/autoscaler cluster-autoscaler/cloudprovider/aws README.md ("Auto-Discovery Setup") and
aws_manager.go (extractLabelsFromAsg, extractTaintsFromAsg, extractAllocatableResourcesFromAsg), at 00a2c93c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Nodegroup
from clusterproof.snapshot.kubernetes import Labels, Quantity, Taint
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import tag_map

PREFIX = "k8s.io/cluster-autoscaler/node-template/"
_EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")
_QUANTITY = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?")


def of_managed(snapshot: Snapshot, nodegroup: Nodegroup) -> dict[str, str]:
    """The tags of a managed node group's Auto Scaling groups, as far as those were read."""
    tags: dict[str, str] = {}
    for item in nodegroup.resources.auto_scaling_groups:
        asg = snapshot.get(kinds.AUTO_SCALING_GROUPS, item.name)
        tags |= tag_map(asg.tags) if asg is not None else {}
    return tags


def _under(tags: Mapping[str, str], kind: str) -> dict[str, str]:
    prefix = f"{PREFIX}{kind}/"
    return {name: value for key, value in tags.items() if (name := key.removeprefix(prefix)) not in ("", key)}


def labels(tags: Mapping[str, str]) -> Labels:
    """Labels, from ``label/KEY: VALUE``."""
    return _under(tags, "label")


def taints(tags: Mapping[str, str]) -> tuple[Taint, ...]:
    """Taints, from ``taint/KEY: VALUE:EFFECT``."""
    found: list[Taint] = []
    for key, text in _under(tags, "taint").items():
        value, _, effect = text.partition(":")
        if effect in _EFFECTS:
            found.append(Taint(key, effect, value))
    return tuple(found)


def resources(tags: Mapping[str, str]) -> dict[str, Quantity]:
    """Allocatable resources, from ``resources/NAME: QUANTITY``."""
    return {name: value for name, value in _under(tags, "resources").items() if _QUANTITY.fullmatch(value)}
