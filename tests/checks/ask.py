"""Short ways to ask requirements of tiny clusters (tests/world/build.py)."""

from __future__ import annotations

from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import (
    Check,
    Document,
    Evidence,
    Level,
    NodeSet,
    Profile,
    Reach,
    Requirement,
    Source,
    Subject,
)
from clusterproof.snapshot.snapshot import Snapshot
from tests.world.build import Tiny, on

CLIENT, SERVER = "deploy/app/client", "deploy/app/server"


def requirement(check: Check, *, absent: str = "unknown", id_: str = "it", applies: str = "") -> Requirement:
    """A requirement whose manual is empty."""
    return Requirement(
        id_,
        id_,
        Level.MUST,
        source=Source("document"),
        check=check,
        what="",
        why="",
        how="",
        unknown_when="",
        remedy="",
        absent=absent,
        applies=applies,
    )


def profile(*requirements: Requirement, node_sets: dict[str, NodeSet] | None = None) -> Profile:
    """A profile of these requirements; node set ``all`` is every group, a set per name in ``node_sets``."""
    sets = {"all": NodeSet("all", (Evidence(every=True),)), **(node_sets or {})}
    return Profile("t", "t", Document("t"), requirements, node_sets=sets)


def reach(
    client: str | Subject = CLIENT,
    server: str | Subject = SERVER,
    port: str = "80/TCP",
    by: str = "address",
    absent: str = "unknown",
) -> Requirement:
    """Whether the client reaches the server."""
    ends = [Subject(workload=end) if isinstance(end, str) else end for end in (client, server)]
    return requirement(Check(reach=Reach(ends[0], ends[1], port, by)), absent=absent)


def ask(
    tiny: Tiny | Snapshot,
    asked: Requirement,
    *,
    node_sets: dict[str, NodeSet] | None = None,
    settings: Settings | None = None,
) -> Finding:
    """The finding of one requirement."""
    snapshot = tiny.snapshot() if isinstance(tiny, Tiny) else tiny
    (found,) = findings(Context(snapshot, profile(asked, node_sets=node_sets), settings))
    return found


def two_groups(*rules: str, client: str = "", server: str = "back", nodes: int = 1) -> Tiny:
    """Groups ``front`` (sg-front) and ``back`` (sg-back with these inbound rules), a client and a server.

    Args:
        rules: inbound rules of ``sg-back``.
        client: the group that the client is bound to; none when empty.
        server: the group that the server is bound to; none when empty.
        nodes: nodes per group.
    """
    tiny = Tiny().sg("sg-front").sg("sg-back", *rules)
    tiny.managed("front", ["sg-front"], nodes=nodes).managed("back", ["sg-back"], subnets=("subnet-b",), nodes=nodes)
    tiny.deployment("app/client", on(client) if client else None)
    return tiny.deployment("app/server", on(server) if server else None)
