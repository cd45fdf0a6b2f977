"""The printed script for a full dump, run by a shell with the real AWS CLI on a moto server: everything loads complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest

from clusterproof.snapshot import kinds, reader, writer
from clusterproof.snapshot.compare import differences
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import load_snapshot, manual
from tests.e2e.moto_account import ACCOUNT, Account, environment
from tests.sources.aws_api.motoserver import REGION, extended_moto

pytestmark = pytest.mark.slow

WORLD = Path(__file__).resolve().parents[2] / "src" / "clusterproof" / "worlds" / "demo"
ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/A1B2C3D4"
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


class Dumps(msgspec.Struct, frozen=True):
    """What the script left.

    Attributes:
        bare: the directory, of an account that has nothing but its cluster.
        full: of one with all that a profile may ask for.
        key: the id of the key.
    """

    bare: Path
    full: Path
    key: str


def run_script(home: Path, env: dict[str, str], only: str = "") -> Path:
    """Runs the script without what asks the cluster; gives the dump's directory.

    Args:
        home: the directory to make.
        env: the environment that points the AWS CLI at the account.
        only: a pattern of the services whose lists are asked for; empty: all.
    """
    home.mkdir()
    # The CLI's first version asks SQS at an old name of its own unless told otherwise in the command (its
    # overridesslcommonname customization); a user's account answers there.
    (home / "bin").mkdir()
    wrapper = home / "bin" / "aws"
    wrapper.write_text(f'#!/bin/sh\nPATH=${{PATH#*:}} exec aws --endpoint-url {env["AWS_ENDPOINT_URL"]} "$@"\n')
    wrapper.chmod(0o755)
    env = {**env, "PATH": f"{home / 'bin'}{os.pathsep}{env['PATH']}"}
    lines = [line for line in manual.script().splitlines() if not line.startswith(("kubectl ", "helm "))]
    if only:
        lines = [line for line in lines if not line.startswith("aws ") or re.match(f"aws ({only}) ", line)]
    done = subprocess.run(
        ["sh", "-c", "\n".join(lines)],
        cwd=home,
        env={**env, "CLUSTER": "demo-gpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return home / "dump"


def furnish(url: str) -> str:
    """Makes at least one of every kind; the key's id."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    iam, sqs, s3, kms, ec2 = (client(service) for service in ("iam", "sqs", "s3", "kms", "ec2"))
    client("organizations").create_organization(FeatureSet="ALL")
    own = iam.create_policy(PolicyName="queues", PolicyDocument=ALLOW)["Policy"]["Arn"]
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=ALLOW)["Policy"]["Arn"]
    iam.create_role(RoleName="actor", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=bound)
    iam.attach_role_policy(RoleName="actor", PolicyArn=own)
    iam.put_role_policy(RoleName="actor", PolicyName="inline", PolicyDocument=ALLOW)
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="actor")
    iam.create_open_id_connect_provider(
        Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["9" * 40]
    )
    for name, tags in (("asya-one", {"team": "a"}), ("asya-two", {})):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"}, tags=tags)
    where = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket="results.of-asya", CreateBucketConfiguration=where)
    s3.create_bucket(Bucket="bare", CreateBucketConfiguration=where)
    s3.put_bucket_versioning(Bucket="results.of-asya", VersioningConfiguration={"Status": "Enabled"})
    sse = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket="results.of-asya", ServerSideEncryptionConfiguration=sse)
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}
    s3.put_bucket_lifecycle_configuration(Bucket="results.of-asya", LifecycleConfiguration={"Rules": [rule]})
    s3.put_public_access_block(
        Bucket="results.of-asya", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "BlockPublicPolicy": True}
    )
    key: str = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/queues", TargetKeyId=key)
    kms.enable_key_rotation(KeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:role/actor", Operations=["Decrypt"])
    subnet = ec2.describe_subnets()["Subnets"][0]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=address)
    ec2.create_vpc_endpoint(VpcId=subnet["VpcId"], ServiceName=f"com.amazonaws.{REGION}.s3")
    return key


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumps]:
    """The account of the demo, dumped as it is and with all that a profile may ask for."""
    home = tmp_path_factory.mktemp("requested")
    with extended_moto() as url:
        Account(WORLD, url, REGION).make()
        env = environment(url, REGION)
        bare = run_script(home / "bare", env, "iam|organizations|sqs|s3api|kms")
        key = furnish(url)
        yield Dumps(bare, run_script(home / "full", env), key)


def incomplete(snapshot: Snapshot) -> dict[str, str]:
    """The kinds of AWS that are not complete, with why."""
    missing = {kind.name: snapshot.missing(kind) for kind in kinds.ALL if kind.origin == "aws"}
    return {name: str(why) for name, why in missing.items() if why is not None}


def test_a_full_dump_is_complete(dumps: Dumps) -> None:
    """No kind of AWS is incomplete, no member of any object unknown."""
    snapshot = load_snapshot([dumps.full])
    assert incomplete(snapshot) == {}
    unknown = [
        (table.kind.name, item.key, item.path) for table in snapshot.tables.values() for item in table.unknown_fields
    ]
    assert unknown == []


def test_objects_say_what_the_account_has(dumps: Dumps) -> None:
    """Each piece is in its place, and what is not configured is none."""
    snapshot = load_snapshot([dumps.full])
    role = snapshot.get(kinds.ROLES, "actor")
    assert role is not None
    assert role.permissions_boundary is not None
    attached = role.attached_managed_policies[0].policy_arn
    policy = snapshot.get(kinds.POLICIES, attached)
    assert policy is not None
    assert isinstance(policy.policy_version_list[0].document, dict)
    assert role.role_policy_list[0].policy_name == "inline"
    assert [item.roles[0].role_name for item in snapshot.objects(kinds.INSTANCE_PROFILES)] == ["actor"]
    provider = snapshot.get(kinds.OIDC_PROVIDERS, ISSUER)
    assert provider is not None
    assert provider.client_ids == ("sts.amazonaws.com",)
    assert provider.arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    assert len(snapshot.objects(kinds.ORGANIZATIONS)) == 1
    one, two = (snapshot.get(kinds.QUEUES, name) for name in ("asya-one", "asya-two"))
    assert one is not None
    assert two is not None
    assert (one.tags, two.tags) == ({"team": "a"}, {})
    assert one.attributes["VisibilityTimeout"] == "600"
    assert one.queue_url.endswith("/asya-one")
    made, bare = (snapshot.get(kinds.BUCKETS, name) for name in ("results.of-asya", "bare"))
    assert made is not None
    assert bare is not None
    assert made.region == REGION
    assert made.versioning is not None
    assert made.versioning.status == "Enabled"
    assert made.encryption is not None
    assert "ServerSideEncryptionConfiguration" in made.encryption
    assert made.lifecycle is not None
    assert made.lifecycle["Rules"][0]["Expiration"] == {"Days": 90}
    assert made.public_access_block is not None
    assert made.public_access_block.block_public_acls
    assert (bare.lifecycle, bare.policy, bare.public_access_block) == (None, None, None)
    key = snapshot.get(kinds.KEYS, dumps.key)
    assert key is not None
    assert (key.key_manager, key.key_state, key.rotation_enabled) == ("CUSTOMER", "Enabled", True)
    assert key.aliases == ("alias/queues",)
    assert key.policy
    assert key.grants[0].operations == ("Decrypt",)
    assert snapshot.objects(kinds.NAT_GATEWAYS)
    assert snapshot.objects(kinds.VPC_ENDPOINTS)


def test_where_nothing_is_it_is_known_that_there_is_none(dumps: Dumps) -> None:
    """An account without an organization, queues, buckets and keys: complete and empty."""
    snapshot = load_snapshot([dumps.bare])
    empty = {kind.name for kind in kinds.REQUESTED if kind.origin == "aws" and not snapshot.objects(kind)}
    assert {"organizations", "queues", "queue-urls", "buckets", "keys", "open-id-connect-providers"} <= empty
    # An account without any role is none of AWS's: there, an empty list is a filter's.
    assert {name for name in incomplete(snapshot) if name in empty} <= {"roles", "policies"} | {
        kind.name for kind in (kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS)
    }


def test_a_snapshot_file_keeps_it(dumps: Dumps, tmp_path: Path) -> None:
    """Written and read again, nothing differs; one piece that is taken away is unknown in the file too."""
    (dumps.full / "bucket-bare-versioning.json").rename(tmp_path / "kept")
    try:
        snapshot = load_snapshot([dumps.full])
    finally:
        (tmp_path / "kept").rename(dumps.full / "bucket-bare-versioning.json")
    path = tmp_path / "full.snapshot"
    writer.write(snapshot, path)
    again = reader.read(path)
    assert differences(snapshot, again) == []
    why = again.unknown_field(kinds.BUCKETS, "bare", "Versioning.Status")
    assert why is not None
    assert why.cause is Cause.NOT_COLLECTED
    assert "aws s3api get-bucket-versioning --bucket bare" in why.remedy
