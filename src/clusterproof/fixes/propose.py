"""Find the smallest change that makes a failing requirement pass, and prove it.

For each failing finding: collect every refusing layer of every cell, choose edits for them, try, and look again
until the check passes or nothing more can be done; then leave out what is not needed, rebuild the world, run the
check again, and list what else became reachable (design rule 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import msgspec

from clusterproof.checks.cells import Asker
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Change, Finding, Fix, Report
from clusterproof.checks.reach import decide
from clusterproof.errors import ClusterproofError
from clusterproof.fixes import advice, owners, quota
from clusterproof.fixes.acls import entries
from clusterproof.fixes.ends import Carrier, carriers
from clusterproof.fixes.groups import carried, overlapping, rules
from clusterproof.fixes.legs import Wanted, wanted
from clusterproof.fixes.needs import AclNeed, GroupNeed, Needs, PolicyNeed, needs_of
from clusterproof.fixes.openings import Pair, Span, asked_for, openings
from clusterproof.fixes.policies import policies
from clusterproof.fixes.render_aws_cli import commands
from clusterproof.fixes.trial import proof, tried
from clusterproof.profiles.model import Reach, Requirement
from clusterproof.snapshot.overlay import AddAclEntry, Edit, Overlay, Put
from clusterproof.verdict.algebra import Verdict

T = TypeVar("T")

_ROUNDS = 6
"""Each round mends every layer that refuses; a second is needed only where one layer hid another."""


class _Draft(msgspec.Struct, frozen=True):
    """Edits for one finding, and what they do not mend."""

    edits: tuple[Edit, ...]
    advice: tuple[str, ...]


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

    # --- one finding -----------------------------------------------------------------------

    def fix(self, finding: Finding) -> Fix | None:
        """The fix of one finding; None when there is nothing to say."""
        requirement = self._requirements[finding.id]
        if requirement.check.reach is None:
            return advice.without_reach(requirement, finding)
        draft = self._draft(requirement, requirement.check.reach, ())
        return self._finished(draft, [finding.id], self._colocation(finding))

    def _draft(self, requirement: Requirement, check: Reach, base: tuple[Edit, ...]) -> _Draft:
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
        return _Draft(self._needed(edits, base, [requirement]), tuple(said))

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
        """One change that mends all failing findings together; of what cannot be proven, only the advice."""
        failing = [finding for finding in found if finding.verdict.failing]
        if not failing:
            return None
        mended = [finding for finding in failing if finding.fix is not None and finding.fix.proven]
        if len(failing) == 1 and failing[0].fix is not None:
            return failing[0].fix
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
        edits = self._needed(edits, (), requirements)
        left = [finding for finding in failing if finding not in mended]
        said: dict[str, None] = {}
        for finding in failing:
            said |= dict.fromkeys(finding.fix.advice if finding.fix is not None else ())
        if left:
            names = ", ".join(finding.name for finding in left)
            said = {f"no proven change was found for {names}": None, **said}
        return self._finished(_Draft(edits, ()), [finding.id for finding in failing], tuple(said))

    def _finished(self, draft: _Draft, ids: Sequence[str], more: tuple[str, ...]) -> Fix | None:
        """Prove a draft on a world built anew, and describe it."""
        snapshot = self._context.world.snapshot
        overlay = Overlay(draft.edits)
        said = [*draft.advice, *more]
        if not overlay:
            return Fix(proven=False, advice=tuple(dict.fromkeys(said))) if said else None
        # One more policy isolates what it selects; nothing else that is proposed here can close anything.
        everything = len(ids) > 1 or any(isinstance(edit, Put) for edit in draft.edits)
        asker, after = proof(self._context, overlay, () if everything else ids)
        proven = all(after[name].verdict is Verdict.PASS for name in ids)
        broken = [
            finding.name
            for finding in self._report.findings
            if finding.verdict is Verdict.PASS and finding.id in after and after[finding.id].verdict is not Verdict.PASS
        ]
        if broken:
            proven = False
            said.insert(0, f"with this change {', '.join(broken)} would no longer pass")
        if not proven:
            said = [*advice.unproven(after, ids), *said]
        else:
            said = [text for text in said if text not in draft.advice]
        view = self._asker.paths.vpc
        return Fix(
            proven=proven,
            changes=tuple(
                Change(owners.text_of(view, edit), owners.object_of(edit), owners.owner(snapshot, edit))
                for edit in draft.edits
            ),
            opens=openings(self._asker, asker, self._carriers, overlay, self._legs),
            commands=commands(overlay, snapshot),
            advice=tuple(
                dict.fromkeys([*said, *advice.overridden(snapshot, draft.edits), *advice.unseen(snapshot, draft.edits)])
            ),
            quota=quota.sentences(view, draft.edits),
            overlay=overlay,
        )

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
