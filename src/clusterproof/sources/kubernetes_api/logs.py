"""Logs of pods that fail, read through the API: bounded, and only for as long as they are looked at.

Kubernetes API reference, "Pod", read log: ``GET …/pods/NAME/log`` with ``container``, ``previous``, ``tailLines`` and
``limitBytes``; it needs ``get pods/log``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import field

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.kubernetes_api import pool
from clusterproof.sources.kubernetes_api.client import Client, Stopped
from clusterproof.sources.kubernetes_api.kubeconfig import connection
from clusterproof.sources.kubernetes_api.options import ClusterOptions

T = TypeVar("T")

PERMISSION = "get pods/log"
MOST_LOGS = 200
"""Containers whose logs are read, by namespace and name."""
MOST_BYTES = 1024 * 1024
"""Bytes of one log."""
_LINES = 10_000
_STARTING = ("", "ContainerCreating", "PodInitializing")


class _Waiting(msgspec.Struct):
    reason: str = ""


class _Terminated(msgspec.Struct, rename="camel"):
    exit_code: int = 0


class _State(msgspec.Struct):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _Container(msgspec.Struct, rename="camel"):
    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: _State = field(default_factory=_State)
    last_state: _State = field(default_factory=_State)


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    container_statuses: list[_Container] | None = None
    init_container_statuses: list[_Container] | None = None


class _Name(msgspec.Struct):
    name: str
    namespace: str = ""


class _Pod(msgspec.Struct):
    metadata: _Name
    status: _Status = field(default_factory=_Status)


class Container(msgspec.Struct, frozen=True):
    """A container whose log may say why it fails.

    Attributes:
        namespace, pod, name: which one.
        previous: whether it is the one before the last restart.
    """

    namespace: str
    pod: str
    name: str
    previous: bool = False

    @property
    def log(self) -> str:
        """For the user."""
        return f"pod/{self.namespace}/{self.pod} {self.name}{' (previous)' if self.previous else ''}"


def failing(snapshot: Snapshot) -> tuple[Container, ...]:
    """Containers that crash, ended with an error or are not ready, and what they were before their last restart."""
    table = snapshot.tables.get(kinds.PODS.name)
    found: list[Container] = []
    for pod in table.shaped(_Pod) if table is not None else ():
        running = pod.status.phase == "Running"
        listed = [(item, False) for item in pod.status.init_container_statuses or ()]
        listed += [(item, True) for item in pod.status.container_statuses or ()]
        for item, main in listed:
            if _fails(item, must_be_ready=main and running):
                key = (pod.metadata.namespace, pod.metadata.name, item.name)
                found.append(Container(*key))
                if item.restart_count:
                    found.append(Container(*key, previous=True))
    return tuple(sorted(found, key=lambda item: (item.namespace, item.pod, item.name, item.previous)))


def _fails(item: _Container, *, must_be_ready: bool) -> bool:
    state, before = item.state, item.last_state
    if state.waiting is not None and state.waiting.reason not in _STARTING:
        return True
    if state.terminated is not None and state.terminated.exit_code:
        return True
    ended_badly = before.terminated is not None and before.terminated.exit_code != 0
    return (must_be_ready and not item.ready) or (ended_badly and not item.ready)


def read_logs(
    options: ClusterOptions,
    containers: Sequence[Container],
    look: Callable[[Container, bytes], T],
    *,
    observer: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[tuple[T, ...], tuple[Unknown, ...]]:
    """Reads logs and looks at each, several at once; no log is kept.

    Args:
        options: which cluster.
        containers: whose logs.
        look: is given each log; called from several threads.
        observer: is told progress.
        environ: the environment; the process's own when None.

    Returns:
        What ``look`` made of each log that there is, in the order of ``containers``; and why others were not read.

    Raises:
        UnreadableClusterError: the cluster cannot be asked.
    """
    client = Client(connection(options, environ), options, environ)
    read = containers[:MOST_LOGS]

    def one(container: Container) -> tuple[list[T], Unknown | None]:
        try:
            text = _log(client, container, time.monotonic() + options.deadline)
        except Stopped as stopped:
            return [], _unread(container, stopped)
        if observer is not None:
            observer(f"log of {container.log}")
        return ([look(container, text)] if text is not None else []), None

    try:
        tasks: list[Callable[[], Any]] = [partial(one, container) for container in read]
        results = pool.run(tasks, options.workers, client.cancel) if tasks else []
    finally:
        client.close()
    why: dict[Unknown, None] = dict.fromkeys(missing for _, missing in results if missing is not None)
    if len(containers) > len(read):
        left = f"logs of {len(containers) - len(read)} more containers were not read"
        why[Unknown(Cause.INCOMPLETE, left, "name them with --logs")] = None
    return tuple(item for found, _ in results for item in found), tuple(why)


def _log(client: Client, container: Container, until: float) -> bytes | None:
    """A log's end; None when there is none (the container has not begun, or is gone)."""
    params = [("container", container.name), ("tailLines", str(_LINES)), ("limitBytes", str(MOST_BYTES))]
    if container.previous:
        params.append(("previous", "true"))
    path = f"/api/v1/namespaces/{container.namespace}/pods/{container.pod}/log"
    try:
        return client.text(path, until=until, params=params)
    except Stopped as stopped:
        if stopped.status in (400, 404):
            return None
        raise


def _unread(container: Container, stopped: Stopped) -> Unknown:
    if stopped.status == 403:
        detail = f"logs of pods in namespace {container.namespace} could not be read: RBAC refused it"
        return Unknown(Cause.DENIED, detail, f"grant {PERMISSION}")
    return Unknown(stopped.cause, f"the log of {container.log} could not be read: {stopped.clause}", "run it again")
