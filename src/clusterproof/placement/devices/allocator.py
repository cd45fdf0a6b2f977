"""Whether the claims of a pod can be allocated on one node: the scheduler's search, with an end.

Source: kubernetes ``staging/src/k8s.io/dynamic-resource-allocation/structured/internal/*/allocator_*.go`` (Kubernetes
1.34, and what 1.35 and later do otherwise). Claim after claim, request after request, device after device, with a step
back where it leads nowhere: all ways are tried. An error (a selector that fails on a device, "all" devices of a pool
that is being updated) ends the search, and with it the scheduling of the pod.

Slices come in no promised order. That matters only where an error is possible: then every order is tried, and where
they disagree, or are too many, the answer is unknown.

Unknown where it matters: devices that several claims may use at once (consumable capacity), devices with binding
conditions, attributes that are lists, a search of more steps than :mod:`search` allows, and ``All`` as second or later
choice of ``firstAvailable`` up to 1.34, which mixes its choices up there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from clusterproof.placement.devices.demand import ClaimAsk
from clusterproof.placement.devices.inventory import DeviceId, Pool, Supply
from clusterproof.placement.devices.matching import asks_all, selectable
from clusterproof.placement.devices.search import YES, CountersOf, Search, Verdict
from clusterproof.placement.devices.selectors import Failure
from clusterproof.snapshot.fields import Cause, Unknown

ORDERS = 24
"""How many orders of slices are tried."""


def allocate(
    asks: Sequence[ClaimAsk], supply: Supply, taken: frozenset[DeviceId], counters: CountersOf, *, strict: bool
) -> Verdict:
    """Can all claims be allocated from what the node sees?

    Args:
        asks: the claims.
        supply: the node's pools.
        taken: devices that other claims have for themselves.
        counters: what is left of shared counters, given what is taken.
        strict: the rules of 1.35 and later for incomplete and invalid pools.
    """
    if not asks:
        return YES
    first: Verdict | None = None
    for count, pools in enumerate(_orders(asks, supply.pools, strict=strict)):
        if count >= ORDERS:
            what = "an error of a device selector hangs on the order of slices, and there are too many orders"
            return Verdict(Unknown(Cause.NOT_MODELLED, what), what, may_abort=True)
        search = Search(asks, pools, taken, counters, strict=strict)
        found = search.verdict()
        if found.ok is True and search.leaked and not strict:
            again = Search(asks, pools, taken, counters, strict=strict, leaky=True).verdict()
            if again.ok is not True:
                what = (
                    "Kubernetes 1.34 loses shared counters to devices that it then refuses for a taint or a constraint"
                )
                return Verdict(Unknown(Cause.NOT_MODELLED, what), what)
        if first is None:
            first = found
        elif (found.ok, found.aborts) != (first.ok, first.aborts):
            error = found.reason if found.aborts else first.reason
            what = f"whether it is an error hangs on the order of slices ({error})"
            return Verdict(Unknown(Cause.NOT_MODELLED, what), what, may_abort=True)
    return first or YES


def _orders(asks: Sequence[ClaimAsk], pools: tuple[Pool, ...], *, strict: bool) -> Iterator[tuple[Pool, ...]]:
    """Every order of pools and of the slices in them; one only, where no error is possible."""
    every = [ask for claim in asks for choices in claim.requests for ask in choices]
    candidates = [item for pool in pools for some in pool.slices for item in some]
    must = any(
        claim.constraints and any(asks_all(ask) for ask in choices) for claim in asks for choices in claim.requests
    )
    may_fail = (
        must
        or (not strict and any(pool.invalid for pool in pools))
        or any(isinstance(selectable(ask, item)[0], Failure) for ask in every for item in candidates)
    )
    if not may_fail:
        yield pools
        return
    for order in itertools.permutations(pools):
        inside = (
            [msgspec.structs.replace(pool, slices=some) for some in itertools.permutations(pool.slices)]
            for pool in order
        )
        yield from itertools.product(*inside)
