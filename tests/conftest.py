"""What all tests share: how a missing component is treated, where the corpus is, one hypothesis profile.

Nothing is skipped silently. Away from CI a test whose component is missing is skipped with the name of
what is missing; with ``CI=true`` it fails, and a skip by any other way fails the whole run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests were skipped, always: none is a number too."""
    count = _skipped(config)
    verdict = "CI skips nothing: this run has failed" if count and IN_CI else "in CI these would fail" if count else ""
    terminalreporter.write_line(f"skipped: {count}" + (f" ({verdict})" if verdict else ""))
