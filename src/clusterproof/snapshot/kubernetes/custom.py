"""Objects whose spec and status no rule of ours reads by type: expressions of profiles read them as they are."""

from __future__ import annotations

from typing import Any

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Metadata, Obj


class CustomResource(Obj, frozen=True):
    metadata: Metadata
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
