"""One finding of what is asked of each workload's pods at every place: they all exist at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.made import finding
from clusterproof.checks.parties import Party, on_nodes
from clusterproof.checks.words import absence, unique
from clusterproof.profiles.model import Requirement, Subject
from clusterproof.reach.ends import End
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold, worst
from clusterproof.world.model import Attachment, Interface

_ANYWHERE = Unknown(Cause.NOT_ANSWERABLE, "it has no place")
_NOWHERE = Interface(Attachment.SECONDARY, _ANYWHERE, _ANYWHERE, _ANYWHERE, _ANYWHERE)
"""What policies say of a pod does not depend on where it is, but on Fargate none is enforced."""


class Answer(msgspec.Struct, frozen=True):
    """What was found of a workload's pods at places that are alike.

    Attributes:
        outcome: works where it is as asked.
        text: in a clause.
        refs: the objects that decided.
        unknown: set with an outcome that is unknown.
    """

    outcome: Outcome
    text: str
    refs: tuple[Ref, ...] = ()
    unknown: Unknown | None = None


def ends_of(party: Party) -> tuple[End, ...]:
    """The pods of a party as policies read them: one end for all its places that are alike."""
    ends = [party.end(place) for place in party.places] or [End(_NOWHERE, party.workload, party.text)]
    alike = {end.interface.attachment is Attachment.FARGATE: end for end in reversed(ends)}
    return tuple(msgspec.structs.replace(alike[fargate], text=party.text) for fargate in sorted(alike))


def decide(
    context: Context, requirement: Requirement, workload: str, ask: Callable[[Party], Sequence[Answer]]
) -> Finding:
    """Pass when it is so of each workload's pods at every place; fail when at none; depends between; else unknown.

    Args:
        context: a world and a profile.
        requirement: what is asked.
        workload: whose pods, by the profile's name.
        ask: the answers for one workload, each for some of its places; all of them where it is on all at once.
    """
    side = on_nodes(context, Subject(workload=workload))
    tallies: list[Tally] = []
    answers: list[Answer] = []
    texts: list[str] = []
    evidence: list[Ref] = []
    for party in side.parties:
        found = list(ask(party))
        outcomes = [one.outcome for one in found]
        tallies.append(fold([outcomes] if party.everywhere else [[one] for one in outcomes]))
        texts += [one.text for one in found if one.outcome is not Outcome.WORKS] or [one.text for one in found]
        evidence += [ref for one in found for ref in one.refs]
        evidence += [party.workload.ref] if party.workload is not None and party.workload.ref is not None else []
        answers += found
    unknowns = [one.unknown for one in answers if one.unknown is not None]
    tally = worst(tallies) if tallies else Tally(Verdict.UNKNOWN)
    missing = context.named(workload).missing
    if not tallies:
        absent = requirement.absent == "not-applicable" and missing is None
        tally = Tally(Verdict.NOT_APPLICABLE if absent else Verdict.UNKNOWN)
        texts.append(absence(workload, missing))
    elif tally.verdict is Verdict.PASS and missing is not None:
        tally = Tally(Verdict.UNKNOWN, tally.works, unknown=1)
        texts.append("there may be more than was read")
    unknowns += [missing] if missing is not None and tally.verdict is Verdict.UNKNOWN else []
    return finding(
        context,
        requirement,
        tally,
        _few(unique(texts)),
        evidence=[*evidence, *context.world.plane.refs],
        unknowns=unknowns,
        notes=side.how,
        beside=True,
    )


def _few(texts: Iterable[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - 3} more" if len(found) > 4 else ""
    return "; ".join(found[:3] if more else found) + more
