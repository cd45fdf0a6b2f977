"""Find the smallest change that makes a failing requirement pass, and prove it.

For each failing finding: collect every refusing layer of every cell, choose edits for them, try, and look again
until the check passes or nothing more can be done; then leave out what is not needed, rebuild the world, run the
check again, and list what else became reachable (design rule 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

import msgspec

from clusterproof.checks.cells import Asker
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.mended import Change, Fix, Left
from clusterproof.checks.reach import decide
from clusterproof.errors import ClusterproofError
from clusterproof.fixes import advice, others, owners, quota
from clusterproof.fixes.acls import entries
from clusterproof.fixes.draft import Draft
from clusterproof.fixes.ends import Carrier, carriers
from clusterproof.fixes.groups import carried, overlapping, rules
from clusterproof.fixes.largest import largest
from clusterproof.fixes.legs import Wanted, wanted
from clusterproof.fixes.needs import AclNeed, GroupNeed, Needs, PolicyNeed, needs_of
from clusterproof.fixes.openings import Pair, Span, asked_for, openings
from clusterproof.fixes.policies import policies
from clusterproof.fixes.render_aws_cli import any_shell, commands
from clusterproof.fixes.trial import proof, tried
from clusterproof.profiles.model import Reach, Requirement
from clusterproof.snapshot.overlay import AddAclEntry, Edit, Overlay, Put
from clusterproof.verdict.algebra import Verdict

T = TypeVar("T")

_ROUNDS = 6
"""Each round mends every layer that refuses; a second is needed only where one layer hid another."""


def repair(context: Context, report: Report, asker: Asker | None = None) -> Report:
    """The report with a fix on every failing finding that one was found for, and one plan for all of them.

    Args:
        context: what the report is of.
        report: with findings of it.
        asker: who asked for the findings and remembers what was traced; None: nobody is there any more.
    """
    smith = _Smith(context, report, asker or Asker(context))
    fixed = tuple(
        msgspec.structs.replace(finding, fix=_guarded(smith.fix, finding)) if finding.verdict.failing else finding
        for finding in report.findings
    )
    return msgspec.structs.replace(report, findings=fixed, plan=_guarded(smith.plan, fixed))


def _guarded(search: Callable[[T], Fix | None], subject: T) -> Fix | None:
    """A search that breaks becomes advice that says so: it must never cost the report that it belongs to."""
    try:
        return search(subject)
    except ClusterproofError:
        raise
    except Exception as error:  # noqa: BLE001 - the findings stand without a fix
        text = f"the search for a fix itself failed ({type(error).__name__}: {error}); report this with the snapshot"
        return Fix(proven=False, advice=(text,))


class _Trial(msgspec.Struct, frozen=True):
    """Changes that were tried together.

    Attributes:
        network: edits for connections.
        other: changes for everything else.
        asker: who asked in the world with them.
        after: all findings there, by id.
        broken: names of those that pass today and do not there.
        ids: what is to be mended.
    """

    network: Draft
    other: Draft
    asker: Asker
    after: dict[str, Finding]
    broken: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all of these pass and nothing is broken."""
        return not self.broken and all(self.after[name].verdict is Verdict.PASS for name in self.ids)


class _Smith:
    """Repairs the findings of one context, sharing what they have in common."""

    def __init__(self, context: Context, report: Report, asker: Asker) -> None:
        self._context = context
        self._report = report
        self._asker = asker
        self._carriers: tuple[Carrier, ...] = carriers(context)
        self._together = carried(self._carriers)
        name = context.profile.name
        self._requirements = {f"{name}/{item.id}": item for item in context.profile.requirements}
        self._wanted: dict[str, Wanted] = {}
        self._others: dict[str, Draft] = {}
        """Drafts of findings that are not about a connection, by id."""
        self._why: dict[str, str] = {}
        """Why what was drafted for a finding does not mend it, by id; one clause each."""
        self._trials: dict[tuple[str, ...], _Trial] = {}
        """What was tried of the plan, by the findings that are to be mended."""

    # --- one finding -----------------------------------------------------------------------

    def fix(self, finding: Finding) -> Fix | None:
        """The fix of one finding; None when there is nothing to say."""
        requirement = self._requirements[finding.id]
        check = requirement.check.reach
        if check is None or check.closed:
            return self._other(requirement, finding)
        draft = self._draft(requirement, check, ())
        if not draft.edits and requirement.mends:
            return self._other(requirement, finding)
        self._why[finding.id] = draft.why
        return self._finished(draft, [finding.id], self._colocation(finding))

    def _other(self, requirement: Requirement, finding: Finding) -> Fix | None:
        """The fix of a finding that is not about a connection."""
        draft = self._others[finding.id] = others.draft(self._context, requirement, finding)
        self._why[finding.id] = draft.why
        fix = self._finished(Draft(), [finding.id], (), other=draft) if draft.changes else None
        if fix is not None and fix.proven:
            return fix
        remedy = advice.without_reach(requirement, finding)
        said = (*(fix.advice if fix is not None else draft.advice), *(remedy.advice if remedy is not None else ()))
        return (
            msgspec.structs.replace(fix or Fix(proven=False), advice=tuple(dict.fromkeys(said)))
            if fix or said
            else None
        )

    def _draft(self, requirement: Requirement, check: Reach, base: tuple[Edit, ...]) -> Draft:
        """Edits on top of ``base`` that mend as much of one finding as can be mended."""
        edits: list[Edit] = []
        said: dict[str, None] = {}
        rounds = 0
        while rounds < _ROUNDS:
            edited = (*base, *edits)
            asker = Asker(tried(self._context, edited)) if edited else self._asker
            if edited and decide(asker, requirement, check, words=False).verdict is Verdict.PASS:
                break
            asked = wanted(asker, check) if edited else self._asks(f"{self._context.profile.name}/{requirement.id}")
            needs = needs_of(asker, asked.failing)
            said |= dict.fromkeys(advice.stuck(requirement, asked, needs.stuck))
            new, problems = self._edits(asker, needs)
            said |= dict.fromkeys(problems)
            new = [edit for edit in new if edit not in edits]
            if not new:
                break
            edits += new
            rounds += 1
        why = advice.stopped(asked, needs.stuck) if rounds < _ROUNDS and not edits else ""
        return Draft(self._needed(edits, base, [requirement]), advice=tuple(said), why=why)

    def _edits(self, asker: Asker, needs: Needs) -> tuple[list[Edit], list[str]]:
        new: list[Edit] = []
        new += rules(asker, self._carriers, [need for need in needs.needs if isinstance(need, GroupNeed)])
        snapshot = asker.context.world.snapshot
        acl, acl_problems = entries(snapshot, [need for need in needs.needs if isinstance(need, AclNeed)])
        policy, problems = policies(asker.context, [need for need in needs.needs if isinstance(need, PolicyNeed)])
        return [*new, *acl, *policy], [*acl_problems, *problems]

    def _needed(
        self, edits: Sequence[Edit], base: tuple[Edit, ...], requirements: Sequence[Requirement]
    ) -> tuple[Edit, ...]:
        """The edits without those that the requirements pass without; all of them when they do not pass anyhow."""
        kept = list(edits)
        doubtful = overlapping(self._together, edits)[::-1]
        if not doubtful or not self._pass((*base, *kept), requirements):
            return tuple(kept)
        for edit in doubtful:
            rest = [item for item in kept if item is not edit]
            if self._pass((*base, *rest), requirements):
                kept = rest
        return tuple(kept)

    def _pass(self, edits: Sequence[Edit], requirements: Sequence[Requirement]) -> bool:
        asker = Asker(tried(self._context, edits))
        return all(
            decide(asker, requirement, requirement.check.reach, words=False).verdict is Verdict.PASS
            for requirement in requirements
            if requirement.check.reach is not None
        )

    # --- all findings ----------------------------------------------------------------------

    def plan(self, found: Sequence[Finding]) -> Fix | None:
        """The proven changes that mend as many failing findings as can be mended together, and why the rest is left."""
        failing = [finding for finding in found if finding.verdict.failing]
        if not failing:
            return None
        if len(failing) == 1 and failing[0].fix is not None:
            return failing[0].fix
        sure = [finding for finding in failing if finding.fix is not None and finding.fix.proven]
        # What is not proven by itself may be with the others: a policy for a role that another change makes.
        more = [item for item in failing if item not in sure and self._others.get(item.id, Draft()).edits]
        kept = largest(sure, more, lambda chosen: self._trial(failing, chosen).holds)
        if not kept:
            left = tuple(Left(finding.id, self._left_because(failing, [], finding)) for finding in failing)
            said = _advice(failing)
            why = {item.why for item in left}
            more_said = tuple(text for text in said if text.removeprefix("not proven: ").rstrip(".") not in why)
            return Fix(proven=False, advice=more_said, left=left) if said else None
        trial = self._trial(failing, kept)
        plan = self._finished(
            trial.network,
            [finding.id for finding in failing if finding in kept],
            _advice(finding for finding in kept if finding.id not in self._others),
            other=trial.other,
            trial=trial,
        )
        left = tuple(
            Left(finding.id, self._left_because(failing, kept, finding))
            for finding in failing
            if trial.after[finding.id].verdict is not Verdict.PASS
        )
        return plan and msgspec.structs.replace(plan, left=left)

    def _trial(self, failing: Sequence[Finding], chosen: Sequence[Finding]) -> _Trial:
        """The changes for some of the failing findings, together on a world built anew."""
        chosen = [finding for finding in failing if finding in chosen]
        key = tuple(finding.id for finding in chosen)
        if key not in self._trials:
            network = Draft(self._network([finding for finding in chosen if finding.id not in self._others]))
            other = self._merged([finding for finding in chosen if finding.id in self._others], network.edits)
            asker, after = proof(self._context, Overlay((*network.edits, *other.edits)), before=self._report.findings)
            self._trials[key] = _Trial(
                network, other, asker, after, tuple(others.broken(self._report.findings, after)), key
            )
        return self._trials[key]

    def _left_because(self, failing: Sequence[Finding], kept: Sequence[Finding], finding: Finding) -> str:
        """Why a finding is not among those that a plan mends, in one clause."""
        fix = finding.fix
        if fix is not None and fix.proven:
            trial = self._trial(failing, [*kept, finding])
            lost = trial.broken or tuple(
                item.name for item in (*kept, finding) if trial.after[item.id].verdict is not Verdict.PASS
            )
            return f"its change is left out: together with the others {', '.join(lost)} would not pass"
        remedy = " ".join(self._requirements[finding.id].remedy.split())
        return self._why.get(finding.id) or advice.first_sentence(remedy) or "no change is proposed for it"

    def _network(self, mended: Sequence[Finding]) -> tuple[Edit, ...]:
        """The edits of findings about connections, without what they pass without."""
        requirements = [self._requirements[finding.id] for finding in mended]
        edits: tuple[Edit, ...] = ()
        for finding in mended:
            if finding.fix is not None:
                edits += tuple(edit for edit in finding.fix.overlay.edits if edit not in edits)
        if any(isinstance(edit, AddAclEntry) for edit in edits):
            # Two fixes may have taken the same rule number: find them again, one upon the other.
            edits = ()
            for requirement in requirements:
                if requirement.check.reach is not None:
                    edits += self._draft(requirement, requirement.check.reach, edits).edits
        return self._needed(edits, (), requirements)

    def _merged(self, found: Sequence[Finding], base: tuple[Edit, ...]) -> Draft:
        """The drafts of some findings; two that change the same object are made one upon the other."""
        merged = Draft()
        for finding in found:
            draft = self._others[finding.id]
            if others.clash(merged.edits, draft.edits):
                asker, after = proof(self._context, Overlay((*base, *merged.edits)), [finding.id])
                now = after[finding.id]
                if now.verdict is Verdict.PASS:
                    continue
                draft = others.draft(asker.context, self._requirements[finding.id], now)
            merged += draft
        return merged

    def _finished(
        self,
        draft: Draft,
        ids: Sequence[str],
        more: tuple[str, ...],
        *,
        other: Draft = Draft(),  # noqa: B008 - frozen
        trial: _Trial | None = None,
    ) -> Fix | None:
        """Prove a draft on a world built anew, and describe it.

        Args:
            draft: edits for connections.
            ids: the findings that must pass with it.
            more: what is to be said besides.
            other: changes for everything else.
            trial: of a plan: these drafts as they were tried together.
        """
        snapshot = self._context.world.snapshot
        overlay = Overlay((*draft.edits, *other.edits))
        said = [*draft.advice, *other.advice, *more]
        if not overlay and not other.changes:
            return Fix(proven=False, advice=tuple(dict.fromkeys(said))) if said else None
        if trial is None:
            # One more policy isolates what it selects, and objects of other kinds may be read by anything.
            everything = len(ids) > 1 or bool(other.edits) or any(isinstance(edit, Put) for edit in draft.edits)
            asker, after = proof(self._context, overlay, () if everything else ids, self._report.findings)
            broken = tuple(others.broken(self._report.findings, after))
            self._note(ids, after, broken, changed=bool(overlay))
        else:
            asker, after, broken = trial.asker, trial.after, trial.broken
        proven = not broken and all(after[name].verdict is Verdict.PASS for name in ids)
        if broken:
            said.insert(0, f"with this change {', '.join(broken)} would no longer pass")
        if not proven:
            said = [*advice.unproven({finding.id: finding for finding in self._report.findings}, after, ids), *said]
        else:
            said = [text for text in said if text not in draft.advice]
        said += others.also(self._report.findings, after, ids, mended=trial is None)
        view = self._asker.paths.vpc
        return Fix(
            proven=proven,
            changes=(
                *(
                    Change(owners.text_of(view, edit), owners.object_of(edit), owners.owner(snapshot, edit))
                    for edit in draft.edits
                ),
                *(
                    Change(
                        made.text,
                        made.object,
                        owners.owner_at(snapshot, made.object),
                        made.commands,
                        made.advice or msgspec.UNSET,
                    )
                    for made in other.changes
                ),
            ),
            opens=openings(self._asker, asker, self._carriers, Overlay(draft.edits), self._legs),
            commands=(
                *commands(Overlay(draft.edits), snapshot),
                *(command for made in other.changes if (command := any_shell(made.commands))),
            ),
            advice=tuple(
                dict.fromkeys([*said, *advice.overridden(snapshot, draft.edits), *advice.unseen(snapshot, draft.edits)])
            ),
            quota=quota.sentences(view, draft.edits),
            overlay=overlay,
            mends=others.mended(self._report.findings, after) if proven else (),
        )

    def _note(self, ids: Sequence[str], after: Mapping[str, Finding], broken: Sequence[str], *, changed: bool) -> None:
        """Why a change by itself does not mend what it is for."""
        for name in ids if changed else ():
            now = after[name].verdict
            if broken:
                self._why[name] = f"with its change {', '.join(broken)} would no longer pass"
            elif now is Verdict.UNKNOWN:
                self._why[name] = "whether its change mends it is not known"
            elif now is not Verdict.PASS:
                self._why[name] = self._why.get(name) or "its change alone does not mend it"

    def _asks(self, finding_id: str) -> Wanted:
        if finding_id not in self._wanted:
            check = self._requirements[finding_id].check.reach
            self._wanted[finding_id] = Wanted() if check is None else wanted(self._asker, check)
        return self._wanted[finding_id]

    @cached_property
    def _legs(self) -> dict[Pair, list[Span]]:
        """What all requirements that apply ask for."""
        return asked_for(
            leg
            for finding in self._report.findings
            if finding.verdict is not Verdict.NOT_APPLICABLE
            for leg in self._asks(finding.id).legs
        )

    def _colocation(self, finding: Finding) -> tuple[str, ...]:
        return advice.colocation(self._asks(finding.id))


def _advice(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for found in findings if found.fix is not None for text in found.fix.said))
