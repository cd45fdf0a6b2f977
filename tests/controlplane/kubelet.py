"""As much of a kubelet as ``logs`` needs: HTTPS with the API server's certificate asked for, and texts by container."""

from __future__ import annotations

import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.controlplane.credentials import Credentials


class Kubelet:
    """One that serves; made by :func:`serve_kubelet`.

    Attributes:
        port: of 127.0.0.1, for ``status.daemonEndpoints`` of the nodes that it stands for.
        logs: text by namespace, pod, container, and whether that of its previous run is meant.
        asked: every path with its query, in order.
    """

    def __init__(self) -> None:
        self.port = 0
        self.logs: dict[tuple[str, str, str, bool], bytes] = {}
        self.asked: list[str] = []

    def answer(self, target: str) -> tuple[int, bytes]:
        """Status and text for ``/containerLogs/NAMESPACE/POD/CONTAINER?previous=true&limitBytes=10``."""
        self.asked.append(target)
        parsed = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parsed.query))
        parts = parsed.path.strip("/").split("/")
        if len(parts) != 4 or parts[0] != "containerLogs":
            return 404, b"404 page not found\n"
        text = self.logs.get((parts[1], parts[2], parts[3], query.get("previous") == "true"))
        if text is None:
            return 404, f"container {parts[3]} of pod {parts[1]}/{parts[2]} has no such log".encode()
        lines = text.splitlines(keepends=True)
        if "tailLines" in query:
            lines = lines[len(lines) - min(int(query["tailLines"]), len(lines)) :]
        text = b"".join(lines)
        return 200, text[: int(query.get("limitBytes", len(text)))]


@contextmanager
def serve_kubelet(credentials: Credentials) -> Iterator[Kubelet]:
    """Serves on loopback until left; only who has a certificate of the control plane's authority is answered."""
    kubelet = Kubelet()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, text = kubelet.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.path("kubelet.crt"), credentials.path("kubelet.key"))
    context.load_verify_locations(credentials.path("ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    kubelet.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kubelet
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
