from __future__ import annotations

import pytest

from clusterproof.placement.taints import disliked, lasting, tolerates, untolerated
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Taint, Toleration

GPU = Taint("nvidia.com/gpu", "NoSchedule", "true")


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration(operator="Exists"), True),
        (Toleration("nvidia.com/gpu", "Exists"), True),
        (Toleration("nvidia.com/gpu", "Equal", "true"), True),
        (Toleration("nvidia.com/gpu", "", "true"), True),
        (Toleration("nvidia.com/gpu", "Equal", "false"), False),
        (Toleration("nvidia.com/gpu", "Exists", effect="NoExecute"), False),
        (Toleration("other", "Exists"), False),
    ],
)
def test_toleration(toleration: Toleration, expected: bool) -> None:
    """Effect, key, operator and value decide as in ToleratesTaint (rule 9.1)."""
    assert tolerates(toleration, GPU) is expected


def test_an_operator_that_is_not_modelled_is_unknown_where_it_matters() -> None:
    """Lt and Gt, which a feature gate may turn on, are unknown where they would cover the taint, else they do not (rule 9.1)."""
    tier = Taint("tier", "NoSchedule", "5")
    assert isinstance(tolerates(Toleration("tier", "Gt", "1"), tier), Unknown)
    assert tolerates(Toleration("other", "Gt", "1"), tier) is False
    for operator, value in (("Lt", "5"), ("Gt", "5"), ("Gt", "six"), ("Gt", "01")):
        assert tolerates(Toleration("tier", operator, value), tier) is False
    assert tolerates(Toleration("nvidia.com/gpu", "Gt", "1"), GPU) is False
    assert isinstance(untolerated([tier], [Toleration("tier", "Lt", "6")]), Unknown)
    assert isinstance(tolerates(Toleration("tier", "Newer", "1"), tier), Unknown)
    certain = Taint("x", "NoExecute")
    assert untolerated([tier, certain], [Toleration("tier", "Lt", "6")]) == certain


def test_only_repelling_effects_keep_a_pod_away() -> None:
    """PreferNoSchedule scores; only tolerations for it, or for every effect, take the dislike away (rules 9.1, 9.2)."""
    soft = Taint("burst", "PreferNoSchedule")
    assert untolerated([soft], []) is None
    assert disliked([soft, GPU], []) == 1
    assert disliked([soft], [Toleration("burst", "Exists", effect="NoSchedule")]) == 1
    assert disliked([soft], [Toleration("burst", "Exists")]) == 0


def test_passing_taints_are_told_from_lasting_ones() -> None:
    """Taints of the node controllers pass by themselves (rule 9.7)."""
    passing = Taint("node.kubernetes.io/memory-pressure", "NoSchedule")
    assert lasting([passing, GPU, Taint("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule")]) == (GPU,)
