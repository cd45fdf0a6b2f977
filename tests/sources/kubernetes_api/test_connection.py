"""Credentials, certificates, proxies, clocks: against a real TLS server and real credential plugins."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clusterproof.errors import UnreadableClusterError
from clusterproof.snapshot import kinds
from clusterproof.sources.kubernetes_api import ClusterOptions, ClusterRead, read_cluster
from clusterproof.sources.kubernetes_api.kubeconfig import connection
from clusterproof.sources.kubernetes_api.reader import _Reading
from tests.sources.kubernetes_api.conftest import Options
from tests.sources.kubernetes_api.stub import TOKEN, Stub

Raw = dict[str, Any]
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def read(options: ClusterOptions, environ: dict[str, str] | None = None) -> ClusterRead:
    """Pods only."""
    return read_cluster(options, kinds=[kinds.PODS], environ=environ)


def pods(found: ClusterRead) -> int:
    """How many pods were read."""
    gathered = found.answers[0].gathered
    assert gathered is not None
    assert found.answers[0].coverage[0].missing is None
    return len(gathered.lines)


def failure(options: ClusterOptions, environ: dict[str, str] | None = None) -> str:
    """The sentence with which nothing could be read: one line, exit 4, no credential in it."""
    with pytest.raises(UnreadableClusterError) as caught:
        read(options, environ)
    text = str(caught.value)
    assert "\n" not in text
    assert TOKEN not in text
    assert "Traceback" not in text
    return text


def script(path: Path, body: str) -> str:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def credential(version: str = V1, **status: Any) -> str:
    """What a plugin prints."""
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


def user(command: str, version: str = V1, **more: Any) -> Raw:
    """A user entry with a plugin."""
    return {"exec": {"command": command, "apiVersion": version, "interactiveMode": "Never", **more}}


# --- credential plugins ---


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_plugin(stub: Stub, options: Options, tmp_path: Path, version: str) -> None:
    """Runs once for all requests, with its arguments, environment and KUBERNETES_EXEC_INFO."""
    body = f"echo \"$1 $EXTRA $KUBERNETES_EXEC_INFO\" >> {tmp_path}/calls\necho '{credential(version, token=TOKEN)}'"
    env = [{"name": "EXTRA", "value": "extra"}]
    entry = user(script(tmp_path / "plugin", body), version, args=["arg"], env=env, provideClusterInfo=True)
    config = stub.kubeconfig(tmp_path, user=entry)
    assert pods(read(options(kubeconfig=config))) == 64
    (line,) = (tmp_path / "calls").read_text().splitlines()
    argument, extra, info = line.split(" ", 2)
    told = json.loads(info)
    assert (argument, extra, told["apiVersion"], told["spec"]["interactive"]) == ("arg", "extra", version, False)
    assert told["spec"]["cluster"]["server"] == stub.url


def test_plugin_is_looked_up_in_path(
    stub: Stub, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare command is found in PATH."""
    script(tmp_path / "get-it", f"echo '{credential(token=TOKEN)}'")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert pods(read(options(kubeconfig=stub.kubeconfig(tmp_path, user=user("get-it"))))) == 64


def test_refused_credentials_are_renewed_once(stub: Stub, options: Options, tmp_path: Path) -> None:
    """A token that the server no longer takes: the plugin runs once more, and all goes on."""
    fresh, stale = credential(token=TOKEN), credential(token="stale")
    mark = tmp_path / "mark"
    body = f"if [ -e {mark} ]; then echo '{fresh}'; else touch {mark}; echo '{stale}'; fi; echo x >> {tmp_path}/calls"
    config = stub.kubeconfig(tmp_path, user=user(script(tmp_path / "plugin", body)))
    assert pods(read(options(kubeconfig=config))) == 64
    assert (tmp_path / "calls").read_text().count("x") == 2


def test_credentials_that_stay_refused(stub: Stub, options: Options, tmp_path: Path) -> None:
    """Renewed once, then given up: the plugin is not run for every kind."""
    body = f"echo x >> {tmp_path}/calls; echo '{credential(token='stale')}'"
    config = stub.kubeconfig(tmp_path, user=user(script(tmp_path / "plugin", body)))
    text = failure(options(kubeconfig=config))
    assert "does not accept the credentials (401 Unauthorized)" in text
    assert "sign in again" in text
    assert (tmp_path / "calls").read_text().count("x") == 2


def test_expired_by_its_own_word(stub: Stub, options: Options, tmp_path: Path) -> None:
    """A credential that expired before it was given is named as such."""
    body = f"echo '{credential(token='stale', expirationTimestamp='2020-01-01T00:00:00Z')}'"
    config = stub.kubeconfig(tmp_path, user=user(script(tmp_path / "plugin", body)))
    assert "expired at 2020-01-01T00:00:00Z" in failure(options(kubeconfig=config))


def test_credentials_that_end_in_the_middle(stub: Stub, options: Options) -> None:
    """401 from the second page on: what was read stays, the kind is unknown."""
    stub.fault(r"/api/v1/pods", "401", after=1)
    found = read(options(page=30)).answers[0]
    assert found.coverage[0].missing is not None
    assert "401" in found.coverage[0].missing.detail
    assert found.gathered is not None
    assert len(found.gathered.lines) == 30


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("echo 'SSO session has expired' >&2; exit 3", "failed with status 3: SSO session has expired"),
        ("exit 3", "failed with status 3"),
        (f"echo 'token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.{'x' * 20} refused' >&2; exit 1", "token … refused"),
        ("kill -9 $$", "was ended by signal 9"),
        ("echo no-json", "printed no ExecCredential (JSON)"),
        ("true", "printed no ExecCredential (JSON)"),
        ('echo \'{"kind": "ExecCredential"}\'', "printed no ExecCredential with a status"),
        (f"echo '{credential(V1BETA1, token='x')}'", f"answers in {V1BETA1}, the kubeconfig asks for {V1}"),
        (f"echo '{credential()}'", "neither a token nor a certificate"),
        (f"echo '{credential(clientCertificateData='x')}'", "neither a token nor a certificate"),
        (f"echo '{credential(clientCertificateData='x', clientKeyData='y')}'", "no PEM pair"),
        (f"echo '{credential(token='a b' + chr(92) + 'n')}'", "holds characters that no header can carry"),
    ],
)
def test_plugin_that_fails(stub: Stub, options: Options, tmp_path: Path, body: str, sentence: str) -> None:
    """The cause in one sentence; what a plugin printed as credential is never shown."""
    config = stub.kubeconfig(tmp_path, user=user(script(tmp_path / "plugin", body)))
    assert sentence in failure(options(kubeconfig=config))


def test_plugin_that_hangs_is_stopped(stub: Stub, options: Options, tmp_path: Path) -> None:
    """With the children that it started."""
    body = f"sleep 300 & echo $! > {tmp_path}/child; wait"
    config = stub.kubeconfig(tmp_path, user=user(script(tmp_path / "plugin", body)))
    text = failure(options(kubeconfig=config, exec_timeout=0.4))
    assert "did not finish in 0.4 s and was stopped" in text
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if _gone(child):
            break
        time.sleep(0.02)
    assert _gone(child)


def _gone(process: int) -> bool:
    """Whether a process has ended (one that nobody has waited for yet has)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except OSError:
        return True


def test_plugin_that_is_not_installed(stub: Stub, options: Options, tmp_path: Path) -> None:
    """The kubeconfig's own hint is given."""
    config = stub.kubeconfig(tmp_path, user=user("no-such-plugin", installHint="brew install\nit"))
    text = failure(options(kubeconfig=config))
    assert "no-such-plugin that the kubeconfig names is not installed; brew install it" in text


def test_plugin_that_cannot_be_started(stub: Stub, options: Options, tmp_path: Path) -> None:
    """A file that is no program."""
    (tmp_path / "plain").write_text("text")
    config = stub.kubeconfig(tmp_path, user=user(str(tmp_path / "plain")))
    assert "cannot be started" in failure(options(kubeconfig=config))


def test_plugin_that_needs_a_terminal(
    stub: Stub, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``interactiveMode: Always`` without a terminal."""
    monkeypatch.setattr("sys.stdin", None)
    entry = user(script(tmp_path / "plugin", "true"), interactiveMode="Always")
    assert "needs a terminal" in failure(options(kubeconfig=stub.kubeconfig(tmp_path, user=entry)))


# --- other credentials ---


def test_token_file_is_read_again(stub: Stub, options: Options, tmp_path: Path) -> None:
    """A token that was replaced on disk is taken after the first refusal."""
    file = tmp_path / "token"
    file.write_text("stale\n")
    config = stub.kubeconfig(tmp_path, user={"tokenFile": "token"})
    assert "401" in failure(options(kubeconfig=config))
    answer = stub.answer

    (tmp_path / "next").write_text(TOKEN)

    def rotated(request: Any) -> Any:
        if (tmp_path / "next").exists():
            with contextlib.suppress(FileNotFoundError):  # another request was first
                (tmp_path / "next").replace(file)
        return answer(request)

    stub.answer = rotated  # type: ignore[method-assign]
    assert pods(read(options(kubeconfig=config))) == 64


@pytest.mark.parametrize(("text", "sentence"), [(None, "cannot be read"), ("", "is empty")])
def test_token_file_without_a_token(
    stub: Stub, options: Options, tmp_path: Path, text: str | None, sentence: str
) -> None:
    """Named as such."""
    if text is not None:
        (tmp_path / "token").write_text(text)
    assert sentence in failure(options(kubeconfig=stub.kubeconfig(tmp_path, user={"tokenFile": "token"})))


def test_user_name_and_password(stub: Stub, options: Options, tmp_path: Path) -> None:
    """Basic authentication, as some front ends want it."""
    stub.require_token = ""
    read(options(kubeconfig=stub.kubeconfig(tmp_path, user={"username": "u", "password": "p"})))
    sent = {request.headers["authorization"] for request in stub.requests}
    assert sent == {f"Basic {base64.b64encode(b'u:p').decode()}"}


def test_static_token_comes_before_the_plugin(stub: Stub, options: Options, tmp_path: Path) -> None:
    """As in client-go."""
    entry = {"token": TOKEN, **user(script(tmp_path / "plugin", "exit 1"))}
    assert pods(read(options(kubeconfig=stub.kubeconfig(tmp_path, user=entry)))) == 64


def test_impersonation_is_sent(stub: Stub, options: Options) -> None:
    """--as and --as-group are headers of every request."""
    found = read(options(as_user="eve", as_groups=("g", "h")))
    assert found.identity.impersonated == "eve"
    assert {request.headers["impersonate-user"] for request in stub.requests} == {"eve"}
    assert {request.headers["impersonate-group"] for request in stub.requests} == {"g,h"}


@pytest.mark.parametrize("as_file", [False, True])
def test_client_certificate(tmp_path: Path, options: Options, *, as_file: bool) -> None:
    """From data or from files; the server refuses who shows none."""
    with Stub("demo", require_token="", client_ca=True).serve() as stub:
        pair = stub.authority.issue_cert("alice@example.org")
        certificate, key = pair.cert_chain_pems[0].bytes(), pair.private_key_pem.bytes()
        if as_file:
            (tmp_path / "c").write_bytes(certificate)
            (tmp_path / "k").write_bytes(key)
            entry = {"client-certificate": "c", "client-key": "k"}
        else:
            data = [base64.b64encode(part).decode() for part in (certificate, key)]
            entry = {"client-certificate-data": data[0], "client-key-data": data[1]}
        assert pods(read(options(kubeconfig=stub.kubeconfig(tmp_path, user=entry)))) == 64
        assert stub.url.partition("//")[2] in failure(options(kubeconfig=stub.kubeconfig(tmp_path, user={})))


def test_client_certificate_of_a_plugin(tmp_path: Path, options: Options) -> None:
    """A plugin may give a certificate instead of a token; nothing of it stays on disk."""
    with Stub("demo", require_token="", client_ca=True).serve() as stub:
        pair = stub.authority.issue_cert("alice@example.org")
        texts = pair.cert_chain_pems[0].bytes().decode(), pair.private_key_pem.bytes().decode()
        (tmp_path / "answer").write_text(credential(clientCertificateData=texts[0], clientKeyData=texts[1]))
        entry = user(script(tmp_path / "plugin", f"cat {tmp_path}/answer"))
        assert pods(read(options(kubeconfig=stub.kubeconfig(tmp_path, user=entry)))) == 64


# --- TLS ---


def test_untrusted_authority(stub: Stub, options: Options, tmp_path: Path) -> None:
    """Another authority: not trusted; with insecure-skip-tls-verify it is not looked at."""
    other = base64.b64encode(Stub("demo").ca_pem).decode()
    config = stub.kubeconfig(tmp_path, cluster={"certificate-authority-data": other})
    assert "cannot be trusted" in failure(options(kubeconfig=config))
    skipped = {"certificate-authority-data": "", "insecure-skip-tls-verify": True}
    assert pods(read(options(kubeconfig=stub.kubeconfig(tmp_path, cluster=skipped)))) == 64


def test_tls_server_name(tmp_path: Path, options: Options) -> None:
    """The certificate's own name may be given where the URL has another."""
    with Stub("demo", host="kubernetes.default").serve() as stub:
        assert "cannot be trusted" in failure(options(kubeconfig=stub.kubeconfig(tmp_path)))
        named = stub.kubeconfig(tmp_path, cluster={"tls-server-name": "kubernetes.default"})
        assert pods(read(options(kubeconfig=named))) == 64


@pytest.mark.parametrize(("days", "sentence"), [(1, "is not valid yet by this machine's clock"), (-30, "has expired")])
def test_certificates_and_the_clock(tmp_path: Path, options: Options, days: int, sentence: str) -> None:
    """A certificate that does not hold by this machine's clock says so, and to set it."""
    stub = Stub("demo")
    begin = datetime.now(UTC) + timedelta(days=days)
    stub.certificate = stub.authority.issue_cert("127.0.0.1", not_before=begin, not_after=begin + timedelta(days=2))
    with stub.serve():
        text = failure(options(kubeconfig=stub.kubeconfig(tmp_path)))
    assert sentence in text
    assert "set the clock" in text


@pytest.mark.parametrize(("offset", "way"), [(3600.0, "60 minutes behind"), (-3600.0, "60 minutes ahead of")])
def test_refused_because_of_the_clock(stub: Stub, options: Options, tmp_path: Path, offset: float, way: str) -> None:
    """Refused credentials and a server whose clock is far off: the clock is the cause."""
    stub.clock_offset = offset
    config = stub.kubeconfig(tmp_path, user={"token": "early"})
    assert f"this machine's clock is {way} the server's" in failure(options(kubeconfig=config))


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        ({"certificate-authority-data": base64.b64encode(b"text").decode()}, "is no PEM certificate"),
        ({"server": "https://127.0.0.1:1"}, "cannot be reached (Connection refused)"),
        ({"server": "https://no-such-host.invalid"}, "no-such-host.invalid cannot be reached"),
        ({"proxy-url": "ftp://p:1"}, "the proxy ftp://p cannot be used"),
    ],
)
def test_unreachable(stub: Stub, options: Options, tmp_path: Path, cluster: Raw, sentence: str) -> None:
    """The cause in one sentence."""
    assert sentence in failure(options(kubeconfig=stub.kubeconfig(tmp_path, cluster=cluster)))


def test_not_tls_at_all(options: Options, tmp_path: Path, stub: Stub) -> None:
    """An https URL of something that speaks plain text."""
    with _plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        text = failure(options(kubeconfig=stub.kubeconfig(tmp_path, cluster={"server": f"https://127.0.0.1:{port}"})))
    assert "does not speak TLS" in text


@pytest.mark.parametrize("fault", ["html", "401", "hang", "reset", "cut"])
def test_nothing_is_a_kubernetes_api(stub: Stub, options: Options, fault: str) -> None:
    """Whatever is asked goes wrong in the same way: exit 4 and the cause."""
    stub.fault(r".*", fault)
    text = failure(options(call_timeout=0.2, deadline=1.0))
    assert {
        "html": "it is no Kubernetes API",
        "401": "401",
        "hang": "silent for 200 ms",
        "reset": "broke",
        "cut": "broke",
    }[fault] in text


# --- proxies, path prefixes, pods ---


@contextmanager
def _plain_server(answer: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(1024)
                    peer.sendall(answer)

        threading.Thread(target=work, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def _proxy(refuse: bytes = b"") -> Iterator[tuple[str, list[str]]]:
    """A CONNECT proxy: its URL and what it was asked for."""
    asked: list[str] = []

    def pump(source: socket.socket, to: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve(peer: socket.socket) -> None:
        with peer:
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(4096)
            asked.append(head.decode())
            if refuse:
                peer.sendall(refuse)
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as to:
                peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                forth = threading.Thread(target=pump, args=(peer, to), daemon=True)
                forth.start()
                pump(to, peer)
                forth.join()

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving: list[threading.Thread] = []

        def work() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                serving.append(threading.Thread(target=serve, args=(peer,), daemon=True))
                serving[-1].start()

        accepting = threading.Thread(target=work, daemon=True)
        accepting.start()
        yield f"http://u:p@127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
        for thread in [accepting, *serving]:
            thread.join(5.0)


def test_proxy_url(options: Options, tmp_path: Path) -> None:
    """Everything goes through the cluster's proxy, with the name that the certificate has."""
    with _proxy() as (url, asked), Stub("demo", host="kubernetes.default").serve() as stub:
        cluster = {"proxy-url": url, "tls-server-name": "kubernetes.default"}
        assert pods(read(options(kubeconfig=stub.kubeconfig(tmp_path, cluster=cluster)))) == 64
    assert asked
    assert all(f"CONNECT {stub.url.partition('//')[2]}" in head for head in asked)
    assert all("Basic dTpw" in head for head in asked)


def test_proxy_of_the_environment(stub: Stub, options: Options, tmp_path: Path) -> None:
    """HTTPS_PROXY is taken for hosts other than loopback; NO_PROXY spares them."""
    with _proxy(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        config = stub.kubeconfig(tmp_path, cluster={"server": "https://api.invalid"})
        text = failure(options(kubeconfig=config), {"HTTPS_PROXY": url})
        assert "the proxy refused the way to api.invalid (403 Forbidden)" in text
        assert len(asked) >= 1
        before = len(asked)
        failure(options(kubeconfig=config), {"HTTPS_PROXY": url, "NO_PROXY": "api.invalid"})
        assert pods(read(options(), {"HTTPS_PROXY": url})) == 64
        assert len(asked) == before


def test_socks_proxy_is_used_or_named(stub: Stub, options: Options, tmp_path: Path) -> None:
    """Without the package for it a SOCKS proxy is named as what cannot be used."""
    config = stub.kubeconfig(tmp_path, cluster={"proxy-url": "socks5://127.0.0.1:1"})
    installed = importlib.util.find_spec("socksio") is not None
    sentence = "cannot be reached" if installed else "the proxy socks5://127.0.0.1 cannot be used"
    assert sentence in failure(options(kubeconfig=config))


def test_path_before_api(stub: Stub, options: Options, tmp_path: Path) -> None:
    """A server URL with a path (Rancher) keeps it."""
    answer = stub.answer

    def below(request: Any) -> Any:
        assert request.path.startswith("/k8s/clusters/c-1/")
        request.path = request.path.removeprefix("/k8s/clusters/c-1")
        return answer(request)

    stub.answer = below  # type: ignore[method-assign]
    config = stub.kubeconfig(tmp_path, cluster={"server": f"{stub.url}/k8s/clusters/c-1/"})
    assert pods(read(options(kubeconfig=config))) == 64


def test_inside_a_pod(stub: Stub, tmp_path: Path) -> None:
    """The service account's token, authority and namespace."""
    from clusterproof.sources.kubernetes_api.client import Client

    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(TOKEN)
    (account / "namespace").write_text("team")
    (account / "ca.crt").write_bytes(stub.ca_pem)
    host, _, port = stub.url.removeprefix("https://").partition(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "HOME": str(tmp_path)}
    options = ClusterOptions()
    found = connection(options, environ, account)
    client = Client(found, options, environ)
    try:
        identity = _Reading(client, found, options, None).greeted([kinds.PODS], may=True)
    finally:
        client.close()
    assert (identity.context, identity.namespace, identity.may) == ("in-cluster", "team", {"pods": True})
