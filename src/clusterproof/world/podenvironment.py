"""Variables of containers by which AWS SDKs find credentials: in a workload's template, and in pods that run.

What stands in a template is a user's own. What a pod has besides, EKS put there when the pod was made (EKS User Guide,
"Understand how EKS Pod Identity works" and "Configure Pods to use a Kubernetes service account"): a pod that is older than
its association or annotation has none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import field

from clusterproof.snapshot import kinds
from clusterproof.snapshot.collector import paused
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes.meta import Obj
from clusterproof.snapshot.snapshot import Snapshot, Table
from clusterproof.world.model import Workload

ACCESS_KEY = "AWS_ACCESS_KEY_ID"
ROLE = "AWS_ROLE_ARN"
TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - a variable's name
FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FROM_FILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
"""Variables that make a file decide, which nobody reads here."""
_NAMES = frozenset((ACCESS_KEY, ROLE, TOKEN_FILE, FULL_URI, RELATIVE_URI, *FROM_FILES))
_OF_WEBHOOK = ("/var/run/secrets/eks.amazonaws.com/", "C:\\var\\run\\secrets\\eks.amazonaws.com\\")
_OF_AGENT = ("http://169.254.170.23/", "http://[fd00:ec2::23]/")


class Environment(msgspec.Struct, frozen=True):
    """What of a container's variables decides where its credentials come from.

    Attributes:
        container: its name.
        values: by name, those that are set; unknown where the value stands elsewhere.
        open: why it is not known whether there are more (``envFrom`` of what was not read).
    """

    container: str
    values: Mapping[str, str | Unknown]
    open: tuple[Unknown, ...] = ()


def of_template(snapshot: Snapshot, workload: Workload) -> tuple[Environment, ...]:
    """Every container of a workload's template, init containers last; without what EKS puts into pods.

    A workload that was read from its pods only shows what EKS put there too: that is told by its paths and addresses.
    """
    raw = _raw_spec(snapshot, workload)
    found: list[Environment] = []
    for member, containers in (
        ("containers", workload.spec.containers),
        ("initContainers", workload.spec.init_containers),
    ):
        for number, container in enumerate(containers):
            values: dict[str, str | Unknown] = {}
            for variable in container.env:
                if variable.name in _NAMES and (variable.value or variable.value_from is not None):
                    elsewhere = Unknown(
                        Cause.NOT_COLLECTED,
                        f"the value of {variable.name} in container {container.name} of {workload.id} stands elsewhere",
                        "give it by value",
                    )
                    values[variable.name] = variable.value or elsewhere
            sources = _sources(raw, member, number)
            more = tuple(_from_sources(snapshot, workload, container.name, sources, values)) if sources else ()
            found.append(Environment(container.name, _own(values), more))
    return tuple(found)


def _own(values: dict[str, str | Unknown]) -> dict[str, str | Unknown]:
    """Without the webhook's own variables, which stand in pods that were read in place of a template."""
    token, uri = values.get(TOKEN_FILE), values.get(FULL_URI)
    if isinstance(token, str) and token.startswith(_OF_WEBHOOK):
        values = {name: value for name, value in values.items() if name not in (TOKEN_FILE, ROLE)}
    if isinstance(uri, str) and uri.startswith(_OF_AGENT):
        values = {name: value for name, value in values.items() if name != FULL_URI}
    return values


def _raw_spec(snapshot: Snapshot, workload: Workload) -> dict[str, Any]:
    """The pod's spec as the API gave it, where a container has ``envFrom``: its names are not in the typed one."""
    containers = (*workload.spec.containers, *workload.spec.init_containers)
    if workload.ref is None or not any(container.env_from for container in containers):
        return {}
    raw = snapshot.raw(kinds.BY_NAME[workload.ref.kind], workload.ref.key) or {}
    path = {"pods": ("spec",), "cronjobs": ("spec", "jobTemplate", "spec", "template", "spec")}
    value: Any = raw
    for member in path.get(workload.ref.kind, ("spec", "template", "spec")):
        value = value.get(member) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _sources(raw: Mapping[str, Any], member: str, number: int) -> list[dict[str, Any]]:
    containers = raw.get(member)
    container = containers[number] if isinstance(containers, list) and number < len(containers) else {}
    sources = container.get("envFrom") if isinstance(container, dict) else None
    return [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []


def _from_sources(
    snapshot: Snapshot,
    workload: Workload,
    container: str,
    sources: list[dict[str, Any]],
    values: dict[str, str | Unknown],
) -> Iterator[Unknown]:
    """Adds what ConfigMaps give; yields why it is not known what else comes in."""
    for source in sources:
        prefix = str(source.get("prefix") or "")
        wanted = [name for name in sorted(_NAMES) if name.startswith(prefix)]
        if not wanted:
            continue
        for member, word in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            ref = source.get(member)
            name = str(ref.get("name") or "") if isinstance(ref, dict) else ""
            if not name:
                continue
            key = f"{workload.namespace}/{name}"
            config = snapshot.get(kinds.CONFIG_MAPS, key) if member == "configMapRef" else None
            if config is not None:
                for variable in wanted:
                    value = config.data.get(variable.removeprefix(prefix), "")
                    if value and variable not in values:
                        values[variable] = value
                continue
            missing = snapshot.missing(kinds.CONFIG_MAPS, workload.namespace) if member == "configMapRef" else None
            if member == "configMapRef" and missing is None:
                continue
            what = f"whether {word} {key} gives container {container} of {workload.id} credentials of AWS is not known"
            if missing is not None:
                yield Unknown(missing.cause, what, missing.remedy or f"run: {kinds.CONFIG_MAPS.command}")
            else:
                remedy = "name its variables one by one (env with secretKeyRef) in place of envFrom"
                yield Unknown(Cause.REDACTED, f"{what}, because Secrets are not read", remedy)


class Carried(msgspec.Struct, frozen=True):
    """What a pod that is not finished has got.

    Attributes:
        pod: ``namespace/name``.
        service_account: its name.
        node: where it runs; empty for one that has no node.
        containers: names of its containers, init containers left out.
        pod_identity: those that have what EKS Pod Identity gives.
        web_identity: those that have a web identity token (IRSA), with the role's ARN, sorted.
        static: those that have access keys.
    """

    pod: str
    service_account: str
    node: str
    containers: tuple[str, ...]
    pod_identity: tuple[str, ...] = ()
    web_identity: tuple[tuple[str, str], ...] = ()
    static: tuple[str, ...] = ()

    @property
    def without(self) -> tuple[str, ...]:
        """Containers that have none of the three: their SDKs ask the instance for its role."""
        having = {*self.pod_identity, *(name for name, _ in self.web_identity), *self.static}
        return tuple(name for name in self.containers if name not in having)


def carried(snapshot: Snapshot, workload: Workload) -> tuple[Carried, ...] | Unknown:
    """What the pods of a workload have got, sorted by name; unknown where pods were not read."""
    pods = snapshot.tables.get(kinds.PODS.name)
    missing = snapshot.missing(kinds.PODS, workload.namespace)
    if pods is None or missing is not None:
        return missing or Unknown(Cause.NOT_COLLECTED, "pods not collected", f"run: {kinds.PODS.command} > pods.json")
    by_name = pods.derived(_by_name)
    names = (f"{workload.namespace}/{name}" for name in workload.pod_names)
    return tuple(by_name[name] for name in names if name in by_name)


class _Variable(Obj, frozen=True):
    name: str = ""
    value: str = ""
    value_from: msgspec.Raw = msgspec.Raw()


class _Container(Obj, frozen=True):
    name: str = ""
    env: tuple[_Variable, ...] = ()


class _Spec(Obj, frozen=True):
    node_name: str = ""
    service_account_name: str = ""
    containers: tuple[_Container, ...] = ()


class _Metadata(Obj, frozen=True):
    name: str = ""
    namespace: str = ""


class _Status(Obj, frozen=True):
    phase: str = ""


class _Pod(Obj, frozen=True):
    """Of a pod, its containers' variables alone: pods are the bulk of a snapshot."""

    metadata: _Metadata
    spec: _Spec = field(default_factory=_Spec)
    status: _Status = field(default_factory=_Status)


def _by_name(pods: Table[Any]) -> dict[str, Carried]:
    with paused():
        found = [_carried(pod) for pod in pods.lines.decode(_Pod) if pod.status.phase not in ("Succeeded", "Failed")]
    return {item.pod: item for item in sorted(found, key=lambda item: item.pod)}


def _carried(pod: _Pod) -> Carried:
    agent: list[str] = []
    tokens: list[tuple[str, str]] = []
    static: list[str] = []
    for container in pod.spec.containers:
        names = {item.name: item.value for item in container.env if item.value or bytes(item.value_from)}
        if FULL_URI in names:
            agent.append(container.name)
        if TOKEN_FILE in names:
            tokens.append((container.name, names.get(ROLE, "")))
        if ACCESS_KEY in names:
            static.append(container.name)
    return Carried(
        pod=f"{pod.metadata.namespace}/{pod.metadata.name}",
        service_account=pod.spec.service_account_name or "default",
        node=pod.spec.node_name,
        containers=tuple(container.name for container in pod.spec.containers),
        pod_identity=tuple(sorted(agent)),
        web_identity=tuple(sorted(tokens)),
        static=tuple(sorted(static)),
    )
