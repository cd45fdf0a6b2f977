"""Which Services a client names: hosts in the literal variables, commands and arguments of its containers.

A name of one label is looked up in the client's own namespace, ``name.namespace`` and longer ones in that namespace;
``pod.service…`` is a pod behind a headless Service. What stands in a ConfigMap or Secret is not read.
Sources: Kubernetes documentation, "DNS for Services and Pods" (Namespaces of Services; Pods).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from clusterproof.snapshot.kubernetes import Labels, Service
from clusterproof.world.model import Workload
from clusterproof.world.services import Services

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:(?<=[/,;=@\s\"'\[])|^)({_LABEL}(?:\.{_LABEL}){{0,7}})\.?(?::(\d{{1,5}}))?(?=[/,;\s\"'\]?&]|$)")
_LONGEST = 4096
"""Values beyond this are files, not lists of hosts."""


class Named(msgspec.Struct, frozen=True):
    """A Service that a client names as a server.

    Attributes:
        key: ``namespace/name``.
        service: None where there is none of that name.
        where: ``variable ETCD_ENDPOINTS of container main``.
        host: as it is written there.
    """

    key: str
    service: Service | None
    where: str
    host: str


def named_services(services: Services, client: Workload, server: Workload, port: int) -> tuple[Named, ...]:
    """The Services by which a client dials a server's port, each once; empty where it names none.

    A host with another port, or of a Service that leads elsewhere, is another server's. One without a port counts
    only where it is written as a Service's (``name.namespace.svc``).
    """
    found: dict[str, Named] = {}
    for text, where in _texts(client):
        for match in _HOST.finditer(text):
            host, number = match.group(1), match.group(2)
            if int(number) != port if number else ".svc" not in host:
                continue
            key, service = _service(services, host, client.namespace)
            if key and key not in found and _meant(services, key, service, server):
                found[key] = Named(key, service, where, match.group(0))
    return tuple(found.values())


def _texts(client: Workload) -> Iterator[tuple[str, str]]:
    for container in (*client.spec.containers, *client.spec.init_containers):
        for item in container.env:
            if item.value and len(item.value) <= _LONGEST:
                yield item.value, f"variable {item.name} of container {container.name}"
        for what, words in (("the command", container.command), ("an argument", container.args)):
            for word in words:
                if len(word) <= _LONGEST:
                    yield word, f"{what} of container {container.name}"


def _service(services: Services, host: str, own: str) -> tuple[str, Service | None]:
    """The Service that a host is the name of, or would be; an empty key for a name outside the cluster."""
    labels = host.split(".")
    if len(labels) == 1:
        ways = [f"{own}/{labels[0]}"]
    elif len(labels) == 2:
        ways = [f"{labels[1]}/{labels[0]}", f"{own}/{labels[1]}"]
    elif labels[2] == "svc":
        ways = [f"{labels[1]}/{labels[0]}"]
    elif len(labels) == 3 or labels[3] == "svc":
        ways = [f"{labels[2]}/{labels[1]}"]
    else:
        return "", None
    for key in ways:
        service = services.get(key)
        if service is not None:
            return key, service
    return ways[0], None


def _meant(services: Services, key: str, service: Service | None, server: Workload) -> bool:
    namespace, _, name = key.partition("/")
    if namespace != server.namespace:
        return False
    if service is None or not service.spec.selector:
        return akin(name, server.name)
    found = services.selected(service)
    # One that has the server's own name and leads to others is told; any other of theirs is another server's.
    return server in found or belongs(services, service, server) or bool(found and name == server.name)


def belongs(services: Services, service: Service, server: Workload) -> bool:
    """Whether a Service is by its name or labels a workload's, though its selector selects nothing that was read."""
    if not service.spec.selector or services.selected(service) or service.metadata.namespace != server.namespace:
        return False
    if akin(service.metadata.name, server.name):
        return True
    labels = service.metadata.labels
    return any(all(_same(labels, server.labels, key) for key in keys) for keys in _IDENTITY)


_IDENTITY = (("app.kubernetes.io/name", "app.kubernetes.io/instance"), ("k8s-app",), ("app",))
"""Labels by which charts say what belongs together (Kubernetes documentation, "Recommended Labels")."""


def _same(one: Labels, other: Labels, key: str) -> bool:
    return key in one and one[key] == other.get(key)


def akin(service: str, workload: str) -> bool:
    """Whether two names are one, or one begins with the other: ``etcd-headless`` and ``etcd``."""
    return service == workload or service.startswith(f"{workload}-") or workload.startswith(f"{service}-")
