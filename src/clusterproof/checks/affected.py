"""Which requirements may be answered otherwise when objects of some kinds change: what a proof has to ask again.

A kind that is read on request alone (:data:`~clusterproof.snapshot.kinds.REQUESTED`) tells nothing about nodes, pods,
places and paths, so that only requirements whose own check or parameters name it can see it. Any other kind may tell all of
those.
"""

from __future__ import annotations

from typing import Any

from clusterproof.profiles.model import Check, Profile, Requirement
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.overlay import Overlay, kind_of
from clusterproof.sources.asking import kinds_of_check

_WORLD = frozenset(kind.name for kind in kinds.ALL if kind not in kinds.REQUESTED)
_VERSIONS: tuple[Kind[Any], ...] = (kinds.HELM_RELEASES, kinds.DEPLOYMENTS, kinds.STATEFUL_SETS)
"""Where the version of an installed chart is looked for."""


def edited(overlay: Overlay) -> frozenset[str]:
    """The names of the kinds whose objects an overlay changes."""
    return frozenset(kind_of(edit) for edit in overlay.edits)


def may_change(profile: Profile, requirement: Requirement, changed: frozenset[str]) -> bool:
    """Whether a requirement's finding may be another where objects of these kinds have changed."""
    return bool(changed & (_of_profile(profile) | _of_check(requirement.check)))


def _of_profile(profile: Profile) -> frozenset[str]:
    """The kinds that the parameters are read from, and with them every condition and every ``${...}``."""
    found = {kinds.CLUSTERS.name, kinds.NODES.name}  # they tell what `cluster` is
    for parameter in profile.parameters.values():
        found.update(parameter.using)
        found.update(kind.name for kind in _VERSIONS if parameter.helm)
    return frozenset(found)


def _of_check(check: Check) -> frozenset[str]:
    named = frozenset(kinds_of_check(check))
    if check.cel is not None or (check.each is not None and not check.each.on):
        return named
    return named | _WORLD
