"""Odds in words: how often a run or a pod fails, and where it lands."""

from __future__ import annotations

from clusterproof.checks.finding import Finding, Matrix, Odds, RowOdds
from clusterproof.reports import words
from clusterproof.reports.text import sentence


def percent(share: float | None) -> str:
    """A probability in whole percent; what is possible is never 0 %, what is not certain never 100 %."""
    if share is None:
        return "?"
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 < share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def odds_sentence(odds: Odds, client: str = "") -> str:
    """The odds in one or two sentences, first run first; at 0 % and 100 % nothing is left to chance, and it says so.

    Args:
        odds: of a finding.
        client: what is scheduled (``deploy/dynamo/worker``): a Job has runs, everything else has pods.
    """
    if odds.unknown is not None:
        detail, remedy = words.unknown_lines(odds.unknown)
        return sentence(f"odds not known: {detail}") + (f" To know it: {remedy}" if remedy else "")
    if odds.fails_first is None:
        return ""
    one = noun(client)
    again = repeats(odds)
    cached = odds.fails_first if again else odds.fails_cached
    if odds.fails_first in (0, 1) and cached in (odds.fails_first, None):
        never = odds.fails_first == 0
        text = f"On the nodes of today {f'no {one}' if never else f'every {one}'} fails ({percent(odds.fails_first)})"
        text += ", the first or a later one" if never else ", the first and each later one"
    elif again:
        text = f"A first {one} fails in {percent(odds.fails_first)} of cases"
        text += f"; later {one}s repeat the first, because its node has the image (so each fails in 0 % or 100 %)"
    else:
        text = f"A first {one} fails in {percent(odds.fails_first)} of cases"
        if cached is not None:
            text += f", a later {one} (image cached) in {percent(cached)}"
    return sentence(f"{text}: {odds.basis}" if odds.basis else text)


def noun(client: str) -> str:
    """What fails or works by chance: a Job's ``run``, of anything else a ``pod``."""
    return "run" if client.startswith(("job/", "cronjob/")) else "pod"


def shown(odds: Odds | None, group: str) -> tuple[str, str]:
    """What a row says of its odds: ``("25 % / 100 %", "100 %")``: lands here and again; the next one fails."""
    row = row_odds(odds, group)
    if row is None:
        return "not counted", "-"
    if not row.first:  # what never lands there lands there no second time
        return f"{percent(row.first)} / -", "-"
    return f"{percent(row.first)} / {percent(row.repeats)}", percent(row.fails_cached)


def legend(grid: Matrix, odds: Odds | None, told: set[str]) -> list[str]:
    """What a matrix's short forms mean, each once in a report (``told`` remembers which were)."""
    lines: list[str] = []
    sides = (*grid.clients, *grid.servers)
    for side in sides:
        if not side.nodes or not (side.future or side.unread):
            continue
        more = "the group may replace them" if side.full is True else "the group may make more"
        more = "not all nodes were read" if side.unread else more
        if more not in told:
            told.add(more)
            lines.append(f'"{words.nodes(side)}": {side.nodes} {"read" if side.unread else "today"}, and {more}.')
    if odds is not None and odds.unknown is None and odds.rows and "odds" not in told:
        told.add("odds")
        one = noun(grid.client)
        lines.append(
            f'"lands here / again": how often a first {one} lands there, and how often the next {one} then lands '
            "there again."
        )
    return lines


def repeats(odds: Odds) -> bool:
    """Whether every later run lands where the first one did."""
    certain = [row.repeats for row in odds.rows if row.first]
    return bool(certain) and all(chance == 1 for chance in certain)


def summary(finding: Finding) -> str:
    """The requirement's one line: what was found, and the odds where a run may fail by chance."""
    odds = finding.odds
    if odds is None or odds.fails_first is None or not finding.verdict.failing or odds.fails_first in (0, 1):
        return finding.summary
    many = f"{noun(finding.matrix.client if finding.matrix is not None else '')}s"
    later = f", {percent(odds.fails_cached)} of later ones" if odds.fails_cached is not None else ""
    if repeats(odds):
        later = f", later {many} repeat the first"
    return f"{finding.summary}; {percent(odds.fails_first)} of first {many} fail{later}"


def row_odds(odds: Odds | None, group: str) -> RowOdds | None:
    """The odds of one client group, or None."""
    return next((row for row in odds.rows if row.group == group), None) if odds else None
