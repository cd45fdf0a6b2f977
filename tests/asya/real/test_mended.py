"""The AWS side of world ``asya`` broken through its API: what fails live, and that the printed commands mend it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.asya.real.world import PROFILE, World
from worldgen.asya import SPEC
from worldgen.asya_iam import BUCKET

pytestmark = pytest.mark.controlplane

Raw = dict[str, Any]
POLICY = {"RoleName": "asya-actor", "PolicyName": "asya-actor-policy"}
NODE = {"RoleName": f"{SPEC.cluster}-node", "PolicyArn": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"}


def _less_of_the_actors(world: World) -> None:
    iam = world.client("iam")
    document = iam.get_role_policy(**POLICY)["PolicyDocument"]
    document["Statement"][0]["Action"].remove("sqs:GetQueueUrl")
    iam.put_role_policy(**POLICY, PolicyDocument=json.dumps(document))


def _half_a_trust(world: World) -> None:
    service = {"Service": "pods.eks.amazonaws.com"}
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}],
    }
    world.client("iam").update_assume_role_policy(RoleName="asya-gateway", PolicyDocument=json.dumps(document))


def _no_tag(world: World) -> None:
    scaling = world.client("autoscaling")
    (name,) = [
        group["AutoScalingGroupName"]
        for group in scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        if {"eks:nodegroup-name": "gpu"}.items() <= {tag["Key"]: tag["Value"] for tag in group["Tags"]}.items()
    ]
    tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "k8s.io/cluster-autoscaler/enabled"}
    scaling.delete_tags(Tags=[tag])


def _far_metadata(world: World) -> None:
    ec2 = world.client("ec2")
    instance = ec2.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
    ec2.modify_instance_metadata_options(InstanceId=instance, HttpPutResponseHopLimit=2, HttpTokens="required")


def _no_versions(world: World) -> None:
    world.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


BROKEN: tuple[tuple[Callable[[World], object], frozenset[str]], ...] = (
    (_less_of_the_actors, frozenset({"actor-sqs-permissions"})),
    (_half_a_trust, frozenset({"gateway-trust"})),
    (
        lambda world: world.client("iam").detach_role_policy(**NODE),
        frozenset({"pod-identity-node-role", "gpu-node-worker-policy"}),
    ),
    (_no_tag, frozenset({"cluster-autoscaler-tags"})),
    (_far_metadata, frozenset({"node-metadata-hops"})),
    (_no_versions, frozenset({"bucket-versioning"})),
    (
        lambda world: world.client("s3").delete_bucket_lifecycle(Bucket=BUCKET),
        frozenset({"bucket-expiration", "bucket-noncurrent-expiration"}),
    ),
    (lambda world: world.client("s3").delete_public_access_block(Bucket=BUCKET), frozenset({"bucket-public-access"})),
)
"""What is done to the account, and the requirements that then fail: its own and what follows from it."""


@pytest.fixture
def broken(world: World) -> Iterator[World]:
    """All of it at once; the roles' policies are put back, everything else is by the printed commands."""
    iam = world.client("iam")
    kept = iam.get_role_policy(**POLICY)["PolicyDocument"]
    for act, _ in BROKEN:
        act(world)
    yield world
    iam.put_role_policy(**POLICY, PolicyDocument=json.dumps(kept))
    iam.attach_role_policy(**NODE)
    for role in ("asya-actor", f"{SPEC.cluster}-node"):
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            if name.startswith("clusterproof-"):
                iam.delete_role_policy(RoleName=role, PolicyName=name)


def bad(world: World) -> dict[str, str]:
    """Verdicts of what neither passes nor does not apply, read live."""
    return {
        item["id"].removeprefix(f"{PROFILE}/"): item["verdict"]
        for item in world.report()["findings"]
        if item["verdict"] not in ("pass", "not-applicable")
    }


def test_the_printed_commands_mend_the_account(broken: World) -> None:
    """Each change fails exactly what rests on it; ``fix`` proves its change; after the commands everything passes."""
    assert bad(broken) == dict.fromkeys(sorted(set().union(*(names for _, names in BROKEN))), "fail")
    done = broken.run("fix", "--profile", PROFILE, "--as", "aws-cli", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    # The account itself is written to: what stands before it lets only reading through.
    env = broken.env | broken.administrator | {"AWS_ENDPOINT_URL": broken.proxy.target}
    script = f"set -euo pipefail\n{done.stdout}"
    run = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    assert bad(broken) == {}
