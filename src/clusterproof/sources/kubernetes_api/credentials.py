"""What a request carries to say who asks: headers, and the client certificate; renewed when they end."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from clusterproof.errors import UnreadableClusterError
from clusterproof.sources.kubernetes_api import plugin
from clusterproof.sources.kubernetes_api.kubeconfig import Connection

_FILE_AGE = 60.0
"""Seconds for which a token file's content is used: the kubelet replaces it in place."""


class Credentials:
    """The credentials of one connection; safe for several threads.

    Static ones come before a plugin's, as in client-go. ``generation`` grows with each renewal, so that of several
    requests that were refused together only the first renews.
    """

    def __init__(
        self, connection: Connection, *, exec_timeout: float, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._connection = connection
        self._exec_timeout = exec_timeout
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._given: plugin.Credential | None = None
        self._failed: UnreadableClusterError | None = None
        self._file_token = ""
        self._file_read = -_FILE_AGE
        self.generation = 0
        self._fixed = fixed_headers(connection)

    @property
    def uses_plugin(self) -> bool:
        """Whether the plugin decides who asks."""
        found = self._connection
        return found.plugin is not None and not (found.token or found.token_file or found.username)

    @property
    def renewable(self) -> bool:
        """Whether asking again may give other credentials."""
        return self.uses_plugin or bool(self._connection.token_file)

    @property
    def certificate(self) -> tuple[bytes, bytes]:
        """PEM of the client certificate and its key; empty when there is none."""
        given = self._given
        if given is not None and given.certificate:
            return given.certificate, given.key
        return self._connection.certificate, self._connection.key

    @property
    def expired(self) -> datetime | None:
        """When the plugin's credential ended, if that is past by this machine's clock."""
        given = self._given
        return given.expires if given and given.expires and given.expires <= datetime.now(UTC) else None

    def headers(self) -> list[tuple[str, str]]:
        """The headers of the next request.

        Raises:
            UnreadableClusterError: the plugin or the token file gives nothing that can be used.
        """
        found = self._connection
        with self._lock:
            if found.token_file:
                self._read_file()
                token = self._file_token
            elif found.token or found.username:
                token = found.token
            elif self.uses_plugin:
                if self._given is None or self.expired is not None:
                    self._renew()
                token = self._given.token if self._given else ""
            else:
                token = ""
        return [*self._fixed, ("Authorization", f"Bearer {_usable(token)}")] if token else list(self._fixed)

    def renew(self, generation: int) -> bool:
        """After 401: other credentials, once for all requests of one generation; whether there are any."""
        if not self.renewable:
            return False
        with self._lock:
            if self.generation == generation == 0:
                if self._connection.token_file:
                    before, self._file_read = self._file_token, -_FILE_AGE
                    self._read_file()
                    self.generation += 1
                    return self._file_token != before
                self._renew()
                self.generation += 1
                return True
            return self.generation != generation

    def _renew(self) -> None:
        assert self._connection.plugin is not None  # noqa: S101 - uses_plugin was asked
        if self._failed is not None:  # one failure is enough: each kind would wait for it again
            raise self._failed
        try:
            self._given = plugin.run(self._connection.plugin, timeout=self._exec_timeout, cancelled=self._cancelled)
        except UnreadableClusterError as error:
            self._failed = error
            raise

    def _read_file(self) -> None:
        if time.monotonic() - self._file_read < _FILE_AGE:
            return
        path = self._connection.token_file
        try:
            self._file_token = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError):
            if not self._connection.token:
                raise UnreadableClusterError(f"the token file {path} cannot be read") from None
            self._file_token = self._connection.token
        if not self._file_token:
            raise UnreadableClusterError(f"the token file {path} is empty")
        self._file_read = time.monotonic()


def fixed_headers(connection: Connection) -> list[tuple[str, str]]:
    """Headers that never change: impersonation, and a user name with its password."""
    headers = [(name, _usable(value, what=name)) for name, value in connection.impersonate]
    if connection.username and not connection.token and not connection.token_file:
        pair = f"{connection.username}:{connection.password}".encode()
        headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
    return headers


def _usable(value: str, what: str = "") -> str:
    """A header's value; a library's own complaint would print it."""
    if not value.isprintable() or not value.isascii():
        name = f"the value of {what}" if what else "the bearer token"
        raise UnreadableClusterError(
            f"{name} holds characters that no header can carry; mend the kubeconfig or its plugin"
        )
    return value
