"""A fix as a CloudFormation template: one resource per rule, with logical ids that depend on nothing but the rule.

Source: AWS CloudFormation Template Reference, ``AWS::EC2::SecurityGroupIngress``,
``AWS::EC2::SecurityGroupEgress`` and ``AWS::EC2::NetworkAclEntry``. The groups and
ACLs themselves stay with whoever manages them: the stack adds rules to them by id,
and deleting the stack takes exactly these rules away again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from clusterproof.checks.mended import Fix
from clusterproof.fixes.plain import Step, comment, rule_description
from clusterproof.snapshot.kinds import SECURITY_GROUPS
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Put, Raw, peer_text
from clusterproof.snapshot.snapshot import Snapshot

_FORMAT = "2010-09-09"
_DESCRIPTION = 1024
"""The longest Description of a template, in bytes (CloudFormation quotas)."""
_LOGICAL_ID = 255
_PEERS = {
    "UserIdGroupPairs": ("SourceSecurityGroupId", "DestinationSecurityGroupId"),
    "IpRanges": ("CidrIp", "CidrIp"),
    "Ipv6Ranges": ("CidrIpv6", "CidrIpv6"),
    "PrefixListIds": ("SourcePrefixListId", "DestinationPrefixListId"),
}
"""The property that names the other end, by the member of the EC2 API: inbound, outbound."""


def render(
    fix: Fix,
    head: list[str],
    texts: list[str],
    snapshot: Snapshot,
    made: Iterable[Step] = (),
) -> str:
    """The template; comments only, and no template, where CloudFormation can make none of the changes.

    Args:
        fix: what is to be rendered.
        head: what a reader must know first, line by line.
        texts: each edit that every style writes in a sentence.
        snapshot: the one that the fix is for (account, region, who owns the groups).
        made: further changes.
    """
    resources: dict[str, Raw] = {}
    left: list[str] = []
    for edit, text in zip(fix.overlay.edits[: fix.plain], texts, strict=True):
        why_not = cannot(edit, snapshot)
        if why_not:
            left.append(f"{text}: {why_not}")
            continue
        kind, name, properties = _rule(edit, text, snapshot) if isinstance(edit, AddPermission) else _entry(edit)
        resources[_unique(name, resources)] = {
            "Type": kind,
            "Metadata": {"Clusterproof": {"Change": _inert(text)}},
            "Properties": properties,
        }
    for step in made:
        instead = next((f"; see --as {style}" for style in step.made_by), "")
        left.append(f"{step.text}: CloudFormation has no resource for this change here{instead}")
    lines = [comment(line) for line in head]
    if left:
        lines.append("# Not in this template:")
        lines += [comment(f"- {line}") for line in left]
    if not resources:
        return "\n".join([*lines, "# There is nothing here that CloudFormation could deploy."]) + "\n"
    return "\n".join([*lines, *_deployment(snapshot)]) + "\n" + _yaml(_template(fix, head, left, resources))


def _template(fix: Fix, head: list[str], left: list[str], resources: dict[str, Raw]) -> Raw:
    facts: Raw = {"Proven": fix.proven, "Says": [_inert(line) for line in head]}
    if left:
        facts["NotInThisTemplate"] = [_inert(line) for line in left]
    state = "proven" if fix.proven else "NOT PROVEN"
    many = "1 rule" if len(resources) == 1 else f"{len(resources)} rules"
    does = (
        f"{len(resources)} of {len(fix.changes)} changes that together make failing requirements pass"
        if left
        else f"{many} that make failing requirements pass"
    )
    return {
        "AWSTemplateFormatVersion": _FORMAT,
        "Description": f"clusterproof: {does} ({state})"[:_DESCRIPTION],
        "Metadata": {"Clusterproof": facts},
        "Resources": resources,
    }


def _deployment(snapshot: Snapshot) -> list[str]:
    meta = snapshot.meta
    where = f" --region {meta.region}" if meta.region else ""
    account = f" (account {meta.account})" if meta.account else ""
    return [
        comment(f"Deploy it{account}:"),
        comment(f"  aws cloudformation deploy --template-file fix.yaml --stack-name clusterproof-fix{where}"),
        "# Deleting the stack takes these rules away again, and nothing else.",
    ]


def cannot(edit: Edit, snapshot: Snapshot) -> str:
    """Why CloudFormation cannot make a change; empty when it can."""
    match edit:
        case AddPermission(group_id=group, egress=True, permission={"UserIdGroupPairs": [pair]}):
            if _other_account(snapshot, group, pair):
                return "AWS::EC2::SecurityGroupEgress cannot name a group of another account; see --as aws-cli"
            return ""
        case AddPermission() | AddAclEntry():
            return ""
        case Put(object=raw) if "apiVersion" in raw:
            return f"CloudFormation has no resource for a {raw.get('kind', 'Kubernetes object')}; see --as kubectl"
        case _:
            return "CloudFormation has no resource for this change"


def _rule(edit: AddPermission, text: str, snapshot: Snapshot) -> tuple[str, str, Raw]:
    raw = edit.permission
    member = next(member for member in _PEERS if raw.get(member))
    peer = peer_text(raw)
    properties: Raw = {
        "GroupId": edit.group_id,
        "Description": _inert(rule_description(text)),
        "IpProtocol": raw["IpProtocol"],
    }
    if "FromPort" in raw:
        properties |= {"FromPort": raw["FromPort"], "ToPort": raw["ToPort"]}
    properties[_PEERS[member][edit.egress]] = peer
    if member == "UserIdGroupPairs" and not edit.egress:
        pair = raw[member][0]
        if _other_account(snapshot, edit.group_id, pair):
            properties["SourceSecurityGroupOwnerId"] = pair["UserId"]
    ports = [raw["IpProtocol"].replace("-1", "all"), *_ports(raw.get("FromPort"), raw.get("ToPort"))]
    way = ("To", peer, "From", edit.group_id) if edit.egress else ("From", peer, "To", edit.group_id)
    name = _name("Allow", *ports, *way)
    return f"AWS::EC2::SecurityGroup{'Egress' if edit.egress else 'Ingress'}", name, properties


def _other_account(snapshot: Snapshot, own: str, pair: Raw) -> bool:
    """Whether a group pair names a group of another account than that of the group that gets the rule."""
    group = snapshot.get(SECURITY_GROUPS, own)
    account = (group.owner_id if group is not None else "") or snapshot.meta.account
    return bool(account and pair.get("UserId") and pair["UserId"] != account)


def _entry(edit: Edit) -> tuple[str, str, Raw]:
    assert isinstance(edit, AddAclEntry)  # noqa: S101 - narrows the type
    entry = edit.entry
    six = "Ipv6CidrBlock" in entry
    properties: Raw = {
        "NetworkAclId": edit.network_acl_id,
        "RuleNumber": entry["RuleNumber"],
        "Egress": entry["Egress"],
        "Protocol": int(entry["Protocol"]),
        "RuleAction": entry["RuleAction"],
        "Ipv6CidrBlock" if six else "CidrBlock": entry["Ipv6CidrBlock" if six else "CidrBlock"],
    }
    if "PortRange" in entry:
        properties["PortRange"] = {"From": entry["PortRange"]["From"], "To": entry["PortRange"]["To"]}
    way = "Out" if entry["Egress"] else "In"
    return "AWS::EC2::NetworkAclEntry", _name("Rule", str(entry["RuleNumber"]), way, edit.network_acl_id), properties


def _ports(low: int | None, high: int | None) -> list[str]:
    return [] if low is None else [str(low)] if low == high else [f"{low}-{high}"]


def _name(*parts: str) -> str:
    """A logical id: letters and digits only. Each part begins with a capital; ``x`` stands for other characters."""
    words = [re.sub(r"[^a-zA-Z0-9]", "x", part.replace("sg-", "sg").replace("acl-", "acl")) for part in parts]
    return "".join(word[:1].upper() + word[1:] for word in words)[: _LOGICAL_ID - 4]


def _unique(name: str, taken: dict[str, Raw]) -> str:
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}x{number}", number + 1
    return unique


def _inert(text: str) -> str:
    """Text in which nothing is looked up: ``{{resolve:…}}`` would become a parameter or a secret, ``${…}`` a value."""
    plain = comment(text, "").strip().replace("${", "$ {")
    while "{{" in plain:
        plain = plain.replace("{{", "{ {")
    return plain


def _yaml(template: dict[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(template, sort_keys=False, default_flow_style=False, width=4096, allow_unicode=False)
    return text
