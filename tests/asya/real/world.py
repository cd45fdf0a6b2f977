"""World ``asya`` made for real: its AWS side on a moto server, its Kubernetes side on a real API server.

Who reads it is ``clusterproof-reader``: user of a token at the API server, whose RBAC is what ``clusterproof permissions
--profile asya`` prints, and an IAM user whose policy is what it prints; both servers refuse everything else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import msgspec
import yaml

from clusterproof.snapshot import kinds
from tests.asya.real import definitions
from tests.asya.real.account import SERVER, AsyaAccount
from tests.asya.real.aggregated import Metrics
from tests.conftest import ROOT
from tests.controlplane.binaries import Binaries
from tests.controlplane.credentials import CLUSTER as NAMED
from tests.controlplane.load import load
from tests.controlplane.plane import ControlPlane
from tests.e2e.moto_account import environment
from tests.sources.aws_api.faults import Proxy, faulty
from tests.sources.aws_api.motoserver import extended_moto, post
from tests.sources.kubernetes_api.stub import recorded
from worldgen.asya import SPEC, asya

Raw = dict[str, Any]
PROFILE = "asya"
ARN = f"arn:aws:eks:{SPEC.region}:{SPEC.account}:cluster/{SPEC.cluster}"
RBAC = "rbac.authorization.k8s.io/v1"
VERSIONS = {"eniconfigs.crd.k8s.amazonaws.com": "v1alpha1", "securitygrouppolicies.vpcresources.k8s.aws": "v1beta1"}
"""Versions of definitions that AWS installs; the world's files have no object of them that would show it."""
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class World(msgspec.Struct, frozen=True):
    """The world while it is served.

    Attributes:
        files: the directory with the world's files, from which it was made.
        plane: its cluster.
        metrics: KEDA's metrics API behind the cluster's aggregation layer.
        proxy: what stands before its AWS API, and remembers what was asked.
        account: who made the account.
        administrator: variables with the keys of who may do everything in AWS.
        home: a directory for what is written.
        env: of a process that reads it with the printed rights.
    """

    files: Path
    plane: ControlPlane
    metrics: Metrics
    proxy: Proxy
    account: AsyaAccount
    administrator: dict[str, str]
    home: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line as a user runs it."""
        return subprocess.run(
            [sys.executable, "-m", "clusterproof", *arguments],
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def grant(self, policy: str) -> None:
        """What the reader may do in AWS from now on."""
        self.client("iam").put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)

    def client(self, service: str) -> Any:
        """A client of who may do everything in AWS."""
        return boto3.client(
            service,
            endpoint_url=self.proxy.target,
            region_name=SPEC.region,
            aws_access_key_id=self.administrator["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.administrator["AWS_SECRET_ACCESS_KEY"],
        )

    def report(self, *arguments: str) -> Raw:
        """What ``clusterproof check … -o json`` finds, read live unless a source is named."""
        done = self.run("check", *arguments, "--profile", PROFILE, "-q", "-o", "json")
        assert done.stdout, done.stderr
        found: Raw = json.loads(done.stdout)
        return found


def written(target: Path) -> Path:
    """The world's files, as the generator writes them."""
    for name, text in asya().items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return target


def objects(files: Path) -> list[Raw]:
    """The world's Kubernetes objects, with definitions that have schemas; Karpenter's too, of which it has no objects."""
    ours = {crd["metadata"]["name"]: crd for crd in definitions.ALL}
    found = [obj for same in recorded(files / "kubernetes").values() for obj in same]
    for obj in found:
        if version := VERSIONS.get(obj["metadata"]["name"]):
            obj["spec"]["versions"] = [{"name": version, "served": True, "storage": True}]
    return [*(obj for obj in found if obj["metadata"]["name"] not in ours), *ours.values()]


@contextmanager
def served(binaries: Binaries, home: Path) -> Iterator[World]:
    """Makes both sides and serves them until left, with the reader's rights in force.

    Args:
        binaries: of Kubernetes.
        home: an empty directory.
    """
    files = written(home / "files")
    with (
        extended_moto(**SERVER) as url,
        faulty(url) as proxy,
        Metrics.serve() as metrics,
        ControlPlane.start(binaries, scheduler=False, audit=True, egress=metrics.egress) as plane,
    ):
        account = AsyaAccount(files, url, SPEC.region)
        account.make()
        account.kubernetes(home / "made" / "kubernetes")
        made = objects(home / "made")
        for obj in made:
            if obj["kind"] == "APIService":
                obj["spec"]["caBundle"] = metrics.authority
        load(plane.admin, made)
        config = home / "config"
        config.write_text(plane.kubeconfig("reader").read_text().replace(NAMED, ARN))
        administrator, reader = _keys(account, "administrator"), _keys(account, "reader")
        env = environment(proxy.url, SPEC.region) | reader
        env |= {"KUBECONFIG": str(config), "HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
        world = World(files, plane, metrics, proxy, account, administrator, home, env)
        granted(world)
        post(url, "/moto-api/reset-auth", "0")
        yield world


def _keys(account: AsyaAccount, user: str) -> dict[str, str]:
    """Makes a user, who may do everything until it is granted something else; variables with its keys."""
    account.iam.create_user(UserName=user)
    account.iam.put_user_policy(UserName=user, PolicyName="read", PolicyDocument=json.dumps(EVERYTHING))
    made = account.iam.create_access_key(UserName=user)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}


def granted(world: World) -> None:
    """Gives the reader exactly what the command prints, in both."""
    done = world.run("permissions", "--profile", PROFILE, "-o", "rbac=rbac.yaml", "-o", "iam=iam.json")
    assert done.returncode == 0, done.stderr
    world.grant((world.home / "iam.json").read_text())
    printed = list(yaml.safe_load_all((world.home / "rbac.yaml").read_text()))
    world.plane.admin.create_all(printed)
    until = time.monotonic() + 30
    where = world.plane.admin.where("v1", kinds.PODS.wire)
    while not world.plane.reader.there(where):  # the authorizer hears of it a moment later
        assert time.monotonic() < until, "the printed ClusterRole does not let the reader list pods"
        time.sleep(0.05)
