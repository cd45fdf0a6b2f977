"""Each right that ``permissions --profile dynamo`` prints decides a verdict: with it known, without it unknown and named.

RBAC is enforced by the stub of the Kubernetes API, IAM by moto: the reader is a user with the printed policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
import yaml

import clusterproof
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.aws_api import AccountOptions
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.kubernetes_api import ClusterOptions, read_cluster
from clusterproof.sources.permissions import iam, needed_kinds, rbac
from clusterproof.verdict.algebra import Verdict
from tests.e2e.moto_account import environment
from tests.e2e.rights import CLUSTER, WORLDS, Cloud, cloud, needed, objects
from tests.faults.served import plain
from tests.sources.aws_api.motoserver import REGION, post
from tests.sources.kubernetes_api.stub import Stub

pytestmark = pytest.mark.slow

PROFILE = clusterproof.load_profile("dynamo")
NEEDED = needed_kinds(PROFILE)
RIGHTS = tuple(dict.fromkeys(kind.permission for kind in NEEDED))
ETCD, PROMETHEUS, DNS = "etcd-from-gpu-nodes", "prometheus-from-validator", "dns-from-workers"
PLACE = "dynamo-worker-can-be-scheduled"

_READERS = {
    "networking.k8s.aws": "AWS's policies",
    "policy.networking.k8s.io": "Calico's policies",
    "crd.projectcalico.org": "Calico's policies",
    "cilium.io": "Cilium's policies",
}
"""For the API group of a kind of policy, a world in which something reads it."""


DECIDES: dict[str, tuple[str, str]] = {
    "list nodes": ("demo", PROMETHEUS),
    "list pods": ("demo", PROMETHEUS),
    "list services": ("demo", PROMETHEUS),
    "list deployments.apps": ("demo", PLACE),
    "list statefulsets.apps": ("demo", ETCD),
    "list daemonsets.apps": ("demo", DNS),
    "list replicasets.apps": ("demo", PLACE),
    "list jobs.batch": ("demo", PLACE),
    "list cronjobs.batch": ("demo", PLACE),
    "list persistentvolumeclaims": ("demo", ETCD),
    "list persistentvolumes": ("demo", ETCD),
    "list storageclasses.storage.k8s.io": ("waiting", PLACE),
    "list runtimeclasses.node.k8s.io": ("a runtime", PLACE),
    "list deviceclasses.resource.k8s.io": ("devices", PLACE),
    "list resourceclaims.resource.k8s.io": ("devices", PLACE),
    "list resourceclaimtemplates.resource.k8s.io": ("devices", PLACE),
    "list resourceslices.resource.k8s.io": ("devices", PLACE),
    "list namespaces": ("policies", PROMETHEUS),
    "list networkpolicies.networking.k8s.io": ("policies", PROMETHEUS),
    "list customresourcedefinitions.apiextensions.k8s.io": ("Calico", ETCD),
    **{kind.permission: (_READERS[kind.group], ETCD) for kind in kinds.OTHER_POLICIES},
    "list secrets": ("Dynamo 1.5", "zmq-from-frontend"),
    "list serviceaccounts": ("pods' groups", ETCD),
    "list securitygrouppolicies.vpcresources.k8s.aws": ("pods' groups", ETCD),
    "list eniconfigs.crd.k8s.amazonaws.com": ("custom networking", ETCD),
    "list nodepools.karpenter.sh": ("Karpenter", ETCD),
    "list ec2nodeclasses.karpenter.k8s.aws": ("Karpenter", ETCD),
    "list nodeclasses.eks.amazonaws.com": ("Auto Mode", ETCD),
    "eks:DescribeCluster": ("demo", PROMETHEUS),
    "eks:ListNodegroups": ("demo", ETCD),
    "eks:DescribeNodegroup": ("demo", ETCD),
    "eks:ListFargateProfiles": ("demo", ETCD),
    "eks:DescribeFargateProfile": ("demo", DNS),
    "autoscaling:DescribeAutoScalingGroups": ("demo", ETCD),
    "ec2:DescribeLaunchTemplateVersions": ("demo", ETCD),
    "ec2:DescribeInstanceTypes": ("at zero", PLACE),
    "ec2:DescribeSecurityGroups": ("demo", ETCD),
    "ec2:DescribeSubnets": ("demo", ETCD),
    "ec2:DescribeRouteTables": ("demo", ETCD),
    "ec2:DescribeNetworkAcls": ("demo", ETCD),
    "ec2:DescribeManagedPrefixLists": ("demo", ETCD),
    "ec2:GetManagedPrefixListEntries": ("demo", ETCD),
    "ec2:DescribeVpcs": ("stray", DNS),
    "ec2:DescribeVpcPeeringConnections": ("peered", DNS),
    **{kind.permission: ("gateway", DNS) for kind in kinds.TRANSIT},
    "ec2:DescribeInstances": ("stray", DNS),
    "ec2:DescribeNetworkInterfaces": ("Fargate", DNS),
}
"""For each right a world and a requirement whose verdict there rests on it."""

SHOWS: dict[str, str] = {
    "list endpointslices.discovery.k8s.io": "how many endpoints are ready now: evidence, never premise",
    "ec2:DescribeSecurityGroupRules": "the sgr- id of a rule that a finding or a fix names",
}
"""Rights that decide no verdict, with what they are for: a report says less without them."""

TODAY: dict[str, str] = {
    "list csinodes.storage.k8s.io": "what a node can still attach",
    "list volumeattachments.storage.k8s.io": "what a node has attached",
    "list priorityclasses.scheduling.k8s.io": "who may displace whom",
}
"""Rights that tell where a pod can go today alone: odds rest on them, verdicts never do (design rule 3)."""


class Reader:
    """Reads the worlds as a user that may do what is allowed.

    Attributes:
        cloud: the account and the demo's objects.
    """

    def __init__(self, made: Cloud, home: Path, allow: Callable[[str], None]) -> None:
        self.cloud = made
        self._home = home
        self._allow = allow
        self.whole = cache(self._whole)

    def cluster(self, world: str, without: str = "") -> tuple[Answer, ...]:
        """What the Kubernetes API gives to who has the printed role, less one right."""
        role = next(iter(yaml.safe_load_all(rbac(kind for kind in NEEDED if kind.permission != without))))
        with Stub(objects(self.cloud, world)).serve() as stub:
            stub.grant(
                *(
                    f"{resource}.{group}" if group else resource
                    for rule in role["rules"]
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                )
            )
            options = ClusterOptions(kubeconfig=stub.kubeconfig(self._home), backoff=0.001)
            asked = [kind for kind in NEEDED if kind.origin == "kubernetes"]
            return plain(read_cluster(options, kinds=asked, environ={}).answers)

    def account(self, world: str, without: str = "") -> tuple[Answer, ...]:
        """What AWS gives to who has the printed policy, less one action."""
        self._allow(iam(kind for kind in NEEDED if kind.permission != without))
        options = AccountOptions(cluster=CLUSTER, region=REGION, endpoint_url=self.cloud.url, attempts=1)
        asked = [kind for kind in NEEDED if kind.origin == "aws"]
        return plain(read_account(options, needed=needed(objects(self.cloud, world)), kinds=asked).answers)

    def _whole(self, world: str) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
        return self.cluster(world), self.account(world)

    def snapshot(self, world: str, without: str = "") -> Snapshot:
        """A world as it is read without one right."""
        cluster, account = self.whole(world)
        if without.startswith("list "):
            cluster = self.cluster(world, without)
        elif without:
            account = self.account(world, without)
        return assemble((*cluster, *account), cluster=CLUSTER)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The account with IAM enforced, and a user whose policy is set for each reading."""
    home = tmp_path_factory.mktemp("rights")
    with cloud(home) as made, pytest.MonkeyPatch.context() as patch:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client: dict[str, Any] = {"endpoint_url": made.url, "region_name": REGION}
        admin = boto3.client("iam", **client, **keys)
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        held = {}
        for user in ("root", "reader"):
            admin.create_user(UserName=user)
            held[user] = admin.create_access_key(UserName=user)["AccessKey"]
        admin.put_user_policy(UserName="root", PolicyName="all", PolicyDocument=json.dumps(everything))
        root = boto3.client(
            "iam",
            **client,
            aws_access_key_id=held["root"]["AccessKeyId"],
            aws_secret_access_key=held["root"]["SecretAccessKey"],
        )
        for name, value in environment(made.url, REGION).items():
            if name.startswith("AWS_") or name == "NO_PROXY":
                patch.setenv(name, value)
        patch.setenv("AWS_ACCESS_KEY_ID", held["reader"]["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", held["reader"]["SecretAccessKey"])
        post(made.url, "/moto-api/reset-auth", "0")

        def allow(policy: str) -> None:
            root.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)

        yield Reader(made, home, allow)


def judged(snapshot: Snapshot) -> dict[str, Finding]:
    """All findings by requirement."""
    return {finding.name: finding for finding in findings(Context(snapshot, PROFILE))}


def test_every_right_has_a_row() -> None:
    """What is printed, and nothing else, decides a verdict or has its reason here."""
    assert sorted([*DECIDES, *SHOWS, *TODAY]) == sorted(RIGHTS)
    assert {world for world, _ in DECIDES.values()} == set(WORLDS)


@pytest.mark.parametrize("world", WORLDS)
def test_with_the_printed_rights_everything_is_read_and_decided(reader: Reader, world: str) -> None:
    """No kind is incomplete in any world, and no verdict is unknown."""
    snapshot = reader.snapshot(world)
    assert {name: str(why) for name, table in snapshot.tables.items() if (why := snapshot.missing(table.kind))} == {}
    assert [finding.summary for finding in judged(snapshot).values() if finding.verdict is Verdict.UNKNOWN] == []


@pytest.mark.parametrize("right", DECIDES)
def test_without_one_right_its_verdict_is_unknown_and_names_it(reader: Reader, right: str) -> None:
    """The verdict that rests on it becomes unknown and asks for this right and no other; none becomes better."""
    world, requirement = DECIDES[right]
    before = judged(reader.snapshot(world))
    snapshot = reader.snapshot(world, right)
    assert {
        missing.cause for kind in NEEDED if kind.permission == right and (missing := snapshot.missing(kind)) is not None
    } == {Cause.DENIED}
    after = judged(snapshot)
    assert before[requirement].verdict in (Verdict.PASS, Verdict.FAIL, Verdict.DEPENDS)
    assert after[requirement].verdict is Verdict.UNKNOWN
    asked = {item for unknown in after[requirement].unknowns for item in RIGHTS if f"grant {item}" == unknown.remedy}
    assert asked == {right}, after[requirement].unknowns
    for name, finding in after.items():
        if right == "list secrets" and before[name].verdict is Verdict.NOT_APPLICABLE:
            continue  # the document's rules apply where the version is not known, and are judged
        assert finding.verdict in (before[name].verdict, Verdict.UNKNOWN), name


@pytest.mark.parametrize("right", TODAY)
def test_what_tells_of_today_alone_changes_no_verdict(reader: Reader, right: str) -> None:
    """Verdicts are the same without it, also where a pod waits for its volume."""
    for world in ("demo", "waiting"):
        before, after = judged(reader.snapshot(world)), judged(reader.snapshot(world, right))
        assert {name: one.verdict for name, one in before.items()} == {name: one.verdict for name, one in after.items()}


@pytest.mark.parametrize("right", SHOWS)
def test_what_shows_only_changes_no_verdict_and_its_evidence(reader: Reader, right: str) -> None:
    """Verdicts are the same without it, in every world; what it shows is not in the findings."""
    before, after = judged(reader.snapshot("demo")), judged(reader.snapshot("demo", right))
    assert {name: item.verdict for name, item in before.items()} == {name: item.verdict for name, item in after.items()}
    mark = {"list endpointslices.discovery.k8s.io": b"ready now", "ec2:DescribeSecurityGroupRules": b"sgr-"}[right]
    assert mark in msgspec.json.encode(before)
    assert mark not in msgspec.json.encode(after)
