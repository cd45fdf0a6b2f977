"""The demo's world served live: a Kubernetes API (the stub) and an AWS account (a moto server behind a proxy)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.e2e.moto_account import Account, environment
from tests.sources.aws_api.faults import Proxy, faulty
from tests.sources.aws_api.motoserver import REGION, extended_moto, post
from tests.sources.kubernetes_api.stub import Stub

ROOT = Path(__file__).resolve().parents[2]
WORLD = ROOT / "src" / "clusterproof" / "worlds" / "demo"


class Served(msgspec.Struct, frozen=True):
    """The world while it is served.

    Attributes:
        stub: its Kubernetes API.
        proxy: what stands before its AWS API.
        url: the AWS API itself.
        ids: id in the shipped world → id on the server.
        home: a directory with the kubeconfig ``config`` and the world's files in ``files/kubernetes``.
        env: what a process needs to read it.
    """

    stub: Stub
    proxy: Proxy
    url: str
    ids: dict[str, str]
    home: Path
    env: dict[str, str]


@contextmanager
def served_demo(home: Path) -> Iterator[Served]:
    """Makes the account and serves both until left; the ids that moto chooses are the same each time.

    Args:
        home: an empty directory, which becomes ``HOME``.
    """
    with extended_moto() as url, faulty(url) as proxy:
        post(url, "/moto-api/seed?a=1", "")
        account = Account(WORLD, url, REGION)
        account.make()
        account.kubernetes(home / "files" / "kubernetes")
        with Stub(home / "files" / "kubernetes").serve() as stub:
            env = environment(proxy.url, REGION) | {
                "KUBECONFIG": stub.kubeconfig(home),
                "HOME": str(home),
                "PYTHONPATH": str(ROOT / "src"),
            }
            yield Served(stub, proxy, url, account.ids, home, env)
