"""The collector, paused and let go on."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from clusterproof.snapshot.collector import paused


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The collector is enabled before and after, and nothing is kept apart."""
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()


def cycles(count: int) -> None:
    """Lists that hold themselves and that nobody else holds."""
    for _ in range(count):
        made: list[object] = []
        made.append(made)


def test_nothing_is_collected_meanwhile_nor_right_after() -> None:
    """What was made while paused is old afterwards: the next allocations do not walk it; a full collection takes it."""
    walked: list[int] = []
    gc.collect()
    gc.callbacks.append(lambda phase, info: walked.append(info["generation"]) if phase == "start" else None)
    try:
        with paused():
            assert not gc.isenabled()
            cycles(50_000)
        kept: list[list[int]] = [[] for _ in range(10)]
    finally:
        gc.callbacks.pop()
    assert gc.isenabled()
    assert len(kept) == 10
    assert walked == []
    assert gc.collect() >= 50_000


def test_who_had_it_off_keeps_it_off() -> None:
    """A caller that paused it before is not surprised."""
    gc.disable()
    with paused():
        pass
    assert not gc.isenabled()


def test_what_the_caller_froze_stays_frozen() -> None:
    """Objects that a caller set apart are not brought back."""
    gc.collect()
    gc.freeze()
    count = gc.get_freeze_count()
    with paused():
        cycles(10)
    assert gc.get_freeze_count() == count > 0


def test_it_goes_on_after_an_error() -> None:
    """An error inside does not leave it off."""
    with pytest.raises(ValueError, match="no"), paused():
        raise ValueError("no")
    assert gc.isenabled()
