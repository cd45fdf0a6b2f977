"""A quick client of the API server for tests: kept-alive connections, raw objects, many requests side by side."""

from __future__ import annotations

import http.client
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

Raw = dict[str, Any]

MERGE = "application/merge-patch+json"
"""JSON Merge Patch (RFC 7386), the patch that every kind understands, custom ones too."""

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class ApiError(Exception):
    """The API server said no.

    Attributes:
        status: of HTTP.
        reason: of the ``Status`` object, e.g. ``Forbidden``; empty where there is none.
        message: the server's own words.
    """

    def __init__(self, asked: str, status: int, body: bytes) -> None:
        said = _status(body)
        self.status = status
        self.reason = str(said.get("reason") or "")
        self.message = str(said.get("message") or body.decode(errors="replace")[:500])
        super().__init__(f"{asked}: {status} {self.reason}: {self.message}")


class Client:
    """One user's requests; may be used by several threads.

    Args:
        url: of the server, ``https://127.0.0.1:PORT``.
        authority: path of the certificate that its own is checked against.
        token: bearer token; empty: none is sent.
        width: how many requests :meth:`each` has under way at once.
    """

    def __init__(self, url: str, authority: str, token: str = "", width: int = 8) -> None:
        self.url = url
        self._host = urllib.parse.urlsplit(url).netloc
        self._tls = ssl.create_default_context(cafile=authority)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._own = threading.local()
        self._kept: set[http.client.HTTPSConnection] = set()
        self._pool = ThreadPoolExecutor(max_workers=width, thread_name_prefix="api")
        self._paths: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        """Ends the threads and their connections."""
        self._pool.shutdown()
        while self._kept:
            self._kept.pop().close()

    # --- requests ---

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request; status and body. A kept connection that the server has closed meanwhile is opened anew."""
        for attempt in range(3):
            kept = getattr(self._own, "connection", None)
            connection = kept or self._connection()
            try:
                connection.request(method, path, body, {**self._headers, **(headers or {})})
                answer = connection.getresponse()
                content = answer.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                self._kept.discard(connection)
                self._own.connection = None
                if kept is None or attempt == 2:
                    raise
                continue
            return answer.status, content
        raise AssertionError

    def _connection(self) -> http.client.HTTPSConnection:
        """A new one, which this thread keeps."""
        made = http.client.HTTPSConnection(self._host, context=self._tls, timeout=60)
        self._kept.add(made)
        self._own.connection = made
        return made

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """One request with JSON both ways; None for an empty answer.

        Raises:
            ApiError: any status but 2xx.
        """
        encoded = None if body is None else msgspec.json.encode(body)
        status, content = self.send(method, path, encoded, {"Content-Type": content_type} if encoded else None)
        if not 200 <= status < 300:
            raise ApiError(f"{method} {path}", status, content)
        return msgspec.json.decode(content) if content else None

    def get(self, path: str) -> Any:
        """An object, or a list of them."""
        return self.request("GET", path)

    def there(self, path: str) -> bool:
        """Whether something is there to be read."""
        return self.send("GET", path)[0] == 200

    def items(self, path: str) -> list[Raw]:
        """The objects of a list, all pages."""
        found: list[Raw] = []
        page = self.get(path)
        while True:
            found += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            more = urllib.parse.quote(token)
            page = self.get(f"{path}{'&' if '?' in path else '?'}continue={more}")

    def patch(self, path: str, change: Any) -> Raw:
        """Merges a change into an object; its new state."""
        changed: Raw = self.request("PATCH", path, change, MERGE)
        return changed

    def delete(self, path: str) -> None:
        """Deletes an object, or a collection, at once; one that is not there is deleted too."""
        try:
            self.request("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        except ApiError as no:
            if no.status != 404:
                raise

    def each(self, do: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
        """``do`` for every value, several at a time; results in the order of the values, the first error is raised."""
        return list(self._pool.map(do, values))

    # --- objects ---

    def create(self, obj: Raw) -> Raw:
        """Creates an object, its status too where the API server takes it with the object (Nodes); its new state."""
        made: Raw = self.request("POST", self.collection(obj), obj)
        return made

    def create_all(self, objects: Iterable[Raw]) -> list[Raw]:
        """Creates objects side by side, in no particular order; their new states, in the order given."""
        return self.each(self.create, objects)

    def status(self, obj: Raw, status: Raw) -> Raw:
        """Patches an object's status; its new state."""
        return self.patch(f"{self.path(obj)}/status", {"status": status})

    def path(self, obj: Raw) -> str:
        """Where an object is: ``/api/v1/namespaces/default/pods/web``."""
        return f"{self.collection(obj)}/{obj['metadata']['name']}"

    def collection(self, obj: Raw) -> str:
        """Where objects like this one are; ``default`` where a namespace is wanted and none is named.

        Raises:
            KeyError: the server serves no such kind.
        """
        return self.where(obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace") or "default")

    def where(self, version: str, kind: str, namespace: str = "") -> str:
        """The collection of a kind; of all namespaces where none is named."""
        if (version, kind) not in self._paths:
            self._discover()
        plural, namespaced = self._paths[version, kind]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return f"{root}/namespaces/{namespace}/{plural}" if namespaced and namespace else f"{root}/{plural}"

    def _discover(self) -> None:
        found: dict[tuple[str, str], tuple[str, bool]] = {}
        for root in ("/api", "/apis"):
            _, content = self.send("GET", root, headers={"Accept": _DISCOVERY})
            for group in msgspec.json.decode(content)["items"]:
                name = (group.get("metadata") or {}).get("name") or ""
                for version in group["versions"]:
                    full = f"{name}/{version['version']}" if name else version["version"]
                    for resource in version.get("resources") or ():
                        kind = (resource.get("responseKind") or {}).get("kind") or ""
                        found[full, kind] = (resource["resource"], resource["scope"] == "Namespaced")
        self._paths = found


def _status(body: bytes) -> Raw:
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}
