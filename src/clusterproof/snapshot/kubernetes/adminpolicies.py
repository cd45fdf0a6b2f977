"""Policies of other kinds than NetworkPolicy, as their API gives them."""

from __future__ import annotations

from typing import Any

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Metadata, Obj


class OtherPolicy(Obj, frozen=True):
    """AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy, and the policies of Calico and Cilium.

    What is not understood in them must be seen, not dropped, so the content stays as it is; who reads it types it
    (:mod:`clusterproof.reach.adminpolicy`, :mod:`clusterproof.reach.ownpolicies`).

    Attributes:
        spec: as on the wire.
        specs: a CiliumNetworkPolicy may hold several.
    """

    metadata: Metadata
    spec: dict[str, Any] = field(default_factory=dict)
    specs: tuple[dict[str, Any], ...] = ()
