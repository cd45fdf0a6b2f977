"""Printed fixes of rights, run by the AWS CLI against a server, leave roles and associations as the proof had them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings, report
from clusterproof.checks.mended import Fix
from clusterproof.fixes.propose import repair
from clusterproof.profiles.model import Access, Check, Identity, Principal, Requirement, Scope
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import apply
from clusterproof.snapshot.snapshot import Snapshot
from tests.access.build import ACCOUNT, QUEUES, REGION, Account, document, policy_arn, role_arn, statement
from tests.checks.ask import profile, requirement
from tests.e2e.moto_account import environment
from tests.sources.aws_api.motoserver import extended_moto
from tests.world.build import CLUSTER, Raw

pytestmark = pytest.mark.slow  # every command starts the AWS CLI anew
WEB = "app/web"
WITHIN = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server with an empty account."""
    with extended_moto() as url:
        yield url


def client(url: str, service: str) -> Any:
    """A client of the account."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


def make(url: str, snapshot: Snapshot) -> None:
    """The roles and policies of a snapshot, and its cluster."""
    iam = client(url, "iam")
    for policy in snapshot.tables[kinds.POLICIES.name].raws():
        text = json_of(policy["PolicyVersionList"][0]["Document"])
        iam.create_policy(PolicyName=policy["PolicyName"], PolicyDocument=text)
    for role in snapshot.tables[kinds.ROLES.name].raws():
        name = role["RoleName"]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json_of(role["AssumeRolePolicyDocument"]))
        for item in role["RolePolicyList"]:
            text = json_of(item["PolicyDocument"])
            iam.put_role_policy(RoleName=name, PolicyName=item["PolicyName"], PolicyDocument=text)
        for item in role["AttachedManagedPolicies"]:
            iam.attach_role_policy(RoleName=name, PolicyArn=item["PolicyArn"])
    eks = client(url, "eks")
    if not eks.list_clusters()["clusters"]:
        eks.create_cluster(name=CLUSTER, roleArn=role_arn("cluster"), resourcesVpcConfig={"subnetIds": ["subnet-1"]})


def json_of(raw: Raw) -> str:
    """A document as text."""
    return json.dumps(raw)


def fixed(account: Account, asked: Requirement) -> tuple[Snapshot, Fix]:
    """The snapshot with the proven fix, and the fix."""
    context = Context(account.snapshot(), profile(asked))
    (found,) = repair(context, report(context, findings(context))).findings
    assert found.fix is not None
    assert found.fix.proven, found.fix.advice
    return apply(context.world.snapshot, found.fix.overlay), found.fix


def run(url: str, fix: Fix) -> None:
    """Every command as it is printed."""
    for command in fix.commands:
        if command.startswith("aws "):
            env = environment(url, REGION)
            done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (command, done.stderr)


def same(url: str, after: Snapshot, name: str) -> None:
    """A role of the server is as the snapshot has it."""
    iam = client(url, "iam")
    raw = after.raw(kinds.ROLES, name)
    assert raw is not None
    role = iam.get_role(RoleName=name)["Role"]
    assert (role["Arn"], role["AssumeRolePolicyDocument"]) == (raw["Arn"], raw["AssumeRolePolicyDocument"])
    held = {
        policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    }
    assert held == {item["PolicyName"]: item["PolicyDocument"] for item in raw["RolePolicyList"]}


def test_a_grant(server: str) -> None:
    """The missing action stands in a policy of its own, beside what was there."""
    account = Account().role("grant", statement("sqs:SendMessage", QUEUES))
    check = Access(Principal(role="grant"), ("sqs:SendMessage", "sqs:GetQueueUrl"), (QUEUES,))
    make(server, account.snapshot())
    after, fix = fixed(account, requirement(Check(access=check), id_="perms"))
    run(server, fix)
    same(server, after, "grant")


def test_narrower_statements(server: str) -> None:
    """An inline policy is replaced, one that holds nothing else goes, and a managed one gets a new version."""
    outside = statement("sqs:*", f"arn:aws:sqs:*:{ACCOUNT}:other")
    account = Account().role(
        "wide", statement(["sqs:*", "s3:*"]), inline={"gone": document(outside)}, attached=["wide"]
    )
    account.policy("wide", statement("sqs:*"))
    make(server, account.snapshot())
    check = Scope(Principal(role="wide"), "sqs", (WITHIN,), ("sqs:ListQueues",))
    after, fix = fixed(account, requirement(Check(scope=check)))
    run(server, fix)
    same(server, after, "wide")
    iam = client(server, "iam")
    version = iam.get_policy(PolicyArn=policy_arn("wide"))["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=policy_arn("wide"), VersionId=version)["PolicyVersion"]["Document"]
    raw = after.raw(kinds.POLICIES, policy_arn("wide"))
    assert raw is not None
    assert (version, found) == (raw["DefaultVersionId"], raw["PolicyVersionList"][-1]["Document"])


def test_trust(server: str) -> None:
    """The trust policy has the new statement and all that it had."""
    account = Account().agent().app(WEB, "web").service_account(WEB).role("trust", trust=document(EC2))
    account.association(WEB, "trust")
    make(server, account.snapshot())
    check = Identity(Principal(service_account=WEB), "trust")
    after, fix = fixed(account, requirement(Check(identity=check)))
    run(server, fix)
    same(server, after, "trust")


def test_a_role_and_an_association(server: str) -> None:
    """A role that an association names is made; a service account without one is associated."""
    account = Account().agent().app(WEB, "web").service_account(WEB).association(WEB, "made/gone")
    make(server, account.snapshot())
    check = Identity(Principal(service_account=WEB))
    after, fix = fixed(account, requirement(Check(identity=check)))
    run(server, fix)
    same(server, after, "gone")
    bare = Account().agent().app(WEB, "web").service_account(WEB).role("web")
    after, fix = fixed(bare, requirement(Check(identity=check)))
    run(server, fix)
    (raw,) = after.tables[kinds.POD_IDENTITY_ASSOCIATIONS.name].raws()
    eks = client(server, "eks")
    (summary,) = eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"]
    identity = {"clusterName": CLUSTER, "associationId": summary["associationId"]}
    found = eks.describe_pod_identity_association(**identity)["association"]
    members = ("clusterName", "namespace", "serviceAccount", "roleArn")
    assert {name: found[name] for name in members} == {name: raw[name] for name in members}
