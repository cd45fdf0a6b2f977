"""Service accounts get roles that exist, that they may assume, by one way, and their pods have what they need of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, FindWorkload, Identity, Principal, Template, WorkloadDefinition
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.access.build import (
    ACCOUNT,
    ISSUER,
    Account,
    document,
    irsa_trust,
    pod_trust,
    role_arn,
    statement,
)
from tests.checks.ask import ask, profile, requirement
from tests.world.build import CLUSTER, Raw

WEB = "app/web"


def identity(account: Account, that: str, *, by: str = "any", absent: str = "unknown", **who: str) -> Finding:
    """What of the pods' identity is asked; of Deployment ``web`` unless said otherwise."""
    principal = Principal(**(who or {"workload": "deploy/app/web"}))
    return ask(account, requirement(Check(identity=Identity(principal, that, by)), absent=absent))


def web(trust: Raw | None = None, **more: Any) -> Account:
    """``web`` with role ``r`` by an association; ``more`` are members of it."""
    account = Account().agent().app(WEB, "web").service_account(WEB).role("r", trust=trust)
    return account.association(WEB, "r", **more)


def annotated(trust: Raw | None = None, *, version: str = "1.33") -> Account:
    """``web`` with role ``r`` by an annotation."""
    account = Account(version=version).agent().app(WEB, "web").service_account(WEB, "r")
    return account.role("r", trust=irsa_trust("app:web") if trust is None else trust)


def says(found: Finding) -> str:
    """All that a finding does not know."""
    return "\n".join(str(item) for item in found.unknowns)


# --- role -----------------------------------------------------------------------------------


def test_what_is_not_installed_yet_may_have_its_association_already() -> None:
    """Its chart brings the service account; of a Deployment that is there the missing one fails."""
    template = Template("Deployment", "app", {"serviceAccountName": "web", "containers": [{"name": "c", "image": "i"}]})
    named = {"web": WorkloadDefinition("web", (FindWorkload(name="web"),), template)}
    asked = requirement(Check(identity=Identity(Principal(workload="web"), "role")))
    to_come = Account().agent().role("r").association(WEB, "r")
    known = msgspec.structs.replace(profile(asked), workloads=named)
    (found,) = findings(Context(to_come.snapshot(), known))
    assert found.verdict is Verdict.PASS, found.summary
    there = Account().agent().app(WEB, "web").role("r").association(WEB, "r")
    assert identity(there, "role").verdict is Verdict.FAIL


def test_an_association_gives_a_role() -> None:
    """The association is evidence, and the role must exist."""
    found = identity(web(), "role")
    assert found.verdict is Verdict.PASS, (found.summary, says(found))
    assert "pod-identity-associations" in {ref.kind for ref in found.evidence}
    account = web()
    account.objects[kinds.ROLES.name].clear()
    found = identity(account, "role")
    assert found.verdict is Verdict.FAIL
    assert "does not exist" in found.summary


def test_neither_association_nor_annotation_fails() -> None:
    """A service account without either has no role of its own; which way was asked for is told."""
    account = Account().agent().app(WEB, "web").service_account(WEB)
    for by, text in (("any", "neither"), ("pod-identity", "no EKS Pod Identity association"), ("irsa", "no IRSA")):
        found = identity(account, "role", by=by)
        assert found.verdict is Verdict.FAIL
        assert text in found.summary
    assert identity(annotated(), "role", by="pod-identity").verdict is Verdict.FAIL
    assert identity(annotated(), "role", by="irsa").verdict is Verdict.PASS
    assert identity(web(), "role", by="irsa").verdict is Verdict.FAIL


def test_without_the_agent_an_association_gives_nothing() -> None:
    """An association works only where the agent runs."""
    account = web()
    account.remove(kinds.DAEMON_SETS, "kube-system/eks-pod-identity-agent")
    found = identity(account, "role")
    assert found.verdict is Verdict.FAIL
    assert "no EKS Pod Identity agent runs" in found.summary


@pytest.mark.parametrize("kind", [kinds.SERVICE_ACCOUNTS, kinds.POD_IDENTITY_ASSOCIATIONS, kinds.ROLES])
def test_what_was_not_read_is_unknown(kind: kinds.Kind[Any]) -> None:
    """Without service accounts, associations or roles nothing passes and nothing fails."""
    account = web() if kind is not kinds.SERVICE_ACCOUNTS else Account().agent().app(WEB, "web").role("r")
    account.drop(kind)
    if kind is kinds.POD_IDENTITY_ASSOCIATIONS:
        account.drop(kinds.POD_IDENTITY_ASSOCIATION_IDS)
    found = identity(account, "role")
    assert found.verdict is Verdict.UNKNOWN, found.summary
    assert found.unknowns


def test_a_service_account_may_be_named() -> None:
    """Also one that no workload uses today."""
    account = Account().agent().namespace("keda")
    assert isinstance(account, Account)
    account.service_account("keda/keda-operator").role("keda").association("keda/keda-operator", "keda")
    assert identity(account, "role", service_account="keda/keda-operator").verdict is Verdict.PASS
    assert identity(account, "trust", service_account="keda/keda-operator").verdict is Verdict.PASS


def test_a_workload_that_is_not_there_does_not_apply_where_it_may_be_absent() -> None:
    """A role that is named is there or not; its name may come from nowhere else."""
    assert identity(web(), "role", role="r").verdict is Verdict.PASS
    assert identity(web(), "role", role="other").verdict is Verdict.FAIL


# --- trust -----------------------------------------------------------------------------------


def test_the_documented_trust_passes() -> None:
    """``pods.eks.amazonaws.com`` with both actions."""
    assert identity(web(), "trust").verdict is Verdict.PASS
    assert identity(web(), "trust", role="r").verdict is Verdict.PASS


def test_a_missing_action_is_named() -> None:
    """Without ``sts:TagSession`` the role cannot be assumed, unless the session tags are switched off."""
    found = identity(web(pod_trust("sts:AssumeRole")), "trust")
    assert found.verdict is Verdict.FAIL
    assert "sts:TagSession" in found.summary
    assert found.evidence[0].field == "AssumeRolePolicyDocument"
    off = web(pod_trust("sts:AssumeRole"), disableSessionTags=True)
    assert identity(off, "trust").verdict is Verdict.PASS


def test_another_principal_is_not_eks() -> None:
    """A role for EC2 is none for pods."""
    ec2 = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    found = identity(web(ec2), "trust")
    assert found.verdict is Verdict.FAIL
    assert "pods.eks.amazonaws.com" in found.summary


def test_conditions_are_compared_with_what_eks_sends() -> None:
    """Tags of this namespace hold, those of another do not, and a role that is named alone may be for any."""

    def tagged(value: str) -> Account:
        return web(pod_trust(StringEquals={"aws:RequestTag/kubernetes-namespace": value}))

    assert identity(tagged("app"), "trust").verdict is Verdict.PASS
    found = identity(tagged("other"), "trust")
    assert found.verdict is Verdict.FAIL
    assert "other" in found.summary
    assert identity(tagged("app"), "trust", role="r").verdict is Verdict.UNKNOWN


def test_an_operator_that_is_not_known_is_unknown() -> None:
    """Nobody can say whether a condition holds that AWS does not know."""
    found = identity(web(pod_trust(StringResembles={"aws:SourceAccount": ACCOUNT})), "trust")
    assert found.verdict is Verdict.UNKNOWN
    assert "StringResembles" in says(found)


def test_a_token_must_match_subject_and_audience() -> None:
    """IRSA: the provider, the subject and the audience; a trust without audience is told of."""
    assert identity(annotated(), "trust").verdict is Verdict.PASS
    assert identity(annotated(irsa_trust("*:web", like=True)), "trust").verdict is Verdict.PASS
    found = identity(annotated(irsa_trust("app:other")), "trust")
    assert found.verdict is Verdict.FAIL
    assert "system:serviceaccount:app:other" in found.summary
    assert identity(annotated(irsa_trust("*:web")), "trust").verdict is Verdict.FAIL  # StringEquals knows no wildcards
    found = identity(annotated(irsa_trust("app:web", aud="")), "trust")
    assert found.verdict is Verdict.PASS
    assert any(f"{ISSUER}:aud" in note for note in found.notes)
    other = irsa_trust("app:web", provider=f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.example/id/DEF")
    assert identity(annotated(other), "trust").verdict is Verdict.FAIL


def test_trust_by_one_way_only_asks_about_it() -> None:
    """A role got by the other way is not judged."""
    assert identity(annotated(), "trust", by="pod-identity").verdict is Verdict.NOT_APPLICABLE
    assert identity(web(), "trust", by="irsa").verdict is Verdict.NOT_APPLICABLE


def test_a_target_role_must_trust_the_first() -> None:
    """Both trust policies are judged, with what EKS sends as the external id."""

    def chained(external: str) -> Account:
        account = web(targetRoleArn=role_arn("target"), externalId="x")
        own = account.objects[kinds.ROLES.name][0]
        assume = document(statement(["sts:AssumeRole", "sts:TagSession"], role_arn("target")))
        own["RolePolicyList"] = [{"PolicyName": "assume", "PolicyDocument": assume}]
        one = {
            "Effect": "Allow",
            "Principal": {"AWS": role_arn("r")},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {"sts:ExternalId": external}},
        }
        return account.role("target", trust=document(one))

    assert identity(chained("x"), "trust").verdict is Verdict.PASS
    found = identity(chained("y"), "trust")
    assert found.verdict is Verdict.FAIL
    assert "role target may not be assumed" in found.summary


# --- one way, the current way -----------------------------------------------------------------


def test_both_ways_at_once_fail() -> None:
    """An annotation beside an association is a conflict, whichever roles they name."""
    assert identity(web(), "one-way").verdict is Verdict.PASS
    assert identity(annotated(), "one-way").verdict is Verdict.PASS
    found = identity(annotated().association(WEB, "other").role("other"), "one-way")
    assert found.verdict is Verdict.FAIL
    assert "both an annotation" in found.summary
    assert identity(annotated().association(WEB, "r"), "one-way").verdict is Verdict.FAIL
    nothing = Account().app(WEB, "web").service_account(WEB)
    assert identity(nothing, "one-way").verdict is Verdict.NOT_APPLICABLE


def test_irsa_where_pod_identity_could_be_used() -> None:
    """IRSA is told of from Kubernetes 1.24 on, and nowhere that Pod Identity does not work."""
    assert identity(web(), "current-way").verdict is Verdict.PASS
    found = identity(annotated(), "current-way")
    assert found.verdict is Verdict.FAIL
    assert "where EKS Pod Identity could be used" in found.summary
    assert identity(annotated(version="1.23"), "current-way").verdict is Verdict.PASS
    assert identity(annotated(version=""), "current-way").verdict is Verdict.UNKNOWN
    fargate = annotated()
    fargate.put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"})
    selector = {"fargateProfileName": "fp", "clusterName": CLUSTER, "selectors": [{"namespace": "app"}]}
    fargate.put(kinds.FARGATE_PROFILES, {**selector, "status": "ACTIVE", "subnets": ["subnet-a"]})
    found = identity(fargate, "current-way")
    assert found.verdict is Verdict.PASS
    assert "Fargate" in found.summary


# --- what pods have got ------------------------------------------------------------------------


def running(account: Account, *variables: Raw, name: str = "web-1", containers: int = 1) -> Account:
    """A pod of ``web`` that runs, with these variables in its first container."""
    own = [
        {"name": f"c{number}", "image": "i", "env": list(variables) if not number else []}
        for number in range(containers)
    ]
    spec = {"serviceAccountName": "web", "containers": own}
    labels = {"app": "web", "pod-template-hash": "abc"}
    account.pod(f"app/{name}", owner="ReplicaSet/web-abc", labels=labels, spec=spec)
    return account


URI = {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1/credentials"}
TOKEN = {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"}


def test_pods_older_than_the_association_lack_it() -> None:
    """A pod without the variables of the association must be restarted; one with them need not."""
    assert identity(running(web(), URI), "injected").verdict is Verdict.PASS
    found = identity(running(running(web(), URI), name="web-2"), "injected")
    assert found.verdict is Verdict.FAIL
    assert "pod app/web-2 is without it" in found.summary
    assert "restart" in found.summary
    assert found.evidence[0].kind == "pods"


def test_every_container_needs_it() -> None:
    """A sidecar that came in afterwards has nothing."""
    found = identity(running(web(), URI, containers=2), "injected")
    assert found.verdict is Verdict.FAIL
    assert "c1 has no AWS_CONTAINER_CREDENTIALS_FULL_URI" in found.summary


def test_a_token_of_another_role_is_stale() -> None:
    """IRSA: pods keep the role that the annotation named when they were made."""
    role = {"name": "AWS_ROLE_ARN", "value": role_arn("r")}
    assert identity(running(annotated(), TOKEN, role), "injected").verdict is Verdict.PASS
    found = identity(running(annotated(), TOKEN, {**role, "value": role_arn("old")}), "injected")
    assert found.verdict is Verdict.FAIL
    assert role_arn("old") in found.summary


def test_without_pods_there_is_nothing_to_judge() -> None:
    """Scaled to zero: not applicable; pods that were not read: unknown."""
    assert identity(web(), "injected").verdict is Verdict.NOT_APPLICABLE
    account = web()
    account.drop(kinds.PODS)
    assert identity(account, "injected").verdict is Verdict.UNKNOWN
