"""A Kubernetes API over HTTPS for tests: recorded lists, real paging, reviews of oneself, and faults on demand.

    with Stub("demo").serve() as stub:
        stub.fault(r"/api/v1/pods", "503", times=2)
        config = stub.kubeconfig(tmp_path)
        ...
        assert [request.path for request in stub.requests]

It answers as the API server does (Kubernetes API Concepts): typed lists whose items carry neither kind nor
apiVersion for built-in kinds, ``limit``/``continue``/``remainingItemCount``, field and label selectors on Secrets,
metadata-only lists, watches with bookmarks, ``Status`` objects for errors, gzip for large answers.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import trustme

from clusterproof.snapshot import kinds
from clusterproof.sources.hints import api_version_of, kind_of_wire
from tests.sources.kubernetes_api.wire import RESOURCE_VERSION, Fault, Handler, Request, Server, forbidden, status

Raw = dict[str, Any]

TOKEN = "stub-token"
USER = "arn:aws:sts::111122223333:assumed-role/reader/alice"
VERSION = "v1.34.2-eks-113cf36"

_BUILT_IN: dict[str, tuple[str, ...]] = {
    "apps/v1": ("deployments", "statefulsets", "daemonsets", "replicasets"),
    "batch/v1": ("jobs", "cronjobs"),
    "discovery.k8s.io/v1": ("endpointslices",),
    "networking.k8s.io/v1": ("networkpolicies",),
    "admissionregistration.k8s.io/v1": ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
    "apiregistration.k8s.io/v1": ("apiservices",),
    "apiextensions.k8s.io/v1": ("customresourcedefinitions",),
    "storage.k8s.io/v1": ("storageclasses", "csinodes", "csidrivers", "volumeattachments"),
    "autoscaling/v2": ("horizontalpodautoscalers",),
    "scheduling.k8s.io/v1": ("priorityclasses",),
    "node.k8s.io/v1": ("runtimeclasses",),
    "resource.k8s.io/v1": ("resourceclaims", "resourceclaimtemplates", "resourceslices", "deviceclasses"),
    "authentication.k8s.io/v1": (),
    "authorization.k8s.io/v1": (),
}
_CORE = (
    "nodes",
    "pods",
    "namespaces",
    "services",
    "endpoints",
    "persistentvolumeclaims",
    "persistentvolumes",
    "serviceaccounts",
    "configmaps",
    "secrets",
)
_CLUSTER_SCOPED = {
    "nodes",
    "namespaces",
    "persistentvolumes",
    "customresourcedefinitions",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "apiservices",
    "storageclasses",
    "csinodes",
    "csidrivers",
    "volumeattachments",
    "priorityclasses",
    "runtimeclasses",
    "resourceslices",
    "deviceclasses",
}


FAULTS = (
    *("401", "403", "404", "410", "429", "500", "503", "504"),
    *("slow", "hang", "cut", "html", "reset", "garbage", "circle"),
)
"""Every fault that :meth:`Stub.fault` knows, for matrices."""


class Stub:
    """One API server.

    Args:
        world: a shipped world's name, a directory of ``kubectl get -o json`` files, or objects by resource
            (``pods``, ``networkpolicies.networking.k8s.io``).
        version: ``gitVersion``.
        require_token: the bearer token that is asked for; empty: none is.
        client_ca: whether a client certificate of :attr:`authority` is asked for.
        host: the name in the server's certificate.
    """

    def __init__(
        self,
        world: str | Path | Mapping[str, Sequence[Raw]] = "demo",
        *,
        version: str = VERSION,
        require_token: str = TOKEN,
        client_ca: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self.version = version
        self.require_token = require_token
        self.client_ca = client_ca
        self.host = host
        self.user = USER
        self.requests: list[Request] = []
        self.connections = 0
        self.grants: set[tuple[str, str]] | None = None
        self.rules_incomplete = False
        self.logs: dict[tuple[str, str, str, bool], bytes] = {}  # namespace, pod, container, previous
        self.clock_offset = 0.0
        self.gzip_from = 128 * 1024
        self.authority = trustme.CA()
        self.certificate = self.authority.issue_cert(host)
        self.resources: dict[str, dict[str, tuple[bool, str]]] = {"v1": {}}
        self.objects: dict[tuple[str, str], list[tuple[str, bytes, Raw]]] = {}
        self.url = ""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._groups: dict[str, list[str]] = {}
        self._install(_world(world))

    # --- what a test says ---

    def fault(self, path: str, fault: str, times: int | None = None, *, after: int = 0, **options: Any) -> Fault:
        """Makes requests go wrong.

        Args:
            path: a regular expression that the whole path matches.
            fault: one of :data:`FAULTS`.
            times: how many requests; None for ever.
            after: how many matching requests pass untouched first.
            options: ``retry_after`` (seconds) for 429 and 503; ``delay`` (seconds per byte group) for slow;
                ``at`` (share of the answer, 0 to 1) for cut; ``namespaced=False`` for 403 of cluster-wide lists only;
                ``query`` (a name that the query must have) for all.
        """
        made = Fault(path, fault, times, after, options)
        self._faults.append(made)
        return made

    def clear(self) -> None:
        """No more faults, and an empty log."""
        self._faults.clear()
        self.requests.clear()

    def grant(self, *rights: str) -> None:
        """From now on only these may be listed: ``pods``, ``networkpolicies.networking.k8s.io``, ``pods@dynamo``."""
        self.grants = {(name, namespace) for name, _, namespace in (right.partition("@") for right in rights)}

    def add(self, resource: str, *objects: Raw) -> None:
        """More objects of a resource that is served (``pods``, ``eniconfigs.crd.k8s.amazonaws.com``)."""
        name, _, group = resource.partition(".")
        version = next(v for v in self.resources if v.rpartition("/")[0] == group and name in self.resources[v])
        held = self.objects.setdefault((version, name), [])
        held += [self._recorded(version, raw) for raw in objects]
        held.sort(key=lambda item: item[0])

    def change(self, version: str, resource: str, key: str, act: Callable[[Raw], object]) -> None:
        """Change an object in place; its key is ``namespace/name``."""
        held = self.objects[version, resource]
        number = next(number for number, (name, _, _) in enumerate(held) if name == key)
        raw = json.loads(json.dumps(held[number][2]))
        act(raw)
        held[number] = self._recorded(version, raw)

    def serve_group(self, group_version: str, *names: str, namespaced: bool = False, preferred: bool = False) -> None:
        """Another group/version with these resources."""
        group, _, version = group_version.rpartition("/")
        versions = self._groups.setdefault(group, [])
        if version not in versions:
            versions.insert(0 if preferred else len(versions), version)
        for name in names:
            self.resources.setdefault(group_version, {})[name] = (namespaced, name)
        self.resources.setdefault(group_version, {})

    def drop_group(self, group: str) -> None:
        """No such API group any more."""
        for version in self._groups.pop(group, []):
            self.resources.pop(f"{group}/{version}", None)

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.path for request in self.requests]

    def kubeconfig(
        self, directory: Path, *, user: Raw | None = None, cluster: Raw | None = None, **context: Any
    ) -> str:
        """Writes a kubeconfig for this server; its path.

        Args:
            directory: where.
            user: the user entry; the token when None.
            cluster: members that replace or add to the cluster entry.
            context: members of the context besides cluster and user (``namespace``).
        """
        path = directory / "config"
        path.write_text(json.dumps(self.config(user=user, cluster=cluster, **context)))
        return str(path)

    def config(self, *, user: Raw | None = None, cluster: Raw | None = None, **context: Any) -> Raw:
        """The same as a value."""
        entry = {"server": self.url, "certificate-authority-data": base64.b64encode(self.ca_pem).decode()}
        arn = "arn:aws:eks:us-west-2:111122223333:cluster/demo-gpu"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "demo",
            "clusters": [{"name": arn, "cluster": {**entry, **(cluster or {})}}],
            "contexts": [{"name": "demo", "context": {"cluster": arn, "user": "alice", **context}}],
            "users": [{"name": "alice", "user": {"token": self.require_token} if user is None else user}],
        }

    @property
    def ca_pem(self) -> bytes:
        """The authority of the server's certificate."""
        return self.authority.cert_pem.bytes()

    @contextmanager
    def serve(self) -> Iterator[Stub]:
        """Serves on loopback until left."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate.configure_cert(context)
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        server = Server(("127.0.0.1", 0), Handler)
        server.stub = self
        server.tls = context
        self.url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            server.shutdown()
            server.server_close()
            thread.join()

    # --- what it holds ---

    def _install(self, world: Mapping[str, Sequence[Raw]]) -> None:
        for name in _CORE:
            self.resources["v1"][name] = (name not in _CLUSTER_SCOPED, name)
        for group_version, names in _BUILT_IN.items():
            for name in names:
                self.serve_group(group_version, name, namespaced=name not in _CLUSTER_SCOPED)
            self.serve_group(group_version)
        for crd in world.get("customresourcedefinitions.apiextensions.k8s.io", ()):
            spec = crd["spec"]
            plural = spec["names"]["plural"]
            versions = [version["name"] for version in spec.get("versions", ())]
            for version in versions or [usual_version(f"{plural}.{spec['group']}").rpartition("/")[2]]:
                self.serve_group(f"{spec['group']}/{version}", plural, namespaced=spec["scope"] == "Namespaced")
        for resource, objects in world.items():
            if objects:
                self.add(resource, *objects)

    def _recorded(self, version: str, raw: Raw) -> tuple[str, bytes, Raw]:
        metadata = raw["metadata"]
        key = f"{metadata.get('namespace', '')}/{metadata['name']}"
        built_in = version == "v1" or version in _BUILT_IN
        sent = {name: value for name, value in raw.items() if not (built_in and name in ("apiVersion", "kind"))}
        sent["metadata"] = {**metadata, "managedFields": [{"manager": "stub", "operation": "Update"}]}
        return key, json.dumps(sent, separators=(",", ":")).encode(), raw

    def due(self, request: Request) -> Fault | None:
        """The fault that strikes a request, counted down."""
        with self._lock:
            for fault in self._faults:
                if not fault.pattern.fullmatch(request.path) or fault.left == 0:
                    continue
                if "query" in fault.options and fault.options["query"] not in request.query:
                    continue
                if fault.options.get("namespaced") is False and "/namespaces/" in request.path:
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                if fault.left is not None:
                    fault.left -= 1
                fault.hits += 1
                return fault
        return None

    def allowed(self, resource: str, namespace: str) -> bool:
        """Whether the grants let a resource be listed."""
        return self.grants is None or (resource, "") in self.grants or (resource, namespace) in self.grants

    # --- what it answers ---

    def answer(self, request: Request) -> tuple[int, Raw | bytes]:
        """Status and body of a request that no fault strikes."""
        path = request.path
        if self.require_token and request.headers.get("authorization") != f"Bearer {self.require_token}":
            return 401, status(401, "Unauthorized", "Unauthorized")
        if request.method == "POST":
            return self._review(path, request.body)
        if path == "/version":
            return 200, {"major": "1", "minor": "34", "gitVersion": self.version, "platform": "linux/amd64"}
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return 200, self._group_list()
        match = re.fullmatch(r"/api/(v1)(/.*)?|/apis/([^/]+/[^/]+)(/.*)?", path)
        if match is None:
            return 404, status(404, "NotFound", "the server could not find the requested resource")
        version, rest = match[1] or match[3], match[2] or match[4] or ""
        if version not in self.resources:
            return 404, status(404, "NotFound", "the server could not find the requested resource")
        if not rest:
            return 200, self._resource_list(version)
        return self._list(version, rest.strip("/").split("/"), request)

    def _group_list(self) -> Raw:
        groups = []
        for name, versions in self._groups.items():
            listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
            groups.append({"name": name, "versions": listed, "preferredVersion": listed[0]})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _resource_list(self, version: str) -> Raw:
        listed: list[Raw] = []
        for name, (namespaced, _) in self.resources[version].items():
            kind = _wire(version, name)
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            listed.append({"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs})
            listed.append({"name": f"{name}/status", "namespaced": namespaced, "kind": kind, "verbs": ["get", "patch"]})
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}

    def _list(self, version: str, parts: list[str], request: Request) -> tuple[int, Raw | bytes]:
        namespace = ""
        if len(parts) == 5 and (parts[0], parts[2], parts[4]) == ("namespaces", "pods", "log"):
            return self._log(parts[1], parts[3], request.query)
        if parts[0] == "namespaces" and len(parts) == 3:
            namespace, parts = parts[1], parts[2:]
        name = parts[0]
        if len(parts) != 1 or name not in self.resources[version]:
            return 404, status(404, "NotFound", "the server could not find the requested resource")
        group = version.rpartition("/")[0]
        resource = f"{name}.{group}" if group else name
        if not self.allowed(resource, namespace):
            return 403, forbidden(self.user, name, group, namespace)
        held = self.objects.get((version, name), [])
        if namespace:
            held = [item for item in held if item[0].startswith(f"{namespace}/")]
        selected = [item for item in held if _selected(item[2], request.query)]
        return self._page(version, name, selected, request, selectors=len(selected) != len(held))

    def _log(self, namespace: str, pod: str, query: Mapping[str, str]) -> tuple[int, Raw | bytes]:
        if not self.allowed("pods/log", namespace):
            return 403, forbidden(self.user, "pods/log", "", namespace)
        text = self.logs.get((namespace, pod, query.get("container", ""), query.get("previous") == "true"))
        if text is None:
            return 400, status(
                400, "BadRequest", f"container in pod {pod} is waiting to start, or terminated: not found"
            )
        return 200, text[: int(query.get("limitBytes", len(text)))]

    def _page(
        self, version: str, name: str, held: list[tuple[str, bytes, Raw]], request: Request, *, selectors: bool
    ) -> tuple[int, bytes]:
        start = 0
        if token := request.query.get("continue"):
            after = json.loads(base64.urlsafe_b64decode(token))["start"]
            start = next((number for number, item in enumerate(held) if item[0] > after), len(held))
        limit = int(request.query.get("limit") or 0) or len(held)
        page = held[start : start + limit]
        left = len(held) - start - len(page)
        metadata: Raw = {"resourceVersion": RESOURCE_VERSION}
        if left:
            token = json.dumps({"v": "meta.k8s.io/v1", "rv": int(RESOURCE_VERSION), "start": page[-1][0]})
            metadata["continue"] = base64.urlsafe_b64encode(token.encode()).decode()
            if not selectors:
                metadata["remainingItemCount"] = left
        kind, texts = f"{_wire(version, name)}List", [item[1] for item in page]
        head = json.dumps({"kind": kind, "apiVersion": version, "metadata": metadata})[:-1]
        return 200, b"".join((head.encode(), b', "items": [', b",".join(texts), b"]}\n"))

    def _review(self, path: str, body: Any) -> tuple[int, Raw]:
        if path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
            groups = ["system:authenticated"]
            return 201, {**body, "status": {"userInfo": {"username": self.user, "groups": groups}}}
        if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            asked = body["spec"]["resourceAttributes"]
            resource = f"{asked['resource']}.{asked['group']}" if asked.get("group") else asked["resource"]
            yes = asked["verb"] == "list" and self.allowed(resource, asked.get("namespace", ""))
            return 201, {**body, "status": {"allowed": yes}}
        if path == "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews":
            namespace = body["spec"]["namespace"]
            return 201, {**body, "status": self._rules(namespace)}
        return 405, status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _rules(self, namespace: str) -> Raw:
        if self.rules_incomplete:  # as EKS's webhook authorizer has it
            why = "webhook authorizer does not support user rule resolution"
            return {"resourceRules": [], "nonResourceRules": [], "incomplete": True, "evaluationError": why}
        rules: list[Raw] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}] if self.grants is None else []
        for resource, where in sorted(self.grants or ()):
            if where in ("", namespace):
                name, _, group = resource.partition(".")
                rules.append({"verbs": ["get", "list", "watch"], "apiGroups": [group], "resources": [name]})
        return {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}


def _world(world: str | Path | Mapping[str, Sequence[Raw]]) -> dict[str, list[Raw]]:
    if isinstance(world, Mapping):
        return {name: list(objects) for name, objects in world.items()}
    if isinstance(world, Path):
        return _files(world)
    with resources.as_file(resources.files("clusterproof") / "worlds" / world / "kubernetes") as path:
        return _files(path)


def recorded(directory: Path) -> dict[str, list[Raw]]:
    """The objects of a directory of ``kubectl get -o json`` files by resource, as :class:`Stub` takes them."""
    return _files(directory)


def _files(directory: Path) -> dict[str, list[Raw]]:
    found: dict[str, list[Raw]] = {}
    for path in sorted(directory.glob("*.json")):
        document = json.loads(path.read_text())
        if isinstance(document, list):
            found["secrets"] = [helm_secret(row) for row in document]
            continue
        for item in document["items"]:
            kind = kind_of_wire(item["apiVersion"], item["kind"])
            assert kind is not None, path
            name = f"{kind.resource}.{kind.group}" if kind.group else kind.resource
            found.setdefault(name, []).append(item)
    return found


def helm_secret(row: Raw) -> Raw:
    """The Secret in which Helm keeps a release that ``helm list -o json`` prints as a row."""
    chart, _, version = row["chart"].rpartition("-")
    release = {
        "name": row["name"],
        "namespace": row["namespace"],
        "info": {"status": row["status"]},
        "chart": {"metadata": {"name": chart, "version": version, "appVersion": row["app_version"]}},
        "config": {"password": "never-to-be-seen"},
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0))
    labels = {"name": row["name"], "owner": "helm", "status": row["status"], "version": str(row["revision"])}
    name = f"sh.helm.release.v1.{row['name']}.v{row['revision']}"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": row["namespace"], "labels": labels},
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(packed).decode()},
    }


def _wire(version: str, name: str) -> str:
    if name == "secrets":
        return "Secret"
    group = version.rpartition("/")[0]
    for kind in kinds.ALL:
        if kind.origin == "kubernetes" and kind.resource == name and kind.group == group:
            return kind.wire
    return name.removesuffix("s").capitalize()


def usual_version(resource: str) -> str:
    """The apiVersion under which a resource is usually served; ``v1`` for those that the registry does not have."""
    name, _, group = resource.partition(".")
    kind = next((kind for kind in kinds.ALL if kind.resource == name and kind.group == group), None)
    return api_version_of(kind) if kind else f"{group}/v1"


def _selected(raw: Raw, query: Mapping[str, str]) -> bool:
    """``fieldSelector=type=…`` and ``labelSelector=a=b,c!=d``, as far as these tests need them."""
    labels = raw["metadata"].get("labels", {})
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        name, _, value = term.partition("=")
        if str(raw.get(name, "")) != value.removeprefix("="):
            return False
    for term in filter(None, query.get("labelSelector", "").split(",")):
        name, unlike, value = term.partition("!=")
        if unlike:
            if labels.get(name) == value:
                return False
        else:
            name, _, value = term.partition("=")
            if labels.get(name) != value.removeprefix("="):
                return False
    return True
