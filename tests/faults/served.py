"""The demo, repaired so that everything passes, served by a Kubernetes API and an AWS API that can be made to fail."""

from __future__ import annotations

import contextlib
import functools
import queue
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clusterproof
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import AddPermission
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.aws_api.records import AccountOptions, AccountRead
from clusterproof.sources.completeness import CUSTOM
from clusterproof.sources.kubernetes_api.options import ClusterOptions, ClusterRead
from clusterproof.sources.kubernetes_api.reader import read_cluster
from tests.e2e.moto_account import ACCOUNT, Account
from tests.e2e.motogateway import attach, of_each_zone
from tests.sources.aws_api.faults import Proxy, faulty
from tests.sources.aws_api.motoserver import REGION, extended_moto
from tests.sources.kubernetes_api.stub import Stub, usual_version

CLUSTER = "demo-gpu"
WORLD = Path(__file__).resolve().parents[2] / "src" / "clusterproof" / "worlds" / "demo"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}
"""The environment in which nothing but the served account can be reached."""

SERVED = tuple(kind for kind in CUSTOM if kind not in (*kinds.OTHER_POLICIES, *kinds.REQUESTED))
"""Kinds of which the served cluster has definitions: without one a kind is not asked for at all."""
ACCOUNT_KINDS = [kind for kind in kinds.ALL if kind.origin == "aws" and kind not in kinds.REQUESTED]
"""What is read of AWS. The kinds that only some profile names do not matter to this one; faults of their calls are in
``tests/sources/aws_api``."""


class Lane:
    """One Kubernetes API and one proxy before the account, for one cell at a time.

    Attributes:
        stub: the Kubernetes API.
        proxy: what stands for every AWS endpoint.
        kubeconfig: a file that names the stub.
    """

    def __init__(self, stub: Stub, proxy: Proxy, folder: Path) -> None:
        self.stub = stub
        self.proxy = proxy
        self.kubeconfig = stub.kubeconfig(folder)

    def clear(self) -> None:
        """No faults, empty logs."""
        self.stub.clear()
        self.proxy.reset()

    def cluster(self, asked: list[kinds.Kind[Any]] | None = None, **options: Any) -> ClusterRead:
        """Reads the cluster; options of ``ClusterOptions`` by name."""
        return read_cluster(ClusterOptions(**({"kubeconfig": self.kubeconfig} | options)), kinds=asked, environ={})

    def account(self, asked: list[kinds.Kind[Any]] | None = None, **options: Any) -> AccountRead:
        """Reads the account; options of ``AccountOptions`` by name."""
        given: dict[str, Any] = {
            "cluster": CLUSTER,
            "region": REGION,
            "endpoint_url": self.proxy.url,
            "attempts": 1,
        } | options
        return read_account(AccountOptions(**given), kinds=asked or ACCOUNT_KINDS, environ={})


class World:
    """The served world.

    Attributes:
        lanes: those that are free.
        cluster, account: what is read where nothing fails.
        snapshot: both together.
        paths: every path that reading the cluster asks for, once each.
        actions: every action that reading the account asks for, once each.
    """

    def __init__(self, lanes: list[Lane]) -> None:
        self.lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for lane in lanes:
            self.lanes.put(lane)
        first = lanes[0]
        self.account = plain(first.account(deadline=60.0).answers)
        self.cluster = plain(first.cluster().answers)
        self.paths = sorted({request.path for request in first.stub.requests})
        self.actions = sorted(first.proxy.actions)
        self.snapshot = self.joined()
        first.clear()

    def joined(self, *changed: Answer) -> Snapshot:
        """The world with some kinds read otherwise."""
        other = {answer.kind.name: answer for answer in changed}
        return assemble(
            [other.get(answer.kind.name, answer) for answer in (*self.cluster, *self.account)], cluster=CLUSTER
        )

    @contextlib.contextmanager
    def lane(self) -> Iterator[Lane]:
        """A free lane, clean before and after."""
        lane = self.lanes.get()
        lane.clear()
        try:
            yield lane
        finally:
            lane.clear()
            self.lanes.put(lane)


def plain(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The same answers with the objects as text, so that they can be assembled more than once."""
    found = []
    for answer in answers:
        items = answer.items
        if answer.gathered is not None:
            table = answer.gathered.table()
            items = tuple(table.lines.line(number) for number in range(len(table)))
        found.append(Answer(answer.kind, items, answer.coverage))
    return tuple(found)


@contextlib.contextmanager
def served(lanes: int = 1) -> Iterator[World]:
    """Serves the repaired demo until left. The caller's environment needs :data:`CREDENTIALS`.

    Args:
        lanes: how many cells can be tried at once.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_models_read_once())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(extended_moto())
        account = Account(WORLD, url, REGION)
        account.make()
        _more(account)
        account.kubernetes(folder / "kubernetes")
        kept: Any = {}
        found = []
        for number in range(lanes):
            stub = Stub(folder / "kubernetes")
            _define(stub)
            stack.enter_context(stub.serve())
            proxy = stack.enter_context(faulty(url))
            (folder / str(number)).mkdir()
            found.append(Lane(stub, proxy, folder / str(number)))
        _repair(account, found[0])
        for lane in found:
            lane.proxy.kept = kept
        yield World(found)


def _more(account: Account) -> None:
    """More than one of what the demo has none of, so that it comes in more than one page."""
    for name in ("vpc-cni", "coredns"):
        account.eks.create_addon(clusterName=CLUSTER, addonName=name)
        account.eks.create_pod_identity_association(
            clusterName=CLUSTER, namespace="batch", serviceAccount=name, roleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}"
        )
    for name in ("batch", "nightly"):
        account.eks.create_fargate_profile(
            clusterName=CLUSTER,
            fargateProfileName=name,
            podExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/fargate",
            subnets=[account.file("subnets")["Subnets"][0]["SubnetId"]],
            selectors=[{"namespace": name}],
        )
    home = account.file("vpcs")["Vpcs"][0]["VpcId"]
    for number in (1, 2):
        # No route leads to them.
        blocks = {"10.0.0.0/16": home, f"10.{100 + number}.0.0/16": ""}
        attach(account.ec2, {home: of_each_zone(account.ec2, home)}, blocks)
        ends = [account.ec2.create_vpc(CidrBlock=f"172.{16 + number}.{end}.0/24")["Vpc"]["VpcId"] for end in (0, 1)]
        account.ec2.create_vpc_peering_connection(VpcId=ends[0], PeerVpcId=ends[1])
        account.ec2.create_managed_prefix_list(
            PrefixListName=f"offices-{number}",
            MaxEntries=5,
            AddressFamily="IPv4",
            Entries=[{"Cidr": f"198.51.{number}.0/24"}, {"Cidr": f"203.0.{number}.0/24"}],
        )


@contextlib.contextmanager
def _models_read_once() -> Iterator[None]:
    """Every boto3 session reads the services' models from files anew; here hundreds of sessions share them."""
    import botocore.loaders

    plain_loader = botocore.loaders.create_loader
    botocore.loaders.create_loader = functools.cache(plain_loader)
    try:
        yield
    finally:
        botocore.loaders.create_loader = plain_loader


def _define(stub: Stub) -> None:
    """Definitions of Karpenter's and EKS Auto Mode's kinds, of which there are no objects."""
    for kind in SERVED:
        name = f"{kind.resource}.{kind.group}"
        held = stub.objects.get(("apiextensions.k8s.io/v1", "customresourcedefinitions"), [])
        if any(key == f"/{name}" for key, _, _ in held):
            continue
        scope = "Namespaced" if kind.namespaced else "Cluster"
        names = {"plural": kind.resource, "kind": kind.wire}
        stub.serve_group(usual_version(name), kind.resource, namespaced=kind.namespaced)
        stub.add(
            "customresourcedefinitions.apiextensions.k8s.io",
            {"metadata": {"name": name}, "spec": {"group": kind.group, "names": names, "scope": scope}},
        )


def _repair(account: Account, lane: Lane) -> None:
    """Makes on the server what the demo's own plan proposes."""
    answers = (*lane.cluster().answers, *lane.account(deadline=60.0).answers)
    report = clusterproof.check(assemble(answers, cluster=CLUSTER), "dynamo")
    assert report.plan is not None
    for edit in report.plan.overlay.edits:
        assert isinstance(edit, AddPermission)
        assert not edit.egress
        account.ec2.authorize_security_group_ingress(GroupId=edit.group_id, IpPermissions=[edit.permission])
    lane.clear()
