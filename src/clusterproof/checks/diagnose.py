"""Symptoms in logs: which requirement a line points to, and what that requirement comes to now.

Logs are looked at as bytes in pieces of any size: what is held at once is one piece and the longest line that is
shown, however long the log and its lines are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterproof._version import __version__
from clusterproof.checks.finding import Finding, Record
from clusterproof.profiles.model import Level, Profile
from clusterproof.reach.trace import Hop, Outcome
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.algebra import Verdict

SCHEMA = "clusterproof.diagnosis/1"
SHOWN = 400
"""Bytes of a line that are kept at either side of a symptom."""


class Symptom(Record, frozen=True):
    """A text that points to a requirement.

    Attributes:
        id: the requirement, ``profile/requirement``.
        text: what stands in a log.
    """

    id: str
    text: str


class Sighting(Record, frozen=True):
    """A symptom in one log.

    Attributes:
        id: the requirement that it points to.
        symptom: the text.
        log: the file's name, or pod and container.
        line: where it stands first, from 1.
        text: that line, cut where it is long; what is no UTF-8 is replaced.
        count: how often it stands in the log.
    """

    id: str
    symptom: str
    log: str
    line: int
    text: str
    count: int


class Log(Record, frozen=True):
    """A log that was looked at.

    Attributes:
        name: the file's name, or pod and container.
        bytes: its size, as far as it was read.
    """

    name: str
    bytes: int


class Diagnosis(Record, frozen=True):
    """A requirement that logs point to.

    Attributes:
        id: ``profile/requirement``.
        title: the requirement's title.
        level: MUST, SHOULD, MAY.
        sightings: its symptoms, in the order of the logs.
        remedy: what to do, in the requirement's own words.
        finding: what the requirement comes to now; None when there was nothing to judge it by.
        hop: the first hop that stops the connection; None when none does.
        pair: between which node groups that is; empty when nothing is stopped.
    """

    id: str
    title: str
    level: Level
    sightings: tuple[Sighting, ...]
    remedy: str
    finding: Finding | None = None
    hop: Hop | None = None
    pair: str = ""


class Diagnoses(Record, frozen=True):
    """Everything that the logs point to.

    Attributes:
        schema: version of this shape.
        tool_version: the clusterproof that made it.
        logs: what was looked at.
        symptoms: how many texts were looked for.
        diagnoses: by requirement, in the order of the profiles.
        unread: logs that could not be read, and why.
        undecided: why there is no verdict; empty when there is one, or nothing to decide.
        exit_status: 0 no symptom, or only of what passes now; 1 a symptom of what fails; 3 that is not known.
    """

    schema: str
    tool_version: str
    logs: tuple[Log, ...]
    symptoms: int
    diagnoses: tuple[Diagnosis, ...]
    unread: tuple[Unknown, ...] = ()
    undecided: str = ""
    exit_status: int = 0


def symptoms_of(profiles: Iterable[Profile]) -> tuple[Symptom, ...]:
    """What to look for, in the order of the profiles."""
    return tuple(
        Symptom(f"{profile.name}/{requirement.id}", text)
        for profile in profiles
        for requirement in profile.requirements
        for text in requirement.symptoms
        if text
    )


def sightings(log: str, pieces: Iterable[bytes], symptoms: Sequence[Symptom]) -> tuple[Log, tuple[Sighting, ...]]:
    """The symptoms in one log.

    Args:
        log: its name.
        pieces: its bytes, in pieces of any size.
        symptoms: what to look for; letter for letter.
    """
    search = _Search(tuple(symptom.text.encode() for symptom in symptoms))
    for piece in pieces:
        search.take(piece)
    search.end()
    return Log(log, search.size), tuple(
        Sighting(symptom.id, symptom.text, log, line, text, search.counts[number])
        for number, symptom in enumerate(symptoms)
        if number in search.first
        for line, text in (search.first[number],)
    )


class _Search:
    """Needles in a stream. A needle is looked for only where the line that it stands in can be shown."""

    def __init__(self, needles: tuple[bytes, ...]) -> None:
        self.size = 0
        self.counts = [0] * len(needles)
        self.first: dict[int, tuple[int, str]] = {}
        self._needles = needles
        self._ahead = SHOWN + max(map(len, needles), default=0)
        self._held = b""
        self._searched = 0  # up to here, no needle begins that is not counted
        self._lines = 0  # line feeds before what is held
        self._next = [0] * len(needles)  # where each needle may begin next, in what is held

    def take(self, piece: bytes) -> None:
        """The next piece."""
        self.size += len(piece)
        self._held += piece
        if len(self._held) - self._searched > 2 * self._ahead:
            self._look(len(self._held) - self._ahead)

    def end(self) -> None:
        """There are no more pieces."""
        self._look(len(self._held))

    def _look(self, limit: int) -> None:
        """Counts every needle that begins before ``limit``."""
        for number, needle in enumerate(self._needles):
            start = max(self._next[number], self._searched)
            while (found := self._held.find(needle, start, limit + len(needle) - 1)) >= 0:
                self.counts[number] += 1
                if number not in self.first:
                    self.first[number] = self._shown(found, len(needle))
                start = found + len(needle)
            self._next[number] = start
        dropped = max(0, limit - SHOWN)
        self._lines += self._held.count(b"\n", 0, dropped)
        self._held = self._held[dropped:]
        self._searched = limit - dropped
        self._next = [max(0, start - dropped) for start in self._next]

    def _shown(self, found: int, size: int) -> tuple[int, str]:
        """The number of the line and what is shown of it."""
        low, high = max(0, found - SHOWN), found + size + SHOWN
        begin = self._held.rfind(b"\n", low, found) + 1 or low
        end = self._held.find(b"\n", found + size, high)
        line = self._held[begin : end if end >= 0 else high]
        return self._lines + self._held.count(b"\n", 0, found) + 1, line.decode("utf-8", "replace").strip()


def diagnoses(
    profiles: Sequence[Profile],
    logs: Sequence[Log],
    seen: Sequence[Sighting],
    *,
    findings: Iterable[Finding] | None = None,
    unread: Sequence[Unknown] = (),
    undecided: str = "",
) -> Diagnoses:
    """What the logs point to, with what it comes to now.

    Args:
        profiles: those whose symptoms were looked for.
        logs: what was looked at.
        seen: the symptoms in them.
        findings: of at least the requirements that were seen; None where there is nothing to judge them by.
        unread: logs that could not be read.
        undecided: why there are no findings.
    """
    judged = {finding.id: finding for finding in findings or ()}
    found = []
    for profile in profiles:
        for requirement in profile.requirements:
            identity = f"{profile.name}/{requirement.id}"
            mine = tuple(item for item in seen if item.id == identity)
            if not mine:
                continue
            finding = judged.get(identity)
            hop, pair = _stopped(finding) if finding is not None else (None, "")
            remedy = requirement.remedy
            found.append(Diagnosis(identity, requirement.title, requirement.level, mine, remedy, finding, hop, pair))
    return Diagnoses(
        SCHEMA,
        __version__,
        tuple(logs),
        len(symptoms_of(profiles)),
        tuple(found),
        tuple(unread),
        undecided,
        _status(found, unread),
    )


def _stopped(finding: Finding) -> tuple[Hop | None, str]:
    """The first hop that stops a cell of the finding, and between which node groups."""
    cells = finding.matrix.cells if finding.matrix is not None and finding.verdict.failing else ()
    for outcome in (Outcome.BLOCKED, Outcome.VARIES):
        for cell in cells:
            if cell.outcome is outcome and cell.hop is not None:
                return cell.hop, f"{cell.client} to {cell.server}"
    return None, ""


def _status(found: Sequence[Diagnosis], unread: Sequence[Unknown]) -> int:
    """See :class:`Diagnoses`; a log that could not be read may hold any symptom."""
    if any(item.finding is not None and item.finding.verdict.failing for item in found):
        return 1
    undecided = any(item.finding is None or item.finding.verdict is Verdict.UNKNOWN for item in found)
    return 3 if undecided or unread else 0
