"""The surroundings in which ``console live`` blocks of README.md and docs/*.md run, and all that is made equal in them.

The demo's world is served (:mod:`tests.e2e.served`); a worker of it crashes, so that ``diagnose`` has a log to read.
What differs from run to run is written here, once, as what the pages show:

- the API server's port on loopback: the endpoint of the demo's cluster, which it stands for;
- ids that the moto server chose: those of the shipped world, so that all pages tell of the same objects;
- the minute of reading: :data:`READ`.

Who asks is no matter of wording: a role is assumed, as a person would, with the name that the cluster knows.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from tests.e2e.served import WORLD, Served, served_demo
from tests.sources.aws_api.motoserver import ACCOUNT, REGION
from tests.sources.kubernetes_api.crash import crashing

READ = "2026-08-24 09:00"
_MINUTE = re.compile(r"\bread(\s+)\d{4}-\d{2}-\d{2}(\s+)\d{2}:\d{2}(?=\s+UTC)")


class LiveWorld:
    """The served world as pages see it.

    Attributes:
        env: what a command needs in its environment to read it.
        known: text of the served world → text of the shipped one.
    """

    def __init__(self, served: Served) -> None:
        self.env = {name: value for name, value in served.env.items() if name != "PATH"} | _assumed(served)
        endpoint = json.loads((WORLD / "aws" / "cluster.json").read_text())["cluster"]["endpoint"]
        self.known = {there: here for here, there in served.ids.items()} | {served.stub.url: endpoint}
        self._any = re.compile("|".join(map(re.escape, sorted(self.known, key=len, reverse=True))))
        namespace, pod, container = crashing(served.stub)
        log = b"INFO  starting the worker\nERROR Unable to create lease\n"
        served.stub.logs[(namespace, pod, container, True)] = log

    def shown(self, text: str) -> str:
        """What a command printed, as the pages show it."""
        known = self._any.sub(lambda match: self.known[match[0]], text)
        day, minute = READ.split()
        return _MINUTE.sub(rf"read\g<1>{day}\g<2>{minute}", known)


@contextmanager
def live_world() -> Iterator[LiveWorld]:
    """Serves the world until left."""
    with tempfile.TemporaryDirectory() as folder, served_demo(Path(folder)) as served:
        yield LiveWorld(served)


def _assumed(served: Served) -> dict[str, str]:
    """The environment of somebody who has assumed a role in the account (AWS STS API Reference, AssumeRole)."""
    sts = boto3.client(
        "sts",
        endpoint_url=served.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    made = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/reader", RoleSessionName="alice")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_SESSION_TOKEN": made["SessionToken"],
    }
