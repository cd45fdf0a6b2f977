"""Fixes of identity are proven on the copy, take nothing away that stands there, and guess no role."""

from __future__ import annotations

from typing import Any

import hcl2
import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings, report
from clusterproof.checks.mended import Fix
from clusterproof.fixes.propose import repair
from clusterproof.profiles.model import Check, FindWorkload, Identity, Principal, WorkloadDefinition
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import apply
from clusterproof.verdict.algebra import Verdict
from tests.access.build import ISSUER, PROVIDER, Account, deny, document, irsa_trust, pod_trust, role_arn, statement
from tests.checks.ask import profile, requirement
from tests.world.build import CLUSTER, Raw

WEB = "app/web"
EC2: Raw = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def fixed(account: Account, that: str, *, by: str = "any", **who: str) -> tuple[Context, Fix]:
    """The fix of what is asked of the pods' identity; of Deployment ``web`` unless said otherwise."""
    principal = Principal(**(who or {"workload": "deploy/app/web"}))
    made = profile(requirement(Check(identity=Identity(principal, that, by))))
    context = Context(account.snapshot(), made)
    (found,) = repair(context, report(context, findings(context))).findings
    assert found.verdict is Verdict.FAIL
    assert found.fix is not None
    return context, found.fix


def advised(account: Account, that: str, **more: Any) -> str:
    """The advice where nothing is changed."""
    _, fix = fixed(account, that, **more)
    assert not fix.proven
    assert not fix.changes
    return "\n".join(fix.said)


def terraform(fix: Fix) -> str:
    """What of Terraform makes the first change."""
    made = fix.changes[0].commands
    assert isinstance(made, dict)
    return made["terraform"]


def bare(role: str = "web", trust: Raw | None = None) -> Account:
    """``web`` without a role, and a role that may be for it."""
    return Account().agent().app(WEB, "web").service_account(WEB).role(role, trust=trust)


def trust_of(context: Context, fix: Fix, role: str) -> list[Raw]:
    """The statements of a role's trust policy with the fix in place."""
    raw = apply(context.world.snapshot, fix.overlay).raw(kinds.ROLES, role)
    assert raw is not None
    found: list[Raw] = raw["AssumeRolePolicyDocument"]["Statement"]
    return found


# --- association ------------------------------------------------------------------------------


def test_an_association_with_the_role_that_bears_the_name() -> None:
    """The only role that is named for the service account and trusts EKS for it."""
    _, fix = fixed(bare(), "role")
    assert fix.proven, fix.advice
    assert fix.commands[0].startswith(
        f"aws eks create-pod-identity-association --cluster-name {CLUSTER} --region us-east-1"
    )
    assert f"--role-arn {role_arn('web')}" in fix.commands[0]
    assert 'resource "aws_eks_pod_identity_association" "clusterproof_app_web"' in terraform(fix)
    assert any("made anew" in text for text in fix.said)
    _, fix = fixed(bare("web-role"), "role")
    assert fix.proven


def test_the_role_that_the_others_have() -> None:
    """Actors of one requirement share a role: the one that all others have."""
    account = bare("shared").service_account("app/other").association("app/other", "shared")
    account.app("app/other", "other")
    made = profile(requirement(Check(identity=Identity(Principal(workload="actors"), "role"))))
    actors = WorkloadDefinition("actors", (FindWorkload(namespace="app"),))
    made = msgspec.structs.replace(made, workloads={"actors": actors})
    context = Context(account.snapshot(), made)
    (found,) = repair(context, report(context, findings(context))).findings
    assert found.fix is not None
    assert found.fix.proven, found.fix.advice
    assert role_arn("shared") in found.fix.commands[0]


def test_no_role_is_guessed() -> None:
    """A role of another name, one that does not trust EKS, or two that may be meant: advice."""
    assert "create one" in advised(bare("other"), "role")
    assert "create one" in advised(bare("web", document(EC2)), "role")
    assert "several may be meant" in advised(bare("my-web").role("your-web"), "role")


def test_an_annotation_where_irsa_is_asked_for() -> None:
    """By IRSA it is the service account that names the role."""
    _, fix = fixed(bare(), "role", by="irsa")
    assert fix.proven
    assert fix.commands[0].startswith("kubectl annotate serviceaccount -n app web eks.amazonaws.com/role-arn=")


def test_a_role_that_does_not_exist_is_created() -> None:
    """It bears the name that the association has, lets EKS assume it, and may do nothing."""
    account = bare().association(WEB, "deep/er/gone")
    context, fix = fixed(account, "role")
    assert fix.proven, fix.advice
    assert fix.commands[0].startswith("aws iam create-role --role-name gone --path /deep/er/ ")
    assert "sts:TagSession" in fix.commands[0]
    assert any("update-pod-identity-association --association-id a-0" in text for text in fix.said)
    raw = apply(context.world.snapshot, fix.overlay).raw(kinds.ROLES, "gone")
    assert raw is not None
    assert raw["Arn"] == role_arn("deep/er/gone")
    assert terraform(fix).startswith('resource "aws_iam_role" "clusterproof_gone"')
    assert hcl2.loads(terraform(fix))["resource"]


def test_a_role_of_another_account_is_not_created() -> None:
    """It is named, and left to that account."""
    account = bare()
    account.service_account("app/far", "arn:aws:iam::444455556666:role/far").app("app/far", "far")
    principal = Principal(workload="deploy/app/far")
    made = profile(requirement(Check(identity=Identity(principal, "role"))))
    (found,) = findings(Context(account.snapshot(), made))
    assert found.verdict is Verdict.UNKNOWN
    assert "444455556666" in str(found.unknowns)


# --- trust ---------------------------------------------------------------------------------------


def test_the_missing_action_is_added_to_the_statement() -> None:
    """The statement of EKS gets ``sts:TagSession``; those of others stay as they are."""
    held = document(EC2, *pod_trust("sts:AssumeRole")["Statement"])
    context, fix = fixed(bare(trust=held).association(WEB, "web"), "trust")
    assert fix.proven, fix.advice
    found = trust_of(context, fix, "web")
    assert found[0] == EC2
    assert found[1]["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert len(found) == 2
    assert fix.commands[0].startswith("aws iam update-assume-role-policy --role-name web")
    text = terraform(fix)
    # An argument outside of a block is one that Terraform refuses.
    assert set(hcl2.loads(text + "\n")) <= {"__comments__"}
    assert text.startswith('# in the aws_iam_role "web" set:\n#   assume_role_policy = jsonencode({')
    assert hcl2.loads(text.partition("\n")[2].lstrip("# ") + "\n")["assume_role_policy"]


def test_a_statement_with_conditions_stays_and_another_is_added() -> None:
    """A condition that does not hold for these pods holds for others: it is not taken away."""
    other = pod_trust(StringEquals={"aws:RequestTag/kubernetes-namespace": "other"})
    context, fix = fixed(bare(trust=other).association(WEB, "web"), "trust")
    assert fix.proven
    found = trust_of(context, fix, "web")
    assert found[0] == other["Statement"][0]
    assert found[1]["Principal"] == {"Service": "pods.eks.amazonaws.com"}


def test_a_token_is_let_in_by_subject_and_audience() -> None:
    """IRSA: the provider, with just this service account and audience."""
    account = Account().agent().app(WEB, "web").service_account(WEB, "web").role("web", trust=irsa_trust("app:other"))
    context, fix = fixed(account, "trust")
    assert fix.proven, fix.advice
    one = trust_of(context, fix, "web")[1]
    assert one["Principal"] == {"Federated": PROVIDER}
    subject = {f"{ISSUER}:sub": "system:serviceaccount:app:web", f"{ISSUER}:aud": "sts.amazonaws.com"}
    assert one["Condition"] == {"StringEquals": subject}


def test_of_several_service_accounts_one_statement_names_each() -> None:
    """Tokens of two service accounts for one role: one change of its trust policy, with a list of exactly these subjects."""
    account = Account().agent().role("web", trust=irsa_trust("app:other"))
    for key in ("app/one", "app/two"):
        account.app(key, key.partition("/")[2]).service_account(key, "web")
    asked = requirement(Check(identity=Identity(Principal(workload="both"), "trust")))
    workloads = {"both": WorkloadDefinition("both", find=(FindWorkload(name="one|two"),))}
    context = Context(account.snapshot(), msgspec.structs.replace(profile(asked), workloads=workloads))
    fix = repair(context, report(context, findings(context))).findings[0].fix
    assert fix is not None
    assert fix.proven, fix.advice
    assert [change.text for change in fix.changes] == [
        f"let {PROVIDER} assume role web (sts:AssumeRoleWithWebIdentity) for app/one and app/two"
    ]
    assert len(fix.commands) == len(fix.overlay.edits) == 1
    _, one = trust_of(context, fix, "web")
    assert one["Condition"]["StringEquals"][f"{ISSUER}:sub"] == [
        "system:serviceaccount:app:one",
        "system:serviceaccount:app:two",
    ]


def test_a_deny_in_a_trust_policy_is_named() -> None:
    """No statement outweighs it."""
    stop = {key: value for key, value in deny("sts:AssumeRole").items() if key != "Resource"} | {"Principal": "*"}
    held = document(*pod_trust()["Statement"], stop)
    assert "explicit Deny" in advised(bare(trust=held).association(WEB, "web"), "trust")


def test_a_target_role_is_taught_the_first() -> None:
    """The target's trust policy gets the first role, with the external id that EKS sends."""
    account = bare().association(WEB, "web", targetRoleArn=role_arn("target"), externalId="x")
    assume = document(statement(["sts:AssumeRole", "sts:TagSession"], role_arn("target")))
    account.objects[kinds.ROLES.name][0]["RolePolicyList"] = [{"PolicyName": "assume", "PolicyDocument": assume}]
    account.role("target", trust=document(EC2))
    context, fix = fixed(account, "trust")
    assert fix.proven, fix.advice
    found = trust_of(context, fix, "target")
    assert found[0] == EC2
    assert found[1]["Condition"] == {"StringEquals": {"sts:ExternalId": "x"}}


# --- ways ------------------------------------------------------------------------------------------


def both(trust: Raw | None = None) -> Account:
    """``web`` with an annotation and an association."""
    account = Account().agent().app(WEB, "web").service_account(WEB, "old").role("old", trust=irsa_trust("app:web"))
    return account.role("new", trust=trust).association(WEB, "new")


def test_of_two_ways_the_annotation_goes() -> None:
    """The association works, so the annotation is taken off; that the role changes is told."""
    _, fix = fixed(both(), "one-way")
    assert fix.proven, fix.advice
    assert fix.commands == ("kubectl annotate serviceaccount -n app web eks.amazonaws.com/role-arn-",)
    assert any("that had role old then get role new" in text for text in fix.said)


def test_an_association_that_cannot_work_goes() -> None:
    """What the pods have today stays."""
    context, fix = fixed(both(document(EC2)), "one-way")
    assert fix.proven, fix.advice
    assert fix.commands[0].startswith("aws eks delete-pod-identity-association")
    assert not apply(context.world.snapshot, fix.overlay).objects(kinds.POD_IDENTITY_ASSOCIATIONS)


def test_irsa_becomes_pod_identity() -> None:
    """The role of the annotation lets EKS in, gets an association, and the annotation goes."""
    account = Account().agent().app(WEB, "web").service_account(WEB, "web").role("web", trust=irsa_trust("app:web"))
    context, fix = fixed(account, "current-way")
    assert fix.proven, fix.advice
    assert [command.split()[2] for command in fix.commands] == [
        "update-assume-role-policy",
        "create-pod-identity-association",
        "serviceaccount",
    ]
    assert len(trust_of(context, fix, "web")) == 2


# --- pods --------------------------------------------------------------------------------------------


def test_pods_are_restarted() -> None:
    """What a restart brings is on the copy; the command restarts the controller."""
    account = bare().association(WEB, "web")
    spec = {"serviceAccountName": "web", "containers": [{"name": "main", "image": "i"}]}
    labels = {"app": "web", "pod-template-hash": "abc"}
    account.pod("app/web-abc-1", owner="ReplicaSet/web-abc", labels=labels, spec=spec)
    _, fix = fixed(account, "injected")
    assert fix.proven, fix.advice
    assert fix.commands == ("kubectl rollout restart -n app deploy/web",)
