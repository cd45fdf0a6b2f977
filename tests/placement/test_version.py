from __future__ import annotations

import re
from pathlib import Path

import pytest

from clusterproof.placement.version import COMPARED, SchedulerVersion, scheduler_version
from clusterproof.snapshot.fields import Cause, Unknown


@pytest.mark.parametrize(
    ("text", "minor", "patch"), [("v1.31.13-eks-1234567", 31, 13), ("1.36", 36, None), ("v1.27", 27, None)]
)
def test_version_is_read_from_what_clusters_say(text: str, minor: int, patch: int | None) -> None:
    """EKS, plain and short spellings; DescribeCluster tells no patch (rule 9.2)."""
    assert scheduler_version(text) == SchedulerVersion(minor, patch)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("v1.33.11", True),
        ("v1.34.0-eks-1234567", True),
        ("v1.34.1", True),
        ("v1.34.2", False),
        ("1.34", False),
        ("v1.35.0", False),
    ],
)
def test_taints_are_named_up_to_a_patch(text: str, named: bool) -> None:
    """v1.34.2 is the first that does not; a patch that is not told is taken for the newest (rule 9.1)."""
    version = scheduler_version(text)
    assert isinstance(version, SchedulerVersion)
    assert version.shows_taints is named


@pytest.mark.parametrize(
    ("text", "cause"), [("", Cause.NOT_COLLECTED), ("2.0", Cause.NOT_COLLECTED), ("v1.26.1", Cause.NOT_MODELLED)]
)
def test_what_is_not_read_or_too_old_is_unknown(text: str, cause: Cause) -> None:
    """No version is guessed (rule 9.2)."""
    answer = scheduler_version(text)
    assert isinstance(answer, Unknown)
    assert answer.cause is cause


def test_the_tie_break_differs_only_in_how() -> None:
    """Both versions take one of the best nodes with the same chance (rule 9.4)."""
    assert SchedulerVersion(34).tie_break != SchedulerVersion(35).tie_break


PAGE = Path(__file__).parents[2] / "docs" / "scheduler-versions.md"
PROPERTIES = [name for name, value in vars(SchedulerVersion).items() if isinstance(value, property)]


def rows() -> dict[str, list[str]]:
    """The cells of each property's row of the page."""
    lines = [line.strip("|").split("|") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_every_property_is_in_the_table() -> None:
    """docs/scheduler-versions.md has one row for each difference, and no row for anything else (rule 9.2)."""
    assert list(rows()) == PROPERTIES


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_table_says_what_each_version_does(name: str) -> None:
    """A cell per compared minor, as the property answers (rule 9.2)."""
    words = {True: "yes", False: "no"}
    values = [getattr(SchedulerVersion(minor), name) for minor in COMPARED]
    cells = rows()[name]
    assert cells[:-1] == [words[value] if isinstance(value, bool) else value for value in values]
    assert re.search(r"PR #[0-9]+|\.go`", cells[-1]), "the source stands in the last cell"


def test_every_difference_names_its_source() -> None:
    """A property's docstring says where it was read (rule 9.2)."""
    for name in PROPERTIES:
        text = getattr(SchedulerVersion, name).__doc__
        assert name == "compared" or ".go``" in text or "PR #" in text, name


def test_only_read_versions_count_as_compared() -> None:
    """1.31 to 1.36 were read; an older or a newer one is answered for and says that it was not (rule 9.2)."""
    assert [SchedulerVersion(minor).compared for minor in (30, 31, 36, 37)] == [False, True, True, False]
