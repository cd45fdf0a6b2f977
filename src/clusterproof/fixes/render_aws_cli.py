"""A fix as shell commands: AWS CLI for groups and ACLs, kubectl for NetworkPolicies, ready to paste.

Source: AWS CLI Command Reference, ``ec2 authorize-security-group-ingress``, ``authorize-security-group-egress``
and ``create-network-acl-entry``. The short options of the first two are used where they say everything.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from clusterproof.fixes.draft import SHELL_STYLES
from clusterproof.fixes.plain import Step, comment
from clusterproof.fixes.render_kubectl import apply_command
from clusterproof.snapshot.kinds import SECURITY_GROUPS
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Overlay, Put
from clusterproof.snapshot.snapshot import Snapshot

_WIDE = 110
"""Commands longer than this are broken after the object that they change."""


def commands(overlay: Overlay, snapshot: Snapshot) -> tuple[str, ...]:
    """One command per edit, in order; each runs as it is in bash."""
    return tuple(command for edit in overlay.edits if (command := _command(edit, snapshot)))


def any_shell(made_by: dict[str, str]) -> str:
    """The first command for a shell that makes a change; empty where none does."""
    return next((made_by[style] for style in SHELL_STYLES if style in made_by), "")


def makes(edit: Edit) -> bool:
    """Whether one command makes an edit."""
    return isinstance(edit, AddPermission | AddAclEntry) or (isinstance(edit, Put) and "apiVersion" in edit.object)


def render(
    head: list[str],
    edits: Iterable[Edit],
    texts: Iterable[str],
    snapshot: Snapshot,
    made: Iterable[Step] = (),
) -> str:
    """The commands with a comment above each.

    Args:
        head: what a reader must know first, line by line.
        edits: those that every style writes.
        texts: each of these edits in a sentence.
        snapshot: the one that they are for.
        made: further changes.
    """
    lines = [comment(text) for text in head]
    for edit, text in zip(edits, texts, strict=True):
        command = _command(edit, snapshot)
        lines += ["", comment(text)]
        lines.append(command or "# neither the AWS CLI nor kubectl makes this change in one command")
    for step in made:
        instead = next((f"; see --as {style}" for style in step.made_by), "")
        command = any_shell(step.made_by) or f"# no command is known that makes this change{instead}"
        lines += ["", *step.comments, command]
    return "\n".join(lines) + "\n"


def _command(edit: Edit, snapshot: Snapshot) -> str:
    region = snapshot.meta.region
    match edit:
        case AddPermission():
            return _joined(_rule(edit, snapshot), region)
        case AddAclEntry():
            return _joined(_entry(edit), region)
        case Put(object=raw) if "apiVersion" in raw:
            return apply_command(edit)
        case _:
            return ""


def _joined(parts: list[list[str]], region: str) -> str:
    """Quoted words, broken into two lines after the first part where one would be long."""
    if region:
        parts = [*parts[:-1], [*parts[-1], "--region", region]]
    texts = [" ".join(shlex.quote(word) for word in part) for part in parts]
    line = " ".join(texts)
    return line if len(line) <= _WIDE else " \\\n  ".join(texts)


def _rule(edit: AddPermission, snapshot: Snapshot) -> list[list[str]]:
    call = "authorize-security-group-egress" if edit.egress else "authorize-security-group-ingress"
    first = ["aws", "ec2", call, "--group-id", edit.group_id]
    raw = edit.permission
    low, high = raw["FromPort"], raw["ToPort"]
    short = ["--protocol", raw["IpProtocol"], "--port", str(low) if low == high else f"{low}-{high}"]
    match raw:
        case {"UserIdGroupPairs": [{"GroupId": group}]} if _one_account(snapshot, edit.group_id, group):
            return [first, [*short, "--source-group", group]]
        case {"IpRanges": [{"CidrIp": cidr}]}:
            return [first, [*short, "--cidr", cidr]]
        case _:
            return [first, ["--ip-permissions", json.dumps([raw], separators=(",", ":"), sort_keys=True)]]


def _one_account(snapshot: Snapshot, own: str, other: str) -> bool:
    """Whether the short form names the other group fully: same account and same VPC, as far as was read."""
    one, two = snapshot.get(SECURITY_GROUPS, own), snapshot.get(SECURITY_GROUPS, other)
    if one is None or two is None:
        return True
    return (one.owner_id, one.vpc_id) == (two.owner_id, two.vpc_id)


def _entry(edit: AddAclEntry) -> list[list[str]]:
    entry = edit.entry
    ports = entry["PortRange"]
    six = "Ipv6CidrBlock" in entry
    return [
        ["aws", "ec2", "create-network-acl-entry", "--network-acl-id", edit.network_acl_id],
        [
            "--egress" if entry["Egress"] else "--ingress",
            "--rule-number",
            str(entry["RuleNumber"]),
            "--rule-action",
            entry["RuleAction"],
            "--protocol",
            entry["Protocol"],
            "--port-range",
            f"From={ports['From']},To={ports['To']}",
            "--ipv6-cidr-block" if six else "--cidr-block",
            entry["Ipv6CidrBlock" if six else "CidrBlock"],
        ],
    ]
