"""Dynamic resource allocation as filters ask it: for the cluster as it stands, and for good.

Now, devices that any claim has are taken, and an error on one node ends the scheduling of the pod on all (kubernetes
``pkg/scheduler/framework/plugins/dynamicresources``, ``Filter``; ``pkg/scheduler/schedule_one.go``). For good
(design rule 3), what passes by itself does not count: other pods' claims end, so that their devices are free; a claim
that is allocated may stay so, or be allocated anew; a pool that is being updated, and a taint of a device, make a
refusal unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.placement.devices.allocator import allocate
from clusterproof.placement.devices.demand import ClaimAsk, Demand, Held, allocated
from clusterproof.placement.devices.inventory import Candidate, DeviceId, Inventory, Pool, Supply
from clusterproof.placement.devices.search import REFUSED, YES, Verdict, unknown
from clusterproof.placement.node import NodeView
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.selectors import Truth, all_of, node_terms_match

PLUGIN = "DynamicResources"
ELSEWHERE = "resourceclaim not available on the node"


def now(demand: Demand, node: NodeView, inventory: Inventory, freed: frozenset[str] = frozenset()) -> Verdict:
    """Would the scheduler find devices for the pod on this node today?

    Args:
        demand: the pod's.
        node: with a name.
        inventory: what there is.
        freed: claims whose allocation the scheduler has taken back.
    """
    if demand.doubt is not None:
        return unknown(demand.doubt)
    found = _search(demand.asks, node, inventory, inventory.in_use(freed))
    here = usable(demand.held, node)
    if found.ok is True and here is not True:
        return unknown(here) if isinstance(here, Unknown) else Verdict(ok=False, reason=ELSEWHERE)
    return found


def ever(demand: Demand, node: NodeView, inventory: Inventory) -> Verdict:
    """May the pod's claims ever be allocated on such a node, as far as its devices of today tell?"""
    if demand.refusal:
        return Verdict(ok=False, reason=demand.refusal)
    if demand.doubt is not None:
        return unknown(demand.doubt)
    answers = []
    if demand.held:
        keys = frozenset(one.key for one in demand.held)
        kept = frozenset(
            (result.driver, result.pool, result.device)
            for key in sorted(keys)
            if (allocation := allocated(inventory, key)) is not None
            for result in allocation.devices.results
            if not result.admin_access
        )
        here = usable(demand.held, node)
        found = _lasting(demand.asks, node, inventory, kept)
        if here is True or found.ok is False:
            answers.append(found)
        else:
            answers.append(unknown(here) if isinstance(here, Unknown) else Verdict(ok=False, reason=ELSEWHERE))
    asks = list(demand.asks)
    anew: Verdict | None = None
    for one in demand.held:
        if isinstance(one.anew, ClaimAsk):
            asks.append(one.anew)
        else:
            anew = unknown(one.anew) if isinstance(one.anew, Unknown) else Verdict(ok=False, reason=one.anew)
    answers.append(anew or _lasting(asks, node, inventory, frozenset()))
    return _best(answers)


def _best(answers: Sequence[Verdict]) -> Verdict:
    """Yes, if one is; else the first that is not known; else the first."""
    found = next((one for one in answers if one.ok is True), None)
    return found or next((one for one in answers if isinstance(one.ok, Unknown)), answers[0])


def _lasting(asks: Sequence[ClaimAsk], node: NodeView, inventory: Inventory, taken: frozenset[DeviceId]) -> Verdict:
    """The search without what passes by itself: errors, updates and taints of devices are no lasting refusal."""
    found = _search(asks, node, inventory, taken)
    if found.ok is True or isinstance(found.ok, Unknown):
        return found
    if found.aborts:
        return unknown(Unknown(Cause.ERROR, found.reason))
    if not isinstance(node.name, str) and not node.like:
        what = f"which devices {node.id or 'a node not yet born'} publishes is not known"
        return unknown(Unknown(Cause.NOT_COLLECTED, what))
    supplies = inventory.supplies(node, strict=True)
    if any(not pool.complete or pool.invalid for supply in supplies for pool in supply.pools):
        return unknown(Unknown(Cause.INCOMPLETE, f"{REFUSED}, while a pool of devices is being updated"))
    if any(item.body.taints for supply in supplies for item in _candidates(supply)):
        healed = _search(asks, node, inventory, taken, healed=True)
        if healed.ok is not False:
            return unknown(Unknown(Cause.NOT_MODELLED, f"{REFUSED}, as long as devices of the node are tainted"))
    return found


def _search(
    asks: Sequence[ClaimAsk],
    node: NodeView,
    inventory: Inventory,
    taken: frozenset[DeviceId] | Unknown,
    *,
    healed: bool = False,
) -> Verdict:
    """One answer from every reading of the rules and of what the node sees; unknown where they differ."""
    if not asks:
        return YES
    if isinstance(inventory.slices, Unknown):
        return unknown(inventory.slices)
    if isinstance(taken, Unknown):
        return unknown(taken)
    first: Verdict | None = None
    for strict in inventory.strict:
        for supply in inventory.supplies(node, strict=strict):
            shown = _healed(supply) if healed else supply
            found = allocate(asks, shown, taken, lambda home: inventory.counters(home, taken), strict=strict)
            if first is None:
                first = found
            elif (found.ok, found.aborts) != (first.ok, first.aborts):
                why = supply.doubt or Unknown(Cause.NOT_MODELLED, "versions of Kubernetes differ on incomplete pools")
                return Verdict(why, str(why), may_abort=first.aborts or found.aborts)
    return first or YES


def usable(held: Sequence[Held], node: NodeView) -> Truth:
    """Whether the node is among those from which the allocated claims can be used."""
    return all_of(
        node_terms_match(one.nodes.node_selector_terms, node.label_state, node.name)
        for one in held
        if one.nodes is not None
    )


def _candidates(supply: Supply) -> list[Candidate]:
    return [item for pool in supply.pools for some in pool.slices for item in some]


def _healed(supply: Supply) -> Supply:
    """The same devices without their taints."""

    def of(pool: Pool) -> Pool:
        slices = tuple(
            tuple(msgspec.structs.replace(item, body=msgspec.structs.replace(item.body, taints=())) for item in some)
            for some in pool.slices
        )
        return msgspec.structs.replace(pool, slices=slices)

    return Supply(tuple(of(pool) for pool in supply.pools), supply.doubt)
