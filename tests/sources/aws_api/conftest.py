"""The demo's AWS side on an extended moto server, behind a proxy that can misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.e2e.moto_account import ACCOUNT, Account, environment
from tests.e2e.motogateway import attach, of_each_zone
from tests.sources.aws_api.faults import Proxy, faulty
from tests.sources.aws_api.motoserver import REGION, extended_moto
from tests.sources.aws_api.tenant import Tenant, make

WORLD = Path(__file__).resolve().parents[3] / "src" / "clusterproof" / "worlds" / "demo"


class Demo(msgspec.Struct, frozen=True):
    """The demo's account.

    Attributes:
        url: the moto server itself.
        proxy: what the tests talk to.
        account: what made it, with the ids.
    """

    url: str
    proxy: Proxy
    account: Account


@pytest.fixture(scope="session")
def demo_account() -> Iterator[Demo]:
    """Made once; tests only read it."""
    with extended_moto() as url, faulty(url) as proxy:
        account = Account(WORLD, url, REGION)
        account.make()
        account.eks.create_fargate_profile(
            clusterName="demo-gpu",
            fargateProfileName="batch",
            podExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/fargate",
            subnets=[account.file("subnets")["Subnets"][0]["SubnetId"]],
            selectors=[{"namespace": "batch"}],
        )
        for name in ("worker", "frontend"):
            account.eks.create_pod_identity_association(
                clusterName="demo-gpu",
                namespace="dynamo",
                serviceAccount=name,
                roleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}",
            )
        home = account.file("vpcs")["Vpcs"][0]["VpcId"]
        attach(account.ec2, {home: of_each_zone(account.ec2, home)}, {"10.0.0.0/16": home, "10.9.0.0/16": ""})
        yield Demo(url, proxy, account)


@pytest.fixture
def demo(demo_account: Demo, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """The demo's account, with an environment that leads to it and to nothing else."""
    demo_account.proxy.reset()
    for name, value in environment(demo_account.proxy.url, REGION).items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    return demo_account


@pytest.fixture(scope="session")
def tenant_account() -> Iterator[Tenant]:
    """Made once; tests only read it, or put back what they change."""
    with extended_moto() as url, faulty(url) as proxy:
        yield Tenant(url, proxy, make(url))


@pytest.fixture
def tenant(tenant_account: Tenant, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """The tenant's account, with an environment that leads to it and to nothing else."""
    tenant_account.proxy.reset()
    for name, value in environment(tenant_account.proxy.url, REGION).items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    return tenant_account
