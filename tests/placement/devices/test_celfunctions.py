from __future__ import annotations

import itertools

import pytest

from clusterproof.placement.devices import celfunctions as f

LOOSE = True


def test_versions_have_the_precedence_of_semver() -> None:
    """The example of semver.org, section 11, in its order; build metadata does not count (rule 9.1)."""
    rising = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    for lower, higher in itertools.combinations([*rising, "2.0.0", "2.1.0", "2.1.1", "2.11.0"], 2):
        assert f.less(f.semver(lower), f.semver(higher)), (lower, higher)
        assert f.greater(f.semver(higher), f.semver(lower))
    assert f.semver("1.0.0+build.5") == f.semver("1.0.0")


@pytest.mark.parametrize("text", ["v1.0.0", "1.0", "01.0.0", "1.0.0.0", "latest", ""])
def test_what_is_no_version_is_an_error(text: str) -> None:
    """Without leave to mend it, a version has three numbers and no v (rule 9.1)."""
    assert not f.is_semver(text)
    with pytest.raises(f.NotComparableError):
        f.semver(text)


def test_versions_are_mended_where_that_is_asked_for() -> None:
    """``semver(x, true)`` drops the v, fills up, and drops leading zeros (rule 9.1)."""
    assert f.semver("v1.02", LOOSE) == f.semver("1.2.0")
    assert f.semver("1", LOOSE) == f.semver("1.0.0")
    assert not f.is_semver("latest", LOOSE)


def test_quantities_are_compared_by_value() -> None:
    """1Gi is 1024Mi and less than 1100M; sums and signs are exact (rule 9.1)."""
    assert f.quantity("1Gi") == f.quantity("1024Mi")
    assert f.compare(f.quantity("1Gi"), f.quantity("1100M")) == -1
    assert f.add(f.quantity("1Gi"), f.quantity("1Gi")) == f.quantity("2Gi")
    assert f.subtract(f.quantity("3"), 1) == f.quantity("2")
    assert f.sign(f.subtract(f.quantity("1"), f.quantity("2"))) == -1
    assert (f.is_integer(f.quantity("1500m")), f.is_integer(f.quantity("2k"))) == (False, LOOSE)
    assert (f.as_integer(f.quantity("2k")), f.as_float(f.quantity("1500m"))) == (2000, 1.5)
    assert (f.is_quantity("80Gi"), f.is_quantity("80 Gi"), f.is_quantity("x")) == (True, False, False)
    with pytest.raises(f.NotComparableError):
        f.as_integer(f.quantity("1500m"))


def test_values_of_two_kinds_are_not_compared() -> None:
    """A version and a quantity, or a text, have no order: an error, as in Kubernetes (rule 9.1)."""
    for one, other in ((f.semver("1.0.0"), f.quantity("1")), (f.quantity("1"), "1"), ("a", "b")):
        with pytest.raises(f.NotComparableError):
            f.compare(one, other)
    for wrong in (f.lower, f.upper, f.trim, f.sign, f.part(0)):
        with pytest.raises(f.NotComparableError):
            wrong(None)


def test_texts_and_parts_of_versions() -> None:
    """Only ASCII letters change; the numbers of a version can be asked one by one (rule 9.1)."""
    assert (f.lower("ÄBC"), f.upper("äbc"), f.trim(" a ")) == ("Äbc", "äBC", "a")
    assert [f.part(index)(f.semver("1.2.3-rc.1")) for index in range(3)] == [1, 2, 3]
