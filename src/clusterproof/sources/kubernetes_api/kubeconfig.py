"""Which cluster and which credentials: kubeconfig files read by kubectl's rules.

Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files": ``--kubeconfig`` names the only file;
else the files of ``KUBECONFIG`` are merged, and the first file that sets a value or a name wins, whole; else
``~/.kube/config``. Relative paths are relative to their file. Without any of these a pod's service account is used
("Accessing the Kubernetes API from a Pod"). Nothing here opens a connection.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from clusterproof.errors import UnreadableClusterError
from clusterproof.sources.kubernetes_api.kubeconfigfiles import Entry, Merged, merge
from clusterproof.sources.kubernetes_api.options import ClusterOptions

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ExecSpec(msgspec.Struct, frozen=True):
    """A credential plugin, as ``client.authentication.k8s.io`` describes it.

    Attributes:
        command: a path, or a name to be looked up in PATH.
        args, env: as in the kubeconfig; ``env`` adds to the caller's own.
        api_version: of the ExecCredential that the plugin prints.
        install_hint: what to say when the command is not there.
        interactive: ``Never``, ``IfAvailable`` or ``Always``.
        cluster: what the plugin is told of the cluster (``provideClusterInfo``); None when it is not.
    """

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    interactive: str = "IfAvailable"
    cluster: Mapping[str, Any] | None = None


class Connection(msgspec.Struct, frozen=True):
    """Everything that one context says.

    Attributes:
        context, cluster_name, user_name: the entries' names.
        server: the URL, without a trailing slash; a path before ``/api`` is kept.
        namespace: the context's.
        ca: PEM of the certificate authorities; empty: the system's.
        insecure: the server's certificate is not checked.
        tls_server_name: the name to check the certificate for and to send, where it is not the host.
        proxy: ``proxy-url``; empty: the environment's.
        token, token_file, username, password: static credentials.
        certificate, key: PEM of the client certificate.
        plugin: the credential plugin.
        impersonate: headers that the user entry asks for.
    """

    context: str
    server: str
    cluster_name: str = ""
    user_name: str = ""
    namespace: str = "default"
    ca: bytes = b""
    insecure: bool = False
    tls_server_name: str = ""
    proxy: str = ""
    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    certificate: bytes = b""
    key: bytes = b""
    plugin: ExecSpec | None = None
    impersonate: tuple[tuple[str, str], ...] = ()


def connection(
    options: ClusterOptions, environ: Mapping[str, str] | None = None, service_account: Path = SERVICE_ACCOUNT
) -> Connection:
    """The chosen context's connection.

    Args:
        options: which file, context and impersonation.
        environ: the environment; the process's own when None.
        service_account: where a pod's service account is mounted.

    Raises:
        UnreadableClusterError: no such file, context, cluster or user, or one of them cannot be used.
    """
    environ = os.environ if environ is None else environ
    paths = _paths(options, environ)
    merged = merge(paths, required=bool(options.kubeconfig))
    if not merged.contexts and not options.kubeconfig and not options.context:
        inside = _in_cluster(environ, service_account)
        if inside is not None:
            return _impersonated(inside, options)
    found = _of_context(merged, options, [str(path) for path in paths])
    return _impersonated(found, options)


def _paths(options: ClusterOptions, environ: Mapping[str, str]) -> list[Path]:
    if options.kubeconfig:
        return [Path(options.kubeconfig).expanduser()]
    listed = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        return [Path(part) for part in dict.fromkeys(listed)]
    home = environ.get("HOME", "")
    return [(Path(home) if home else Path("~").expanduser()) / ".kube" / "config"]


def _of_context(merged: Merged, options: ClusterOptions, tried: list[str]) -> Connection:
    where = ", ".join(merged.files)
    there = ", ".join(sorted(merged.contexts)[:12])
    if not merged.files:
        raise UnreadableClusterError(
            f"no kubeconfig was found ({', '.join(tried)} is not there): name one after --kubeconfig, or set KUBECONFIG"
        )
    name = options.context or merged.current
    if not name:
        choose = (
            f"choose one with --context: {there}" if there else "it has no contexts at all, name another kubeconfig"
        )
        raise UnreadableClusterError(f"{where}: no current context is set; {choose}")
    if name not in merged.contexts:
        has = f"it has {there}: name one of these after --context" if there else "it has none, name another kubeconfig"
        raise UnreadableClusterError(f"{where}: there is no context {name}; {has}")
    context = merged.contexts[name].value
    cluster_name, user_name = _text(context, "cluster"), _text(context, "user")
    if cluster_name not in merged.clusters:
        raise UnreadableClusterError(
            f"{where}: context {name} names cluster {cluster_name or '(none)'}, which is not there; mend the kubeconfig"
        )
    if user_name and user_name not in merged.users:
        lost = f"context {name} names user {user_name}, which is not there"
        raise UnreadableClusterError(f"{where}: {lost}; mend the kubeconfig")
    user = merged.users.get(user_name, Entry({}, Path()))
    return msgspec.structs.replace(
        _with_user(_with_cluster(merged.clusters[cluster_name], cluster_name), user, user_name),
        context=name,
        namespace=_text(context, "namespace") or "default",
    )


def _with_cluster(entry: Entry, name: str) -> Connection:
    value, path = entry.value, entry.path
    where = f"{path}: cluster {name}"
    ca = _pem(value, "certificate-authority", path, where)
    insecure = _yes(value, "insecure-skip-tls-verify", where)
    if insecure and ca:
        raise UnreadableClusterError(
            f"{where}: gives a certificate authority and insecure-skip-tls-verify; kubectl refuses that: leave one out"
        )
    server = _text(value, "server").rstrip("/")
    if not server:
        raise UnreadableClusterError(f"{where}: has no server; mend the kubeconfig")
    if "://" not in server:
        server = f"https://{server}" if ca or insecure else f"http://{server}"
    if not server.startswith(("https://", "http://")):
        raise UnreadableClusterError(f"{where}: its server must be an http or https URL; mend the kubeconfig")
    return Connection(
        context="",
        server=server,
        cluster_name=name,
        ca=ca,
        insecure=insecure,
        tls_server_name=_text(value, "tls-server-name"),
        proxy=_text(value, "proxy-url"),
    )


def _with_user(cluster: Connection, entry: Entry, name: str) -> Connection:
    value, path = entry.value, entry.path
    where = f"{path}: user {name}"
    provider = value.get("auth-provider")
    if provider:
        called = _text(provider, "name") if isinstance(provider, dict) else ""
        raise UnreadableClusterError(
            f"{where}: auth-provider {called} is not supported; use a credential plugin (exec) instead"
        )
    certificate = _pem(value, "client-certificate", path, where)
    key = _pem(value, "client-key", path, where)
    if bool(certificate) != bool(key):
        lacking = "client-key" if certificate else "client-certificate"
        raise UnreadableClusterError(f"{where}: {lacking} is missing; mend the kubeconfig")
    token_file = _text(value, "tokenFile")
    return msgspec.structs.replace(
        cluster,
        user_name=name,
        token=_text(value, "token"),
        token_file=str(_beside(path, token_file)) if token_file else "",
        username=_text(value, "username"),
        password=_text(value, "password"),
        certificate=certificate,
        key=key,
        plugin=_exec(value["exec"], cluster, path, where) if value.get("exec") else None,
        impersonate=_impersonate(value, where),
    )


def _exec(value: Any, cluster: Connection, path: Path, where: str) -> ExecSpec:
    if not isinstance(value, dict) or not _text(value, "command"):
        raise UnreadableClusterError(f"{where}: exec names no command; mend the kubeconfig")
    version = _text(value, "apiVersion")
    if version not in ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"):
        raise UnreadableClusterError(
            f"{where}: exec has apiVersion {version or '(none)'}, which kubectl no longer takes; "
            "make the kubeconfig again (client.authentication.k8s.io/v1beta1)"
        )
    interactive = _text(value, "interactiveMode") or "IfAvailable"
    if interactive not in ("Never", "IfAvailable", "Always"):
        raise UnreadableClusterError(
            f"{where}: exec has interactiveMode {interactive}; expected Never, IfAvailable or Always"
        )
    command = _text(value, "command")
    if os.sep in command:
        command = str(_beside(path, command))
    env = {}
    for item in value.get("env") or ():
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            env[item["name"]] = str(item.get("value", ""))
    told: dict[str, Any] | None = None
    if value.get("provideClusterInfo"):
        told = {"server": cluster.server}
        if cluster.tls_server_name:
            told["tls-server-name"] = cluster.tls_server_name
        if cluster.insecure:
            told["insecure-skip-tls-verify"] = True
        if cluster.ca:
            told["certificate-authority-data"] = base64.b64encode(cluster.ca).decode()
        if cluster.proxy:
            told["proxy-url"] = cluster.proxy
    return ExecSpec(
        command=command,
        args=tuple(str(word) for word in value.get("args") or ()),
        env=env,
        api_version=version,
        install_hint=_text(value, "installHint"),
        interactive=interactive,
        cluster=told,
    )


def _impersonate(value: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    headers = []
    if _text(value, "as"):
        headers.append(("Impersonate-User", _text(value, "as")))
    if _text(value, "as-uid"):
        headers.append(("Impersonate-Uid", _text(value, "as-uid")))
    headers += [("Impersonate-Group", str(group)) for group in value.get("as-groups") or ()]
    extra = value.get("as-user-extra")
    for name, words in (extra or {}).items() if isinstance(extra, dict) else ():
        headers += [(f"Impersonate-Extra-{name}", str(word)) for word in words or ()]
    if headers and not _text(value, "as"):
        raise UnreadableClusterError(f"{where}: as-groups, as-uid or as-user-extra without as; mend the kubeconfig")
    return tuple(headers)


def _impersonated(found: Connection, options: ClusterOptions) -> Connection:
    if not options.as_user:
        if options.as_groups:
            raise UnreadableClusterError("--as-group needs --as: a user to impersonate")
        return found
    headers = [("Impersonate-User", options.as_user), *(("Impersonate-Group", group) for group in options.as_groups)]
    return msgspec.structs.replace(found, impersonate=tuple(headers))


def _in_cluster(environ: Mapping[str, str], account: Path) -> Connection | None:
    """The service account of the pod that this runs in, or None outside a pod."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    token = account / "token"
    if not host or not port or not token.is_file():
        return None
    ca, namespace = account / "ca.crt", account / "namespace"
    try:
        authorities = ca.read_bytes() if ca.is_file() else b""
        inside = namespace.read_text().strip() if namespace.is_file() else "default"
    except OSError as error:
        raise UnreadableClusterError(f"{account}: the service account cannot be read ({error.strerror})") from None
    return Connection(
        context="in-cluster",
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=inside or "default",
        ca=authorities,
        token_file=str(token),
    )


def _beside(path: Path, name: str) -> Path:
    return path.parent / Path(name)


def _text(value: Any, member: str) -> str:
    found = value.get(member) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _yes(value: dict[str, Any], member: str, where: str) -> bool:
    found = value.get(member)
    if found is not None and not isinstance(found, bool):
        raise UnreadableClusterError(f"{where}: {member} must be true or false; mend the kubeconfig")
    return bool(found)


def _pem(value: dict[str, Any], member: str, path: Path, where: str) -> bytes:
    """``MEMBER-data`` (base64 of PEM) before ``MEMBER`` (a file)."""
    data = _text(value, f"{member}-data")
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise UnreadableClusterError(f"{where}: {member}-data is not base64; mend the kubeconfig") from None
    name = _text(value, member)
    if not name:
        return b""
    file = _beside(path, name)
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableClusterError(
            f"{where}: {member} {file} cannot be read ({error.strerror}); put it there"
        ) from None
