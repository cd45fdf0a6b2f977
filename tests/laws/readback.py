"""A fix read back from its text, in each language that it is written in, by that language's own reader.

What comes out are the changes that a tool would make from the text alone; nothing is taken from the fix itself.
Sources: AWS CLI Command Reference, ``authorize-security-group-ingress``, ``create-network-acl-entry``; Terraform
Registry, hashicorp/aws and hashicorp/kubernetes; AWS CloudFormation Template Reference, AWS::EC2.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import hcl2
import yaml

from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Put

Raw = dict[str, Any]
_WORD, _COMMAND = "\x1f", "\x1e"
_SHELL = r"""
aws() { printf 'aws'; printf '\x1f%s' "$@"; printf '\x1e'; }
kubectl() { printf 'kubectl'; printf '\x1f%s' "$@"; printf '\x1f'; cat; printf '\x1e'; }
"""


def aws_cli(text: str) -> list[Edit]:
    """Bash runs the script with both tools replaced by ones that print their arguments."""
    script = _SHELL + text
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, check=True)
    assert not done.stderr
    edits: list[Edit] = []
    for command in filter(None, done.stdout.split(_COMMAND)):
        tool, *words = command.split(_WORD)
        if tool == "kubectl":
            assert words[:3] == ["apply", "-f", "-"]
            edits += _manifests(words[3])
        else:
            edits.append(_called(words))
    return edits


def _called(words: list[str]) -> Edit:
    assert words[0] == "ec2"
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    for name in ("group-id", "protocol", "port", "source-group", "cidr", "ip-permissions", "region"):
        parser.add_argument(f"--{name}")
    for name in ("network-acl-id", "rule-number", "rule-action", "port-range", "cidr-block", "ipv6-cidr-block"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--egress", action="store_true")
    parser.add_argument("--ingress", action="store_true")
    found = parser.parse_args(words[2:])
    if words[1] == "create-network-acl-entry":
        ports = dict(item.split("=") for item in found.port_range.split(","))
        assert found.egress is not found.ingress
        return _entry(
            found.network_acl_id,
            int(found.rule_number),
            found.rule_action,
            found.protocol,
            (int(ports["From"]), int(ports["To"])),
            found.cidr_block or found.ipv6_cidr_block,
            egress=found.egress,
        )
    way = {"authorize-security-group-ingress": False, "authorize-security-group-egress": True}[words[1]]
    if found.ip_permissions:
        (raw,) = json.loads(found.ip_permissions)
        return AddPermission(found.group_id, egress=way, permission=raw)
    low, _, high = found.port.partition("-")
    ports_ = (int(low), int(high or low))
    return _rule(found.group_id, found.protocol, ports_, found.source_group or found.cidr, egress=way)


def terraform(text: str) -> list[Edit]:
    """python-hcl2 reads the resources."""
    edits: list[Edit] = []
    for item in hcl2.load(io.StringIO(text)).get("resource", []):
        for kind, named in _plain(item).items():
            edits += [_resource(kind, body) for body in named.values()]
    return edits


def _plain(value: Any) -> Any:
    """Strings as python-hcl2 gives them, with or without the quotes and escapes of the source, read."""
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value


def _resource(kind: str, body: Raw) -> Edit:
    if kind == "kubernetes_network_policy_v1":
        return _terraform_policy(body)
    if kind == "aws_network_acl_rule":
        protocol = {"tcp": "6", "udp": "17"}.get(body["protocol"], body["protocol"])
        cidr: str = body.get("cidr_block") or body["ipv6_cidr_block"]
        ports = (body["from_port"], body["to_port"])
        acl = body["network_acl_id"]
        number, action = body["rule_number"], body["rule_action"]
        return _entry(acl, number, action, str(protocol), ports, cidr, egress=body["egress"])
    way = {"aws_vpc_security_group_ingress_rule": False, "aws_vpc_security_group_egress_rule": True}[kind]
    peer: str = body.get("referenced_security_group_id") or body.get("cidr_ipv4") or body["cidr_ipv6"]
    ports = (body["from_port"], body["to_port"])
    return _rule(body["security_group_id"], body["ip_protocol"], ports, peer, egress=way)


def _terraform_policy(body: Raw) -> Edit:
    (metadata,), (spec,) = body["metadata"], body["spec"]

    def selector(found: list[Raw]) -> Raw:
        (one,) = found
        return {"matchLabels": one["match_labels"]} if one.get("match_labels") else {}

    def peer(one: Raw) -> Raw:
        if "ip_block" in one:
            return {"ipBlock": {"cidr": one["ip_block"][0]["cidr"]}}
        return {
            "namespaceSelector": selector(one["namespace_selector"]),
            "podSelector": selector(one["pod_selector"]),
        }

    def port(one: Raw) -> Raw:
        text = str(one["port"])
        found: Raw = {"port": int(text) if text.isdigit() else text, "protocol": one["protocol"]}
        return found | ({"endPort": one["end_port"]} if "end_port" in one else {})

    raw: Raw = {"podSelector": selector(spec["pod_selector"]), "policyTypes": spec["policy_types"]}
    for way, member in (("ingress", "from"), ("egress", "to")):
        if way in spec:
            raw[way] = [
                {member: [peer(one) for one in rule[member]], "ports": [port(one) for one in rule["ports"]]}
                for rule in spec[way]
            ]
    whole = {"name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"]}
    return _put({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": whole, "spec": raw})


def cloudformation(text: str) -> list[Edit]:
    """What a template makes; of a template there is nothing where CloudFormation can do nothing."""
    edits: list[Edit] = []
    for item in (yaml.safe_load(text) or {}).get("Resources", {}).values():
        body = item["Properties"]
        if item["Type"] == "AWS::EC2::NetworkAclEntry":
            ports = (body["PortRange"]["From"], body["PortRange"]["To"])
            cidr = body.get("CidrBlock") or body["Ipv6CidrBlock"]
            acl, number, action = body["NetworkAclId"], body["RuleNumber"], body["RuleAction"]
            edits.append(_entry(acl, number, action, str(body["Protocol"]), ports, cidr, egress=body["Egress"]))
            continue
        way = {"AWS::EC2::SecurityGroupIngress": False, "AWS::EC2::SecurityGroupEgress": True}[item["Type"]]
        members = ("SourceSecurityGroupId", "DestinationSecurityGroupId", "CidrIp", "CidrIpv6")
        (peer,) = (body[name] for name in members if name in body)
        edits.append(_rule(body["GroupId"], body["IpProtocol"], (body["FromPort"], body["ToPort"]), peer, egress=way))
    return edits


def kubectl(text: str) -> list[Edit]:
    """What ``kubectl apply`` makes of the stream."""
    return _manifests(text)


WAYS: dict[str, tuple[tuple[str, Callable[[str], list[Edit]]], ...]] = {
    "aws-cli": (("aws-cli", aws_cli),),
    "terraform": (("terraform", terraform),),
    "cloudformation and kubectl": (("cloudformation", cloudformation), ("kubectl", kubectl)),
}
"""The texts that make all of a fix together: CloudFormation makes no Kubernetes object, kubectl nothing else."""


def _manifests(text: str) -> list[Edit]:
    return [_put(raw) for raw in yaml.safe_load_all(text) if raw]


def _put(raw: Raw) -> Edit:
    assert raw["kind"] == "NetworkPolicy"
    return Put("networkpolicies", raw)


def _rule(group: str, protocol: str, ports: tuple[int, int], peer: str, *, egress: bool) -> AddPermission:
    raw: Raw = {"IpProtocol": protocol, "FromPort": ports[0], "ToPort": ports[1]}
    if re.match(r"sg-", peer):
        raw["UserIdGroupPairs"] = [{"GroupId": peer}]
    else:
        raw |= {"Ipv6Ranges": [{"CidrIpv6": peer}]} if ":" in peer else {"IpRanges": [{"CidrIp": peer}]}
    return AddPermission(group, egress=egress, permission=raw)


def _entry(
    acl: str, number: int, action: str, protocol: str, ports: tuple[int, int], cidr: str, *, egress: bool
) -> AddAclEntry:
    raw: Raw = {"RuleNumber": number, "RuleAction": action, "Protocol": protocol, "Egress": egress}
    raw |= {"Ipv6CidrBlock" if ":" in cidr else "CidrBlock": cidr, "PortRange": {"From": ports[0], "To": ports[1]}}
    return AddAclEntry(acl, raw)
