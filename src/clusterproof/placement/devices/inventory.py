"""What there is to allocate: claims, classes, and the devices that drivers publish, ready to be asked by node.

Source: kubernetes ``staging/src/k8s.io/dynamic-resource-allocation/structured/internal/*/pools_*.go``. A pool is one
driver's devices under one name; only its highest generation counts, and it is complete when as many slices are there
as they say. Up to 1.34 a scheduler counts the slices that the node can see, and takes single devices of an incomplete
pool too; from 1.35 it counts all of them (kubernetes PR 134466) and takes none (KEP 4815).

Not read: DeviceTaintRules (alpha in 1.33 to 1.35), which taint devices by rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from clusterproof.placement.devices.selectors import Facts, facts_of
from clusterproof.placement.node import NodeView
from clusterproof.placement.quantity import parse
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import DeviceClass, NodeSelector, ResourceClaim, ResourceClaimTemplate
from clusterproof.snapshot.kubernetes.devices import Device, DeviceBody, ResourceSlice, ResourceSliceSpec
from clusterproof.world.selectors import Truth, node_terms_match

FIRST_STRICT = 35
"""The first minor version that counts all slices of a pool and takes no device of an incomplete one."""

DeviceId = tuple[str, str, str]
"""Driver, pool and name: what tells devices of a cluster apart."""

Counters = dict[str, dict[str, Fraction]]
"""Amounts by counter set and counter."""


class Candidate(msgspec.Struct, frozen=True):
    """A device that a node may be given.

    Attributes:
        id: driver, pool, name.
        body: what it is.
        attributes: as selectors read them.
        capacity: likewise.
        home: which shared counters it takes from: a slice's own, or the pool's.
        reachable: False for a device of a slice that the node sees, but that is itself bound to other nodes.
    """

    id: DeviceId
    body: DeviceBody
    attributes: Facts
    capacity: Facts
    home: str
    reachable: bool = True


class Pool(msgspec.Struct, frozen=True):
    """The devices of a pool that a node sees.

    Attributes:
        name: ``driver/pool``.
        slices: devices by slice; the order of slices is nobody's promise.
        complete: all slices of the generation are there.
        invalid: why the pool is invalid (a device's name is there twice), else empty.
    """

    name: str
    slices: tuple[tuple[Candidate, ...], ...]
    complete: bool = True
    invalid: str = ""


class Supply(msgspec.Struct, frozen=True):
    """What one node sees.

    Attributes:
        pools: see :class:`Pool`.
        sure: every slice and device of it is seen for certain.
        doubt: why there may be more or less, else None.
    """

    pools: tuple[Pool, ...]
    doubt: Unknown | None = None


class Inventory:
    """The cluster's objects of dynamic resource allocation, indexed; each kind may be unknown.

    Args:
        claims: resource claims by ``namespace/name``.
        templates: resource claim templates by ``namespace/name``.
        classes: device classes by name.
        slices: every resource slice.
        minor: Kubernetes 1.``minor``; None where it is not known.
        elsewhere: why the claims of other namespaces, which may have devices, are not all known; else None.
    """

    def __init__(
        self,
        claims: Mapping[str, ResourceClaim] | Unknown,
        templates: Mapping[str, ResourceClaimTemplate] | Unknown,
        classes: Mapping[str, DeviceClass] | Unknown,
        slices: Sequence[ResourceSlice] | Unknown,
        minor: int | None = None,
        *,
        elsewhere: Unknown | None = None,
    ) -> None:
        self.claims = claims
        self._elsewhere = elsewhere
        self._in_use: dict[frozenset[str], frozenset[DeviceId]] = {}
        self.templates = templates
        self.classes = classes
        self.slices = slices
        self.minor = minor
        self._local: dict[str, list[ResourceSlice]] = {}
        self._wide: list[ResourceSlice] = []
        self._pools: dict[str, list[ResourceSlice]] = {}
        self._names: dict[str, ResourceSlice] = {}
        self._candidates: dict[str, tuple[Candidate, ...]] = {}
        for one in sorted(() if isinstance(slices, Unknown) else slices, key=lambda item: item.metadata.name):
            spec = one.spec
            self._names[one.metadata.name] = one
            self._pools.setdefault(_pool_name(spec), []).append(one)
            (self._local.setdefault(spec.node_name, []) if spec.node_name else self._wide).append(one)

    @property
    def strict(self) -> tuple[bool, ...]:
        """Whether incomplete pools are left out; both, where the version is not known."""
        return (False, True) if self.minor is None else (self.minor >= FIRST_STRICT,)

    def in_use(self, freed: frozenset[str] = frozenset()) -> frozenset[DeviceId] | Unknown:
        """Devices that claims have for themselves, without the claims in ``freed`` (keys)."""
        if isinstance(self.claims, Unknown):
            return self.claims
        if self._elsewhere is not None:
            return self._elsewhere
        if freed not in self._in_use:
            self._in_use[freed] = frozenset(
                (result.driver, result.pool, result.device)
                for key, claim in self.claims.items()
                if claim.status.allocation is not None and key not in freed
                for result in claim.status.allocation.devices.results
                if not result.admin_access
            )
        return self._in_use[freed]

    def extended(self, resource: str) -> str | Unknown:
        """The device class that stands for an extended resource, empty where none does."""
        if isinstance(self.classes, Unknown):
            return self.classes
        named = (name for name, item in sorted(self.classes.items()) if item.spec.extended_resource_name == resource)
        return next(named, "")

    def supplies(self, node: NodeView, *, strict: bool) -> tuple[Supply, ...]:
        """What the node sees; a second one, where it is not certain, has what may be there as well."""
        if isinstance(self.slices, Unknown):
            return (Supply((), self.slices),)
        home = node.name if isinstance(node.name, str) else node.like
        seen: list[tuple[ResourceSlice, Truth]] = [(one, True) for one in self._local.get(home, ())]
        seen += [(one, self._sees(one, node)) for one in self._wide]
        doubt = next((truth for _, truth in seen if isinstance(truth, Unknown)), None)
        sure = [one for one, truth in seen if truth is True]
        if doubt is None:
            return (Supply(self._pooled(sure, node, strict=strict)),)
        maybe = [one for one, truth in seen if truth is not False]
        return tuple(Supply(self._pooled(some, node, strict=strict), doubt) for some in (sure, maybe))

    def counters(self, home: str, taken: frozenset[DeviceId]) -> Counters:
        """What is left of the shared counters of a home (:attr:`Candidate.home`)."""
        # A slice's name is of one part, a pool's of two.
        own = self._names.get(home)
        members = [own] if own is not None else self._newest(home)
        free: Counters = {
            item.name: {name: parse(counter.value) for name, counter in item.counters.items()}
            for one in members
            for item in one.spec.shared_counters
        }
        for one in members:
            for candidate in self._of_slice(one) if taken else ():
                if candidate.id in taken:
                    take(free, candidate.body)
        return free

    def _newest(self, pool: str) -> list[ResourceSlice]:
        members = self._pools.get(pool, [])
        newest = max((one.spec.pool.generation for one in members), default=0)
        return [one for one in members if one.spec.pool.generation == newest]

    def _sees(self, one: ResourceSlice, node: NodeView) -> Truth:
        spec = one.spec
        if spec.all_nodes:
            return True
        if spec.node_selector is not None:
            return _selected(spec.node_selector, node)
        if spec.per_device_node_selection:
            truths = [_reaches(device.body, node) for device in spec.devices]
            return next((truth for truth in truths if truth is not False), False)
        return False

    def _pooled(self, seen: Sequence[ResourceSlice], node: NodeView, *, strict: bool) -> tuple[Pool, ...]:
        groups: dict[str, list[ResourceSlice]] = {}
        for one in seen:
            groups.setdefault(_pool_name(one.spec), []).append(one)
        found = []
        for key, members in sorted(groups.items()):
            counted = self._pools[key] if strict else members
            newest = max(one.spec.pool.generation for one in counted)
            counted = [one for one in counted if one.spec.pool.generation == newest]
            shown = [one for one in members if one.spec.pool.generation == newest]
            if not shown:
                continue
            names = [device.name for one in counted for device in one.spec.devices]
            twice = next((name for name in names if names.count(name) > 1), "")
            found.append(
                Pool(
                    key,
                    tuple(self._shown(one, node) for one in shown),
                    len(counted) == counted[0].spec.pool.resource_slice_count,
                    f"duplicate device name {twice}" if twice else "",
                )
            )
        return tuple(found)

    def _shown(self, one: ResourceSlice, node: NodeView) -> tuple[Candidate, ...]:
        candidates = self._of_slice(one)
        if not one.spec.per_device_node_selection:
            return candidates
        return tuple(
            msgspec.structs.replace(item, reachable=_reaches(item.body, node) is not False) for item in candidates
        )

    def _of_slice(self, one: ResourceSlice) -> tuple[Candidate, ...]:
        name = one.metadata.name
        if name not in self._candidates:
            home = self._home(one)
            self._candidates[name] = tuple(_candidate(one.spec, device, home) for device in one.spec.devices)
        return self._candidates[name]

    def _home(self, one: ResourceSlice) -> str:
        """From 1.35 counters stand in slices of their own; before, beside the devices that take them."""
        return one.metadata.name if one.spec.shared_counters else _pool_name(one.spec)


def take(free: Counters, body: DeviceBody, factor: int = 1) -> None:
    """Take what a device consumes (or give it back, with -1); counters that nobody offers do not count."""
    for item in body.consumes_counters:
        counters = free.get(item.counter_set)
        if counters is None:
            continue
        for name, counter in item.counters.items():
            if name in counters:
                counters[name] -= factor * parse(counter.value)


def _candidate(spec: ResourceSliceSpec, device: Device, home: str) -> Candidate:
    attributes, capacity = facts_of(device.body)
    return Candidate((spec.driver, spec.pool.name, device.name), device.body, attributes, capacity, home)


def _pool_name(spec: ResourceSliceSpec) -> str:
    return f"{spec.driver}/{spec.pool.name}"


def _selected(selector: NodeSelector, node: NodeView) -> Truth:
    return node_terms_match(selector.node_selector_terms, node.label_state, node.name)


def _reaches(body: DeviceBody, node: NodeView) -> Truth:
    if body.node_name:
        return body.node_name == (node.name if isinstance(node.name, str) else node.like)
    if body.all_nodes:
        return True
    return _selected(body.node_selector, node) if body.node_selector is not None else False
