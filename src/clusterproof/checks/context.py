"""A profile meets a world: parameters, named workloads and node sets, resolved with their evidence.

Nothing here knows a platform: what to look for stands in the profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from clusterproof.checks.head import GroupLine
from clusterproof.checks.lookup import find_workload
from clusterproof.checks.parameters import parameter, unsettled
from clusterproof.errors import NotFoundError, UsageError
from clusterproof.placement.places import Place, Places, places
from clusterproof.placement.requests import effective
from clusterproof.profiles.model import Evidence, FindWorkload, Profile, Template, WorkloadDefinition
from clusterproof.profiles.port import PortRange
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Metadata, PodSpec
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import NodeClass, Workload
from clusterproof.world.readable import INSTANCE_TYPE
from clusterproof.world.world import World

_LASTING: dict[str, kinds.Kind[Any]] = {
    "Deployment": kinds.DEPLOYMENTS,
    "StatefulSet": kinds.STATEFUL_SETS,
    "DaemonSet": kinds.DAEMON_SETS,
    "ReplicaSet": kinds.REPLICA_SETS,
    "Job": kinds.JOBS,
    "CronJob": kinds.CRON_JOBS,
}
"""Controllers that may have no pod today and some tomorrow: a Job may be suspended, a CronJob's next run be to come."""


class Settings(msgspec.Struct, frozen=True):
    """What a user chose beside the profile.

    Attributes:
        parameters: ``--set name=value``.
        node_sets: ``--nodes set=group[,group]``.
        workloads: ``--workload name=kind/namespace/name``.
    """

    parameters: dict[str, str] = {}
    node_sets: dict[str, tuple[str, ...]] = {}
    workloads: dict[str, str] = {}


class Named(msgspec.Struct, frozen=True):
    """A named workload of the profile, resolved.

    Attributes:
        workloads: what was found, or the profile's own template; empty when neither.
        how: one clause: by what it was found.
        missing: why it may be there all the same, when nothing was found.
    """

    workloads: tuple[Workload, ...]
    how: str
    missing: Unknown | None = None
    image_bytes: int = 0


class NamedSet(msgspec.Struct, frozen=True):
    """A named node set, resolved.

    Attributes:
        groups: its node groups, by name.
        evidence: why each belongs to it.
        doubtful: why further groups may belong to it.
        chosen: the user named the groups, so that there are no others.
    """

    groups: tuple[str, ...]
    evidence: dict[str, str]
    doubtful: tuple[Unknown, ...] = ()
    chosen: bool = False


class Context:
    """Everything a check needs: the world, and the profile's names resolved in it."""

    def __init__(
        self,
        snapshot: Snapshot,
        profile: Profile,
        settings: Settings | None = None,
        *,
        world: World | None = None,
    ) -> None:
        """Resolve a profile.

        Args:
            snapshot: the cluster.
            profile: what is asked.
            settings: what a user chose beside it.
            world: of that snapshot, where there is one already; not for a profile that brings workloads.
        """
        settings = settings or Settings()
        self.profile = profile
        self.settings = settings
        _refuse_unknown("parameter", settings.parameters, profile.parameters)
        _refuse_unknown("node set", settings.node_sets, profile.node_sets)
        _refuse_unknown("workload", settings.workloads, profile.workloads)
        self.parameters = tuple(parameter(name, profile, settings.parameters, snapshot) for name in profile.parameters)
        self.unsettled = {
            line.name: why for line in self.parameters if (why := unsettled(line, profile, snapshot)) is not None
        }
        """Parameters whose default stands in for an installed version that was not looked for everywhere, with why."""
        values = {line.name: line.value for line in self.parameters}
        templates = {
            name: (template, _workload(name, template))
            for name, definition in profile.workloads.items()
            if (template := _template(definition, values)) is not None
        }
        self.world = world or World(
            snapshot,
            [workload for _, workload in templates.values()],
            _label_evidence(profile),
        )
        if world is None:
            # As the API server makes their pods.
            made = self.world.workloads[len(self.world.workloads) - len(templates) :]
            templates = {
                name: (template, workload)
                for (name, (template, _)), workload in zip(templates.items(), made, strict=True)
            }
        self._places: dict[str, Places] = {}
        self._classes_of: dict[str, list[NodeClass]] = {}
        for one in self.world.classes:
            self._classes_of.setdefault(one.group, []).append(one)
        self._places_on: dict[tuple[int, tuple[str, ...]], tuple[Places, tuple[Place, ...]]] = {}
        self.resolved: dict[object, object] = {}
        self.workloads: dict[str, Named] = {}
        for name, definition in profile.workloads.items():
            self.workloads[name] = self._resolve(name, definition, templates.get(name))
        self.sets: dict[str, NamedSet] = {name: self._set(name) for name in profile.node_sets}

    @property
    def values(self) -> dict[str, str]:
        """Parameter values by name."""
        return {line.name: line.value for line in self.parameters}

    def places(self, workload: Workload) -> Places:
        """Where a workload's pods may be; memoised."""
        found = self._places.get(workload.id)
        if found is None:
            found = self._places[workload.id] = places(self.world, workload)
        return found

    def places_on(self, workload: Workload, groups: tuple[str, ...]) -> tuple[Place, ...]:
        """A workload's places on some node groups, or on all where none is named; one object for equal ones."""
        found = self.places(workload)
        if not groups:
            return found.places
        key = (id(found), groups)
        held = self._places_on.get(key)
        if held is None:
            on = frozenset(groups)  # beside the places, so that their id is not used again
            places_ = tuple(place for place in found.places if place.node_class.group in on)
            held = self._places_on[key] = (found, places_)
        return held[1]

    def named(self, name: str) -> Named:
        """A workload by the profile's name, or by ``kind/namespace/name``.

        Raises:
            NotFoundError: there is no such workload.
        """
        if name in self.workloads:
            return self.workloads[name]
        return Named((find_workload(self.world, name),), "named in the requirement")

    # --- workloads -------------------------------------------------------------------

    def _resolve(self, name: str, definition: WorkloadDefinition, template: tuple[Template, Workload] | None) -> Named:
        chosen = self.settings.workloads.get(name)
        if chosen is not None:
            return Named((find_workload(self.world, chosen),), "chosen by --workload")
        for number, way in enumerate(definition.find):
            found = tuple(w for w in self.world.workloads if w.installed and self._is(w, way))
            if found:
                size = template[0].image_bytes if template else 0
                return Named(found, _way_text(way), self._unread(definition.find[: number + 1]), size)
        missing = self._unread(definition.find)
        if template is not None:
            source, workload = template
            note = source.note or "the profile's own pod template"
            if definition.find:
                note += ": none is installed" if missing is None else ": whether one is installed is not known"
            return Named((workload,), note, missing, source.image_bytes)
        return Named((), "not found" if missing is None else "whether it is installed is not known", missing)

    def _unread(self, ways: Iterable[FindWorkload]) -> Unknown | None:
        """What was not read and may hold a workload that these ways find."""
        wanted: list[kinds.Kind[Any]] = []
        for way in ways:
            wanted.append(kinds.PODS)
            wanted += [table for kind, table in _LASTING.items() if way.kind in ("", kind)]
            if way.service_labels or way.service_port:
                wanted.append(kinds.SERVICES)
        missing = (self.world.snapshot.missing(kind) for kind in wanted)
        return next((unknown for unknown in missing if unknown is not None), None)

    def _is(self, workload: Workload, way: FindWorkload) -> bool:
        if way.kind and workload.kind != way.kind:
            return False
        if way.namespace and not re.fullmatch(way.namespace, workload.namespace):
            return False
        if way.name and not re.fullmatch(way.name, workload.name):
            return False
        for key, value in way.labels.items():
            if key not in workload.labels or value not in ("*", workload.labels[key]):
                return False
        containers = (*workload.spec.containers, *workload.spec.init_containers)
        if way.image and not any(re.search(way.image, container.image) for container in containers):
            return False
        whole = (workload.spec.resources,) if workload.spec.resources is not None else ()
        asked = (*(container.resources for container in containers), *whole)
        if way.resource and not any(way.resource in effective(resources) for resources in asked):
            return False
        return not (way.service_labels or way.service_port) or self._behind_service(workload, way)

    def _behind_service(self, workload: Workload, way: FindWorkload) -> bool:
        services = self.world.services
        for service in services.within(workload.namespace):
            labels = service.metadata.labels
            if any(
                labels.get(key) is None or value not in ("*", labels[key]) for key, value in way.service_labels.items()
            ):
                continue
            if way.service_port and all(port.port != way.service_port for port in service.spec.ports):
                continue
            if workload in services.selected(service):
                return True
        return False

    # --- node sets ---------------------------------------------------------------------

    def _set(self, name: str) -> NamedSet:
        chosen = self.settings.node_sets.get(name)
        if chosen is not None:
            for group in chosen:
                if group not in self.world.groups:
                    known = ", ".join(self.world.groups) or "none"
                    raise NotFoundError(f"--nodes {name}={group}: there is no node group {group}; there are: {known}")
            return NamedSet(tuple(sorted(chosen)), dict.fromkeys(chosen, "chosen by --nodes"), chosen=True)
        doubts: dict[str, Unknown] = {}
        evidence: dict[str, str] = {}
        for way in self.profile.node_sets[name].find:
            if not evidence:  # a later way adds groups; only the surest one that finds any casts doubts
                doubts |= {one: why for one in self.world.groups if (why := self._may_belong(one, way)) is not None}
            found = {group: text for group in self.world.groups if (text := self._belongs(group, way))}
            evidence = {**found, **evidence}
        doubtful = tuple(why for group, why in sorted(doubts.items()) if group not in evidence)
        return NamedSet(tuple(sorted(evidence)), dict(sorted(evidence.items())), doubtful)

    def _may_belong(self, group: str, way: Evidence) -> Unknown | None:
        """Why it cannot be told whether a group that may get nodes belongs to a set by this way."""
        for item in self._classes_of.get(group, ()):
            if way.allocatable and isinstance(item.allocatable, Unknown):
                return item.allocatable
            key = INSTANCE_TYPE if way.instance_type else way.label.partition("=")[0]
            if key in item.unknown_labels and not (way.instance_type and self.world.groups[group].instance_types):
                return item.unknown_labels[key]
        return None

    def _belongs(self, group: str, way: Evidence) -> str:
        """Why a group belongs to a set by this way; empty when it does not."""
        classes = self._classes_of.get(group, ())
        if way.every:
            return "every node group"
        if way.group:
            return "named in the profile" if group in way.group else ""
        if way.allocatable:
            for item in classes:
                if isinstance(item.allocatable, dict) and str(item.allocatable.get(way.allocatable, "0")) != "0":
                    return f"allocatable {way.allocatable}: {item.allocatable[way.allocatable]}"
            if way.allocatable in self.world.groups[group].offers:
                return self.world.groups[group].offers[way.allocatable]
        if way.instance_type:
            types = {item.labels.get(INSTANCE_TYPE, "") for item in classes} | set(
                self.world.groups[group].instance_types
            )
            for instance_type in sorted(types):
                if re.fullmatch(way.instance_type, instance_type):
                    return f"instance type {instance_type}"
        if way.label:
            key, _, value = way.label.partition("=")
            for item in classes:
                if key in item.labels and value in ("", item.labels[key]):
                    return f"label {key}={item.labels[key]}"
        for name in way.runs:
            for workload in self.workloads[name].workloads:
                if any(self.world.group_of_node.get(node) == group for node in workload.pod_nodes):
                    return f"{workload.id} runs there"
        for name in way.hosts:
            for workload in self.workloads[name].workloads:
                if any(place.node_class.group == group for place in self.places(workload).places):
                    return f"{workload.id} may be scheduled there"
        return ""

    def representative_ports(self, ports: PortRange) -> tuple[int, ...]:
        """One port of each class of a range: between two of these no loaded rule begins or ends."""
        edges = {ports.low}
        snapshot = self.world.snapshot
        spans: list[tuple[int, int]] = []
        for group in snapshot.objects(kinds.SECURITY_GROUPS):
            for permission in (*group.ip_permissions, *group.ip_permissions_egress):
                low, high = permission.from_port, permission.to_port
                spans += [(low, high)] if low is not None and high is not None else []
        for acl in snapshot.objects(kinds.NETWORK_ACLS):
            spans += [(e.port_range.from_, e.port_range.to) for e in acl.entries if e.port_range is not None]
        for policy in snapshot.objects(kinds.NETWORK_POLICIES):
            ports_of = [*(rule.ports for rule in policy.spec.ingress), *(rule.ports for rule in policy.spec.egress)]
            spans += [(p.port, p.end_port or p.port) for found in ports_of for p in found if isinstance(p.port, int)]
        for low, high in spans:
            edges |= {edge for edge in (low, high + 1) if ports.low <= edge <= ports.high}
        return tuple(sorted(edges))

    def group_lines(self) -> tuple[GroupLine, ...]:
        """The node groups for a report's head."""
        result: list[GroupLine] = []
        for group in self.world.groups.values():
            hosts = [item.host for item in self.world.classes if item.group == group.name]
            groups = {sg for host in hosts if isinstance(host.security_groups, tuple) for sg in host.security_groups}
            sets = tuple(name for name, found in self.sets.items() if group.name in found.groups)
            evidence = tuple(f"{name}: {self.sets[name].evidence[group.name]}" for name in sets)
            result.append(
                GroupLine(
                    group.name,
                    group.kind.value,
                    len(group.nodes),
                    group.can_grow,
                    tuple(sorted(groups)),
                    sets,
                    evidence,
                )
            )
        return tuple(result)


def _refuse_unknown(what: str, given: Iterable[str], known: Mapping[str, object]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"the profile has no {what} {name!r}; it has: {', '.join(known) or 'none'}")


def _template(definition: WorkloadDefinition, values: Mapping[str, str]) -> Template | None:
    if definition.choose:
        return definition.templates.get(values[definition.choose], definition.template)
    return definition.template


def _workload(name: str, template: Template) -> Workload:
    metadata = msgspec.convert(template.metadata, Metadata)
    return Workload(
        kind=template.kind,
        namespace=template.namespace,
        name=template.name or name,
        labels=metadata.labels,
        spec=msgspec.convert(template.spec, PodSpec),
        replicas=1,
        installed=False,
        annotations=metadata.annotations,
    )


def _label_evidence(profile: Profile) -> list[str]:
    return sorted(
        {way.label.partition("=")[0] for found in profile.node_sets.values() for way in found.find if way.label}
    )


def _way_text(way: FindWorkload) -> str:
    parts = [f"label {key}={value}" for key, value in way.labels.items()]
    parts += [f"Service label {key}={value}" for key, value in way.service_labels.items()]
    if way.service_port:
        parts.append(f"Service port {way.service_port}")
    if way.image:
        parts.append(f"image matching {way.image}")
    if way.resource:
        parts.append(f"requests {way.resource}")
    for label, value in (("kind", way.kind), ("namespace", way.namespace), ("name", way.name)):
        if value:
            parts.append(f"{label} {value}")
    return "found by " + ", ".join(parts)
