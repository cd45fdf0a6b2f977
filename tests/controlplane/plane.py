"""A real Kubernetes control plane for tests: etcd, kube-apiserver, kube-scheduler, kube-controller-manager on loopback.

    with ControlPlane.start(find()) as plane:
        plane.admin.create(node("gpu-1", cpu="8"))

There is no kubelet: nodes are objects (:mod:`tests.controlplane.objects`), pods that are bound stay Pending. What in
the API server would only be in the way of that is left out: service accounts' tokens in pods, the ``not-ready`` taint
of new nodes (it is the node lifecycle controller that would remove it) and finalizers on volumes. Everything else is
at its defaults, admission's too.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.controlplane.binaries import Binaries
from tests.controlplane.client import Client
from tests.controlplane.credentials import USERS, Credentials, make_credentials
from tests.controlplane.processes import Processes, StartError, free_port

APISERVER, SCHEDULER, CONTROLLERS, ETCD = "kube-apiserver", "kube-scheduler", "kube-controller-manager", "etcd"
_LEFT_OUT = "ServiceAccount,TaintNodesByCondition,StorageObjectInUseProtection"
_PATIENCE = 60.0
"""Seconds that a server may take to be ready; four are usual."""
_TAKEN = "address already in use"


class Asked(NamedTuple):
    """A request: the API's verb (``list``, ``watch``), path with query, and the answer's status."""

    verb: str
    target: str
    status: int


class ControlPlane:
    """One that runs; made by :meth:`start`, ended by leaving it.

    Attributes:
        processes: of its servers, and the directory of their logs.
        credentials: of its users.
        url: of the API server.
        admin: may do everything.
        reader: may do nothing but what a test grants to user ``clusterproof-reader``.
        version: of the API server, e.g. ``v1.34.4``.
        seconds: from nothing to ready.
    """

    def __init__(self, binaries: Binaries, features: Sequence[str] = ()) -> None:
        self.processes = Processes()
        self.credentials: Credentials = make_credentials(self.processes.directory)
        self.url = ""
        self.version = ""
        self.seconds = 0.0
        self._binaries = binaries
        self._features = [f"--feature-gates={','.join(f'{name}=true' for name in features)}"] if features else []
        self._clients: dict[str, Client] = {}
        self._own: dict[str, Client] = {}

    @classmethod
    def start(
        cls,
        binaries: Binaries,
        *,
        scheduler: bool = True,
        controllers: bool = False,
        scheduler_config: Mapping[str, Any] | None = None,
        audit: bool = False,
        features: Sequence[str] = (),
        egress: Mapping[str, Any] | None = None,
    ) -> Self:
        """Starts one and waits until it is ready; must be called in the main thread.

        Args:
            binaries: to run.
            scheduler: whether kube-scheduler runs.
            controllers: whether kube-controller-manager runs (all its controllers but node lifecycle, as no kubelet
                says that nodes live). Claims from templates, endpoint slices, replicas and the deletion of namespaces
                need it; it may also take away what it has no use for (orphaned pods).
            scheduler_config: see :meth:`start_scheduler`.
            features: feature gates that are on, of every server.
            audit: whether the API server writes down what ``reader`` asks, for :meth:`asked`.
            egress: its EgressSelectorConfiguration: by which proxy it reaches Services; None: directly.

        Raises:
            StartError: a server did not become ready; with the end of its log.
        """
        plane = cls(binaries, features)
        begun = time.monotonic()
        try:
            plane._start_api(audit=audit, egress=egress)
            if scheduler:
                plane.start_scheduler(scheduler_config)
            if controllers:
                plane.start_controllers()
        except BaseException:
            plane.close()
            raise
        plane.seconds = time.monotonic() - begun
        return plane

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything and removes its files."""
        for client in (*self._clients.values(), *self._own.values()):
            client.close()
        self.processes.close()

    # --- who asks ---

    def client(self, user: str) -> Client:
        """The client of one of :data:`~tests.controlplane.credentials.USERS`."""
        if user not in self._clients:
            self._clients[user] = Client(self.url, self.credentials.path("ca.crt"), self.credentials.tokens[user])
        return self._clients[user]

    @property
    def admin(self) -> Client:
        """Who may do everything."""
        return self.client("admin")

    @property
    def reader(self) -> Client:
        """Who may do nothing until a test grants it."""
        return self.client("reader")

    def kubeconfig(self, user: str = "admin", *, namespace: str = "", path: Path | None = None) -> Path:
        """Writes a kubeconfig of a user; its path."""
        return self.credentials.kubeconfig(self.url, user, namespace=namespace, path=path)

    def _keep(self, name: str, port: int, token: str) -> Client:
        """A client of a server's own port, in place of that of the server's last run."""
        if name in self._own:
            self._own[name].close()
        self._own[name] = Client(f"https://127.0.0.1:{port}", self.credentials.path("ca.crt"), token)
        return self._own[name]

    def asked(self) -> list[Asked]:
        """What ``reader`` has asked so far, in the order of the answers, by the API server's own audit log."""
        path = self.processes.directory / "audit.log"
        events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [Asked(event["verb"], event["requestURI"], event["responseStatus"]["code"]) for event in events]

    # --- servers ---

    def start_scheduler(self, config: Mapping[str, Any] | None = None, *, verbosity: int = 0) -> None:
        """Starts kube-scheduler and waits until it has read everything; one that runs is ended first.

        Args:
            config: members of its KubeSchedulerConfiguration that replace or add (``profiles``,
                ``percentageOfNodesToScore``).
            verbosity: of its log, ``scheduler.processes.directory / "kube-scheduler.log"``; scores are told at 10.
        """
        self.processes.stop(SCHEDULER)
        whole = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": False},
            # At the default of 50 requests per second the client, not the scheduler, would set the pace.
            "clientConnection": {"kubeconfig": str(self.kubeconfig("scheduler")), "qps": 5000, "burst": 5000},
            **(config or {}),
        }
        path = self.processes.directory / "scheduler.json"
        path.write_text(json.dumps(whole))
        self._serve(
            SCHEDULER,
            "/readyz",
            [
                f"--config={path}",
                f"--v={verbosity}",
                "--authorization-always-allow-paths=/readyz,/metrics",
                *self._features,
                *self._component("scheduler"),
            ],
        )

    def stop_scheduler(self) -> None:
        """Ends kube-scheduler; pods wait."""
        self.processes.stop(SCHEDULER)

    def start_controllers(self) -> None:
        """Starts kube-controller-manager."""
        self.processes.stop(CONTROLLERS)
        self._serve(
            CONTROLLERS,
            "/healthz",
            [
                f"--kubeconfig={self.kubeconfig('controller-manager')}",
                "--controllers=*,-node-lifecycle-controller",
                "--leader-elect=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={self.credentials.path('accounts.key')}",
                f"--root-ca-file={self.credentials.path('ca.crt')}",
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
                *self._features,
                *self._component("controller-manager"),
            ],
        )

    def scheduler_metrics(self) -> str:
        """What kube-scheduler says of itself, in Prometheus' text format."""
        _, said = self._own[SCHEDULER].send("GET", "/metrics")
        return said.decode()

    def _component(self, user: str) -> list[str]:
        kubeconfig = self.kubeconfig(user)
        return [
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--authentication-skip-lookup=true",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={self.credentials.path('server.crt')}",
            f"--tls-private-key-file={self.credentials.path('server.key')}",
        ]

    def _start_api(self, *, audit: bool, egress: Mapping[str, Any] | None) -> None:
        place = self.processes.directory
        audited, selected = [], []
        if egress is not None:
            (place / "egress.json").write_text(json.dumps(egress))
            selected = [f"--egress-selector-config-file={place / 'egress.json'}"]
        if audit:
            rules = [{"level": "Metadata", "users": [USERS["reader"][0]]}, {"level": "None"}]
            policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]}
            (place / "audit.json").write_text(json.dumps({**policy, "rules": rules}))
            audited = [f"--audit-policy-file={place / 'audit.json'}", f"--audit-log-path={place / 'audit.log'}"]
        client, peer = free_port(), free_port()
        etcd = f"http://127.0.0.1:{client}"
        self.processes.start(
            ETCD,
            [
                self._binaries.path(ETCD),
                "--name=etcd",
                f"--data-dir={place / 'etcd'}",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=etcd=http://127.0.0.1:{peer}",
                "--unsafe-no-fsync",
                "--log-level=error",
            ],
        )
        there = self.credentials.path
        port = self._serve(
            APISERVER,
            "/readyz",
            [
                f"--etcd-servers={etcd}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                f"--cert-dir={place}",
                f"--tls-cert-file={there('server.crt')}",
                f"--tls-private-key-file={there('server.key')}",
                f"--client-ca-file={there('ca.crt')}",
                f"--kubelet-certificate-authority={there('ca.crt')}",
                f"--kubelet-client-certificate={there('client.crt')}",
                f"--kubelet-client-key={there('client.key')}",
                "--kubelet-preferred-address-types=InternalIP",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={there('accounts.key')}",
                f"--service-account-signing-key-file={there('accounts.key')}",
                "--service-cluster-ip-range=172.20.0.0/16",
                f"--token-auth-file={there('tokens.csv')}",
                "--authorization-mode=Node,RBAC",
                "--allow-privileged=true",
                f"--disable-admission-plugins={_LEFT_OUT}",
                "--enable-priority-and-fairness=false",  # tests wait for one another, not for fairness
                "--delete-collection-workers=8",
                "--max-requests-inflight=2000",
                "--max-mutating-requests-inflight=1000",
                *self._features,
                *(["--runtime-config=api/alpha=true"] if self._features else []),  # a gate may want an API of its own
                *audited,
                *selected,
            ],
            token=self.credentials.tokens["admin"],
        )
        self.url = f"https://127.0.0.1:{port}"
        self.version = str(self.admin.get("/version")["gitVersion"])

    def _serve(self, name: str, ready: str, arguments: list[str], token: str = "") -> int:
        """Starts a server on a port of its own and waits until it says that it is ready; the port."""
        for attempt in range(3):
            port = free_port()  # another process may take it before the server does: then once more
            self.processes.start(name, [self._binaries.path(name), f"--secure-port={port}", *arguments])
            try:
                self._wait(name, port, ready, token)
            except StartError as failed:
                if attempt == 2 or _TAKEN not in str(failed):
                    raise
                continue
            return port
        raise AssertionError

    def _wait(self, name: str, port: int, ready: str, token: str) -> None:
        until, said = time.monotonic() + _PATIENCE, b""
        asking = self._keep(name, port, token)
        while time.monotonic() < until:
            self.processes.check(name)
            if name == APISERVER:
                self.processes.check(ETCD)
            try:
                status, said = asking.send("GET", ready)
            except (OSError, http.client.HTTPException) as not_yet:
                status, said = 0, str(not_yet).encode()
            if status == 200:
                return
            time.sleep(0.05)
        about = said[-500:].decode(errors="replace")
        raise StartError(f"{name} was not ready after {_PATIENCE:.0f} s: {about} {self.processes.log(name, 5)}")
