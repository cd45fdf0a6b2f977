"""The two ends of a path as parties: pods and hosts, and what is neither: control plane, balancers, addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import apart, at, behind
from clusterproof.checks.parties import Party, Sides, on_nodes
from clusterproof.profiles.model import Subject
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import at_address
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import APIService, ServiceReference, WebhookConfiguration
from clusterproof.world.controlplane import NAME, control_plane
from clusterproof.world.loadbalancers import Sends, balancer_of
from clusterproof.world.model import Interface

_ITSELF = ("https://127.0.0.1:", "https://localhost:", "https://[::1]:")
"""Webhooks that the control plane runs beside the API server."""


def resolve(context: Context, subject: Subject) -> Sides:
    """The parties of one end of a requirement; the same for the same subject, places and all."""
    found = context.resolved.get(subject)
    if not isinstance(found, Sides):
        found = context.resolved[subject] = _resolve(context, subject)
    return found


def _resolve(context: Context, subject: Subject) -> Sides:
    if subject.control_plane:
        return of_control_plane(context)
    if subject.services_of:
        return _called(context, subject.services_of)
    if subject.load_balancer:
        return _balancer(context, subject)
    if subject.address:
        return _address(context, subject.address)
    return on_nodes(context, subject)


def _party(text: str, interfaces: tuple[Interface, ...], sends: Sends | None = None) -> Party:
    places = tuple(apart(text, item, f"{text} in {item.subnet}") for item in interfaces)
    return Party(None, places, everywhere=False, text=text, sends=sends)


def of_control_plane(context: Context) -> Sides:
    """The API servers, at each interface that EKS may give them."""
    found = control_plane(context.world.snapshot)
    if isinstance(found, Unknown):
        return Sides((), (found,), apart=True)
    return Sides((_party(NAME, found),), how=("the control plane: any interface that EKS may give it",), apart=True)


def _balancer(context: Context, subject: Subject) -> Sides:
    """A load balancer: what it sends from its own addresses, and what it sends with those of its clients."""
    key = subject.load_balancer
    service = context.world.services.get(key)
    if service is None:
        missing = context.world.services.missing(key.partition("/")[0])
        unknown = missing or Unknown(Cause.NOT_ANSWERABLE, f"there is no Service {key} in the snapshot")
        return Sides((), (unknown,), apart=True)
    found = balancer_of(context.world.snapshot, service, (subject.address,) if subject.address else ())
    if isinstance(found, Unknown):
        return Sides((), (found,), apart=True)
    name = f"load balancer {found.name}"
    own = _party(name, found.interfaces, Sends(found, kept=False))
    kept = _party(f"clients of {name}", found.keeping(), Sends(found, kept=True))
    clients = f"its clients are {', '.join(found.clients)}"
    return Sides((own, kept), how=(f"{name} of Service {key}; {clients}",), apart=True)


def _address(context: Context, block: str) -> Sides:
    """Addresses: where a single one is a pod's, a node's or an interface's today, it stands for that."""
    network = ipaddress.ip_network(block)
    if network.num_addresses == 1:
        return Sides((at(context, str(network.network_address)),), apart=True)
    known = AddressSet.of(block)
    party = Party(None, (apart(block, at_address(known).interface),), everywhere=False, text=block, address=known)
    return Sides((party,), apart=True)


# --- what the API server calls ---------------------------------------------------------------


def _called(context: Context, names: tuple[str, ...]) -> Sides:
    """Everybody behind the Services that the API server calls for objects of some kinds."""
    services, snapshot = context.world.services, context.world.snapshot
    parties: list[Party] = []
    absent: list[Unknown] = []
    how: list[str] = []
    broken: list[str] = []
    seen: dict[tuple[str, int], list[str]] = {}
    for name in names:
        kind = kinds.BY_NAME[name]
        absent += [unknown for unknown in (snapshot.missing(kind),) if unknown is not None]
        for owner, called in _calls(context, kind):
            if isinstance(called, str):
                outside = Unknown(Cause.NOT_MODELLED, f"{owner} is called at {called}, which is not modelled")
                absent += [outside] if not called.startswith(_ITSELF) else []
            else:
                seen.setdefault((f"{called.namespace}/{called.name}", called.port), []).append(owner)
    for (key, number), owners in seen.items():
        more = f" and {len(owners) - 1} more" if len(owners) > 1 else ""
        who = f"{owners[0]}{more}"
        how.append(f"{who}: Service {key}, port {number}")
        service = services.get(key)
        missing = services.missing(key.partition("/")[0])
        if service is None:
            absent += [missing] if missing is not None else []
            broken += [f"{who}: there is no Service {key}"] if missing is None else []
            continue
        port = next((item for item in service.spec.ports if item.port == number and item.protocol == "TCP"), None)
        if service.spec.type == "ExternalName" or port is None:
            what = "is an external name" if service.spec.type == "ExternalName" else f"publishes no {number}/TCP"
            broken.append(f"{who}: Service {key} {what}")
            continue
        backend = services.backend(service, port)
        found = behind(context, backend)
        if not found:
            unread = backend.unread or snapshot.missing(kinds.PODS, key.partition("/")[0])
            absent += [unread] if unread is not None else []
            broken += [f"{who}: Service {key} selects no workload"] if unread is None else []
        parties += [msgspec.structs.replace(party, called=backend) for party in found]
    return Sides(tuple(parties), tuple(absent), tuple(how), broken=tuple(broken))


def _calls(context: Context, kind: Kind[Any]) -> Iterator[tuple[str, ServiceReference | str]]:
    """Each object that makes the API server call something, with what it calls: a Service, or a URL."""
    for item in context.world.snapshot.objects(kind):
        if isinstance(item, APIService):
            if item.spec.service is not None:
                yield f"APIService {item.metadata.name}", item.spec.service
        elif isinstance(item, WebhookConfiguration):
            for webhook in item.webhooks:
                client = webhook.client_config
                called = client.service or client.url
                if called:
                    yield f"webhook {webhook.name} of {kind.wire} {item.metadata.name}", called
