from __future__ import annotations

import pytest

from clusterproof.placement.version import SchedulerVersion, scheduler_version
from clusterproof.snapshot.fields import Cause, Unknown


@pytest.mark.parametrize(("text", "minor"), [("v1.31.13-eks-1234567", 31), ("1.36", 36), ("v1.27", 27)])
def test_version_is_read_from_what_clusters_say(text: str, minor: int) -> None:
    """EKS, plain and short spellings."""
    assert scheduler_version(text) == SchedulerVersion(minor)


@pytest.mark.parametrize(
    ("text", "cause"), [("", Cause.NOT_COLLECTED), ("2.0", Cause.NOT_COLLECTED), ("v1.26.1", Cause.NOT_MODELLED)]
)
def test_what_is_not_read_or_too_old_is_unknown(text: str, cause: Cause) -> None:
    """No version is guessed."""
    answer = scheduler_version(text)
    assert isinstance(answer, Unknown)
    assert answer.cause is cause


def test_the_tie_break_differs_only_in_how() -> None:
    """Both versions take one of the best nodes with the same chance."""
    assert SchedulerVersion(34).tie_break != SchedulerVersion(35).tie_break
