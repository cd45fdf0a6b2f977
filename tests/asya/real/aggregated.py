"""KEDA's metrics API as the API server sees it: an aggregated API behind a Service, answered over TLS.

Services have no network here. The API server therefore dials the cluster through an HTTP CONNECT proxy, as it does on
clusters whose control plane is apart (Kubernetes, "Set up Konnectivity service"); the proxy answers for the Service
itself. So the APIService becomes ``Available`` by the API server's own check, and ceases to be when nothing answers.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from typing import Any, Self

import trustme

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
HOST = "keda-operator-metrics-apiserver.keda.svc"
_LIST = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": []}


class Metrics:
    """The proxy while it runs, with what is behind it.

    Attributes:
        egress: the API server's EgressSelectorConfiguration, which leads to it.
        authority: the certificate of who signed the Service's, in base64, for ``caBundle``.
        dialled: the addresses that the API server asked for.
        works: whether it answers; False: connections are refused, and those that are open get a 503.
    """

    def __init__(self) -> None:
        authority = trustme.CA()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self.tls)
        self.authority = base64.b64encode(authority.cert_pem.bytes()).decode()
        self.egress: dict[str, Any] = {}
        self.dialled: set[str] = set()
        self.works = True

    @classmethod
    @contextlib.contextmanager
    def serve(cls) -> Iterator[Self]:
        """Runs it on a socket of its own."""
        metrics = cls()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                metrics.dialled.add(self.path)
                if not metrics.works:
                    self.send_error(503)
                    return
                self.send_response_only(200)
                self.end_headers()
                self.connection = metrics.tls.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
                self.close_connection = False

            def do_GET(self) -> None:
                there = self.path.partition("?")[0] == f"/apis/{GROUP}/{VERSION}"
                text = json.dumps(_LIST).encode() if there else b"{}"
                self.send_response_only(503 if not metrics.works else 200 if there else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        class Server(ThreadingUnixStreamServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                """The API server ends connections as it likes."""

        with tempfile.TemporaryDirectory() as place, Server(f"{place}/proxy", Handler) as server:
            way = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": f"{place}/proxy"}}}
            metrics.egress = {
                "apiVersion": "apiserver.k8s.io/v1beta1",
                "kind": "EgressSelectorConfiguration",
                "egressSelections": [{"name": "cluster", "connection": way}],
            }
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield metrics
            finally:
                server.shutdown()
