"""The check "can be scheduled": whether a workload's next pod has a feasible place, and where.

On EKS the scheduler is not the first who decides: a pod that a Fargate profile takes when it is made never reaches the
nodes. So a node that would take the pod is no proof while a profile that was not read may take it first: the verdict is
unknown, also where pods run on nodes today, because they show only that no profile took them then (today's state is
evidence, never premise). DaemonSets and templates that ask for EC2 are never taken. Where a profile that was read
takes the pod, Fargate alone decides; what it certainly cannot run fails, whatever else was not read.
"""

from __future__ import annotations

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.made import finding
from clusterproof.checks.parties import on_nodes, unread_places
from clusterproof.checks.words import absence, listed, unique, with_reservations
from clusterproof.placement.places import Place, refused_everywhere
from clusterproof.profiles.model import Requirement, Schedulable, Subject
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold, worst


def decide(context: Context, requirement: Requirement, check: Schedulable) -> Finding:
    """Pass when every workload has a place that certainly takes its next pod; fail when none may; else unknown."""
    side = on_nodes(context, Subject(workload=check.workload, on=check.on))
    tallies: list[Tally] = []
    texts: list[str] = []
    unknowns: list[Unknown] = list(side.absent)
    evidence: list[Ref] = []
    for party in side.parties:
        certain = [place for place in party.places if place.doubt is None and not place.stays]
        doubts = [place.doubt for place in party.places if place.doubt is not None]
        unread = unread_places(context, side)
        unseen = context.world.fargate.unseen(party.workload) if party.workload is not None else ()
        nowhere = refused_everywhere(context.world, party.workload) if party.workload is not None else None
        if nowhere is not None:
            tallies.append(fold([]))
            texts.append(f"{party.shown} cannot be scheduled: {nowhere.reason}")
            evidence += [nowhere.ref] if nowhere.ref is not None else []
        elif certain and not unseen:
            tallies.append(fold([[Outcome.WORKS]]))
            groups = unique(place.node_class.group for place in certain)
            texts.append(f"{party.shown} may run on {listed(groups)}")
            evidence += [_shown(place) for place in certain[:3]]
        elif certain or doubts or unread:
            unknowns += [*unseen, *doubts, *unread]
            tallies.append(fold([[Outcome.UNKNOWN]]))
            texts.append(f"whether {party.shown} can be scheduled is not known")
        else:
            tallies.append(fold([]))
            texts.append(f"{party.shown} cannot be scheduled {party.message}")
        if party.workload is not None:
            found = context.places(party.workload)
            if not certain and nowhere is None:
                evidence += [item.feasibility.ref for item in found.refused if item.feasibility.ref is not None]
            if party.workload.ref is not None:
                evidence.insert(0, party.workload.ref)
    unread_workloads = context.named(check.workload).missing
    if side.parties:
        tally = worst(tallies)
        if tally.verdict is Verdict.PASS and unread_workloads is not None:
            # Those that were found can be scheduled, but there may be more than was read.
            tally = Tally(Verdict.UNKNOWN, tally.works, unknown=1)
            assumed = any(party.assumed for party in side.parties)
            texts.append("whether one is installed is not known" if assumed else "there may be more than was read")
    else:
        absent = requirement.absent == "not-applicable" and not side.absent
        tally = Tally(Verdict.NOT_APPLICABLE if absent else Verdict.UNKNOWN)
        texts.append(side.how[0] if side.empty_set else absence(check.workload, unread_workloads))
    return finding(
        context,
        requirement,
        tally,
        with_reservations("; ".join(unique(texts)), tally.verdict, side.how),
        evidence=evidence,
        unknowns=unknowns,
        notes=side.how,
    )


def _shown(place: Place) -> Ref:
    """A place that takes the workload, as evidence: the first node of its class, or the group that would make one."""
    node_class = place.node_class
    if node_class.nodes:
        more = f" and {len(node_class.nodes) - 1} more like it" if len(node_class.nodes) > 1 else ""
        return Ref("nodes", node_class.nodes[0], "", f"feasible{more}")
    return Ref("node groups", node_class.group, "", "feasible on a node not yet born")
