"""The search itself: claim after claim, request after request, device after device, and back (:mod:`allocator`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from clusterproof.placement.devices.demand import MAX_DEVICES, Ask, ClaimAsk
from clusterproof.placement.devices.inventory import Candidate, Counters, DeviceId, Pool, take
from clusterproof.placement.devices.matching import applies, asks_all, attribute, looks, selectable, tolerated
from clusterproof.placement.devices.selectors import Failure
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes.devices import DeviceConstraint

STEPS = 20_000
"""Steps of one search; the scheduler itself gives up after 10 s (``DynamicResourcesArgs.filterTimeout``)."""
MOST_DEVICES = 128
"""Devices of one pod; more are not searched for."""
REFUSED = "cannot allocate all claims"


class Verdict(msgspec.Struct, frozen=True):
    """What the search says of one node.

    Attributes:
        ok: can be allocated, cannot, or why it cannot be said.
        reason: in the scheduler's words; empty for yes.
        aborts: it is an error, with which the scheduler gives up the pod for now, on every node.
        may_abort: it is not known, and may be such an error.
    """

    ok: bool | Unknown
    reason: str = ""
    aborts: bool = False
    may_abort: bool = False


YES = Verdict(ok=True)

CountersOf = Callable[[str], Counters]
"""What is left of the shared counters of a home (:meth:`Inventory.counters`)."""


class _AbortError(Exception):
    """The scheduler stops here with an error."""


class _UnknownError(Exception):
    """Something that is not modelled decides everything."""

    def __init__(self, why: Unknown) -> None:
        super().__init__(why.detail)
        self.why = why


class _EndlessError(Exception):
    """More than :data:`STEPS` steps."""


class Search:
    """One search, in one order of slices.

    Attributes:
        leaked: a device with shared counters was refused for a taint or a constraint. Up to 1.34 the scheduler then
            forgets to give the counters back (``allocateDevice``); ``leaky`` does as it does.
    """

    def __init__(
        self,
        asks: Sequence[ClaimAsk],
        pools: tuple[Pool, ...],
        taken: frozenset[DeviceId],
        counters: CountersOf,
        *,
        strict: bool,
        leaky: bool = False,
    ) -> None:
        self._asks = asks
        self._pools = pools
        self._taken = taken
        self._counters_of = counters
        self._strict = strict
        self._leaky = leaky
        self.leaked = False
        self._steps = 0
        self._doubt: Unknown | None = None
        self._errs = False
        self._free: dict[str, Counters] = {}
        self._matches: dict[tuple[int, DeviceId], bool] = {}
        self._everything: dict[int, list[Candidate]] = {}
        self._allocating: dict[DeviceId, list[int]] = {}
        self._count = [0] * len(asks)
        self._values: list[list[list[tuple[str, str]]]] = [[[] for _ in one.constraints] for one in asks]
        self._candidates = [item for pool in pools for some in pool.slices for item in some]
        self._alike: dict[object, int] = {}
        self._class_of = {item.id: self._alike.setdefault(looks(item), len(self._alike)) for item in self._candidates}

    def verdict(self) -> Verdict:
        """Run it."""
        try:
            total = self._prepare()
            if total > MOST_DEVICES:
                return unknown(Unknown(Cause.NOT_MODELLED, f"a pod that asks for {total} devices"))
            if self._claim(0):
                # A selector that cannot be read may be an error there, which no device found elsewhere outweighs.
                return Verdict(self._doubt, str(self._doubt), may_abort=True) if self._errs and self._doubt else YES
        except _AbortError as error:
            # What could not be evaluated might have ended the search before the error.
            if self._doubt is not None:
                return Verdict(self._doubt, str(self._doubt), may_abort=True)
            return Verdict(ok=False, reason=str(error), aborts=True)
        except _UnknownError as error:
            return unknown(error.why)
        except _EndlessError:
            what = f"no answer after {STEPS} steps of the search for devices"
            return unknown(Unknown(Cause.NOT_MODELLED, what))
        if self._doubt is not None:
            return Verdict(self._doubt, str(self._doubt), may_abort=self._errs)
        invalid = self._strict and any(pool.invalid for pool in self._pools)
        return Verdict(ok=False, reason="invalid resource pools were encountered" if invalid else REFUSED)

    def _prepare(self) -> int:
        """Look up what "all" is, and how many devices are asked for at least."""
        total = 0
        for claim in self._asks:
            least = 0
            for choices in claim.requests:
                for index, ask in enumerate(choices):
                    if asks_all(ask):
                        self._everything[id(ask)] = self._all_of(claim, ask)
                        if index and not self._strict:
                            what = f"request {ask.request} has All as a later choice, which Kubernetes 1.34 mixes up"
                            raise _UnknownError(Unknown(Cause.NOT_MODELLED, what))
                least += min(self._wanted(ask) for ask in choices)
            if least > MAX_DEVICES:
                raise _AbortError(
                    f"claim {claim.key}: number of requested devices {least} exceeds the claim limit of {MAX_DEVICES}"
                )
            total += least
        return total

    def _all_of(self, claim: ClaimAsk, ask: Ask) -> list[Candidate]:
        found = []
        for pool in self._pools:
            why = "being updated" if not pool.complete else "invalid" if pool.invalid else ""
            if why:
                name = ask.choice or ask.request
                raise _AbortError(
                    f"claim {claim.key}, request {name}: asks for all devices, but resource pool {pool.name} is "
                    f"currently {why}"
                )
            found += [item for some in pool.slices for item in some if self._match(claim, ask, item)]
        return found

    def _wanted(self, ask: Ask) -> int:
        return len(self._everything[id(ask)]) if asks_all(ask) else ask.exact.count or 1

    def _claim(self, claim: int) -> bool:
        return claim == len(self._asks) or self._request(claim, 0)

    def _request(self, claim: int, index: int) -> bool:
        requests = self._asks[claim].requests
        if index == len(requests):
            return self._claim(claim + 1)
        for ask in requests[index]:
            wanted = self._wanted(ask)
            if self._count[claim] + wanted > MAX_DEVICES or not wanted:
                continue
            if self._every(claim, index, ask, 0) if asks_all(ask) else self._some(claim, index, ask, wanted, (0, 0, 0)):
                return True
        return False

    def _every(self, claim: int, index: int, ask: Ask, number: int) -> bool:
        """Every device of the list, or none: the order does not matter."""
        self._step()
        devices = self._everything[id(ask)]
        if number == len(devices):
            return self._request(claim, index + 1)
        item = devices[number]
        if not self._fits(claim, ask, item, must=True):
            return False
        if self._every(claim, index, ask, number + 1):
            return True
        self._give_back(claim, ask, item)
        return False

    def _some(self, claim: int, index: int, ask: Ask, need: int, start: tuple[int, int, int]) -> bool:
        """So many devices, from a place in the list on: their order within a request does not matter."""
        self._step()
        if not need:
            return self._request(claim, index + 1)
        tried: set[int] = set()
        for at, pool in enumerate(self._pools):
            if at < start[0] or (self._strict and (pool.invalid or not pool.complete)):
                continue
            if pool.invalid:
                raise _AbortError(f"pool {pool.name.partition('/')[2]} is invalid: {pool.invalid}")
            for slice_at, some in enumerate(pool.slices):
                for device_at, item in enumerate(some):
                    if (at, slice_at, device_at) < start or self._busy(claim, ask, item):
                        continue
                    kind = self._class_of[item.id]
                    if not self._match(self._asks[claim], ask, item) or (kind in tried and not self._leaky):
                        continue
                    if not self._fits(claim, ask, item, must=False):
                        continue
                    if self._some(claim, index, ask, need - 1, (at, slice_at, device_at + 1)):
                        return True
                    self._give_back(claim, ask, item)
                    tried.add(kind)  # what is alike would lead nowhere as well
        return False

    def _busy(self, claim: int, ask: Ask, item: Candidate) -> bool:
        holders = self._allocating.get(item.id, [])
        return claim in holders if ask.exact.admin_access else bool(holders) or item.id in self._taken

    def _match(self, claim: ClaimAsk, ask: Ask, item: Candidate) -> bool:
        key = (id(ask), item.id)
        found = self._matches.get(key)
        if found is None:
            found = self._matches[key] = self._decide(claim, ask, item)
        return found

    def _decide(self, claim: ClaimAsk, ask: Ask, item: Candidate) -> bool:
        found, where = selectable(ask, item)
        if isinstance(found, Failure):
            raise _AbortError(where if not where.startswith(":") else f"claim {claim.key}{where}")
        if found is False or not item.reachable:
            return False
        if isinstance(found, Unknown):
            self._doubted(found)
            self._errs = True  # a selector that cannot be read here may well be an error there
            return False
        name = "/".join(item.id)
        if item.body.allow_multiple_allocations:
            self._doubted(Unknown(Cause.NOT_MODELLED, f"device {name} may be used several times (consumable capacity)"))
            return False
        if item.body.binding_conditions:
            self._doubted(Unknown(Cause.NOT_MODELLED, f"device {name} has binding conditions"))
            return False
        if ask.exact.admin_access and item.body.consumes_counters:
            self._doubted(Unknown(Cause.NOT_MODELLED, f"admin access to device {name}, which consumes counters"))
            return False
        return True

    def _fits(self, claim: int, ask: Ask, item: Candidate, *, must: bool) -> bool:
        """Whether the device is free, has what it shares, is tolerated and agrees; if so it is taken."""
        if self._busy(claim, ask, item):
            return False
        if item.body.consumes_counters:
            free = self._free_of(item)
            take(free, item.body)
            if any(amount < 0 for counters in free.values() for amount in counters.values()):
                take(free, item.body, -1)
                return False
        if not all(tolerated(taint, ask.exact.tolerations) for taint in item.body.taints):
            self._lose(item)
            return False
        asked = self._asks[claim]
        pairs = list(zip(asked.constraints, self._values[claim], strict=True))
        for agreed, (constraint, values) in enumerate(pairs):
            if not self._agrees(constraint, values, ask, item):
                for earlier, given in pairs[:agreed]:
                    if applies(earlier, ask):
                        given.pop()
                self._lose(item)
                if must:
                    raise _AbortError(
                        f"claim {asked.key}, request {ask.choice or ask.request}: cannot add device "
                        f"{'/'.join(item.id)} because a claim constraint would not be satisfied"
                    )
                return False
        self._allocating.setdefault(item.id, []).append(claim)
        self._count[claim] += 1
        return True

    def _give_back(self, claim: int, ask: Ask, item: Candidate) -> None:
        for constraint, values in zip(self._asks[claim].constraints, self._values[claim], strict=True):
            if applies(constraint, ask):
                values.pop()
        self._allocating[item.id].remove(claim)
        self._count[claim] -= 1
        self._free_again(item)

    def _agrees(self, constraint: DeviceConstraint, values: list[tuple[str, str]], ask: Ask, item: Candidate) -> bool:
        if not applies(constraint, ask):
            return True
        value = attribute(item, constraint.match_attribute or constraint.distinct_attribute)
        if value is not None and value[0] == "opaque":
            what = f"device {'/'.join(item.id)} has a value of a kind that is not modelled, and a constraint reads it"
            self._doubted(Unknown(Cause.NOT_MODELLED, what))
            return False
        if value is None or (values and constraint.match_attribute and values[-1] != value):
            return False
        if constraint.distinct_attribute and value in values:
            if not self._strict:
                self._doubted(Unknown(Cause.NOT_MODELLED, "distinctAttribute, which Kubernetes 1.34 compares wrongly"))
            return False
        values.append(value)
        return True

    def _free_of(self, item: Candidate) -> Counters:
        if item.home not in self._free:
            self._free[item.home] = self._counters_of(item.home)
        return self._free[item.home]

    def _free_again(self, item: Candidate) -> None:
        if item.body.consumes_counters:
            take(self._free_of(item), item.body, -1)

    def _lose(self, item: Candidate) -> None:
        """Give back the counters of a device that is refused after all, which Kubernetes 1.34 does not."""
        if item.body.consumes_counters:
            self.leaked = True
            if not self._leaky:
                self._free_again(item)

    def _doubted(self, why: Unknown) -> None:
        self._doubt = self._doubt or why

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEPS:
            raise _EndlessError


def unknown(why: Unknown) -> Verdict:
    """It cannot be said."""
    return Verdict(why, str(why))
