"""A fix as Terraform: one resource per rule, with names that depend on nothing but the rule.

Source: Terraform Registry, providers hashicorp/aws (``aws_vpc_security_group_ingress_rule``,
``aws_vpc_security_group_egress_rule``, ``aws_network_acl_rule``) and hashicorp/kubernetes
(``kubernetes_network_policy_v1``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from clusterproof.fixes.plain import Step, comment, does, rule_description
from clusterproof.fixes.quoted import hcl_string
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Put, peer_text

Value = str | int | bool | list[str] | dict[str, str]
Body = list[tuple[str, Any]]
"""Arguments (:data:`Value`) and blocks (a body of their own), by name."""

_PREFIX = "clusterproof"


def render(
    head: list[str],
    edits: Iterable[Edit],
    texts: Iterable[str],
    made: Iterable[Step] = (),
) -> str:
    """The resources with a comment above each.

    Args:
        head: what a reader must know first, line by line.
        edits: those that every style writes.
        texts: each of these edits in a sentence.
        made: further changes.
    """
    edits, changes = list(edits), list(made)
    lines = [comment(text) for text in head]
    if any(isinstance(edit, AddPermission | AddAclEntry) for edit in edits):
        lines.append("# Needs the provider hashicorp/aws, version 5 or later.")
    if any(isinstance(edit, AddPermission) for edit in edits):
        lines += [
            "# Where a group's rules stand inside its own aws_security_group resource (ingress or egress blocks),",
            "# write them there instead: Terraform cannot manage one group's rules in both ways.",
        ]
    if any(isinstance(edit, AddAclEntry) for edit in edits):
        lines += [
            "# The same holds for aws_network_acl with ingress or egress blocks of its own.",
        ]
    if any(isinstance(edit, Put) for edit in edits):
        lines.append("# Needs the provider hashicorp/kubernetes, version 2 or later.")
    names: set[str] = set()
    many = len(edits) + len(changes)
    done = sum(makes(edit) for edit in edits) + sum(does(step.made_by.get("terraform", "")) for step in changes)
    if done < many:
        lines.append(f"# Terraform makes {done} of these {many} changes; the others stand below as comments.")
    for edit, text in zip(edits, texts, strict=True):
        lines += ["", comment(text), *_resource(edit, text, names)]
    for step in changes:
        instead = next((f"; see --as {style}" for style in step.made_by), "")
        lines += [
            "",
            *step.comments,
            step.made_by.get("terraform", f"# Terraform has no resource for this change here{instead}"),
        ]
    return "\n".join(lines) + "\n"


def makes(edit: Edit) -> bool:
    """Whether there is a resource for an edit."""
    return isinstance(edit, AddPermission | AddAclEntry) or (
        isinstance(edit, Put) and edit.object.get("kind") == "NetworkPolicy"
    )


def _resource(edit: Edit, text: str, names: set[str]) -> list[str]:
    match edit:
        case AddPermission():
            kind, name, body = _rule(edit, text)
        case AddAclEntry():
            kind, name, body = _entry(edit)
        case Put(object=raw) if raw.get("kind") == "NetworkPolicy":
            kind, name, body = _policy(raw)
        case _:
            return ["# Terraform has no resource for this change here"]
    unique, number = name, 2
    while f"{kind}.{unique}" in names:
        unique, number = f"{name}_{number}", number + 1
    names.add(f"{kind}.{unique}")
    return [f"resource {hcl_string(kind)} {hcl_string(unique)} {{", *_body(body, 1), "}"]


def _rule(edit: AddPermission, text: str) -> tuple[str, str, Body]:
    raw = edit.permission
    peer = peer_text(raw)
    member = (
        "referenced_security_group_id" if "UserIdGroupPairs" in raw else "cidr_ipv6" if ":" in peer else "cidr_ipv4"
    )
    way = "egress" if edit.egress else "ingress"
    low, high = raw["FromPort"], raw["ToPort"]
    ports = f"{low}" if low == high else f"{low}_{high}"
    word = "to" if edit.egress else "from"
    name = _name(f"{edit.group_id}_{word}_{peer}_{raw['IpProtocol']}_{ports}")
    body: Body = [
        ("security_group_id", edit.group_id),
        ("description", rule_description(text)),
        (member, peer),
        ("ip_protocol", raw["IpProtocol"]),
        ("from_port", low),
        ("to_port", high),
    ]
    return f"aws_vpc_security_group_{way}_rule", name, body


def _entry(edit: AddAclEntry) -> tuple[str, str, Body]:
    entry = edit.entry
    six = "Ipv6CidrBlock" in entry
    way = "out" if entry["Egress"] else "in"
    body: Body = [
        ("network_acl_id", edit.network_acl_id),
        ("rule_number", entry["RuleNumber"]),
        ("egress", entry["Egress"]),
        ("protocol", {"6": "tcp", "17": "udp"}.get(entry["Protocol"], entry["Protocol"])),
        ("rule_action", entry["RuleAction"]),
        ("ipv6_cidr_block" if six else "cidr_block", entry["Ipv6CidrBlock" if six else "CidrBlock"]),
        ("from_port", entry["PortRange"]["From"]),
        ("to_port", entry["PortRange"]["To"]),
    ]
    return "aws_network_acl_rule", _name(f"{edit.network_acl_id}_{way}_{entry['RuleNumber']}"), body


def _policy(raw: dict[str, Any]) -> tuple[str, str, Body]:
    metadata, spec = raw["metadata"], raw["spec"]
    way = "egress" if "egress" in spec else "ingress"
    rule = spec[way][0]
    peers: Body = [
        ("to" if way == "egress" else "from", _peer(peer)) for peer in rule["to" if way == "egress" else "from"]
    ]
    ports: Body = []
    for port in rule["ports"]:
        one: Body = [("port", str(port["port"]))]
        if "endPort" in port:
            one.append(("end_port", port["endPort"]))
        ports.append(("ports", [*one, ("protocol", port["protocol"])]))
    body: Body = [
        (
            "metadata",
            [("name", metadata["name"]), ("namespace", metadata["namespace"]), ("labels", metadata["labels"])],
        ),
        (
            "spec",
            [
                ("policy_types", list(spec["policyTypes"])),
                ("pod_selector", _selector(spec["podSelector"])),
                (way, [*peers, *ports]),
            ],
        ),
    ]
    return "kubernetes_network_policy_v1", _name(f"{metadata['namespace']}_{metadata['name']}"), body


def _peer(peer: dict[str, Any]) -> Body:
    if "ipBlock" in peer:
        return [("ip_block", [("cidr", peer["ipBlock"]["cidr"])])]
    return [
        ("namespace_selector", _selector(peer["namespaceSelector"])),
        ("pod_selector", _selector(peer["podSelector"])),
    ]


def _selector(selector: dict[str, Any]) -> Body:
    labels = selector.get("matchLabels")
    return [("match_labels", labels)] if labels else []


def _name(text: str) -> str:
    """A resource name: letters, digits and underscores."""
    name = re.sub(r"[^a-zA-Z0-9]+", "_", text).strip("_")
    return name if name.startswith(f"{_PREFIX}_") or f"_{_PREFIX}_" in name else f"{_PREFIX}_{name}"


def _body(body: Body, depth: int) -> list[str]:
    """Arguments aligned as ``terraform fmt`` does, then blocks, each after an empty line."""
    indent = "  " * depth
    lines: list[str] = []
    width = 0
    arguments = [(key, value) for key, value in body if not _is_block(value)]
    width = max((len(key) for key, value in arguments if not isinstance(value, dict)), default=0)
    for key, value in arguments:
        if isinstance(value, dict):
            size = max((len(hcl_string(k)) for k in value), default=0)
            lines.append(f"{indent}{key} = {{")
            lines += [f"{indent}  {hcl_string(k).ljust(size)} = {hcl_string(v)}" for k, v in value.items()]
            lines.append(f"{indent}}}")
        else:
            lines.append(f"{indent}{key.ljust(width)} = {_value(value)}")
    for key, value in body:
        if not _is_block(value):
            continue
        if lines:
            lines.append("")
        inner = _body(value, depth + 1)
        lines += [f"{indent}{key} {{", *inner, f"{indent}}}"] if inner else [f"{indent}{key} {{}}"]
    return lines


def _is_block(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, tuple) for item in value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(hcl_string(item) for item in value) + "]"
    return hcl_string(str(value))
