"""One cell of the fault matrix: one call of one API goes wrong in one way, everything else is as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import msgspec

import clusterproof
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.profiles.model import Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.aws_api.records import AccountRead
from clusterproof.verdict.algebra import Verdict
from tests.faults.served import Lane, World
from tests.sources.aws_api.faults import Fault as AwsFault
from tests.sources.aws_api.faults import cut, hang, page_of_a_proxy, refuse
from tests.sources.aws_api.pages import Pages, listing

SECOND = ("page 2 denied", "page 2 expired", "page 2 throttled", "page 2 timed out", "page 2 cut")
"""The first page comes, and the second goes wrong."""
CIRCLES = "in circles"
"""The second page leads to the first again."""
FAULTS = (
    *("denied", "denied in part", "expired", "throttled", "timed out", "cut", "500", "HTML"),
    *SECOND,
    CIRCLES,
)
"""The columns: refused by RBAC or IAM; refused in the whole cluster and in one namespace; credentials that expire at
this call; throttled whenever it is asked; silent until the deadline; the first answer ends in its middle; an error of
the server; a proxy's page; and what can go wrong from the second page on."""

PART = "dynamo"
"""The namespace of etcd and NATS."""

HANGS = 1.5
"""Seconds of silence; the deadline of a call in these cells is 1 s."""

LATER = 4.0
"""Seconds of a call whose second page is silent."""

EXPECTED: Mapping[str, tuple[Cause, ...]] = {
    "denied": (Cause.DENIED,),
    "denied in part": (Cause.DENIED,),
    "expired": (Cause.DENIED, Cause.ERROR),
    "throttled": (Cause.THROTTLED,),
    "timed out": (Cause.TIMED_OUT,),
    "cut": (Cause.INCOMPLETE, Cause.NOT_ANSWERABLE),
    "500": (Cause.ERROR, Cause.NOT_ANSWERABLE),
    "HTML": (Cause.NOT_ANSWERABLE,),
    "page 2 denied": (Cause.DENIED,),
    "page 2 expired": (Cause.DENIED, Cause.ERROR, Cause.INCOMPLETE),
    "page 2 throttled": (Cause.THROTTLED,),
    "page 2 timed out": (Cause.TIMED_OUT,),
    "page 2 cut": (Cause.INCOMPLETE,),
    CIRCLES: (Cause.INCOMPLETE,),
}
"""The causes that a fault may have in the snapshot."""

_KUBERNETES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "denied": ("403", {}),
    "denied in part": ("403", {}),
    "expired": ("401", {}),
    "throttled": ("429", {}),
    "timed out": ("hang", {"delay": HANGS}),
    "cut": ("cut", {}),
    "500": ("500", {}),
    "HTML": ("html", {}),
    CIRCLES: ("circle", {}),
}
_AWS: Mapping[str, Callable[[int], AwsFault]] = {
    "denied": lambda page: refuse("UnauthorizedOperation", 403, page=page),
    "expired": lambda page: refuse("ExpiredToken", 403, page=page),
    "throttled": lambda page: refuse("RequestLimitExceeded", 503, page=page),
    "timed out": lambda page: hang(HANGS if page == 1 else LATER + 0.5, page=page),
    "cut": lambda page: cut(page=page),
    "500": lambda page: refuse("InternalError", 500, page=page),
    "HTML": lambda page: page_of_a_proxy(200, page=page),
}
"""What answers from a page on."""
_TOGETHER: tuple[frozenset[Kind[Any]], ...] = (
    frozenset({kinds.NODEGROUPS, kinds.NODEGROUP_NAMES, kinds.AUTO_SCALING_GROUPS, kinds.LAUNCH_TEMPLATE_VERSIONS}),
    frozenset({kinds.FARGATE_PROFILES, kinds.FARGATE_PROFILE_NAMES}),
    frozenset({kinds.ADDONS, kinds.ADDON_NAMES}),
    frozenset({kinds.POD_IDENTITY_ASSOCIATIONS, kinds.POD_IDENTITY_ASSOCIATION_IDS}),
    frozenset({kinds.PREFIX_LIST_ENTRIES, kinds.MANAGED_PREFIX_LISTS}),
    frozenset(kinds.TRANSIT),
)
"""Kinds of which one says which others there are: read together."""
PAGE = 1
"""Objects per page where the second page goes wrong."""
LIST_CLUSTERS = "eks:ListClusters"
"""Asked for only where no cluster is named; in its cells none is."""


class Cell(msgspec.Struct, frozen=True):
    """What one fault left.

    Attributes:
        call: a path of the Kubernetes API, or an action of AWS.
        fault: one of :data:`FAULTS`.
        kind: the kind that the call lists; None for those that list none.
        struck: whether the fault struck at all.
        missing: why kinds are incomplete, by name.
        verdicts: by requirement.
        unknowns: what each requirement says that it does not know.
    """

    call: str
    fault: str
    kind: Kind[Any] | None
    struck: bool
    missing: dict[str, Unknown]
    verdicts: dict[str, Verdict]
    unknowns: dict[str, str]


@cache
def profile() -> Profile:
    """The shipped profile."""
    return clusterproof.load_profile("dynamo")


def calls(world: World) -> tuple[str, ...]:
    """Every call that reading makes: the rows."""
    return (*world.paths, *sorted({*world.actions, LIST_CLUSTERS}))


def kind_of(call: str) -> Kind[Any] | None:
    """The kind that a call lists."""
    if not call.startswith("/"):
        return next((kind for kind in kinds.ALL if kind.origin == "aws" and kind.permission == call), None)
    group, _, resource = call.removeprefix("/apis/").removeprefix("/api/").rpartition("/")
    group = group.rpartition("/")[0]
    return next(
        (k for k in kinds.ALL if k.permission == (f"list {resource}.{group}" if group else f"list {resource}")), None
    )


def cell(world: World, call: str, fault: str) -> Cell:
    """Reads again what the call reads, with the fault, and judges the world with it."""
    with world.lane() as lane:
        snapshot, struck = (_kubernetes if call.startswith("/") else _aws)(world, lane, call, fault)
    return judged(snapshot, call, fault, struck=struck)


def applies(world: World, call: str, fault: str) -> bool:
    """Whether a call can go wrong so: a part can be refused, or lost, only where there are parts."""
    kind = kind_of(call)
    if fault == "denied in part":
        return kind is not None and kind.origin == "kubernetes" and kind.namespaced
    if fault in SECOND or fault == CIRCLES:
        if not call.startswith("/"):
            return listing(call) is not None
        return kind is not None and len(world.snapshot.tables[kind.name]) > PAGE + (fault == CIRCLES)
    return True


def cells(world: World, faults: tuple[str, ...] = FAULTS, lanes: int = 1) -> list[Cell]:
    """All cells of these columns, row by row; as many at once as the world has lanes."""
    wanted = [(call, fault) for call in calls(world) for fault in faults if applies(world, call, fault)]
    with ThreadPoolExecutor(lanes) as threads:
        return list(threads.map(lambda pair: cell(world, *pair), wanted))


def judged(snapshot: Snapshot, call: str, fault: str, *, struck: bool) -> Cell:
    """The cell for what was read."""
    found = findings(Context(snapshot, profile()))
    gaps = {name: snapshot.missing(table.kind) for name, table in snapshot.tables.items()}
    return Cell(
        call,
        fault,
        kind_of(call),
        struck,
        {name: why for name, why in gaps.items() if why is not None},
        {finding.name: finding.verdict for finding in found},
        {finding.name: " ".join(str(unknown) for unknown in finding.unknowns) for finding in found},
    )


def _kubernetes(world: World, lane: Lane, call: str, fault: str) -> tuple[Snapshot, bool]:
    name, options = _KUBERNETES[fault.removeprefix("page 2 ")]
    if fault in SECOND:
        options = options | {"after": 1}
    kind = kind_of(call)
    path = call.replace(".", r"\.")
    if kind is not None and kind.namespaced:
        head, _, resource = path.rpartition("/")
        inside = PART if fault == "denied in part" else "[^/]+"
        path = f"{head}/(namespaces/{inside}/)?{resource}"
    made = lane.stub.fault(path, name, **options)
    patience: dict[str, Any] = {"attempts": 2, "backoff": 0.001, "call_timeout": 0.3}
    if kind is not None:
        # Namespaces are read with it, so that something is answered; for them, nodes are.
        beside = kinds.NODES if kind is kinds.NAMESPACES else kinds.NAMESPACES
        answers = lane.cluster([kind, beside], page=PAGE, **patience).answers
        read = tuple(answer for answer in answers if answer.kind is kind)
    else:
        read = lane.cluster(**patience | {"attempts": 1, "call_timeout": 0.5}).answers
    return world.joined(*read), made.hits > 0


def _aws(world: World, lane: Lane, call: str, fault: str) -> tuple[Snapshot, bool]:
    page = 2 if fault in SECOND or fault == CIRCLES else 1
    # Only the call that is struck has small pages: all instance types, one by one, would take long.
    lane.proxy.pages = Pages(PAGE, call) if page == 2 else None
    if fault == CIRCLES:
        lane.proxy.pages = Pages(PAGE, call)
        lane.proxy.pages.circles[call] = 2
    else:
        lane.proxy.faults[call] = _AWS[fault.removeprefix("page 2 ")](page)
    kind = kind_of(call)
    # Where the second page is silent, the first must have had the time to come.
    options: dict[str, Any] = {"deadline": (1.0 if page == 1 else LATER) if fault.endswith("timed out") else 30.0}
    if call == LIST_CLUSTERS:
        options["cluster"] = ""
    only = None
    if kind is not None and fault != "denied":  # denied: all is read, so that what follows from it is seen too
        only = list(next((group for group in _TOGETHER if kind in group), {kind}))
    given: AccountRead = lane.account(only, **options)
    struck = any(item.action == call and item.page >= page for item in lane.proxy.seen)
    return world.joined(*given.answers), struck
