"""Overlays: typed edits of a snapshot's objects.

A fix, a rendered chart that is not installed yet, a Terraform plan and a
test's mutant are all the same thing: a tuple of edits. ``apply`` makes the
changed snapshot; ``render`` says in words what changes. Edits never touch the
snapshot they are applied to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from clusterproof.errors import NotFoundError
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import BY_NAME, NETWORK_ACLS, SECURITY_GROUPS, Kind
from clusterproof.snapshot.snapshot import Coverage, MemoryLines, Snapshot, Table, UnknownField, not_collected

Raw = dict[str, Any]


class Put(msgspec.Struct, frozen=True, tag=True):
    """Create an object, or replace it whole.

    Attributes:
        kind: a kind's name in the registry.
        object: as its API writes it.
    """

    kind: str
    object: Raw


class Delete(msgspec.Struct, frozen=True, tag=True):
    """Remove an object; nothing happens when it is not there.

    Attributes:
        kind: a kind's name in the registry.
        key: the object's key in its kind.
    """

    kind: str
    key: str


class SetField(msgspec.Struct, frozen=True, tag=True):
    """Set one field, or make it unknown.

    Attributes:
        kind: a kind's name in the registry.
        key: the object's key in its kind.
        path: dotted (``spec.replicas``), integers index lists.
        value: what the field becomes.
        unknown: set when the field becomes unknown instead.
    """

    kind: str
    key: str
    path: str
    value: Any = None
    unknown: Unknown | None = None


class AddPermission(msgspec.Struct, frozen=True, tag=True):
    """Add one rule to a security group.

    Attributes:
        group_id: the group that gets the rule.
        egress: False for an inbound rule.
        permission: one ``IpPermission`` as the EC2 API writes it, with exactly one source.
    """

    group_id: str
    egress: bool
    permission: Raw


class AddAclEntry(msgspec.Struct, frozen=True, tag=True):
    """Add one entry to a network ACL.

    Attributes:
        network_acl_id: the network ACL that gets the entry.
        entry: as the EC2 API writes it (``RuleNumber``, ``Egress``, ``CidrBlock`` …).
    """

    network_acl_id: str
    entry: Raw


Edit = Put | Delete | SetField | AddPermission | AddAclEntry


class Overlay(msgspec.Struct, frozen=True):
    """Edits in the order in which they apply.

    Attributes:
        edits: each of one type, which its member ``type`` names.
    """

    edits: tuple[Edit, ...] = ()

    def __add__(self, other: Overlay) -> Overlay:
        return Overlay(self.edits + other.edits)

    def __bool__(self) -> bool:
        return bool(self.edits)


def apply(snapshot: Snapshot, overlay: Overlay) -> Snapshot:
    """The snapshot as it would be after the edits; tables that no edit touches are shared.

    Raises:
        NotFoundError: an edit changes an object that the snapshot does not hold.
    """
    tables = dict(snapshot.tables)
    by_kind: dict[str, list[Edit]] = {}
    for edit in overlay.edits:
        by_kind.setdefault(kind_of(edit), []).append(edit)
    for name, edits in by_kind.items():
        kind = BY_NAME[name]
        tables[name] = _edited(kind, tables.get(name), edits)
    return Snapshot(snapshot.meta, tables, snapshot.kept)


def kind_of(edit: Edit) -> str:
    """The name of the kind whose object an edit changes."""
    match edit:
        case AddPermission():
            return SECURITY_GROUPS.name
        case AddAclEntry():
            return NETWORK_ACLS.name
        case _:
            return edit.kind


def _edited(kind: Kind[Any], table: Table[Any] | None, edits: list[Edit]) -> Table[Any]:
    """The table with the edits; only lines that change are decoded and encoded again."""
    index = dict(table.index) if table else {}
    count = len(table) if table else 0
    lines: list[bytes | None] = [table.lines.line(i) for i in range(count)] if table else []
    unknown_fields = list(table.unknown_fields) if table else []

    grown: dict[int, Raw] = {}  # what rules are added to, by position: one object may get many

    def change(key: str, mutate: Callable[[Raw], None]) -> None:
        if key not in index:
            raise NotFoundError(f"{kind.name} {key} cannot be changed: the snapshot does not hold it")
        position = index[key]
        if position not in grown:
            grown[position] = msgspec.json.decode(lines[position] or b"{}")
        mutate(grown[position])

    def settle() -> None:
        """Write what was grown, so that no later edit reaches into an earlier one's values."""
        for position, raw in grown.items():
            lines[position] = msgspec.json.encode(raw)
        grown.clear()

    for edit in edits:
        if not isinstance(edit, (AddPermission, AddAclEntry)):
            settle()
        match edit:
            case Put(object=raw):
                key = kind.key(msgspec.convert(raw, kind.type))
                unknown_fields = [item for item in unknown_fields if item.key != key]
                if key in index:
                    lines[index[key]] = msgspec.json.encode(raw)
                else:
                    index[key] = len(lines)
                    lines.append(msgspec.json.encode(raw))
            case Delete(key=key):
                if key in index:
                    lines[index.pop(key)] = None
            case SetField(key=key, path=path, unknown=unknown) if unknown is not None:
                unknown_fields.append(UnknownField(key, path, unknown))
            case SetField(key=key, path=path, value=value):
                change(key, lambda raw, path=path, value=value: _set(raw, path, value))  # type: ignore[misc]
                settle()
                # What is set is known from now on.
                inside = f"{path}."
                unknown_fields = [i for i in unknown_fields if i.key != key or not f"{i.path}.".startswith(inside)]
            case AddPermission(group_id=group, egress=egress, permission=permission):
                member = "IpPermissionsEgress" if egress else "IpPermissions"
                change(group, lambda raw, m=member, p=permission: raw.setdefault(m, []).append(p))  # type: ignore[misc]
            case AddAclEntry(network_acl_id=acl, entry=entry):
                change(acl, lambda raw, e=entry: raw.setdefault("Entries", []).append(e))  # type: ignore[misc]
    settle()
    kept = [line for line in lines if line is not None]
    # One object put into a kind that was never read says nothing of the others.
    coverage = table.coverage if table is not None else (Coverage(missing=not_collected(kind)),)
    return Table(kind, MemoryLines(kept), coverage, unknown_fields)


def _set(raw: Raw, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node: Any = raw
    for part in parents:
        if isinstance(node, list):
            node = node[int(part)]
            continue
        if node.get(part) is None:  # absent, or null as some APIs write it
            node[part] = {}
        node = node[part]
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value


def render(overlay: Overlay) -> list[str]:
    """One plain sentence per edit."""
    return [_sentence(edit) for edit in overlay.edits]


def _sentence(edit: Edit) -> str:
    match edit:
        case Put(kind=kind, object=raw):
            return f"create or replace {kind} {BY_NAME[kind].key(msgspec.convert(raw, BY_NAME[kind].type))}"
        case Delete(kind=kind, key=key):
            return f"delete {kind} {key}"
        case SetField(kind=kind, key=key, path=path, value=value, unknown=unknown):
            return f"set {path} of {kind} {key} to {unknown or value!r}"
        case AddPermission(group_id=group, egress=egress, permission=permission):
            ports = port_text(permission)
            peer = peer_text(permission)
            return f"let {group} send {ports} to {peer}" if egress else f"admit {ports} from {peer} to {group}"
        case AddAclEntry(network_acl_id=acl, entry=entry):
            way = "out" if entry.get("Egress") else "in"
            return f"{acl}: {entry.get('RuleAction')} rule {entry.get('RuleNumber')} {way} {entry.get('CidrBlock', entry.get('Ipv6CidrBlock'))}"


def port_text(permission: Raw) -> str:
    """``tcp 2379``, ``udp 1024-65535`` or ``all traffic``."""
    protocol = permission.get("IpProtocol", "-1")
    if protocol == "-1":
        return "all traffic"
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if low is None or (low, high) == (0, 65535):
        return f"{protocol} all ports"
    return f"{protocol} {low}" if low == high else f"{protocol} {low}-{high}"


def peer_text(permission: Raw) -> str:
    """The one source or destination of a permission: a group id, prefix list or CIDR."""
    for member, field in (
        ("UserIdGroupPairs", "GroupId"),
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
    ):
        for item in permission.get(member, ()):
            return str(item[field])
    return "nothing"
