from __future__ import annotations

import msgspec
import pytest

from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.waivers import UPKEEP, apply
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Level
from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Verdict
from tests.checks.excuses import finding, report, waiver

DAY = "2026-08-01"


def said(item: Finding) -> Finding:
    """A finding without what says how it counts."""
    return msgspec.structs.replace(item, waiver=None, known=None)


def ids(found: Report) -> dict[str, Finding]:
    """Findings by id."""
    return {item.id: item for item in found.findings}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_waiver_changes_how_a_finding_counts_never_what_it_says(verdict: Verdict) -> None:
    """Whatever the verdict, every word of the finding stays; only a failing one stops counting."""
    before = report(finding(verdict=verdict))
    after = apply(before, [waiver()], DAY)
    assert said(ids(after)["p/a"]) == before.findings[0]
    if verdict.failing:
        assert (before.exit_status, after.exit_status) == (1, 0)
        assert after.counts.waived == 1
        assert ids(after)["p/a"].waiver == waiver()
    else:
        assert after.exit_status == before.exit_status
        assert after.counts.waived == 0


def test_unknown_is_not_waived() -> None:
    """A waiver excuses a failure that was seen: what is unknown keeps its status 3, and the waiver is not unused."""
    after = apply(report(finding(verdict=Verdict.UNKNOWN)), [waiver()], DAY)
    assert after.exit_status == 3
    assert [item.id for item in after.findings] == ["p/a"]


def test_last_day_counts_and_the_next_does_not() -> None:
    """The expiry is the last day on which the waiver holds; then the failure counts and the waiver is a finding."""
    before = report(finding())
    assert apply(before, [waiver(expires="2026-09-01")], "2026-09-01").exit_status == 0
    after = apply(before, [waiver(expires="2026-09-01")], "2026-09-02")
    assert after.exit_status == 1
    assert ids(after)["p/a"].waiver is None
    expired = ids(after)["clusterproof/waiver-expired"]
    assert (expired.verdict, expired.level) == (Verdict.FAIL, Level.SHOULD)
    assert expired.summary == "1 waiver has expired: p/a (on 2026-09-01)"
    assert "team" in expired.notes[0]
    assert after.as_of == "2026-09-02"


@pytest.mark.parametrize(
    ("findings", "why"),
    [
        ([finding(verdict=Verdict.PASS)], "it passes"),
        ([finding(verdict=Verdict.NOT_APPLICABLE)], "it does not apply here"),
        ([finding("b", Verdict.PASS)], "there is no such requirement"),
        ([finding(cells={("gpu", "system"): Outcome.BLOCKED})], "no broken pair has cpu"),
    ],
)
def test_unused_waiver_is_a_finding(findings: list[Finding], why: str) -> None:
    """A waiver that covers nothing that fails says so and why; it fails from SHOULD on."""
    groups = ("cpu",) if "cpu" in why else ()
    after = apply(report(*findings), [waiver(groups=groups)], DAY)
    unused = ids(after)["clusterproof/waiver-unused"]
    assert unused.summary == f"1 waiver covers nothing that fails: p/a ({why})"
    strict = apply(report(finding(verdict=Verdict.PASS), fail_on=Level.SHOULD), [waiver()], DAY)
    assert strict.exit_status == 1
    assert apply(report(finding(verdict=Verdict.PASS)), [waiver()], DAY).exit_status == 0


def test_limited_waiver_covers_its_groups_only() -> None:
    """With a broken pair of other groups the finding counts; with all covered it does not, by one waiver or by two."""
    both = finding(cells={("gpu", "system"): Outcome.BLOCKED, ("cpu", "system"): Outcome.VARIES})
    one = apply(report(both), [waiver(groups=("gpu",))], DAY)
    assert one.exit_status == 1
    assert one.findings == (both,)
    assert apply(report(both), [waiver(groups=("gpu", "cpu"))], DAY).exit_status == 0
    assert apply(report(both), [waiver(groups=("system",))], DAY).exit_status == 0
    two = apply(report(both), [waiver(groups=("gpu",)), waiver(groups=("cpu",), expires="2026-08-15")], DAY)
    assert two.exit_status == 0
    covering = two.findings[0].waiver
    assert covering is not None
    assert (covering.expires, covering.groups) == ("2026-08-15", ("cpu", "gpu"))


def test_other_profiles_waivers_are_left_aside() -> None:
    """One file holds waivers for several profiles; only those of the checked one are used, unused or expired."""
    before = report(finding())
    assert apply(before, [waiver(profile="q", expires="2020-01-01")], DAY) == before
    assert apply(before, [], "") == before


@pytest.mark.parametrize(("expires", "as_of"), [("soon", DAY), ("2026-09-01", ""), ("2026-09-01", "tomorrow")])
def test_no_day_is_an_error(expires: str, as_of: str) -> None:
    """A date that is none, or none to judge by, is never taken as not expired."""
    with pytest.raises(UsageError, match="is no date; write it as YYYY-MM-DD"):
        apply(report(finding()), [waiver(expires=expires)], as_of)


def test_every_finding_of_its_own_has_a_manual() -> None:
    """The ids that this module makes are explained like any requirement."""
    after = apply(report(finding(), finding("b", Verdict.PASS)), [waiver(expires="2020-01-01"), waiver("b")], DAY)
    made = {item.name for item in after.findings if item.id.startswith("clusterproof/")}
    assert made == {item.id for item in UPKEEP.requirements} == {"waiver-expired", "waiver-unused"}
    assert all(item.what and item.why and item.how and item.remedy for item in UPKEEP.requirements)
