"""The stub's wire: TLS connections that are kept, ``Status`` objects, watches, and every fault."""

from __future__ import annotations

import gzip
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.sources.kubernetes_api.stub import Stub

Raw = dict[str, Any]

RESOURCE_VERSION = "918273"


class Request:
    """One request as it came: method, path, query (last value of each), headers in lower case, body."""

    def __init__(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any) -> None:
        self.method = method
        self.path = path
        self.query = dict(query)
        self.headers = dict(headers)
        self.body = body
        self.status = 0

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {self.query} -> {self.status}"


class Fault:
    """What happens to requests whose path matches; see :meth:`Stub.fault`."""

    def __init__(self, pattern: str, name: str, times: int | None, after: int, options: dict[str, Any]) -> None:
        self.pattern = re.compile(pattern)
        self.name = name
        self.left = times
        self.after = after
        self.options = options
        self.hits = 0


def status(code: int, reason: str, message: str) -> Raw:
    """A ``Status`` as the API server sends it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def forbidden(user: str, resource: str, group: str, namespace: str = "") -> Raw:
    """RBAC's refusal in its own words."""
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    what = f'cannot list resource "{resource}" in API group "{group}" {scope}'
    full = f"{resource}.{group}" if group else resource
    return status(403, "Forbidden", f'{full} is forbidden: User "{user}" {what}')


class Server(ThreadingHTTPServer):
    """TLS on loopback, one thread per connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    stub: Stub
    tls: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake happens in the connection's own thread."""
        try:
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        self.stub.connections += 1
        try:
            super().finish_request(secured, client_address)
        except OSError:
            pass  # the client went away
        finally:
            secured.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: tests look at what the client saw."""


def _in_circles(request: Request, data: bytes, first: dict[str, str]) -> bytes:
    """A list whose third page leads to its second: no page leads to itself."""
    token = request.query.get("continue")
    found = json.loads(data)
    if token is None:
        first[request.path] = found["metadata"].get("continue", "")
    elif token != first[request.path]:
        found["metadata"]["continue"] = first[request.path]
    return json.dumps(found).encode()


class Handler(BaseHTTPRequestHandler):
    """One connection: requests are logged, struck by faults, or answered by the stub."""

    protocol_version = "HTTP/1.1"
    wbufsize = 0
    server: Server

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """Lists, discovery, watches."""
        self._handle("GET", None)

    def do_POST(self) -> None:
        """Reviews of oneself."""
        length = int(self.headers.get("Content-Length") or 0)
        self._handle("POST", json.loads(self.rfile.read(length)))

    def _handle(self, method: str, body: Any) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        impersonated = self.headers.get_all("Impersonate-Group") or []
        if impersonated:
            headers["impersonate-group"] = ",".join(impersonated)
        request = Request(method, parts.path, query, headers, body)
        stub = self.server.stub
        stub.requests.append(request)
        fault = stub.due(request)
        if fault is not None and fault.name.isdigit():
            self._status_fault(request, fault)
            return
        if query.get("watch") in ("true", "1"):
            self._watch(request)
            return
        code, answer = stub.answer(request)
        self._send(request, code, answer, fault)

    def _status_fault(self, request: Request, fault: Fault) -> None:
        code = int(fault.name)
        words = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 410: "Expired", 429: "TooManyRequests"}
        answer = status(code, words.get(code, "InternalError"), "as the test asked")
        if code == 403:
            parts = request.path.strip("/").split("/")
            namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else ""
            group = parts[1] if parts[0] == "apis" and len(parts) > 1 else ""
            answer = forbidden(self.server.stub.user, parts[-1], group, namespace)
        extra = []
        if "retry_after" in fault.options:
            extra.append(("Retry-After", str(fault.options["retry_after"])))
        self._send(request, code, answer, None, extra)

    def _send(
        self,
        request: Request,
        code: int,
        answer: Raw | bytes,
        fault: Fault | None,
        extra: Sequence[tuple[str, str]] = (),
    ) -> None:
        request.status = code
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = "application/json"
        name = fault.name if fault else ""
        options = fault.options if fault else {}
        if name == "html":
            code, data, kind = options.get("code", 200), b"<!doctype html><title>Sign in</title>", "text/html"
        elif name == "garbage":
            data = data[: len(data) // 2] + b"\x00\xff" + data[len(data) // 2 :]
        elif name == "circle":
            data = _in_circles(request, data, options.setdefault("first", {}))
        headers = [
            ("Content-Type", kind),
            ("Date", formatdate(time.time() + self.server.stub.clock_offset, usegmt=True)),
        ]
        if len(data) >= self.server.stub.gzip_from and "gzip" in request.headers.get("accept-encoding", ""):
            data = gzip.compress(data, 1)
            headers.append(("Content-Encoding", "gzip"))
        headers += [("Content-Length", str(len(data))), *extra]
        head = f"HTTP/1.1 {code} {self.responses.get(code, ('',))[0]}\r\n"
        head += "".join(f"{key}: {value}\r\n" for key, value in headers) + "\r\n"
        if name == "reset":
            self._reset()
        elif name == "hang":
            self.server.stub.ended.wait(options.get("delay", 3600))
            self.close_connection = True
        elif name == "cut":
            self.connection.sendall(head.encode() + data[: int(len(data) * options.get("at", 0.5))])
            self.close_connection = True
        elif name == "slow":
            self._drip(head.encode(), data, options.get("delay", 0.05))
        else:
            self.connection.sendall(head.encode() + data)

    def _reset(self) -> None:
        """RST instead of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close_connection = True

    def _drip(self, head: bytes, data: bytes, delay: float) -> None:
        self.connection.sendall(head)
        for start in range(0, len(data), 16):
            if self.server.stub.ended.wait(delay):
                break
            self.connection.sendall(data[start : start + 16])

    def _watch(self, request: Request) -> None:
        """Bookmarks until ``timeoutSeconds``; objects first where no resourceVersion was named."""
        stub = self.server.stub
        query = {name: value for name, value in request.query.items() if name not in ("watch", "limit")}
        plain = Request("GET", request.path, query, request.headers, None)
        code, answer = stub.answer(plain)
        if code != 200:
            self._send(request, code, answer, None)
            return
        request.status = 200
        listed = json.loads(answer if isinstance(answer, bytes) else json.dumps(answer))
        own = {"kind": listed["kind"].removesuffix("List"), "apiVersion": listed["apiVersion"]}
        events = []
        if request.query.get("resourceVersion", "0") == "0":
            events = [{"type": "ADDED", "object": {**own, **item}} for item in listed["items"]]
        if request.query.get("allowWatchBookmarks") in ("true", "1"):
            mark = {**own, "metadata": {"resourceVersion": RESOURCE_VERSION}}
            events.append({"type": "BOOKMARK", "object": mark})
        self.connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for event in events:
            line = json.dumps(event).encode() + b"\n"
            self.connection.sendall(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        stub.ended.wait(min(float(request.query.get("timeoutSeconds", "1")), 5.0))
        self.connection.sendall(b"0\r\n\r\n")
