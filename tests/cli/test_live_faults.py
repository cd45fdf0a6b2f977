"""A cluster that cannot be read, by the command line: one sentence, the promised status, no file, no secret.

Against a real HTTPS server and real credential plugins; the AWS side is in ``test_live_faults_aws.py``.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from clusterproof.sources.kubernetes_api.options import ClusterOptions
from tests.cli import live_faults
from tests.cli.conftest import ROOT, Run
from tests.cli.live_faults import COMMANDS, EKS_TOKEN, SECRET_KEY, credential, into_file, refused, with_plugin
from tests.cli.test_live import bare  # noqa: F401 - a fixture
from tests.sources.kubernetes_api.stub import TOKEN, Stub

CHECK = ("check", "--profile", "dynamo", "--no-aws")


@pytest.fixture
def stub(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:  # noqa: F811 - the fixture
    """The demo's Kubernetes API, which ``config`` in the home leads to; there are no AWS credentials."""
    with Stub("demo").serve() as served:
        monkeypatch.setenv("KUBECONFIG", served.kubeconfig(bare))
        yield served


# --- kubeconfigs ---


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("context-gone", {"current-context": "gone"}, "there is no context gone; it has demo"),
        ("none-current", {"current-context": ""}, "no current context is set; choose one with --context: demo"),
        ("no-cluster", {"clusters": []}, "which is not there"),
        ("no-user", {"users": []}, "names user alice, which is not there"),
        ("not-yaml", f"users:\n- token: {TOKEN}\n  [{TOKEN}", "not-yaml: line 4, column 1: not YAML"),
        ("binary", "\x00\x01", "UTF-8"),
        ("a-list", "- 1", "holds no clusters, contexts and users"),
        ("empty", "", "no current context is set"),
    ],
)
def test_kubeconfig_that_cannot_be_used(stub: Stub, run: Run, tmp_path: Path, name: str, text: Any, says: str) -> None:
    """What is wrong, in which file, and what to do; the file's own words are not shown."""
    path = live_faults.write(tmp_path, name, text if isinstance(text, str) else stub.config() | text)
    assert path in refused(run(*CHECK, env={"KUBECONFIG": path}), 4, says)
    assert stub.requests == []


def test_kubeconfig_that_cannot_be_opened(run: Run, bare: Path) -> None:  # noqa: F811 - the fixture
    """Not there, a directory, or something that the system refuses to open."""
    for path, says in (
        ("missing", "no kubeconfig was found (missing is not there)"),
        (str(bare), "is a directory"),
        ("x" * 300, "the kubeconfig cannot be read (File name too long)"),
    ):
        refused(run(*CHECK, env={"KUBECONFIG": path}), 4, says)
    refused(run(*CHECK, "--kubeconfig", "missing"), 4, "there is no such kubeconfig file")
    if os.geteuid() != 0:  # root may read everything
        (bare / "locked").touch(0)
        refused(run(*CHECK, "--kubeconfig", str(bare / "locked")), 4, "cannot be read (Permission denied)")


def test_one_missing_file_of_several_is_passed_over(stub: Stub, run: Run, tmp_path: Path) -> None:
    """As kubectl has it: a file of KUBECONFIG that is not there is none."""
    both = os.pathsep.join([str(tmp_path / "missing"), str(tmp_path / "config")])
    done = run(*CHECK, "-q", env={"KUBECONFIG": both})
    assert (done.returncode, done.stderr) == (3, "")
    assert stub.requests != []


@pytest.mark.usefixtures("stub")
def test_context_that_was_named_must_be_there(run: Run) -> None:
    """Also where AWS could be read: another cluster than the one that was named is not judged."""
    refused(run("check", "--profile", "dynamo", "--context", "nope"), 4, "there is no context nope; it has demo")


# --- the way there ---


def expired(stub: Stub, days: int) -> None:
    """From now on the server's certificate ended, or begins, so many days from today."""
    begins, ends = (-9 + days, days) if days < 0 else (days, days + 9)
    now = datetime.now(UTC)
    stub.certificate = stub.authority.issue_cert(
        stub.host, not_before=now + timedelta(days=begins), not_after=now + timedelta(days=ends)
    )


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"server": "https://127.0.0.1:9"}, "127.0.0.1:9 cannot be reached (Connection refused)"),
        ({"server": "https://no-such-host.invalid"}, "no-such-host.invalid cannot be reached ("),
        ({"certificate-authority-data": "other"}, "cannot be trusted (unable to get local issuer certificate)"),
        ({"certificate-authority-data": "%"}, "certificate-authority-data is not base64"),
        ({"certificate-authority-data": "aGVsbG8="}, "is no PEM certificate"),
        ({"tls-server-name": "elsewhere"}, "cannot be trusted (Hostname mismatch"),
        ({"proxy-url": "http://u:hunter2@127.0.0.1:9"}, "through the proxy 127.0.0.1:9 (Connection refused)"),
    ],
)
def test_server_that_cannot_be_talked_to(
    stub: Stub, run: Run, tmp_path: Path, entry: dict[str, str], says: str
) -> None:
    """Refused, unknown to DNS, or not to be trusted: told apart."""
    if entry.get("certificate-authority-data") == "other":
        entry = {"certificate-authority-data": base64.b64encode(trustme.CA().cert_pem.bytes()).decode()}
    path = live_faults.write(tmp_path, "other", stub.config(cluster=entry))
    refused(run(*CHECK, env={"KUBECONFIG": path}), 4, says)
    assert stub.requests == []


@pytest.mark.parametrize(
    ("days", "says"), [(-2, "has expired by this machine's clock"), (2, "is not valid yet by this machine's clock")]
)
def test_certificate_out_of_its_time(bare: Path, run: Run, days: int, says: str) -> None:  # noqa: F811 - the fixture
    """The clock is named: it may be this machine's that is wrong."""
    stub = Stub({})
    expired(stub, days)
    with stub.serve():
        refused(run(*CHECK, env={"KUBECONFIG": stub.kubeconfig(bare)}), 4, says, "set the clock")


@pytest.mark.parametrize(
    ("offset", "says"),
    [
        (0, "they have expired or are another cluster's, sign in again"),
        (3600, "this machine's clock is 60 minutes behind the server's, set it"),
        (-3600, "this machine's clock is 60 minutes ahead of the server's, set it"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_token_that_is_refused(stub: Stub, run: Run, bare: Path, command: Any, offset: int, says: str) -> None:  # noqa: F811
    """401 everywhere, by every command: the credentials, or the clock where the server's time is another."""
    stub.fault(".*", "401")
    stub.clock_offset = offset
    before = {path.name for path in bare.rglob("*")}
    refused(run(*into_file(command), "--no-aws"), 4, "401", says)
    assert live_faults.left_behind(bare, before) == set()


# --- credential plugins ---


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("echo 'SSO session has expired.' >&2; exit 255", "failed with status 255: SSO session has expired; run it by"),
        (f"seq 9999 >&2; echo 'Error: {'x' * 900}' >&2; exit 2", f"failed with status 2: Error: {'x' * 190}...; run"),
        (f"echo 'bad token {EKS_TOKEN}' >&2; exit 1", "status 1: bad token …; run"),
        (f"echo 'aws_secret_access_key={SECRET_KEY} key: {SECRET_KEY}' >&2; exit 1", "failed with status 1: … key: …;"),
        ("kill -9 $$", "was ended by signal 9"),
        (f"echo {EKS_TOKEN}", "printed no ExecCredential (JSON); run it by hand to see why: sign-in"),
        ("true", "printed no ExecCredential (JSON)"),
        (credential(EKS_TOKEN).replace("/v1", "/v1beta1"), "update the plugin"),
        (credential(EKS_TOKEN), "they have expired or are another cluster's"),
        (credential(EKS_TOKEN, expirationTimestamp="2020-01-01T00:00:00Z"), "expired at 2020-01-01T00:00:00Z"),
    ],
)
def test_plugin_that_gives_nothing_usable(stub: Stub, run: Run, tmp_path: Path, body: str, says: str) -> None:
    """Its exit status and the end of what it said, shortened; what may be a credential is not shown."""
    path = with_plugin(tmp_path, stub, body)
    refused(run(*CHECK, env={"KUBECONFIG": path}), 4, says)


def test_plugin_that_is_not_installed(stub: Stub, run: Run, tmp_path: Path) -> None:
    """By name, by path, and a file that is no program."""
    (tmp_path / "plain").write_text("text")
    for command, says in (
        ("no-such-plugin", "no-such-plugin that the kubeconfig names is not installed"),
        ("/no/such/plugin", "cannot be started (No such file or directory): /no/such/plugin"),
        (str(tmp_path / "plain"), "cannot be started (Permission denied)"),
    ):
        path = with_plugin(tmp_path, stub, "true", command=command)
        refused(run(*CHECK, env={"KUBECONFIG": path}), 4, says)


def test_plugin_that_hangs(stub: Stub, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped when its time is over, and what to run by hand is named, without what may be a credential."""
    defaults = list(ClusterOptions.__struct_defaults__)
    field = ClusterOptions.__struct_fields__.index("exec_timeout")
    assert defaults[field] == 60.0

    def short(self: Any) -> ClusterOptions:
        return ClusterOptions(kubeconfig=self.kubeconfig, context=self.context, exec_timeout=0.3)

    monkeypatch.setattr("clusterproof.sources.live.LiveOptions.of_cluster", short)
    path = with_plugin(tmp_path, stub, "sleep 600", args=["get-token", "--cluster", "demo"])
    says = "did not finish in 0.3 s and was stopped; run it by hand to see why: sign-in get-token --cluster demo"
    refused(run(*CHECK, env={"KUBECONFIG": path}), 4, says)
    path = with_plugin(tmp_path, stub, "sleep 600", args=["--token", EKS_TOKEN])
    refused(run(*CHECK, env={"KUBECONFIG": path}), 4, "run it by hand to see why: sign-in …")


# --- every call answers wrongly ---


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("403", "may list nothing that was asked for; grant it the rights"),
        ("404", "answered 404; see which server the kubeconfig names"),
        ("410", "410 Gone"),
        ("429", "throttling (429); wait a minute"),
        ("500", "answered 500; run it again"),
        ("503", "answered 503; run it again"),
        ("504", "answered 504; run it again"),
        ("hang", "the API server was silent for"),
        ("cut", "the connection broke in the middle of the answer; run it again"),
        ("html", "it is no Kubernetes API, or a proxy answered in its place"),
        ("reset", "the connection broke in the middle of the answer"),
        ("garbage", "cut off (its JSON is not whole)"),
    ],
)
def test_whole_cluster_fails(stub: Stub, run: Run, bare: Path, fault: str, says: str) -> None:  # noqa: F811
    """Every call in one way: nothing was read, so status 4, the way it failed, and what to do."""
    # A server that asks for more patience than there is: the request is not repeated.
    stub.fault(".*", fault, retry_after=60)
    before = {path.name for path in bare.rglob("*")}
    refused(run(*into_file(CHECK), "--timeout", "2"), 4, says)
    assert live_faults.left_behind(bare, before) == set()


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/api/v1/.*pods", "/apis/apps/v1/.*deployments"])
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("403", "could not be listed: RBAC refused it"),
        ("429", "could not be listed: the API server is throttling (429)"),
        ("hang", "could not be listed: the API server was silent"),
        ("cut", "could not be listed: the connection broke in the middle of the answer"),
    ],
)
def test_one_call_fails(stub: Stub, run: Run, tmp_path: Path, path: str, fault: str, says: str) -> None:
    """The kind is unknown with its cause, and nothing passes or fails that rests on it; the rest was read."""
    stub.fault(path, fault, retry_after=60)
    done = run(*CHECK, "--timeout", "1", "-o", "json=out.json", "-o", "table")
    live_faults.no_secret(done)
    assert done.returncode == 3, done.stderr
    assert f"{path.rpartition('/')[2].removeprefix('.*')} {says}" in " ".join(done.stdout.split())
    assert "FAIL" not in done.stdout
    assert (tmp_path / "out.json").exists()
    assert {item.name for item in tmp_path.iterdir() if item.name.startswith(".")} == set()


# --- interrupted ---


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("where", ["list", "plugin"])
def test_interrupted_at_once(stub: Stub, bare: Path, number: int, status: int, where: str) -> None:  # noqa: F811
    """While the server or a credential plugin is silent: no file, no traceback, and no plugin stays behind."""
    stub.fault("/api/v1/pods", "hang")
    path = stub.kubeconfig(bare)
    if where == "plugin":
        path = with_plugin(bare, stub, f"echo $$ > {bare}/pid.part; mv {bare}/pid.part {bare}/pid; sleep 600")
    before = {item.name for item in bare.rglob("*")}
    process = subprocess.Popen(
        [sys.executable, "-m", "clusterproof", "snapshot", "-o", "cut.snapshot", "--no-aws"],
        env={**os.environ, "KUBECONFIG": path, "PYTHONPATH": str(ROOT / "src")},
        cwd=bare,
        stderr=subprocess.PIPE,
        text=True,
    )
    began = (bare / "pid").exists if where == "plugin" else lambda: "/api/v1/pods" in stub.paths()
    while not began():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status, said
    assert said.endswith("\nclusterproof: interrupted; nothing was written\n")
    assert "Traceback" not in said
    assert live_faults.left_behind(bare, before) <= {"pid"}
    if where == "plugin":
        assert _gone(int((bare / "pid").read_text()))


def _gone(process: int) -> bool:
    """Whether a process ends within a second."""
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


# --- the report ---


@pytest.mark.usefixtures("stub")
def test_one_cause_is_not_told_a_hundred_times(run: Run) -> None:
    """Of what one cause leaves unknown a finding names the first few, and nothing that stands above; -v names all."""
    brief = run("check", "--profile", "dynamo", "--region", "us-west-2")
    whole = run("check", "--profile", "dynamo", "--region", "us-west-2", "-v")
    assert brief.returncode == whole.returncode == 3
    assert brief.stdout.count("\n  to know it  ") <= brief.stdout.count("\nUNKNOWN  ") + 2
    assert "more, for the same reason; -v names them" in brief.stdout
    assert "things that are not known above either" in brief.stdout
    assert "not known above either" not in whole.stdout
    details = [line for line in whole.stdout.splitlines() if line.startswith("  not known   ")]
    assert len([line for line in brief.stdout.splitlines() if line.startswith("  not known   ")]) * 3 < len(details)
    assert max(len(line) for line in brief.stderr.splitlines()) < 200
