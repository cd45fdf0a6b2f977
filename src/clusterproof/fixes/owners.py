"""Who manages what a repair changes, from tags, names and labels."""

from __future__ import annotations

import msgspec

from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.kinds import BY_NAME, NETWORK_ACLS, SECURITY_GROUPS
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Put, Raw, SetField, peer_text, port_text
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import owner_of, tag_map

_EKS_NAME = "eks-cluster-sg-"
"""What EKS calls the cluster security group that it makes (EKS User Guide, "View security group requirements")."""


def object_of(edit: Edit) -> Ref:
    """The object that an edit changes."""
    match edit:
        case AddPermission():
            return Ref(SECURITY_GROUPS.name, edit.group_id, "IpPermissionsEgress" if edit.egress else "IpPermissions")
        case AddAclEntry():
            return Ref(NETWORK_ACLS.name, edit.network_acl_id, "Entries")
        case Put():
            kind = BY_NAME[edit.kind]
            return Ref(edit.kind, kind.key(msgspec.convert(edit.object, kind.type)))
        case SetField():
            return Ref(edit.kind, edit.key, edit.path)
        case _:
            return Ref(edit.kind, edit.key)


def owner(snapshot: Snapshot, edit: Edit) -> str:
    """Who manages the object: EKS, eksctl, CloudFormation, Terraform, Helm; empty when nothing says so."""
    if isinstance(edit, AddPermission):
        group = snapshot.get(SECURITY_GROUPS, edit.group_id)
        if group is None:
            return ""
        if group.group_name.startswith(_EKS_NAME):
            return "EKS"
        return owner_of(tag_map(group.tags))
    if isinstance(edit, AddAclEntry):
        acl = snapshot.get(NETWORK_ACLS, edit.network_acl_id)
        return owner_of(tag_map(acl.tags)) if acl is not None else ""
    return owner_at(snapshot, object_of(edit))


def owner_at(snapshot: Snapshot, ref: Ref) -> str:
    """Who manages an object, by its labels or tags; empty when nothing says so, or it is not there."""
    raw = (snapshot.raw(BY_NAME[ref.kind], ref.key) if ref.kind in BY_NAME else None) or {}
    labels = (raw.get("metadata") or {}).get("labels") or {}
    if "app.kubernetes.io/managed-by" in labels:
        return str(labels["app.kubernetes.io/managed-by"])
    tags = raw.get("Tags", raw.get("tags"))
    if isinstance(tags, list):
        tags = {str(item.get("Key", item.get("key", ""))): item.get("Value", item.get("value")) for item in tags}
    return owner_of({key: str(value or "") for key, value in tags.items()}) if isinstance(tags, dict) else ""


def text_of(view: VpcView, edit: Edit) -> str:
    """One plain sentence: ``admit tcp 2379 from sg-0a1 (gpu-nodes) to sg-0b2 (system-nodes)``."""
    match edit:
        case AddPermission(group_id=group, egress=egress, permission=permission):
            peer = peer_text(permission)
            peer = "itself" if peer == group else view.group_name(peer) if peer.startswith("sg-") else peer
            own, ports = view.group_name(group), port_text(permission)
            return f"let {own} send {ports} to {peer}" if egress else f"admit {ports} from {peer} to {own}"
        case AddAclEntry(network_acl_id=acl, entry=entry):
            ports = entry["PortRange"]
            name = {"6": "tcp", "17": "udp"}.get(entry["Protocol"], entry["Protocol"])
            span = f"{ports['From']}-{ports['To']}" if ports["From"] != ports["To"] else f"{ports['From']}"
            block = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")
            way = f"out to {block}" if entry["Egress"] else f"in from {block}"
            return f"{acl}: rule {entry['RuleNumber']} allows {name} {span} {way}"
        case Put(object=raw) if raw.get("kind") == "NetworkPolicy":
            return _policy_text(raw)
        case _:
            ref = object_of(edit)
            return f"change {ref.kind} {ref.key}"


def _policy_text(raw: Raw) -> str:
    metadata, spec = raw["metadata"], raw["spec"]
    egress = "egress" in spec
    rule = spec["egress" if egress else "ingress"][0]
    port = rule["ports"][0]
    ports = f"{port['protocol'].lower()} {port['port']}" + (f"-{port['endPort']}" if "endPort" in port else "")
    peers = " and ".join(_peer(peer) for peer in rule["to" if egress else "from"])
    own = _labels(spec["podSelector"])
    verb = f"let pods {own} send {ports} to {peers}" if egress else f"admit {ports} from {peers} to pods {own}"
    return f"add NetworkPolicy {metadata['namespace']}/{metadata['name']}: {verb}"


def _peer(peer: dict[str, dict[str, dict[str, str]]]) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    namespace = next(iter(peer["namespaceSelector"]["matchLabels"].values()))
    return f"pods {_labels(peer['podSelector'])} in {namespace}"


def _labels(selector: dict[str, dict[str, str]]) -> str:
    return ",".join(f"{key}={value}" for key, value in selector.get("matchLabels", {}).items()) or "(all)"
