"""A finding: what a requirement comes to, as data.

Reports print it, fixes complete it, JSON is made from it field by field; the
JSON Schema is generated from these structs, so every field is documented here.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from clusterproof.checks.head import ClusterLine, ProfileLine
from clusterproof.checks.mended import Fix
from clusterproof.profiles.model import Level, Source
from clusterproof.reach.trace import Hop, Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict


class Record(msgspec.Struct, frozen=True):
    """Base: immutable."""


class Side(Record, frozen=True):
    """One row or column head of a matrix.

    Attributes:
        group: the node group's name.
        nodes: how many nodes of it exist today and may hold the pod.
        future: whether nodes not yet born are part of it ("possible, not counted" in the odds).
        security_groups: of the interface that the pod would have there, sorted.
        unread: that there may be more nodes than ``nodes`` counts, because they were not all read; left out where
            they were.
        full: that the group has as many nodes as it may have, so that a node not yet born comes in place of one of
            them; left out where it has not, or where that is not known.
    """

    group: str
    nodes: int
    future: bool
    security_groups: tuple[str, ...] = ()
    unread: bool | msgspec.UnsetType = msgspec.UNSET
    full: bool | msgspec.UnsetType = msgspec.UNSET


class MatrixCell(Record, frozen=True):
    """Client group × server group.

    Attributes:
        client, server: node group names.
        outcome: works, blocked, varies, unknown: what the cells of this pair come to.
        cells: how many cells stand behind it.
        blocked, unknown: how many of those are so.
        hop: the first hop that does not let the connection through; None when it works.
        path: the whole path of the first cell by name that shows ``outcome``.
        client_place, server_place: the places of that cell in words.
        colocated: what happens when both are on one node (shown apart, not counted); None when they cannot be.
        closed: true where nothing may get through, so that ``works`` breaks the requirement, ``hop`` is what lets it
            through and pairs on one node count; left out elsewhere.
    """

    client: str
    server: str
    outcome: Outcome
    cells: int
    blocked: int
    unknown: int
    hop: Hop | None = None
    path: tuple[Hop, ...] = ()
    client_place: str = ""
    server_place: str = ""
    colocated: Outcome | None = None
    closed: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def felt(self) -> Outcome:
        """The outcome as the requirement feels it: where nothing may get through, what works breaks it."""
        if self.closed is not True:
            return self.outcome
        return {Outcome.WORKS: Outcome.BLOCKED, Outcome.BLOCKED: Outcome.WORKS}.get(self.outcome, self.outcome)


class RowOdds(Record, frozen=True):
    """Where a run lands: probabilities between 0 and 1.

    Attributes:
        group: the client node group's name.
        first: that a first run lands on this client group.
        repeats: that the next run lands on this group again, once the first one cached its image there.
        fails_first: that a run that landed here fails.
        fails_cached: that the next run fails, given that the first one landed here.
    """

    group: str
    first: float
    repeats: float | None
    fails_first: float
    fails_cached: float | None


class SeriesOdds(Record, frozen=True):
    """Runs one after another, each ended before the next begins: images stay on their nodes, nothing else does.

    Attributes:
        count: how many runs.
        fails: the probability that run 1, 2, … fails.
        expected: how many of them fail on average.
        after_success: does a run after a success fail: ``never``, ``always``, ``sometimes``; null where none succeeds.
        after_failure: the same after a failure; null where none fails.
        next_after_success: the probability that the second run fails once the first succeeded; null where it cannot.
        next_after_failure: the same once the first failed.
    """

    count: int
    fails: tuple[float, ...]
    expected: float
    after_success: str | None
    after_failure: str | None
    next_after_success: float | None
    next_after_failure: float | None


class CopiesOdds(Record, frozen=True):
    """All copies of the client placed anew, one after another, faster than images are pulled.

    Attributes:
        count: how many copies.
        any_fails: the probability that at least one lands where it fails; null without odds.
        expected: how many fail on average; null without odds.
        unknown: why there are no odds; null where there are.
    """

    count: int
    any_fails: float | None = None
    expected: float | None = None
    unknown: Unknown | None = None


class OddsBounds(Record, frozen=True):
    """What is certain of a first run where the scheduler looks at a part of the feasible nodes, from a hidden start.

    Attributes:
        least, most: the probability that a first run fails is between these, wherever the scheduler starts.
        if_even: what it is if every feasible node is as likely as any other to be looked at (an assumption).
        scanned: how many feasible nodes the scheduler looks for.
        feasible: how many there are.
    """

    least: float
    most: float
    if_even: float
    scanned: int
    feasible: int


class Odds(Record, frozen=True):
    """How likely a run fails, from the scheduler's own scores and tie-break.

    Attributes:
        fails_first: probability that a first run fails.
        fails_cached: probability that a later run fails, over where the first one may have landed.
        rows: by client group.
        basis: what the numbers rest on, in a sentence (winners of how many nodes, image size).
        unknown: set when there are no odds; the numbers are then None.
        image: whether where the image is can matter for later runs, in a clause; empty where that is not known.
        series: ten runs one after another; null where later runs have no odds.
        copies: of a client that wants several pods, all of them placed anew; else null.
        bounds: set where the scheduler looks at a part of the nodes only, and something is certain all the same.
    """

    fails_first: float | None = None
    fails_cached: float | None = None
    rows: tuple[RowOdds, ...] = ()
    basis: str = ""
    unknown: Unknown | None = None
    image: str = ""
    series: SeriesOdds | None = None
    copies: CopiesOdds | None = None
    bounds: OddsBounds | None = None


class Matrix(Record, frozen=True):
    """Client groups × server groups.

    Attributes:
        clients, servers: the heads, sorted by name.
        cells: row by row.
        client, server: what the two ends are, in words (``deploy/dynamo/worker``).
        port: ``2379/TCP``.
    """

    client: str
    server: str
    port: str
    clients: tuple[Side, ...]
    servers: tuple[Side, ...]
    cells: tuple[MatrixCell, ...]


class Waiver(Record, frozen=True):
    """A failure that somebody answers for, until a day: it changes how a finding counts, never what it says.

    Attributes:
        id: the finding, ``profile/requirement``.
        reason: why the failure is accepted.
        owner: who answers for it.
        expires: the last day on which it holds, ``YYYY-MM-DD`` in UTC.
        groups: node groups it is limited to: each broken pair must have one of them at either end; empty: the whole finding.
    """

    id: str
    reason: str
    owner: str
    expires: str
    groups: tuple[str, ...] = ()


class Known(Record, frozen=True):
    """What the baseline says of a finding that fails now.

    Attributes:
        verdict: the finding's verdict in the baseline.
        new: broken pairs of node groups that the baseline does not have (``gpu to system``); with one the finding counts.
    """

    verdict: Verdict
    new: tuple[str, ...] = ()


class Finding(Record, frozen=True):
    """What one requirement comes to.

    Attributes:
        id: ``profile/requirement``.
        verdict: pass, fail, depends, unknown, not-applicable.
        level: MUST, SHOULD, MAY.
        title: the requirement's title.
        summary: one clause that says what was found (``gpu cannot reach etcd:2379``).
        source: where the requirement stands.
        category: the platform's own word for it (critical, cost, advice); empty when it has none.
        cause: for depends: whose choice it is; for unknown: what is not known; else empty.
        evidence: objects, fields and values that decided, most telling first.
        matrix: None where the check has no two ends.
        odds: None where nothing is scheduled by chance.
        tally: how many possible outcomes work, are blocked, vary, are unknown.
        unknowns: everything that could not be known and would matter.
        notes: texts that change nothing.
        symptoms: texts in logs that point to this requirement.
        fix: None when nothing is to be mended or nothing could be found.
        waiver: the waiver by which a failing finding does not count; None when none covers all of it.
        known: set when the finding fails and failed in the baseline too.
    """

    id: str
    verdict: Verdict
    level: Level
    title: str
    summary: str
    source: Source
    category: str = ""
    cause: str = ""
    evidence: tuple[Ref, ...] = ()
    matrix: Matrix | None = None
    odds: Odds | None = None
    tally: Tally | None = None
    unknowns: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    fix: Fix | None = None
    waiver: Waiver | None = None
    known: Known | None = None

    @property
    def counted(self) -> bool:
        """Whether it fails and neither a waiver nor the baseline takes it out of the exit status."""
        return self.verdict.failing and self.waiver is None and (self.known is None or bool(self.known.new))

    @property
    def name(self) -> str:
        """The requirement's id without the profile's name."""
        return self.id.partition("/")[2]


class Counts(Record, frozen=True):
    """How many findings have each verdict.

    Attributes:
        passed: how many pass.
        fail: how many fail for every placement that can occur.
        depends: how many depend on a choice that nobody makes; they count as failing.
        unknown: how many could not be decided.
        not_applicable: how many do not apply here.
        waived: how many of those that fail or depend a waiver covers.
        known: how many of those that fail or depend the baseline has already, with the same broken pairs.
    """

    passed: int = field(default=0, name="pass")
    fail: int = 0
    depends: int = 0
    unknown: int = 0
    not_applicable: int = field(default=0, name="not-applicable")
    waived: int = 0
    known: int = 0


class Report(Record, frozen=True):
    """Everything that ``check`` found.

    Attributes:
        schema: version of this shape.
        tool_version: the clusterproof that made it.
        cluster: what was read.
        profile: what it was checked against.
        findings: one per requirement, in the profile's order.
        counts: how many findings have each verdict.
        exit_status: what the command exits with under ``fail_on``.
        fail_on: the level at and above which a failing finding counts.
        plan: the proven changes that mend as many failing findings as can be mended together, and which these are; None
            when there is nothing to mend.
        as_of: the day by which waivers were judged, ``YYYY-MM-DD``; empty when there were none to judge.
        baseline: the report that was taken as the baseline, as the user named it; empty when none was.
    """

    schema: str
    tool_version: str
    cluster: ClusterLine
    profile: ProfileLine
    findings: tuple[Finding, ...]
    counts: Counts
    fail_on: Level = Level.MUST
    exit_status: int = 0
    plan: Fix | None = None
    as_of: str = ""
    baseline: str = ""


SCHEMA = "clusterproof.report/1"
