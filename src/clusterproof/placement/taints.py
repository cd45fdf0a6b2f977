"""Taints and tolerations.

Source: component-helpers ``scheduling/corev1/helpers.go`` (``FindMatchingUntoleratedTaint``), api
``core/v1/toleration.go`` (``ToleratesTaint``) and the scheduler's ``tainttoleration`` plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Taint, Toleration
from clusterproof.world.selectors import Truth, any_of

_INTEGER = re.compile(r"(0|-?[1-9][0-9]*)\Z")
REPELLING = ("NoSchedule", "NoExecute")
PASSING_PREFIXES = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that the node controllers set and lift by themselves (Kubernetes: Well-Known Labels, Annotations and Taints).

They say what a node is going through, not what it is: they never count in structural feasibility.
"""


def tolerates(toleration: Toleration, taint: Taint) -> Truth:
    """Does one toleration cover one taint?

    Lt and Gt compare whole numbers, the taint's with the toleration's, where the alpha feature
    TaintTolerationComparisonOperators is on (from 1.35, off by default), and cover nothing where it is off: no where they
    would not cover it either way, else unknown.
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    if toleration.operator in ("", "Equal"):
        return toleration.value == taint.value
    if toleration.operator in ("Lt", "Gt") and not _compares(toleration, taint):
        return False
    return Unknown(Cause.NOT_MODELLED, f"toleration operator {toleration.operator!r} on {taint.key}")


def _compares(toleration: Toleration, taint: Taint) -> bool:
    """``compareNumericValues``: what is no decimal integer covers nothing."""
    if not (_INTEGER.match(toleration.value) and _INTEGER.match(taint.value)):
        return False
    wanted, found = int(toleration.value), int(taint.value)
    return found < wanted if toleration.operator == "Lt" else found > wanted


def tolerated(tolerations: Iterable[Toleration], taint: Taint) -> Truth:
    """Does one of the tolerations cover the taint?"""
    return any_of([tolerates(one, taint) for one in tolerations])


def untolerated(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> Taint | Unknown | None:
    """The first taint that keeps the pod away, ``None`` when there is none, or why that cannot be said."""
    unknown: Unknown | None = None
    for taint in taints:
        if taint.effect not in REPELLING:
            continue
        answer = tolerated(tolerations, taint)
        if answer is False:
            return taint
        if unknown is None and isinstance(answer, Unknown):
            unknown = answer
    return unknown


def lasting(taints: Sequence[Taint]) -> tuple[Taint, ...]:
    """The taints that stay: without those that pass by themselves."""
    return tuple(taint for taint in taints if not taint.key.startswith(PASSING_PREFIXES))


def disliked(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> int | Unknown:
    """How many PreferNoSchedule taints the pod does not tolerate (the raw TaintToleration score), or why unknown.

    Only tolerations for that effect, or for every effect, count (``getAllTolerationPreferNoSchedule``).
    """
    soft = [one for one in tolerations if one.effect in ("", "PreferNoSchedule")]
    answers = [tolerated(soft, taint) for taint in taints if taint.effect == "PreferNoSchedule"]
    unknown = next((answer for answer in answers if isinstance(answer, Unknown)), None)
    return sum(answer is False for answer in answers) if unknown is None else unknown
