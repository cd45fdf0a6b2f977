"""What a report's head says: the cluster with its node groups, and the profile with the values that were used."""

from __future__ import annotations

import msgspec

from clusterproof.profiles.model import Document
from clusterproof.snapshot.fields import Unknown


class GroupLine(msgspec.Struct, frozen=True):
    """A node group as the report's head shows it.

    Attributes:
        name: as its owner calls it.
        kind: how it makes nodes: ``EKS managed node group``, ``Auto Scaling group``, ``nodes by label``.
        nodes: how many nodes exist today.
        security_groups: of the primary interfaces of its nodes, sorted.
        sets: named sets of the profile that it belongs to.
        evidence: why it belongs to them, in a clause each.
        can_grow: whether nodes that do not exist today may join.
    """

    name: str
    kind: str
    nodes: int
    can_grow: bool
    security_groups: tuple[str, ...]
    sets: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class ParameterLine(msgspec.Struct, frozen=True):
    """A parameter's value and where it came from.

    Attributes:
        name: as ``--set`` takes it.
        value: what was used.
        origin: ``default``, ``--set``, ``helm release …``.
    """

    name: str
    value: str
    origin: str


class ProfileLine(msgspec.Struct, frozen=True):
    """The profile that was checked.

    Attributes:
        name: its name, the first part of each finding's id.
        title: in words.
        document: the source document that it turns into requirements.
        parameters: the values that were used.
    """

    name: str
    title: str
    document: Document
    parameters: tuple[ParameterLine, ...] = ()


class ClusterLine(msgspec.Struct, frozen=True):
    """What was read.

    Attributes:
        name: the EKS cluster's name; empty when the input does not say.
        account, region: AWS account id and region; empty when not known.
        kubernetes_version: the control plane's version; empty when not known.
        read_at: when it was read, RFC 3339 in UTC; empty when the input does not say.
        nodes: how many nodes exist today.
        groups: the node groups, with the sets that they belong to.
        data_plane: which network the pods are on, in words.
        sources: what was read, as the user named it.
        overlays: what was judged as if it were applied, one clause each: ``14 objects of rendered.yaml``.
        unread_nodes: why the nodes were not read, or not all of them, so that ``nodes`` counts only those that were;
            left out where all were.
    """

    name: str
    account: str = ""
    region: str = ""
    kubernetes_version: str = ""
    read_at: str = ""
    nodes: int = 0
    groups: tuple[GroupLine, ...] = ()
    data_plane: str = ""
    sources: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    unread_nodes: Unknown | msgspec.UnsetType = msgspec.UNSET
