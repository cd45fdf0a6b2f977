"""May a principal do an action on a resource: all policies together, as AWS evaluates them.

Sources: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic" and "Permissions boundaries";
Organizations User Guide, "SCP evaluation", "RCP evaluation"; AWS PrivateLink Guide, "Control access to VPC endpoints
using endpoint policies"; KMS Developer Guide, "Key policies". docs/access.md numbers the rules.

An explicit Deny decides first. Else every limit (boundary, session policies, endpoint policy, organization) must allow,
and so must a grant: the identity policies, the resource's policy, or a grant of the key. What is not known never allows.
"""

from __future__ import annotations

from clusterproof.access.context import Request
from clusterproof.access.layers import ALL_WAYS, Answer, Authority, Decision, Policies, meant, planned
from clusterproof.access.matching import conditions_hold, speaks_of, touches
from clusterproof.access.patterns import is_pattern
from clusterproof.access.principals import asker_of
from clusterproof.access.values import NO, YES
from clusterproof.access.weighing import Suspect, weighed
from clusterproof.snapshot.fields import Cause, Unknown

__all__ = ["Answer", "Authority", "Decision", "Policies", "Request", "decide"]


def decide(authority: Authority, request: Request) -> Decision:
    """Whether a request is allowed; of several actions at once (``sqs:*``) nothing is said."""
    if is_pattern(request.action):
        why = f"{request.action} stands for several actions, of which each is decided by itself"
        unknown = Unknown(Cause.NOT_ANSWERABLE, why, "name the actions one by one")
        return Decision(Answer.UNKNOWN, why, unknowns=(unknown,))
    plan = planned(authority, request.action.lower())
    asker = asker_of(request.principal)
    resource = request.resource
    pattern = is_pattern(resource)
    suspects: list[Suspect] = []
    for layer in plan.denying:
        for policy, statement, whom in layer.denies:
            scope = statement.scope
            level = touches(scope, request) if pattern else speaks_of(scope, resource, request)
            if level != NO and whom is not ALL_WAYS:
                level = min(level, (whom or meant(layer, statement, asker)).any)
            if level != NO and statement.conditions:
                level = min(level, conditions_hold(statement, request))
            if level == YES:
                some = "some of " if pattern and not scope.everything else ""
                why = f"{statement.title} of {policy.name} denies {request.action} on {some}{resource}"
                return Decision(Answer.DENIED, why, statement, policy.name, (), layer.name)
            if level != NO:
                suspects.append(Suspect(layer, policy, statement))
    return weighed(authority, plan, request, asker, suspects)
