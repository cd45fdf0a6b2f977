"""What answers at addresses that stay on the node, place by place: the metadata service, and what runs on each node.

Whether the instance metadata service answers is each node's own setting (:mod:`clusterproof.world.metadata`), which no
other rule reads: a party that asks it is told apart by it, so that every cell has one answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.checks.cell import Question
from clusterproof.checks.nodelocal import Cache, node_local
from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.linklocal import METADATA, ON_NODE, POD_IDENTITY, RESOLVER, TIME
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.world.metadata import Answers, answers
from clusterproof.world.model import NodeClass
from clusterproof.world.world import World

_PORT = 80
"""Of the metadata service; nothing listens at its other ports, which is no refusal of the network."""


def asks_metadata(server: Party, question: Question) -> bool:
    """Whether a question is one to the instance metadata service."""
    asked = server.address
    return (
        asked is not None
        and bool(asked)
        and METADATA.covers(asked) == "all"
        and (question.port, question.protocol) == (_PORT, "TCP")
    )


def told_apart(world: World, client: Party, server: Party, question: Question) -> Sequence[Place]:
    """The places of a client, each split by how the metadata service answers there, where that is what is asked."""
    if not asks_metadata(server, question) or server.address is None:
        return client.places
    family = server.address.families[0]
    result: list[Place] = []
    for place in client.places:
        found = answers(world, place.node_class, family)
        if len(found) < 2:
            result.append(place)
            continue
        for number, one in enumerate(found):
            node_class = _part(place.node_class, one, number)
            result.append(msgspec.structs.replace(place, node_class=node_class))
    return tuple(result)


def _part(node_class: NodeClass, one: Answers, number: int) -> NodeClass:
    """The nodes of a class that have one answer; those not yet born where it is theirs."""
    return msgspec.structs.replace(
        node_class, id=f"{node_class.id}/{number}", nodes=one.nodes, born=bool(one.nodes), again=False
    )


def local_hops(world: World, client: Party, place: Place, server: Party, question: Question) -> tuple[Hop, ...]:
    """What the node itself does to a connection that does not leave it, beyond the policies of the client."""
    asked = server.address
    if asked is None or not asked or ON_NODE.covers(asked) != "all":
        return ()
    if asks_metadata(server, question):
        return (_metadata(answers(world, place.node_class, asked.families[0]), client, server.text),)
    if place.node_class.fargate and POD_IDENTITY.covers(asked) == "all":
        text = "the EKS Pod Identity Agent does not run on Fargate"
        return (Hop(Layer.NODE, Outcome.BLOCKED, server.text, text),)
    if asked.size == 1 and not (METADATA | POD_IDENTITY | RESOLVER | TIME) & asked:
        return _someone(world, asked, server.text)
    return ()


def _metadata(found: Iterable[Answers], client: Party, at: str) -> Hop:
    """One hop for all nodes of a place: certain where they agree."""
    held = tuple(found)
    own = client.workload is None or client.workload.spec.host_network
    truths = [one.to_node if own else one.to_pods for one in held]
    refs = tuple(dict.fromkeys(ref for one in held for ref in one.refs))
    text = "; ".join(dict.fromkeys(one.text for one in held))
    unknown = next((truth for truth in truths if isinstance(truth, Unknown)), None)
    if unknown is None and len(set(truths)) == 1:
        return Hop(Layer.NODE, Outcome.WORKS if truths[0] else Outcome.BLOCKED, at, text, refs)
    if False in truths and True in truths:
        return Hop(Layer.NODE, Outcome.VARIES, at, text, refs)
    if unknown is None:
        what = "which nodes these are, and how their metadata service is set, is not known"
        unknown = Unknown(Cause.NOT_ANSWERABLE, what)
    return Hop(Layer.NODE, Outcome.UNKNOWN, at, unknown.detail, refs, unknown)


def _someone(world: World, asked: AddressSet, at: str) -> tuple[Hop, ...]:
    """Whether a node has an address that is nobody's of AWS: a NodeLocal DNSCache listens on such a one."""
    cache = node_local(world)
    if isinstance(cache, Cache):
        if asked in (AddressSet.of(address) for address in cache.listens):
            ref = cache.workload.ref or Ref(kinds.DAEMON_SETS.name, cache.workload.id)
            return (Hop(Layer.NODE, Outcome.WORKS, at, f"{cache.workload.id} listens on each node", (ref,)),)
        return (Hop(Layer.NODE, Outcome.BLOCKED, at, f"nothing that was read has {asked} on a node"),)
    if isinstance(cache, Unknown):
        return (unknown_hop(Layer.NODE, at, cache),)
    missing = world.snapshot.missing(kinds.DAEMON_SETS)
    if missing is not None:
        return (unknown_hop(Layer.NODE, at, missing),)
    return (
        Hop(Layer.NODE, Outcome.BLOCKED, at, f"nothing that was read has {asked} on a node: no NodeLocal DNSCache"),
    )
