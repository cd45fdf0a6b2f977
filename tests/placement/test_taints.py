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
    """Effect, key, operator and value decide as in ToleratesTaint."""
    assert tolerates(toleration, GPU) is expected


def test_an_operator_that_is_not_modelled_is_unknown_where_it_matters() -> None:
    """Lt and Gt of newer versions are unknown; for another key they are simply not about this taint."""
    assert isinstance(tolerates(Toleration("nvidia.com/gpu", "Gt", "1"), GPU), Unknown)
    assert tolerates(Toleration("other", "Gt", "1"), GPU) is False
    assert isinstance(untolerated([GPU], [Toleration("nvidia.com/gpu", "Lt", "1")]), Unknown)
    certain = Taint("x", "NoExecute")
    assert untolerated([GPU, certain], [Toleration("nvidia.com/gpu", "Lt", "1")]) == certain


def test_only_repelling_effects_keep_a_pod_away() -> None:
    """PreferNoSchedule scores; only tolerations for it, or for every effect, take the dislike away."""
    soft = Taint("burst", "PreferNoSchedule")
    assert untolerated([soft], []) is None
    assert disliked([soft, GPU], []) == 1
    assert disliked([soft], [Toleration("burst", "Exists", effect="NoSchedule")]) == 1
    assert disliked([soft], [Toleration("burst", "Exists")]) == 0


def test_passing_taints_are_told_from_lasting_ones() -> None:
    """Taints of the node controllers pass by themselves."""
    passing = Taint("node.kubernetes.io/memory-pressure", "NoSchedule")
    assert lasting([passing, GPU, Taint("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule")]) == (GPU,)
