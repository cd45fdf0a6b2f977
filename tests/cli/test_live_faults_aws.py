"""An account that cannot be read, by the command line, alone and with the cluster: status, one sentence, no file.

The demo's world is served by a real HTTPS server and a moto server behind a proxy that can be made to fail.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from clusterproof.sources.aws_api import workers
from tests.cli import live_faults
from tests.cli.conftest import Run
from tests.cli.live_faults import COMMANDS, ENCODED, SECRET_KEY, into_file, no_secret, refused, undecided
from tests.e2e.served import Served, served_demo
from tests.sources.aws_api.faults import Fault, cut, hang, page_of_a_proxy, refuse

pytestmark = pytest.mark.slow

CHECK = ("check", "--profile", "dynamo")
READ = {
    "cluster": {"check": 3, "fix": 3, "why": 3, "place": 3, "connections": 0, "diagnose": 0, "snapshot": 0},
    "account": {"check": 3, "fix": 3, "why": 3, "place": 3, "connections": 3, "diagnose": 3, "snapshot": 0},
}
"""What was read → what each command exits with: a list of what is not known is a list all the same."""
BEFORE = {"pass": 4, "fail": 2, "depends": 1, "not-applicable": 3}
"""How many requirements come to what where all is read."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Made once; tests change only how it answers."""
    with served_demo(tmp_path_factory.mktemp("live")) as found:
        yield found


@pytest.fixture
def served(world: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The world answering as it should, and this process's environment set to it."""
    for name, value in world.env.items():
        if name.startswith("AWS_") or name in ("KUBECONFIG", "HOME", "NO_PROXY"):
            monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setattr(workers, "_GRACE", 0.1)
    world.stub.clear()
    world.proxy.reset()
    yield world
    world.stub.clear()
    world.proxy.reset()


def off(seconds: int) -> str:
    """The time of AWS's clock, as its answers' ``Date``."""
    return formatdate(time.time() + seconds, usegmt=True)


CREDENTIALS: list[Any] = [
    pytest.param(
        lambda: refuse("ExpiredToken", 403), "the default credentials have expired (ExpiredToken)", id="expired"
    ),
    pytest.param(
        lambda: refuse("RequestTimeTooSkewed", 403, date=off(-3600)),
        "this machine's clock is 60 minutes ahead of AWS's",
        id="ahead",
    ),
    pytest.param(
        lambda: refuse("SignatureDoesNotMatch", 403, date=off(3600)),
        "this machine's clock is 60 minutes behind AWS's",
        id="behind",
    ),
    pytest.param(
        lambda: refuse("SignatureDoesNotMatch", 403),
        "AWS does not accept the default credentials (SignatureDoesNotMatch)",
        id="wrong-key",
    ),
    pytest.param(
        lambda: refuse("InvalidClientTokenId", 403),
        "AWS does not accept the default credentials (InvalidClientTokenId)",
        id="unknown-key",
    ),
]
# How botocore repeats some of these until the time is over is for the tests of the AWS source.
FAULTS: list[Any] = [
    pytest.param(
        lambda: refuse("AccessDenied", 403, message=f"Encoded authorization failure message: {ENCODED}"),
        "AWS refused sts:GetCallerIdentity",
        id="denied",
    ),
    pytest.param(lambda: refuse("Throttling", 400), "AWS throttled sts:GetCallerIdentity in us-west-2", id="throttled"),
    pytest.param(lambda: hang(2), "sts:GetCallerIdentity in us-west-2", id="hangs"),
    pytest.param(cut, "sts:GetCallerIdentity", id="cut"),
    pytest.param(lambda: page_of_a_proxy(200), "sts:GetCallerIdentity", id="html"),
    pytest.param(
        lambda: page_of_a_proxy(502),
        "sts:GetCallerIdentity",
        id="html-502",
    ),
]


# --- the whole account ---


@pytest.mark.parametrize(("fault", "says"), [*CREDENTIALS, *FAULTS])
def test_account_that_cannot_be_read(served: Served, run: Run, fault: Callable[[], Fault], says: str) -> None:
    """The cluster is judged all the same; the cause is said once before, and nothing of AWS passes or fails."""
    served.proxy.faults["*"] = fault()
    undecided(run(*CHECK, "-o", "json=out.json", "--timeout", "2"), "AWS: ", says)
    report = json.loads(Path("out.json").read_text())
    assert report["exit_status"] == 3
    decided = {item["id"] for item in report["findings"] if item["verdict"] in ("pass", "fail", "depends")}
    assert decided <= {"dynamo/validator-can-be-scheduled", "dynamo/dynamo-worker-can-be-scheduled"}


@pytest.mark.parametrize(("fault", "says"), [CREDENTIALS[1], *FAULTS])
def test_neither_can_be_read(served: Served, run: Run, tmp_path: Path, fault: Callable[[], Fault], says: str) -> None:
    """One sentence with both causes, status 4, and no file."""
    served.proxy.faults["*"] = fault()
    served.stub.fault(".*", "401")
    done = run(*into_file(CHECK), "--timeout", "2")
    assert done.returncode == 4, done.stderr
    sentence = refused(done._replace(stderr=done.stderr.splitlines()[-1]), 4, "401 Unauthorized", says)
    assert sentence.startswith("nothing could be read: ")
    assert sentence.endswith("or try clusterproof demo")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_where_nothing_can_be_read(served: Served, run: Run, tmp_path: Path, command: Any) -> None:
    """The same sentence and status by every command."""
    served.proxy.faults["*"] = refuse("ExpiredToken", 403)
    served.stub.fault(".*", "401")
    refused(run(*into_file(command)), 4, "401 Unauthorized", "have expired (ExpiredToken)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", list(READ))
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_where_one_can_be_read(
    served: Served, run: Run, tmp_path: Path, command: tuple[str, ...], read: str
) -> None:
    """What can be read is used; the cause of the rest is said before; what was not read is never said not to be."""
    if read == "cluster":
        served.proxy.faults["*"] = refuse("ExpiredToken", 403)
    else:
        served.stub.fault(".*", "401")
    done = run(*into_file(command))
    no_secret(done)
    assert done.returncode == READ[read][command[0]], done.stderr
    cause = "have expired (ExpiredToken)" if read == "cluster" else "401 Unauthorized"
    assert "not read: " in next(line for line in done.stderr.splitlines() if cause in line)
    assert "there is no " not in done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"out"}
    if command[0] == "snapshot":
        assert run("snapshot", "inspect", "out").returncode == 0
    if read == "account" and command[0] in ("why", "place"):
        assert "whether there is a workload deploy/dynamo/vllm-agg-vllmdecodeworker is not known" in done.stderr


# --- what the environment says ---


@pytest.mark.parametrize(
    ("env", "status", "says"),
    [
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            3,
            "no AWS credentials were found; name a profile",
        ),
        ({"AWS_SECRET_ACCESS_KEY": None}, 3, "the default credentials could not be had (PartialCredentialsError)"),
        ({"AWS_PROFILE": "nope"}, 2, "AWS_PROFILE=nope: there is no such AWS profile; there are a"),
        ({"AWS_CONFIG_FILE": "malformed"}, 2, "the AWS configuration cannot be read: Unable to parse config file"),
        ({"AWS_DEFAULT_REGION": "Oregon"}, 2, "region Oregon: a region is written like us-west-2"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 3, "the endpoint of sts:GetCallerIdentity in us-west-2"),
    ],
)
def test_environment_that_gives_no_access(
    served: Served, run: Run, tmp_path: Path, env: dict[str, Any], status: int, says: str
) -> None:
    """What is not there is unknown; what is named wrongly is refused, with --no-aws as a way on."""
    (tmp_path / "malformed").write_text(f"[default\naws_secret_access_key = {SECRET_KEY}\n=")
    (tmp_path / "profiles").write_text(f"[a]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {SECRET_KEY}\n")
    profiles = {"AWS_SHARED_CREDENTIALS_FILE": "profiles"} if "AWS_PROFILE" in env else {}
    done = run(*CHECK, "--timeout", "2", env={**env, **profiles})
    if status == 2:
        refused(done, 2, says, "or leave AWS out with --no-aws")
        assert served.proxy.seen == []
    else:
        undecided(done, "AWS: not read: " if "endpoint" not in says else "AWS: ", says)


def test_profile_that_only_the_kubeconfig_names(served: Served, run: Run, tmp_path: Path) -> None:
    """It is not here: the cluster is judged all the same, and the sentence says where the name came from."""
    exec_env = [{"name": "AWS_PROFILE", "value": "theirs"}]
    answer = live_faults.credential("stub-token")
    path = live_faults.with_plugin(tmp_path, served.stub, answer, env=exec_env, args=["eks", "get-token"])
    env = {"KUBECONFIG": path, "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    said = run(*CHECK, env=env)  # type: ignore[arg-type]
    undecided(said, "AWS: not read: ", "there is no such AWS profile", "the kubeconfig's credential plugin uses")
    assert "--aws-profile theirs" in said.stderr


# --- another cluster, region, account ---


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (("us-west-2", "eu-west-1"), ["--region", "eu-west-1"], "there is no EKS cluster demo-gpu in eu-west-1 of"),
        (("", ""), ["--region", "eu-west-1"], "context demo is of a cluster in us-west-2, AWS was asked in eu-west-1"),
        (("us-west-2", "eu-west-1"), [], "context demo is of a cluster in eu-west-1, AWS was asked in us-west-2"),
        (("111122223333", "999999999999"), [], "is of a cluster in account 999999999999, the AWS credentials are of"),
        (("cluster/demo-gpu", "cluster/prod"), [], "there is no EKS cluster prod in us-west-2 of account 111122223333"),
        (("", ""), ["--cluster", "other"], "context demo is of cluster demo-gpu, AWS was read for cluster other"),
    ],
)
def test_account_that_is_not_the_clusters(
    served: Served, run: Run, tmp_path: Path, change: tuple[str, str], options: list[str], says: str
) -> None:
    """Refused with both sides named, before or after reading: never judged as one cluster."""
    text = json.dumps(served.stub.config())
    path = live_faults.write(tmp_path, "other", text.replace(*change) if change[0] else text)
    for command in (CHECK, ("snapshot",)):
        refused(run(*into_file(command), *options, env={"KUBECONFIG": path}), 2, says)
        assert {item.name for item in tmp_path.iterdir()} == {"other"}


# --- single calls ---


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("ec2:DescribeSubnets", "subnet"),
        ("eks:DescribeCluster", "cluster"),
    ],
)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda: refuse("UnauthorizedOperation", 403, message=ENCODED), id="denied"),
        pytest.param(lambda: refuse("Throttling", 400), id="throttled"),
        pytest.param(lambda: hang(6), id="hangs"),
        pytest.param(cut, id="cut"),
    ],
)
def test_one_call_fails(
    served: Served, run: Run, tmp_path: Path, action: str, kind: str, fault: Callable[[], Fault]
) -> None:
    """What rests on it is unknown and the call is named; nothing passes that did not before; other fails stay."""
    served.proxy.faults[action] = fault()
    done = run(*CHECK, "-o", "table", "-o", "json=out.json", "--timeout", "4")
    no_secret(done)
    report = json.loads((tmp_path / "out.json").read_text())
    assert done.returncode == report["exit_status"]
    verdicts = [item["verdict"] for item in report["findings"]]
    assert verdicts.count("pass") <= BEFORE["pass"]
    assert verdicts.count("fail") <= BEFORE["fail"]
    assert done.returncode == (1 if {"fail", "depends"} & set(verdicts) else 3)
    if "unknown" in verdicts or verdicts.count("fail") < BEFORE["fail"]:
        assert kind in done.stdout
