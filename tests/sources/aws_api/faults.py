"""A proxy in front of a moto server that remembers every call, and answers chosen ones as AWS does on a bad day."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.sources.aws_api.pages import Answered, Pages, listing

Fault = Callable[[BaseHTTPRequestHandler, "Seen"], bool]
"""Answers a request itself, or says False to let it through."""

_EKS = (
    (r"/clusters$", "ListClusters"),
    (r"/clusters/[^/]+$", "DescribeCluster"),
    (r"/clusters/[^/]+/node-groups$", "ListNodegroups"),
    (r"/clusters/[^/]+/node-groups/[^/]+$", "DescribeNodegroup"),
    (r"/clusters/[^/]+/fargate-profiles$", "ListFargateProfiles"),
    (r"/clusters/[^/]+/fargate-profiles/[^/]+$", "DescribeFargateProfile"),
    (r"/clusters/[^/]+/addons$", "ListAddons"),
    (r"/clusters/[^/]+/addons/[^/]+$", "DescribeAddon"),
    (r"/clusters/[^/]+/pod-identity-associations$", "ListPodIdentityAssociations"),
    (r"/clusters/[^/]+/pod-identity-associations/[^/]+$", "DescribePodIdentityAssociation"),
)
_S3 = {
    "encryption": "GetEncryptionConfiguration",
    "intelligent-tiering": "GetIntelligentTieringConfiguration",
    "lifecycle": "GetLifecycleConfiguration",
    "location": "GetBucketLocation",
    "policy": "GetBucketPolicy",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
    "versioning": "GetBucketVersioning",
}
"""The action that each subresource of a bucket needs, by the name that stands in the query."""


class Seen:
    """One request.

    Attributes:
        service: as in the signature's scope: ``ec2``, ``eks``, ``autoscaling``, ``sts``, ``iam``, ``s3``.
        action: the IAM action that it needs.
        page: 1 for a first page, 2 where the request holds a token.
        count: how many times this action was asked before and now.
    """

    def __init__(self, service: str, action: str, page: int, count: int) -> None:
        self.service = service
        self.action = action
        self.page = page
        self.count = count


class Proxy:
    """The proxy while it runs.

    Attributes:
        url: where it listens.
        seen: every request so far.
        faults: by action (``ec2:DescribeSubnets``), or ``*`` for all: what answers instead of the server.
        most: the most requests that were under way at once.
        kept: answers of the server that are given again without asking it, by request; None: it is always asked.
        pages: what gives lists in pages; None: they come as the server gives them.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.seen: list[Seen] = []
        self.faults: dict[str, Fault] = {}
        self.most = 0
        self.kept: dict[tuple[str, str, bytes], Answered] | None = None
        self.pages: Pages | None = None
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def actions(self) -> set[str]:
        """The actions that were asked for."""
        return {item.action for item in self.seen}

    def reset(self) -> None:
        """Forgets requests and faults."""
        self.seen.clear()
        self.faults.clear()
        self.most = 0
        self.pages = None

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            seen = self._identify(handler, body)
            self.seen.append(seen)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            fault = self.faults.get(seen.action) or self.faults.get("*")
            if fault is not None and fault(handler, seen):
                return
            send(handler, *self._answer(handler, seen.action, body))
        finally:
            with self._lock:
                self._under_way -= 1

    def _identify(self, handler: BaseHTTPRequestHandler, body: bytes) -> Seen:
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", handler.headers.get("Authorization", ""))
        service = scope[1] if scope else ""
        path, _, query = handler.path.partition("?")
        if service == "eks":
            action = next((name for pattern, name in _EKS if re.fullmatch(pattern, path)), path)
            page = 2 if "nextToken=" in query else 1
        elif service == "s3":
            named = next((right for name, right in _S3.items() if name in query), path)
            action, page = "ListAllMyBuckets" if path == "/" else named, 1
        elif handler.headers.get("X-Amz-Target"):
            action = handler.headers["X-Amz-Target"].rpartition(".")[2]
            page = 2 if b'"NextToken"' in body or b'"Marker"' in body else 1
        else:
            form = parse_qs(body.decode())
            action = form.get("Action", [""])[0]
            page = 2 if "NextToken" in form else 1
        name = f"{service}:{action}"
        return Seen(service, name, page, sum(item.action == name for item in self.seen) + 1)

    def _answer(self, handler: BaseHTTPRequestHandler, action: str, body: bytes) -> Answered:
        """What the server answers, or the page of it that is asked for."""
        if self.pages is None or listing(action) is None:
            return self._forwarded(handler, handler.path, body)
        answer = self._forwarded(handler, *self.pages.whole(action, handler.path, body))
        return self.pages.page(action, handler.path, body, answer)

    def _forwarded(self, handler: BaseHTTPRequestHandler, path: str, body: bytes) -> Answered:
        asked = (handler.command, path, body)
        if self.kept is not None and asked in self.kept:
            return self.kept[asked]
        left = ("connection", "content-length")
        headers = {key: value for key, value in handler.headers.items() if key.lower() not in left}
        request = urllib.request.Request(  # noqa: S310 - http, made by the test
            self.target + path, body or None, headers, method=handler.command
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                status, found, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, found, text = error.code, error.headers, error.read()
        names = ("x-amzn-errortype", "x-amzn-requestid")
        given = (status, text, found.get("Content-Type", ""), {name: found[name] for name in names})
        if self.kept is not None:
            self.kept[asked] = given
        return given


def send(
    handler: BaseHTTPRequestHandler, status: int, text: bytes, kind: str, headers: dict[str, Any] | None = None
) -> None:
    """A whole answer."""
    with contextlib.suppress(OSError):
        handler.send_response_only(status)
        if "Date" not in (headers or {}):
            handler.send_header("Date", formatdate(usegmt=True))
        for name, value in (headers or {}).items():
            if value:
                handler.send_header(name, value)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)


def refuse(code: str, status: int, message: str = "no", *, page: int = 1, date: str = "") -> Fault:
    """An error answer in each service's own protocol, from page ``page`` on."""

    def answer(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
        if seen.page < page:
            return False
        headers = {"Date": date} if date else {}
        if seen.service in ("eks", "kms", "organizations", "sqs"):
            typed = "" if seen.service == "eks" or code.isdigit() else f'"__type": "{code}", '
            text = f'{{{typed}"message": "{message}"}}'
            extra = {"x-amzn-errortype": code, "x-amzn-requestid": "r-1"}
            send(handler, status, text.encode(), "application/json", headers | extra)
            return True
        if seen.service == "ec2":
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
                "<RequestID>r-1</RequestID></Response>"
            )
        elif seen.service == "s3":
            text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>r-1</RequestId></Error>"
        else:
            text = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                "<RequestId>r-1</RequestId></ErrorResponse>"
            )
        send(handler, status, text.encode(), "text/xml", headers)
        return True

    return answer


def page_of_a_proxy(
    status: int, text: bytes = b"<html><body><h1>Not here</h1></body></html>", *, page: int = 1
) -> Fault:
    """HTML, as a proxy or a server without the call answers."""

    def answer(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
        if seen.page < page:
            return False
        send(handler, status, text, "text/html")
        return True

    return answer


def hang(seconds: float, *, page: int = 1) -> Fault:
    """No answer for a while, then none at all."""

    def answer(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
        if seen.page < page:
            return False
        time.sleep(seconds)
        handler.close_connection = True
        return True

    return answer


def cut(*, page: int = 1) -> Fault:
    """An answer that ends in the middle of its body."""

    def answer(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
        if seen.page < page:
            return False
        handler.send_response_only(200)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(b"<Describe")
        handler.wfile.flush()
        handler.close_connection = True
        return True

    return answer


@contextlib.contextmanager
def faulty(target: str) -> Iterator[Proxy]:
    """Runs a proxy in front of ``target`` on a free port."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            proxy.handle(self)

        do_POST = do_GET  # noqa: N815 - the server's own name

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *args: Any) -> None:
            """A client that went away is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
