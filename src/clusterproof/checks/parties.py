"""The two sides of a reach requirement: which pods or hosts, and where they may be."""

from __future__ import annotations

import msgspec

from clusterproof.checks.context import Context
from clusterproof.placement.places import Place, Places
from clusterproof.profiles.model import Subject
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.loadbalancers import Sends
from clusterproof.world.model import Workload
from clusterproof.world.services import Backend


class Party(msgspec.Struct, frozen=True):
    """One workload, or the hosts of a node set, with its places.

    Attributes:
        workload: None for hosts.
        places: feasible and doubtful places, already limited to the node set asked for.
        everywhere: it is on all its places at once (a DaemonSet, a node set), so that no choice is free.
        text: ``deploy/dynamo/worker`` or ``hosts of gpu``.
        message: when there is no place: why, in the scheduler's words.
        image_bytes: size of its image where the profile says it, else 0.
        address: set where nothing but its address is known.
        called: the port of the Service at which the control plane calls it.
        sends: what of a load balancer's traffic this is; None for all that is no load balancer.
        assumed: the profile's name of the workload, where its own template stands in and it is not known whether
            something is installed; else empty.
    """

    workload: Workload | None
    places: tuple[Place, ...]
    everywhere: bool
    text: str
    message: str = ""
    image_bytes: int = 0
    address: AddressSet | None = None
    called: Backend | None = None
    sends: Sends | None = None
    assumed: str = ""

    @property
    def shown(self) -> str:
        """For a report: a stand-in is not named as if it had been read."""
        return f"{self.assumed} (assumed)" if self.assumed else self.text

    def end(self, place: Place) -> End:
        """This party at one of its places, as reach reads it."""
        where = place.node_class.group
        apart = self.address is not None or place.interface.managed
        return End(place.interface, self.workload, self.text if apart else f"{self.text} on {where}", self.address)


class Sides(msgspec.Struct, frozen=True):
    """One side resolved.

    Attributes:
        parties: what was found; all of them exist at the same time.
        absent: why there may be none, or more than was found.
        how: one clause on how the side was found.
        on: the node groups asked for; empty means all.
        empty_set: the name of the node set for which no group was found.
        chosen: the user named the node groups, so that no other group is meant.
        apart: its parties are on no node, so that nodes that were not read hold none of them.
        broken: what is asked for and surely cannot be reached, each in a clause.
    """

    parties: tuple[Party, ...]
    absent: tuple[Unknown, ...] = ()
    how: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    empty_set: str = ""
    chosen: bool = False
    apart: bool = False
    broken: tuple[str, ...] = ()


def on_nodes(context: Context, subject: Subject) -> Sides:
    """The parties that a subject names by workload or by node set."""
    world = context.world
    absent: list[Unknown] = []
    if (missing := world.snapshot.missing(kinds.NODES)) is not None:
        absent.append(missing)
    set_name = subject.hosts or subject.on
    on: tuple[str, ...] = ()
    chosen = False
    if set_name:
        on, chosen = context.sets[set_name].groups, context.sets[set_name].chosen
        absent += context.sets[set_name].doubtful
        if not on:
            # What makes nodes and was not read may make nodes of the set.
            absent += [*world.unknown_templates.values(), *world.other_makers]
            nothing = f"no node group was found for the set {set_name}"
            doubt = f"which node groups are in the set {set_name} is not known"
            return Sides((), tuple(absent), (doubt if absent else nothing,), (), set_name)
    if subject.hosts:
        places = tuple(Place(item, item.host) for item in world.classes if item.group in on and not item.fargate)
        how = (f"hosts of {set_name}: " + "; ".join(sorted({context.sets[set_name].evidence[g] for g in on})),)
        return Sides(
            (Party(None, places, everywhere=True, text=f"hosts of {set_name}"),), tuple(absent), how, on, "", chosen
        )
    named = context.named(subject.workload)
    if named.missing is not None:
        absent.append(named.missing)
    parties: list[Party] = []
    for workload in named.workloads:
        found = context.places(workload)
        places = context.places_on(workload, on)
        parties.append(
            Party(
                workload,
                places,
                workload.every_node,
                workload.id,
                message="" if any(not place.stays for place in places) else _nowhere(found, on, set_name),
                image_bytes=named.image_bytes,
                assumed=subject.workload if named.missing is not None and not workload.installed else "",
            )
        )
    return Sides(tuple(parties), tuple(absent), (f"{subject.workload}: {named.how}",), on, "", chosen)


def _nowhere(found: Places, on: tuple[str, ...], set_name: str) -> str:
    if not on:
        return found.message
    refused = tuple(refusal for refusal in found.refused if refusal.node_class.group in on)
    return f"on {set_name} ({', '.join(on)}): {Places((), refused).message}"


def unread_places(context: Context, side: Sides) -> tuple[Unknown, ...]:
    """What may hold a side's pods besides their places, and was not read: next nodes of a group, other makers of nodes.

    What a group's running nodes refuse says nothing of its next ones (design rule 3); and a group of which nothing
    is known may belong to any set, unless the user named the set's groups.
    """
    if side.apart:
        return ()
    world = context.world
    shown = {item.group for item in world.classes} if world.unknown_templates else set()
    result = [
        unknown
        for name, unknown in world.unknown_templates.items()
        if not side.on or name in side.on or not (side.chosen or name in shown)
    ]
    if not (side.on and side.chosen):
        result += world.other_makers
    return tuple(result)
