"""What all tests share: how a missing component is treated, where the corpus is, one hypothesis profile, oracles.

Nothing is skipped silently. Away from CI a test whose component is missing is skipped with the name of
what is missing; with ``CI=true`` it fails, and a skip by any other way fails the whole run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
SEED = int(os.environ.get("ORACLE_SEED", "20261121"))
"""Where drawn worlds begin; the same in every run unless ``ORACLE_SEED`` says otherwise, and printed with the counts."""
IN_CI = os.environ.get("CI", "").lower() in {"true", "1", "yes"}

# The same examples on every machine and in every run; no timing decides a test.
settings.register_profile("house", deadline=None, derandomize=True, database=None)
settings.load_profile("house")


def require(condition: object, what: str) -> None:
    """Go on only if ``condition`` holds; else skip the test, or fail it in CI.

    Args:
        condition: anything that is true when the component is there.
        what: what is missing and how to get it, in one line.
    """
    if condition:
        return
    if IN_CI:
        pytest.fail(f"missing in CI: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")


class Require(Protocol):
    """The type of the fixture ``require``."""

    def __call__(self, condition: object, what: str) -> None:
        """See :func:`require`."""


@pytest.fixture(scope="session", name="require")
def require_fixture() -> Require:
    """``require(condition, what)``: the test needs a component that may be missing here."""
    return require


class Oracle(Protocol):
    """The type of the fixture ``oracle``."""

    def __call__(self, name: str, counts: Mapping[str, int], *, seeds: tuple[int, int] | None = None) -> None:
        """Say what an oracle compared.

        Args:
            name: of the oracle; tests that give the same name are added up.
            counts: what was compared, e.g. ``{"worlds": 250, "differ": 0}``, in the order in which it is printed.
            seeds: the first and the last seed, where worlds were drawn.
        """


@pytest.fixture(name="oracle")
def oracle_fixture(record_property: Callable[[str, object], None]) -> Oracle:
    """``oracle("twin", {"worlds": 2000, "differ": 0})``: printed when the run ends."""

    def count(name: str, counts: Mapping[str, int], *, seeds: tuple[int, int] | None = None) -> None:
        record_property("oracle", [name, list(seeds or ()), list(counts.items())])

    return count


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The shared corpus beside the checkout (``../shared/corpus``); what always must run is copied into tests/data."""
    path = ROOT.parent / "shared" / "corpus"
    require(path.is_dir(), "the corpus at ../shared/corpus beside the checkout")
    return path


def _skipped(config: pytest.Config) -> int:
    """How many tests (or modules) the run has skipped; 0 in an xdist worker, which reports to its controller."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return 0
    return len(reporter.stats.get("skipped", []))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a run with skipped tests has failed, even if everything else passed."""
    if IN_CI and _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def oracle_lines(reports: list[Any]) -> list[str]:
    """One line per oracle from the properties of test reports, e.g. ``oracle: twin 2,000 worlds, 0 differ (seed 1)``.

    Args:
        reports: of tests, in any order; an xdist controller has those of its workers.
    """
    names: dict[str, tuple[set[int], dict[str, int]]] = {}
    for report in reports:
        for key, value in getattr(report, "user_properties", ()):
            if key != "oracle":
                continue
            name, seeds, counts = value
            known, sums = names.setdefault(name, (set(), {}))
            known.update(seeds)
            for what, number in counts:
                sums[what] = sums.get(what, 0) + number
    lines = []
    for name, (seeds_, sums) in sorted(names.items()):
        said = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in sums.items())
        seed = (
            f" (seeds {min(seeds_)} to {max(seeds_)})"
            if len(seeds_) > 1
            else f" (seed {min(seeds_)})"
            if seeds_
            else ""
        )
        lines.append(f"oracle: {name} {said}{seed}")
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what every oracle compared and how many tests were skipped, always: none is a number too."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    for line in oracle_lines(reports):
        terminalreporter.write_line(line)
    count = _skipped(config)
    verdict = "CI skips nothing: this run has failed" if count and IN_CI else "in CI these would fail" if count else ""
    terminalreporter.write_line(f"skipped: {count}" + (f" ({verdict})" if verdict else ""))
