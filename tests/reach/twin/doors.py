"""Node ports by brute force: a first packet to a node, and what the node sends on (rules 6.5 and 6.6)."""

from __future__ import annotations

from tests.reach.twin.brute import Brute, Party, Said, come_to, of_layer, target_of
from tests.reach.twin.packets import Spot
from tests.reach.twin.plan import Behind
from tests.reach.twin.rulings import Answer, Asked, Seen

NODE_PORT = 30080


def through(
    brute: Brute, client: Party, server: Party, via: Behind, node: Spot, *, with_client: bool, with_server: bool
) -> Said:
    """What all connections to a node's port come to.

    Args:
        brute: the plan's answers.
        client: who dials.
        server: who answers.
        via: the Service.
        node: the node that is dialled, on its primary interface.
        with_client: the client is on that node.
        with_server: the server is.
    """
    number = target_of(via, server.pods)
    if number is None:
        return Said("blocked")
    host = client.pods is not None and client.pods.host
    local = via.outside_local and not (with_client and host)
    if local and not with_server:
        # Whether a node without an endpoint serves its own pods all the same is kube-proxy's to be told.
        return Said("unknown", open=True) if with_client else Said("blocked")
    if local and server.spot.way == "strict":
        return Said("unknown", open=True)
    door = Party(None, node)
    first, to_node = _leg(brute, client, door, NODE_PORT, via.protocol, same_node=with_client, egress=True)
    if local:
        second, onwards = _leg(
            brute, client, server, number, via.protocol, same_node=with_client, egress=False, wire=False
        )
    else:
        second, onwards = _leg(brute, door, server, number, via.protocol, same_node=with_server, egress=False)
    answers = [_both(one, other) for one in first for other in second]
    legs = (*to_node, *onwards)
    said = come_to(answers)
    if not brute.plan.engine.startswith("calico") or not (brute.plan.policies or brute.plan.admin):
        return Said(said, None in answers, legs)
    # Whether Calico's policies see addresses before or after this node translates them is not defined (rule 7.6):
    # where the two readings differ, neither is certain.
    before = _untranslated(
        brute, client, server, number, via.protocol, with_client=with_client, with_server=with_server
    )
    sure = said != "works" or before == {True}
    return Said(said if sure else "unknown", open=True, layers=legs)


def _untranslated(
    brute: Brute, client: Party, server: Party, port: int, protocol: str, *, with_client: bool, with_server: bool
) -> set[Answer]:
    """What policies say that see the client's own address at the server's node, and the server's at the client's."""
    said: set[Answer] = set()
    asked = Asked(port, protocol, None, with_client and with_server)
    for source, target, _ in brute.network.sent(client.spot, server.spot, port, protocol):
        here, there = Seen(client.pods, source), Seen(server.pods, target)
        if with_client:
            said.add(brute.rulings.passes("egress", here, there, asked))
        if with_server:
            said.add(brute.rulings.passes("ingress", there, here, asked))
    return said or {True}


def _both(one: Answer, other: Answer) -> Answer:
    return False if False in (one, other) else None if None in (one, other) else True


def _leg(
    brute: Brute,
    client: Party,
    server: Party,
    port: int,
    protocol: str,
    *,
    same_node: bool,
    egress: bool,
    wire: bool = True,
) -> tuple[set[Answer], tuple[tuple[str, str], ...]]:
    """The answers to all packets of one stretch, and of each layer; a party without pods is a node."""
    # A pod that the node leads back to itself is masqueraded (kube-proxy's hairpin rule): its own node calls.
    one_pod = same_node and client.pods is not None and client.pods == server.pods and client.pods.alone
    asked = Asked(port, protocol, None, same_node, itself=one_pod)
    crosses = wire and (not same_node or "strict" in (client.spot.way, server.spot.way))
    answers: set[Answer] = set()
    layers: dict[str, set[Answer]] = {}
    for source, target, packet in brute.network.sent(client.spot, server.spot, port, protocol):
        here, there = _seen(client, source), _seen(server, target)
        said: dict[str, Answer] = {"policy ingress": brute.rulings.passes("ingress", there, here, asked)}
        if egress:
            said["policy egress"] = brute.rulings.passes("egress", here, there, asked)
        if crosses:
            said |= brute.network.layers(packet)
        for layer, answer in said.items():
            layers.setdefault(layer, set()).add(answer)
        answers.add(False if False in said.values() else None if None in said.values() else True)
    return answers, tuple((layer, of_layer(found)) for layer, found in layers.items())


def _seen(party: Party, address: str) -> Seen:
    return Seen(party.pods, address, node=party.pods is None)
