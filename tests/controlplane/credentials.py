"""Who talks to whom in the test's control plane: one authority, its certificates, and a token for each user."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import msgspec
import trustme

USERS = {
    "admin": ("clusterproof-admin", "system:masters"),
    "reader": ("clusterproof-reader", "clusterproof-readers"),
    "scheduler": ("system:kube-scheduler", ""),
    "controller-manager": ("system:kube-controller-manager", ""),
}
"""Name in kubeconfigs → user and group at the API server; ``reader`` has no right but those that a test grants
to it or to its group, which is that of ``clusterproof permissions``."""

CLUSTER = "arn:aws:eks:us-west-2:111122223333:cluster/demo-gpu"
"""The cluster's name in kubeconfigs, as ``aws eks update-kubeconfig`` writes it; the account is the demo world's."""


class Credentials(msgspec.Struct, frozen=True):
    """Files of one control plane, all in one directory.

    Attributes:
        directory: that holds ``ca.crt``, ``server.*``, ``kubelet.*``, ``client.*``, ``accounts.key``, ``tokens.csv``.
        tokens: bearer token by name in :data:`USERS`.
    """

    directory: Path
    tokens: dict[str, str]

    def path(self, name: str) -> str:
        """Where a file is."""
        return str(self.directory / name)

    def kubeconfig(self, url: str, user: str = "admin", *, namespace: str = "", path: Path | None = None) -> Path:
        """Writes a kubeconfig; its path.

        Args:
            url: of the API server.
            user: one of :data:`USERS`.
            namespace: of the context; empty: none is named.
            path: where; beside the certificates when None.
        """
        target = path or self.directory / f"{user}{'@' if namespace else ''}{namespace}.kubeconfig"
        authority = base64.b64encode((self.directory / "ca.crt").read_bytes()).decode()
        context: dict[str, Any] = {"cluster": CLUSTER, "user": user} | ({"namespace": namespace} if namespace else {})
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "demo",
            "clusters": [{"name": CLUSTER, "cluster": {"server": url, "certificate-authority-data": authority}}],
            "contexts": [{"name": "demo", "context": context}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
        }
        target.write_text(json.dumps(config))
        target.chmod(0o600)
        return target


def make_credentials(directory: Path) -> Credentials:
    """Makes an authority, certificates for 127.0.0.1, the key of service account tokens, and users' tokens."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.crt")
    for name in ("server", "kubelet", "client"):
        issued = authority.issue_cert("127.0.0.1", "localhost", common_name=f"clusterproof-{name}")
        (directory / f"{name}.crt").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(directory / f"{name}.key")
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(directory / "accounts.key")
    tokens = {name: secrets.token_hex(16) for name in USERS}
    lines = [
        f'{tokens[name]},{user},{user},"{group}"' if group else f"{tokens[name]},{user},{user}"
        for name, (user, group) in USERS.items()
    ]
    (directory / "tokens.csv").write_text("\n".join(lines) + "\n")
    return Credentials(directory, tokens)
