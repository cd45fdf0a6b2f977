"""The TLS side of a connection: whom to trust, what to show, and what a refusal means."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

from clusterproof.errors import UnreadableClusterError
from clusterproof.sources.kubernetes_api.kubeconfig import Connection

_NOT_YET, _ENDED = 9, 10
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED (openssl-verification-options(1))."""


class _Named(ssl.SSLContext):
    """Asks for, and checks, ``tls-server-name`` instead of the URL's host; through a proxy too."""

    clusterproof_name = ""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **(kwargs | {"server_hostname": self.clusterproof_name}))

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **(kwargs | {"server_hostname": self.clusterproof_name}))


def context(connection: Connection, certificate: tuple[bytes, bytes]) -> ssl.SSLContext:
    """The TLS settings of a connection.

    Args:
        connection: authorities, names, whether to check.
        certificate: PEM of the client certificate and its key; empty when there is none.

    Raises:
        UnreadableClusterError: the authorities or the client certificate are no usable PEM.
    """
    made: ssl.SSLContext = (_Named if connection.tls_server_name else ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
    if isinstance(made, _Named):
        made.clusterproof_name = connection.tls_server_name
    # kubectl accepts authorities without the extensions that newer Pythons insist on.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if connection.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif connection.ca:
        try:
            made.load_verify_locations(cadata=connection.ca.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError, ValueError):
            raise UnreadableClusterError(
                f"the certificate authority of cluster {connection.cluster_name or connection.context} is no PEM "
                "certificate; mend the kubeconfig"
            ) from None
    else:
        made.load_default_certs()
    if certificate[0]:
        _load(made, certificate)
    return made


def _load(made: ssl.SSLContext, certificate: tuple[bytes, bytes]) -> None:
    """Python takes client certificates from files only: one that only we can read, and gone at once."""
    handle, name = tempfile.mkstemp(prefix="clusterproof-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(certificate[0].rstrip() + b"\n" + certificate[1])
        made.load_cert_chain(name, password=_no_password)
    except (ssl.SSLError, OSError, ValueError):
        raise UnreadableClusterError(
            "the client certificate and its key are no PEM pair that belongs together; make the kubeconfig again"
        ) from None
    finally:
        Path(name).unlink(missing_ok=True)


def _no_password() -> str:
    raise ValueError  # rather than a question at the terminal: kubectl takes no encrypted keys either


def refusal(error: BaseException, host: str) -> str:
    """What a failed TLS handshake means, as one clause; empty when the error is none of TLS."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    if isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code == _NOT_YET:
            return f"the certificate of {host} is not valid yet by this machine's clock: set the clock"
        if cause.verify_code == _ENDED:
            return f"the certificate of {host} has expired by this machine's clock: set the clock, or renew the certificate"
        why = (cause.verify_message or "it is not trusted").rstrip(".")
        return f"the certificate of {host} cannot be trusted ({why}): check certificate-authority and tls-server-name"
    reason = str(cause.reason or "").replace("_", " ").lower()
    if "certificate" in reason and "alert" in reason:
        return f"{host} refused the client certificate ({reason}): make the kubeconfig again"
    if "wrong version number" in reason or "http request" in reason or "record layer" in reason:
        return f"{host} does not speak TLS: check the server's URL and the proxy"
    return f"the TLS handshake with {host} failed{f' ({reason})' if reason else ''}"
