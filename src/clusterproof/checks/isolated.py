"""The check "is isolated": whether every pod of a workload is selected by an enforced policy of one direction.

A pod that no policy of a direction selects is open in it, whatever policies of other pods say (Kubernetes documentation,
"Network Policies", "The two sorts of pod isolation"). Policies that nothing enforces select nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from clusterproof.checks import bypods
from clusterproof.checks.bypods import Answer
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.parties import Party
from clusterproof.profiles.model import Isolated, Requirement
from clusterproof.reach.networkpolicy import Direction
from clusterproof.reach.policies import Policies
from clusterproof.reach.trace import Outcome
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.fields import Unknown


def decide(context: Context, requirement: Requirement, check: Isolated) -> Finding:
    """Pass when each workload's pods are selected at every place; fail when at none; depends between; else unknown."""
    policies = Policies(context.world, VpcView(context.world.snapshot))
    direction: Direction = "ingress" if check.direction == "ingress" else "egress"

    def ask(party: Party) -> Sequence[Answer]:
        result = []
        for end in bypods.ends_of(party):
            found = policies.isolating(direction, end)
            unknown = found.answer if isinstance(found.answer, Unknown) else None
            outcome = Outcome.UNKNOWN if unknown else Outcome.WORKS if found.answer else Outcome.BLOCKED
            result.append(Answer(outcome, found.text, found.refs, unknown))
        return result

    return bypods.decide(context, requirement, check.workload, ask)
