"""Whether every pod of a workload is selected by an enforced policy of one direction (reference section 7)."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.model import Check, Isolated, Requirement
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT, ask, requirement
from tests.world.build import Tiny

ENFORCED = ("--enable-network-policy=true",)


def cluster(*policies: dict[str, Any], enforced: bool = True, env: dict[str, str] | None = None, **spec: Any) -> Tiny:
    """A client on one group, with these policies in its namespace."""
    tiny = Tiny().sg("sg-a").cni(env, agent_args=ENFORCED if enforced else None).managed("a", ["sg-a"])
    tiny.deployment("app/client", spec or None)
    for number, one in enumerate(policies):
        tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"name": f"p-{number}", "namespace": "app"}, "spec": one})
    return tiny


def asked(direction: str = "egress", workload: str = CLIENT, absent: str = "unknown") -> Requirement:
    """Whether the client is isolated."""
    return requirement(Check(isolated=Isolated(workload, direction)), absent=absent)


def selecting(*types: str, **labels: str) -> dict[str, Any]:
    """A policy of these types that selects pods with these labels."""
    return {"podSelector": {"matchLabels": labels}, "policyTypes": list(types)}


@pytest.mark.parametrize(
    ("policy", "egress", "ingress"),
    [
        (selecting("Egress"), Verdict.PASS, Verdict.FAIL),
        (selecting("Ingress", app="client"), Verdict.FAIL, Verdict.PASS),
        (selecting("Ingress", "Egress", app="client"), Verdict.PASS, Verdict.PASS),
        (selecting("Egress", app="other"), Verdict.FAIL, Verdict.FAIL),
        ({**selecting("Egress"), "egress": [{}]}, Verdict.PASS, Verdict.FAIL),
    ],
)
def test_direction_and_selector(policy: dict[str, Any], egress: Verdict, ingress: Verdict) -> None:
    """A policy isolates in the directions that it lists, the pods that it selects, whatever it admits (rule 7.1)."""
    assert ask(cluster(policy), asked()).verdict is egress
    assert ask(cluster(policy), asked("ingress")).verdict is ingress


def test_words() -> None:
    """The policy that selects is named; where none does that is said, with the workload as evidence."""
    assert ask(cluster(selecting("Egress")), asked()).summary == "app/p-0 selects deploy/app/client"
    found = ask(cluster(), asked())
    assert found.summary == "no NetworkPolicy selects deploy/app/client for egress"
    assert found.evidence[0].key == "app/client"


def test_what_is_not_enforced_selects_nobody() -> None:
    """Policies that nothing enforces, and those of pods on the host network, are no isolation (rule 7.10)."""
    assert ask(cluster(selecting("Egress"), enforced=False), asked()).verdict is Verdict.FAIL
    assert ask(cluster(selecting("Egress"), hostNetwork=True), asked()).verdict is Verdict.FAIL


def test_strict_mode_isolates_what_no_policy_selects() -> None:
    """In strict enforcing mode a pod without policies gets and sends nothing; any policy ends that (rule 7.9)."""
    env = {"NETWORK_POLICY_ENFORCING_MODE": "strict"}
    assert ask(cluster(env=env), asked()).verdict is Verdict.PASS
    assert ask(cluster(selecting("Ingress"), env=env), asked()).verdict is Verdict.FAIL


def test_unread() -> None:
    """Policies that were not read may select the pod; what certainly selects it is enough."""
    assert ask(cluster().drop(kinds.NETWORK_POLICIES), asked()).verdict is Verdict.UNKNOWN
    denied = Unknown(Cause.DENIED, "networkpolicies were refused")
    assert ask(cluster().partly(kinds.NETWORK_POLICIES, denied), asked()).verdict is Verdict.UNKNOWN
    partly = cluster(selecting("Egress")).partly(kinds.NETWORK_POLICIES, denied)
    assert ask(partly, asked()).verdict is Verdict.PASS
    odd = cluster({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Odd"}]}, "policyTypes": ["Egress"]})
    assert ask(odd, asked()).verdict is Verdict.UNKNOWN


def test_a_bare_pod_is_promised_nothing() -> None:
    """The VPC CNI promises enforcement for pods with owners (rule 7.9)."""
    tiny = cluster(selecting("Egress")).pod("app/alone", "a-0")
    assert ask(tiny, asked(workload="pod/app/alone")).verdict is Verdict.UNKNOWN
