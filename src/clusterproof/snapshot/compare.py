"""What differs between two snapshots, as the APIs mean their objects.

Lists that the API treats as sets (security group permissions, ACL entries, routes,
tags) are compared as sets; what changes by itself (timestamps, resource versions) is
left aside. With it a test proves that a new dump, made after the printed commands
were run, equals what ``overlay.apply`` predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Snapshot, Table

Raw = dict[str, Any]


class Difference(msgspec.Struct, frozen=True):
    """One difference.

    Attributes:
        kind, key: the object, as the registry names it.
        path: dotted path inside it; ``""`` for the object as a whole; ``coverage`` under key ``""`` for how
            completely a kind was read.
        old, new: the values as the API writes them; None where there is nothing.
    """

    kind: str
    key: str
    path: str
    old: Any
    new: Any


VOLATILE = frozenset(
    {
        "creationTimestamp",
        "generation",
        "lastHeartbeatTime",
        "lastProbeTime",
        "lastTransitionTime",
        "lastUpdateTime",
        "managedFields",
        "modifiedAt",
        "observedGeneration",
        "resourceVersion",
        "renewTime",
        "selfLink",
        "startTime",
        "uid",
        "UsageOperationUpdateTime",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "LastModifiedTimestamp",
        "RoleLastUsed",
    }
)
"""Members that change without anyone changing the object, wherever they occur."""

_SET_MEMBERS: dict[str, Callable[[Any], str]] = {}


def _by(*fields: str) -> Callable[[Any], str]:
    def key(item: Any) -> str:
        return "/".join(str(item.get(field, "")) for field in fields) if isinstance(item, dict) else _text(item)

    return key


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


_SET_MEMBERS.update(
    {
        "Tags": _by("Key"),
        "TagSet": _by("Key"),
        "Routes": _text,
        "Associations": _by("RouteTableAssociationId", "NetworkAclAssociationId", "SubnetId", "Main"),
        "Groups": _by("GroupId"),
        "SecurityGroups": _by("GroupId"),
        "NetworkInterfaces": _by("NetworkInterfaceId", "DeviceIndex", "NetworkCardIndex"),
        "PrivateIpAddresses": _by("PrivateIpAddress"),
        "Instances": _by("InstanceId"),
        "subnetIds": _text,
        "securityGroupIds": _text,
        "ownerReferences": _by("uid", "kind", "name"),
        "endpoints": _text,
        "images": _text,
        "conditions": _by("type"),
        "addresses": _text,
        "tolerations": _text,
        "taints": _by("key", "effect"),
        "RolePolicyList": _by("PolicyName"),
        "AttachedManagedPolicies": _by("PolicyArn"),
        "PolicyVersionList": _by("VersionId"),
        "InstanceProfileList": _by("InstanceProfileName"),
        "Grants": _by("GrantId"),
        "Aliases": _text,
        "ClientIDList": _text,
        "ThumbprintList": _text,
        "IntelligentTiering": _by("Id"),
        "NatGatewayAddresses": _by("PrivateIp", "AllocationId"),
        "SubnetIds": _text,
        "RouteTableIds": _text,
    }
)
_DOCUMENTS = frozenset(
    {
        "AssumeRolePolicyDocument",
        "Document",
        "Policy",
        "PolicyDocument",
        "RedriveAllowPolicy",
        "RedrivePolicy",
        "policy",
    }
)
"""Members that may hold JSON as text: compared as what it says."""


def differences(old: Snapshot, new: Snapshot, *, descriptions: bool = False) -> list[Difference]:
    """Everything that differs, sorted by kind, key and path.

    Args:
        old: any snapshot; a kind that neither holds is not compared.
        new: the one to compare it with.
        descriptions: whether a rule's ``Description`` counts (commands may set one that a prediction lacks).
    """
    found: list[Difference] = []
    for name in sorted(old.tables.keys() | new.tables.keys()):
        before, after = old.tables.get(name), new.tables.get(name)
        said, says = _coverage(before), _coverage(after)
        if said != says:
            found.append(Difference(name, "", "coverage", said, says))
        left, right = _objects(name, before, descriptions), _objects(name, after, descriptions)
        for key in sorted(left.keys() | right.keys()):
            if key not in left or key not in right:
                found.append(Difference(name, key, "", left.get(key), right.get(key)))
            else:
                found += [Difference(name, key, *item) for item in _walk("", left[key], right[key])]
    return found


def unseen(snapshot: Snapshot, other: Snapshot, kind: Kind[Any], key: str) -> bool:
    """Whether an object that a snapshot lacks may be there all the same: its kind was read less there than in the other.

    Args:
        snapshot: the one without the object.
        other: the one that holds it.
        kind: the object's kind.
        key: its key.
    """
    said, says = (_coverage(each.tables.get(kind.name)) for each in (snapshot, other))
    scope = key.rpartition("/")[0] if kind.namespaced else EVERYWHERE
    return said != says and snapshot.missing(kind, scope) is not None


def _coverage(table: Table[Any] | None) -> Any:
    if table is None:
        return None
    return sorted({(item.scope, str(item.missing) if item.missing else "complete") for item in table.coverage})


def _objects(name: str, table: Table[Any] | None, descriptions: bool) -> dict[str, Any]:
    """The objects by key in a canonical form: sets as sorted maps, volatile members gone."""
    if table is None:
        return {}
    objects: dict[str, Any] = {}
    for typed, raw in zip(table.objects, table.raws(), strict=True):
        key = table.kind.key(typed)
        if name == kinds.SECURITY_GROUPS.name:
            raw["IpPermissions"] = _rules(raw.get("IpPermissions"), descriptions)
            raw["IpPermissionsEgress"] = _rules(raw.get("IpPermissionsEgress"), descriptions)
        elif name == kinds.SECURITY_GROUP_RULES.name:
            key = _rule_key(raw)
            raw.pop("SecurityGroupRuleId", None)
            raw.pop("SecurityGroupRuleArn", None)
            if not descriptions:
                raw.pop("Description", None)
        elif name == kinds.NETWORK_ACLS.name:
            raw["Entries"] = _entries(raw.get("Entries"))
        objects[key] = canonical(raw)
    return objects


def single_rules(permissions: Any) -> Iterator[tuple[str, Raw]]:
    """Each (protocol, ports, peer) of a list of permissions on its own, with a text that names it.

    EC2 groups rules of one protocol and port range in one permission, in no promised order.
    """
    for permission in permissions or ():
        protocol = str(permission.get("IpProtocol", "-1"))
        low, high = permission.get("FromPort"), permission.get("ToPort")
        if protocol == "-1":
            low = high = None
        ports = "all" if low is None else f"{low}-{high}"
        for member, field in (
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("PrefixListIds", "PrefixListId"),
            ("UserIdGroupPairs", "GroupId"),
        ):
            for peer in permission.get(member) or ():
                yield f"{protocol} {ports} {peer.get(field, '')}", peer


def _rules(permissions: Any, descriptions: bool) -> Raw:
    # A pair's UserId and GroupName are EC2's answer to the GroupId that was asked for: they are no part of the rule.
    return {
        name: {"Description": peer.get("Description", "")} if descriptions else {}
        for name, peer in single_rules(permissions)
    }


def _rule_key(raw: Raw) -> str:
    group = raw.get("ReferencedGroupInfo")
    peer = (
        raw.get("CidrIpv4")
        or raw.get("CidrIpv6")
        or raw.get("PrefixListId")
        or (group.get("GroupId", "") if isinstance(group, dict) else "")
    )
    way = "out" if raw.get("IsEgress") else "in"
    ports = f"{raw.get('FromPort', -1)}-{raw.get('ToPort', -1)}"
    return f"{raw.get('GroupId')} {way} {raw.get('IpProtocol')} {ports} {peer}"


def _entries(entries: Any) -> Raw:
    return {f"{'out' if item.get('Egress') else 'in'} {item.get('RuleNumber')}": item for item in entries or ()}


def canonical(value: Any) -> Any:
    """The value with volatile members gone and lists that are sets as maps by their members' identity."""
    if isinstance(value, dict):
        result: Raw = {}
        for name, item in value.items():
            if name in VOLATILE or item is None:
                continue
            if name in _DOCUMENTS and isinstance(item, str):
                result[name] = _document(item)
                continue
            key = _SET_MEMBERS.get(name)
            if key is not None and isinstance(item, list):
                members = [canonical(member) for member in item]
                result[name] = {f"[{key(member)}]": member for member in members}
            else:
                result[name] = canonical(item)
        return result
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def _document(text: str) -> Any:
    """JSON text as what it says, URL-encoded (as IAM's API answers) or not; any other text as it is."""
    for candidate in (text, unquote(text)):
        try:
            return canonical(msgspec.json.decode(candidate))
        except msgspec.DecodeError:
            continue
    return text


def _walk(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            inside = f"{path}.{name}" if path else name
            if name not in old or name not in new:
                yield inside, old.get(name), new.get(name)
            else:
                yield from _walk(inside, old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _walk(f"{path}.{number}", left, right)
    elif old != new:
        yield path, old, new
