"""kubectl's rules for kubeconfig files."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from clusterproof.errors import UnreadableClusterError
from clusterproof.sources.kubernetes_api.eks import guess
from clusterproof.sources.kubernetes_api.kubeconfig import Connection, connection
from clusterproof.sources.kubernetes_api.options import ClusterOptions
from clusterproof.sources.kubernetes_api.proxies import proxy_for

Raw = dict[str, Any]


def config(
    *contexts: str, current: str = "", cluster: Raw | None = None, user: Raw | None = None, suffix: str = ""
) -> Raw:
    """A kubeconfig whose contexts all use one cluster and one user."""
    return {
        "current-context": current,
        "clusters": [{"name": f"c{suffix}", "cluster": {"server": "https://api.example:6443", **(cluster or {})}}],
        "contexts": [{"name": n, "context": {"cluster": f"c{suffix}", "user": f"u{suffix}"}} for n in contexts],
        "users": [{"name": f"u{suffix}", "user": {"token": "t"} if user is None else user}],
    }


def write(path: Path, value: Raw | str) -> str:
    """The file's path."""
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def of(value: Raw | str, tmp_path: Path, **options: Any) -> Connection:
    """The connection of one file."""
    return connection(ClusterOptions(kubeconfig=write(tmp_path / "config", value), **options), {})


def refused(value: Raw | str, tmp_path: Path, **options: Any) -> str:
    """The sentence with which a file is refused; it never quotes a credential."""
    with pytest.raises(UnreadableClusterError) as caught:
        of(value, tmp_path, **options)
    assert caught.value.exit_status == 4
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_first_file_wins_whole_entries(tmp_path: Path) -> None:
    """Of KUBECONFIG's files the first that names an entry gives all of it; current-context is the first set one."""
    first = config("one", cluster={"server": "https://first"})
    second = config("two", "one", current="two", cluster={"server": "https://second", "insecure-skip-tls-verify": True})
    third = config("three", current="three", suffix="3")
    names = [write(tmp_path / str(n), value) for n, value in enumerate((first, second, third))]
    listed = os.pathsep.join([names[0], str(tmp_path / "absent"), "", names[1], names[2]])
    found = connection(ClusterOptions(), {"KUBECONFIG": listed})
    assert (found.context, found.server, found.insecure) == ("two", "https://first", False)
    assert connection(ClusterOptions(context="three"), {"KUBECONFIG": listed}).cluster_name == "c3"


def test_named_file_alone_counts(tmp_path: Path) -> None:
    """--kubeconfig is the only file, whatever KUBECONFIG says; it must be there."""
    other = write(tmp_path / "other", config("x", current="x", cluster={"server": "https://other"}))
    named = write(tmp_path / "named", config("y", current="y"))
    assert connection(ClusterOptions(kubeconfig=named), {"KUBECONFIG": other}).context == "y"
    with pytest.raises(UnreadableClusterError, match="there is no such kubeconfig file"):
        connection(ClusterOptions(kubeconfig=str(tmp_path / "absent")), {"KUBECONFIG": other})


def test_home_is_the_last_place(tmp_path: Path) -> None:
    """~/.kube/config where nothing else is named; a sentence where it is not there either."""
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube" / "config", config("h", current="h"))
    assert connection(ClusterOptions(), {"HOME": str(tmp_path)}).context == "h"
    with pytest.raises(UnreadableClusterError, match="no kubeconfig was found"):
        connection(ClusterOptions(), {"HOME": str(tmp_path / "nobody")}, tmp_path)


def test_in_cluster(tmp_path: Path) -> None:
    """In a pod without a kubeconfig its service account is used."""
    for name, text in (("token", "sa"), ("namespace", "team\n"), ("ca.crt", "pem")):
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/nobody"}
    found = connection(ClusterOptions(), environ, tmp_path)
    assert (found.context, found.server, found.namespace) == ("in-cluster", "https://[fd00::1]:443", "team")
    assert (found.token_file, found.ca) == (str(tmp_path / "token"), b"pem")


def test_relative_paths_are_beside_their_file(tmp_path: Path) -> None:
    """Certificates, token files and plugins are looked for from the kubeconfig's directory."""
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text(name)
    user: Raw = {"client-certificate": "cert.pem", "client-key": "key.pem", "tokenFile": "token"}
    user |= {"exec": {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1"}}
    found = of(config("x", current="x", cluster={"certificate-authority": "ca.pem"}, user=user), tmp_path)
    assert (found.ca, found.certificate, found.key) == (b"ca.pem", b"cert.pem", b"key.pem")
    assert found.token_file == str(tmp_path / "token")
    assert found.plugin is not None
    assert found.plugin.command == str(tmp_path / "plugin")


def test_data_comes_before_files(tmp_path: Path) -> None:
    """``certificate-authority-data`` wins over ``certificate-authority``."""
    data = base64.b64encode(b"data").decode()
    value = config("x", current="x", cluster={"certificate-authority": "absent", "certificate-authority-data": data})
    assert of(value, tmp_path).ca == b"data"


def test_context_members(tmp_path: Path) -> None:
    """Namespace, proxy, server name; a path before /api and a missing scheme."""
    cluster: Raw = {"server": "api.example/k8s/clusters/c-1/", "proxy-url": "http://p:1", "tls-server-name": "n"}
    value = config("x", current="x", cluster=cluster | {"insecure-skip-tls-verify": True})
    value["contexts"][0]["context"]["namespace"] = "team"
    found = of(value, tmp_path)
    assert found.server == "https://api.example/k8s/clusters/c-1"
    assert (found.namespace, found.proxy, found.tls_server_name) == ("team", "http://p:1", "n")


def test_yaml_as_kubectl_writes_it(tmp_path: Path) -> None:
    """YAML, not only JSON; a user that the context does not name is nobody."""
    text = "clusters:\n- cluster: {server: https://a}\n  name: c\ncontexts:\n- {name: x, context: {cluster: c}}\n"
    found = of(text + "current-context: x\nusers: null\n", tmp_path)
    assert (found.server, found.token) == ("https://a", "")


def test_impersonation(tmp_path: Path) -> None:
    """--as and --as-group replace what the user entry says; a group needs a user."""
    value = config(
        "x", current="x", user={"token": "t", "as": "bob", "as-groups": ["g"], "as-user-extra": {"k": ["v"]}}
    )
    own = of(value, tmp_path).impersonate
    assert own == (("Impersonate-User", "bob"), ("Impersonate-Group", "g"), ("Impersonate-Extra-k", "v"))
    asked = of(value, tmp_path, as_user="eve", as_groups=("h", "i")).impersonate
    assert asked == (("Impersonate-User", "eve"), ("Impersonate-Group", "h"), ("Impersonate-Group", "i"))
    assert "--as-group needs --as" in refused(config("x", current="x"), tmp_path, as_groups=("h",))


EXEC = {"command": "aws", "apiVersion": "client.authentication.k8s.io/v1"}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (config("a", "b"), "no current context is set; choose one with --context: a, b"),
        (config("a", current="z"), "there is no context z; it has a"),
        ({"current-context": "a"}, "there is no context a; it has none"),
        ("", "no current context is set; it has no contexts at all"),
        ("[1]", "is no kubeconfig"),
        ("a: [", "not YAML"),
        ("\x00\x01", "kubeconfig"),
        (config("a", current="a") | {"clusters": []}, "names cluster c, which is not there"),
        (config("a", current="a") | {"users": []}, "names user u, which is not there"),
        (config("a", current="a") | {"users": {}}, "users: expected a list"),
        (config("a", current="a") | {"users": [{}]}, "an entry has no name"),
        (config("a", current="a", cluster={"server": ""}), "has no server"),
        (config("a", current="a", cluster={"server": "ftp://x"}), "must be an http or https URL"),
        (config("a", current="a", cluster={"certificate-authority-data": "%"}), "is not base64"),
        (config("a", current="a", cluster={"certificate-authority": "absent"}), "cannot be read"),
        (config("a", current="a", cluster={"insecure-skip-tls-verify": "yes"}), "must be true or false"),
        (
            config("a", current="a", cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": "eA=="}),
            "leave one out",
        ),
        (config("a", current="a", user={"client-certificate-data": "eA=="}), "client-key is missing"),
        (config("a", current="a", user={"auth-provider": {"name": "gcp"}}), "auth-provider gcp is not supported"),
        (config("a", current="a", user={"exec": {}, "token": ""}), ""),
        (config("a", current="a", user={"exec": {"args": []}}), "exec names no command"),
        (
            config("a", current="a", user={"exec": {**EXEC, "apiVersion": "client.authentication.k8s.io/v1alpha1"}}),
            "no longer takes",
        ),
        (config("a", current="a", user={"exec": {**EXEC, "interactiveMode": "Maybe"}}), "interactiveMode Maybe"),
        (config("a", current="a", user={"as-groups": ["x"]}), "without as"),
    ],
)
def test_refusals(value: Raw | str, sentence: str, tmp_path: Path) -> None:
    """One sentence that names the file and what to mend."""
    if not sentence:  # an empty exec is none, as for kubectl
        assert of(value, tmp_path).plugin is None
        return
    text = refused(value, tmp_path)
    assert sentence in text
    assert str(tmp_path) in text


def test_directory_is_no_kubeconfig(tmp_path: Path) -> None:
    """A directory is told apart from a missing file."""
    with pytest.raises(UnreadableClusterError, match="is a directory"):
        connection(ClusterOptions(kubeconfig=str(tmp_path)), {})


def test_plugin_is_told_of_the_cluster(tmp_path: Path) -> None:
    """``provideClusterInfo`` and ``env`` as the credential plugin API describes them."""
    user = {"exec": {**EXEC, "provideClusterInfo": True, "env": [{"name": "AWS_PROFILE", "value": "prod"}]}}
    found = of(config("a", current="a", user=user, cluster={"tls-server-name": "n"}), tmp_path).plugin
    assert found is not None
    assert found.cluster == {"server": "https://api.example:6443", "tls-server-name": "n"}
    assert found.env == {"AWS_PROFILE": "prod"}


ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"


@pytest.mark.parametrize(
    ("names", "server", "command", "args", "expected"),
    [
        ([ARN], "", "", (), ("prod", "eu-west-1", "111122223333")),
        (["x", "bob@dev.us-east-1.eksctl.io"], "", "", (), ("dev", "us-east-1", "")),
        (
            ["x"],
            "",
            "/usr/bin/aws",
            ("--region", "us-west-2", "eks", "get-token", "--cluster-name", "a"),
            ("a", "us-west-2", ""),
        ),
        (["x"], "", "aws-iam-authenticator", ("token", "-i", "b"), ("b", "", "")),
        (
            ["x"],
            "https://ABC.gr7.us-west-2.eks.amazonaws.com",
            "aws",
            ("eks", "get-token", "--cluster-name=c"),
            ("c", "us-west-2", ""),
        ),
        ([ARN], "", "aws", ("eks", "get-token", "--cluster-name", "other"), ("other", "", "")),
        (["kind-kind"], "https://127.0.0.1:6443", "", (), ("", "", "")),
    ],
)
def test_eks_guess(
    names: list[str], server: str, command: str, args: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Cluster, region and account, where the context's own words tell; a mismatch is not filled up from an ARN."""
    found = guess(names, server, command, args, {})
    assert (found.cluster, found.region, found.account) == expected


def test_eks_guess_of_profile_and_role() -> None:
    """What the plugin is told to use is what the AWS source should use too."""
    args = (
        "eks",
        "get-token",
        "--cluster-name",
        "a",
        "--role-arn",
        "arn:aws:iam::111122223333:role/r",
        "--profile",
        "p",
    )
    found = guess([], "", "aws", args, {"AWS_PROFILE": "q", "AWS_REGION": "eu-north-1"})
    assert (found.aws_profile, found.role_arn, found.region) == ("p", "arn:aws:iam::111122223333:role/r", "eu-north-1")


@pytest.mark.parametrize(
    ("server", "environ", "expected"),
    [
        ("https://a.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://a.example", {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, ""),
        ("http://a.example", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("https://localhost", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b, example"}, ""),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".a.example"}, "http://p:1"),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, ""),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.example"}, ""),
        ("https://aexample", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, "http://p:1"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3"}, ""),
        ("https://11.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8,nonsense/x"}, "http://p:1"),
        ("https://a.example:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example:443"}, "http://p:1"),
        ("https://a.example:443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example:443"}, ""),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ""),
    ],
)
def test_proxies(server: str, environ: dict[str, str], expected: str) -> None:
    """Go's rules for HTTPS_PROXY and NO_PROXY, which are kubectl's."""
    assert proxy_for(server, "", environ) == expected


def test_proxy_url_comes_first() -> None:
    """``proxy-url`` holds whatever the environment says, for loopback too."""
    assert proxy_for("https://127.0.0.1", "socks5://p:1", {"NO_PROXY": "*"}) == "socks5://p:1"
