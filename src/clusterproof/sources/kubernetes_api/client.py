"""Requests to one API server: kept connections, repetition within a budget, deadlines, and what a refusal means."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from clusterproof._version import __version__
from clusterproof.errors import UnreadableClusterError
from clusterproof.snapshot.fields import Cause
from clusterproof.sources.kubernetes_api import proxies, tls
from clusterproof.sources.kubernetes_api.credentials import Credentials
from clusterproof.sources.kubernetes_api.kubeconfig import Connection
from clusterproof.sources.kubernetes_api.options import ClusterOptions

T = TypeVar("T")

JSON = "application/json"

MAX_ANSWER_BYTES = 512 * 1024 * 1024
_LONGEST_WAIT = 30.0
_SKEW = 300.0
"""Seconds by which two clocks may differ before that explains refused credentials."""
_AGAIN = {429, 500, 502, 503, 504}


class Cancelled(Exception):  # noqa: N818 - it is no error
    """The reading was interrupted."""


class Stopped(Exception):  # noqa: N818 - it becomes an Unknown, not an error
    """A request that got no usable answer.

    Attributes:
        cause: why.
        clause: the same as one clause, e.g. ``the API server answered 503``.
        status: the HTTP status; 0 when there was none.
        unreachable: no connection came about, so that no other request will fare better.
    """

    def __init__(self, cause: Cause, clause: str, *, status: int = 0, unreachable: bool = False) -> None:
        super().__init__(clause)
        self.cause = cause
        self.clause = clause
        self.status = status
        self.unreachable = unreachable


class _Repeat(Exception):  # noqa: N818 - control flow inside this module
    """A failure that may pass; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, stopped: Stopped, *, wait: float = 0.0, most: int = 1_000) -> None:
        super().__init__(stopped.clause)
        self.stopped = stopped
        self.wait = wait
        self.most = most


class Client:
    """One API server; safe for several threads.

    Raises:
        UnreadableClusterError: the connection's credentials, certificates or proxy cannot be used.
    """

    def __init__(
        self, connection: Connection, options: ClusterOptions, environ: Mapping[str, str] | None = None
    ) -> None:
        self.cancelled = threading.Event()
        self.skew = 0.0
        self._connection = connection
        self._options = options
        self._environ = os.environ if environ is None else environ
        self._credentials = Credentials(connection, exec_timeout=options.exec_timeout, cancelled=self.cancelled.is_set)
        self._lock = threading.Lock()
        self._retries = options.retries
        self._http: httpx.Client | None = None
        self._streams: weakref.WeakSet[Any] = weakref.WeakSet()
        self._streams_lock = threading.Lock()
        self._certificate: tuple[bytes, bytes] = (b"", b"")
        self.host = urlsplit(connection.server).netloc.rpartition("@")[2]

    def cancel(self) -> None:
        """Makes all requests end at once, also those that wait for a silent server; :meth:`close` comes after them."""
        self.cancelled.set()
        with self._streams_lock:
            streams = list(self._streams)
        for stream in streams:
            with contextlib.suppress(OSError, TypeError):  # it is closed already
                # Below TLS: its own way of ending takes the connection from under the thread that reads.
                socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remembers each connection as it is made (httpx, "Request extensions", ``trace``): closing wakes no reader."""
        # Not before the handshake: Python's ssl leaves a socket open that is shut down in the midst of it.
        ready = "start_tls.complete" if self._connection.server.startswith("https") else "connect_tcp.complete"
        if event.endswith(ready):
            with self._streams_lock:
                self._streams.add(info["return_value"])
            if self.cancelled.is_set():  # it was on its way when all were ended
                self.cancel()

    def close(self) -> None:
        """Ends all connections."""
        self.cancel()
        if self._http is not None:
            self._http.close()

    def check_cancelled(self) -> None:
        """Raises ``Cancelled`` when the reading was interrupted."""
        if self.cancelled.is_set():
            raise Cancelled

    def ask(
        self,
        path: str,
        type_: type[T],
        *,
        until: float,
        params: Sequence[tuple[str, str]] = (),
        accept: str = JSON,
        body: Any = None,
    ) -> T:
        """One request's answer, decoded; repeated while that may help.

        Args:
            path: from ``/api`` on.
            type_: what the JSON must be.
            until: the deadline, on ``time.monotonic``.
            params: the query.
            accept: the media type asked for.
            body: JSON to be POSTed; None for GET.

        Raises:
            Stopped: no usable answer.
            Cancelled: the reading was interrupted.
            UnreadableClusterError: there are no credentials to ask with.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(path, type_, until, params, accept, body)
            except _Repeat as failed:
                wait = failed.wait or self._options.backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311
                over = (
                    wait > _LONGEST_WAIT
                    or attempt >= min(self._options.attempts, failed.most)
                    or time.monotonic() + wait >= until
                )
                if over or not self._may_repeat():
                    raise failed.stopped from None
            if self.cancelled.wait(wait):
                raise Cancelled

    def text(self, path: str, *, until: float, params: Sequence[tuple[str, str]] = ()) -> bytes:
        """One request's answer as it is, whatever its type (a log); asked for once.

        Args:
            path: from ``/api`` on.
            until: the deadline, on ``time.monotonic``.
            params: the query.

        Raises:
            Stopped: no usable answer.
            Cancelled: the reading was interrupted.
            UnreadableClusterError: there are no credentials to ask with.
        """
        try:
            for _ in range(2):
                generation = self._credentials.generation
                status, headers, data = self._exchange(path, until, params, "*/*", None)
                if status != 401 or not self._credentials.renew(generation):
                    break
        except _Repeat as failed:
            raise failed.stopped from None
        if status >= 300:
            refusal = self._refusal(status, headers, headers.get("content-type", "").partition(";")[0].strip().lower())
            raise refusal.stopped if isinstance(refusal, _Repeat) else refusal
        return data

    def _may_repeat(self) -> bool:
        with self._lock:
            self._retries -= 1
            return self._retries >= 0

    def _once(
        self, path: str, type_: type[T], until: float, params: Sequence[tuple[str, str]], accept: str, body: Any
    ) -> T:
        for _ in range(2):
            generation = self._credentials.generation
            status, headers, data = self._exchange(path, until, params, accept, body)
            if status != 401 or not self._credentials.renew(generation):
                break
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if status >= 300:
            raise self._refusal(status, headers, kind)
        if kind != JSON:
            raise Stopped(
                Cause.NOT_ANSWERABLE,
                f"{self.host} answered with {kind or 'an untyped text'}, not with JSON: it is no Kubernetes API, or a "
                "proxy answered in its place",
            )
        try:
            return msgspec.json.decode(data, type=type_)
        except msgspec.ValidationError:
            raise Stopped(
                Cause.NOT_ANSWERABLE, "the API server's answer is not of the shape that was asked for"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _Repeat(
                Stopped(Cause.INCOMPLETE, "the API server's answer was cut off (its JSON is not whole)")
            ) from None

    def _exchange(
        self, path: str, until: float, params: Sequence[tuple[str, str]], accept: str, body: Any
    ) -> tuple[int, httpx.Headers, bytes]:
        """One request and its whole answer, with every failure of the transport told apart."""
        self.check_cancelled()
        headers = [("Accept", accept), *self._credentials.headers()]
        content = None
        if body is not None:
            headers.append(("Content-Type", JSON))
            content = msgspec.json.encode(body)
        left = until - time.monotonic()
        if left <= 0:
            raise Stopped(Cause.TIMED_OUT, "the time for this kind was over")
        options = self._options
        timeout = httpx.Timeout(min(options.call_timeout, left), connect=min(options.connect_timeout, left), pool=left)
        try:
            http = self._client()
            with http.stream(
                "GET" if body is None else "POST",
                self._connection.server + path,
                params=httpx.QueryParams(list(params)) if params else None,
                headers=headers,
                content=content,
                timeout=timeout,
                extensions={"trace": self._trace},
            ) as response:
                self._watch_clock(response.headers.get("date", ""))
                return response.status_code, response.headers, self._whole(response, until)
        except (httpx.ConnectTimeout, httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise self._no_connection(error) from None
        except httpx.TimeoutException:
            waited = _seconds(min(options.call_timeout, left))
            late = Stopped(Cause.TIMED_OUT, f"the API server was silent for {waited}")
            raise _Repeat(late, most=2) from None
        except (httpx.TransportError, httpx.DecodingError, RuntimeError, OSError) as error:
            if self.cancelled.is_set():
                raise Cancelled from None
            refused = tls.refusal(error, self.host)  # with TLS 1.3 a client certificate is refused only now
            if refused:
                raise Stopped(Cause.ERROR, refused, unreachable=True) from None
            raise _Repeat(Stopped(Cause.INCOMPLETE, "the connection broke in the middle of the answer")) from None

    def _whole(self, response: httpx.Response, until: float) -> bytes:
        pieces = []
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            self.check_cancelled()
            if time.monotonic() > until:
                raise Stopped(Cause.TIMED_OUT, "the API server answered too slowly: the time for this kind was over")
            if size > MAX_ANSWER_BYTES:
                raise Stopped(Cause.INCOMPLETE, f"one answer was larger than {MAX_ANSWER_BYTES // 1024**2} MiB")
            pieces.append(piece)
        return b"".join(pieces)

    def _refusal(self, status: int, headers: httpx.Headers, kind: str) -> Exception:
        """What a status other than success means: an exception to be raised."""
        foreign = f" with {kind or 'no type'}, not as the API server does" if kind != JSON else ""
        clause = f"the API server answered {status}{foreign}"
        if status == 401:
            return Stopped(Cause.DENIED, self._unauthenticated(), status=status)
        if status == 403:
            return Stopped(Cause.NOT_ANSWERABLE if foreign else Cause.DENIED, clause, status=0 if foreign else status)
        if status == 429:
            throttled = Stopped(Cause.THROTTLED, "the API server is throttling (429)", status=status)
            return _Repeat(throttled, wait=_retry_after(headers))
        if status in _AGAIN:
            cause = Cause.TIMED_OUT if status == 504 else Cause.ERROR
            return _Repeat(Stopped(cause, clause, status=status), wait=_retry_after(headers))
        if status == 410:
            return Stopped(Cause.INCOMPLETE, "the list changed while it was read (410 Gone)", status=status)
        if status < 400:
            to = urlsplit(headers.get("location", "")).hostname or "another place"
            return Stopped(
                Cause.NOT_ANSWERABLE, f"{self.host} redirects to {to}: it is no Kubernetes API", status=status
            )
        cause = Cause.NOT_ANSWERABLE if status in (404, 405, 406) else Cause.ERROR
        return Stopped(cause, clause, status=status)

    def _unauthenticated(self) -> str:
        clause = f"{self.host} does not accept the credentials (401 Unauthorized)"
        if abs(self.skew) > _SKEW:
            way = "behind" if self.skew > 0 else "ahead of"
            return f"{clause}: this machine's clock is {abs(self.skew) / 60:.0f} minutes {way} the server's, set it"
        expired = self._credentials.expired
        if expired is not None:
            return f"{clause}: what the credential plugin gave expired at {expired:%Y-%m-%dT%H:%M:%SZ}, sign in again"
        return f"{clause}: they have expired or are another cluster's, sign in again"

    def _no_connection(self, error: Exception) -> Exception:
        refused = tls.refusal(error, self.host)
        if refused:
            return Stopped(Cause.ERROR, refused, unreachable=True)
        if isinstance(error, httpx.ProxyError):
            return Stopped(Cause.ERROR, f"the proxy refused the way to {self.host} ({error})", unreachable=True)
        if isinstance(error, httpx.ConnectTimeout):
            why = f"no answer in {self._options.connect_timeout:g} s: is a VPN or an allowed address needed?"
        else:
            why = _os_words(error)
        return _Repeat(
            Stopped(Cause.ERROR, f"{self.host} cannot be reached{self._through()} ({why})", unreachable=True), most=2
        )

    def _through(self) -> str:
        """The proxy on the way, for a sentence: with one it is the proxy that could not be connected to."""
        proxy = urlsplit(proxies.proxy_for(self._connection.server, self._connection.proxy, self._environ))
        return f" through the proxy {proxy.hostname}:{proxy.port or 80}" if proxy.hostname else ""

    def _client(self) -> httpx.Client:
        """The HTTP client; made anew when a plugin gives another client certificate."""
        with self._lock:
            certificate = self._credentials.certificate
            if self._http is None or certificate != self._certificate:
                self._certificate = certificate
                self._http = self._made(certificate)
            return self._http

    def _made(self, certificate: tuple[bytes, bytes]) -> httpx.Client:
        found = self._connection
        proxy = proxies.proxy_for(found.server, found.proxy, self._environ)
        count = self._options.workers
        try:
            return httpx.Client(
                verify=tls.context(found, certificate) if found.server.startswith("https") else False,
                proxy=proxy or None,
                trust_env=False,
                limits=httpx.Limits(max_connections=count + 2, max_keepalive_connections=count + 2),
                headers={"User-Agent": f"clusterproof/{__version__}", "Accept-Encoding": "gzip"},
                follow_redirects=False,
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            where = urlsplit(proxy)
            raise UnreadableClusterError(
                f"the proxy {where.scheme}://{where.hostname} cannot be used: http and https proxies are, and socks5 "
                "where the Python package socksio is installed"
            ) from None

    def _watch_clock(self, date: str) -> None:
        if date:
            try:
                self.skew = parsedate_to_datetime(date).timestamp() - time.time()
            except ValueError:
                return


def _seconds(value: float) -> str:
    """A time for a sentence: ``30 s``, ``1.5 s``, ``300 ms``; never none at all."""
    return f"{max(1, round(value * 1000))} ms" if value < 0.9995 else f"{round(value, 1):g} s"


def _retry_after(headers: httpx.Headers) -> float:
    """Seconds that the server asks for; 0 when it does not, or in a way that is not understood."""
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text) if text else 0.0)
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _os_words(error: BaseException) -> str:
    """The operating system's reason, as deep in the chain as it stands."""
    cause: BaseException | None = error
    words = ""
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return words or "the connection was refused"
