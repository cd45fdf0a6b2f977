"""Whether the instance metadata service (IMDS) answers on a node: to the node itself, and to its pods.

A pod with a network of its own is one hop farther than its node. With ``HttpTokens`` required nothing is told without a
token, and the answer that brings one passes ``HttpPutResponseHopLimit`` hops: at 1 it never leaves the node's own network.
Without tokens (``optional``) the limit does not matter. ``HttpEndpoint`` disabled: nobody gets an answer.
Sources: Amazon EC2 User Guide, "Configure the Instance Metadata Service options" and "Use the Instance Metadata Service
to access instance metadata"; Amazon EKS User Guide, "Upgrade from Amazon Linux 2 to Amazon Linux 2023" (hop limit 1 of
managed node groups without a launch template), "Simplify compute management with AWS Fargate" (no IMDS there) and
"Automate cluster infrastructure with EKS Auto Mode" (IMDSv2 with hop limit 1, which cannot be changed); Karpenter,
"NodeClasses", ``spec.metadataOptions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import AutoScalingGroup, LaunchTemplateSpecification, LaunchTemplateVersion, Nodegroup
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.ground import Ground
from clusterproof.world.groups import instance_id, unread
from clusterproof.world.karpenter import node_class_of
from clusterproof.world.launchtemplates import resolve
from clusterproof.world.model import GroupKind, NodeClass
from clusterproof.world.world import World

POD_HOPS = 2
"""The least hop limit with which the answer to a pod's request for a token arrives."""


class Answers(msgspec.Struct, frozen=True):
    """Whether the metadata service answers on some nodes that are alike in this.

    Attributes:
        nodes: names; empty for nodes not yet born.
        to_node: whether it answers to the node itself and to pods on its network.
        to_pods: whether it answers to pods with a network of their own.
        text: the settings, in a clause.
        refs: where they were read.
    """

    nodes: tuple[str, ...]
    to_node: bool | Unknown
    to_pods: bool | Unknown
    text: str
    refs: tuple[Ref, ...] = ()


def answers(world: World | Ground, node_class: NodeClass, family: int = 4) -> tuple[Answers, ...]:
    """One for the nodes of a class that have the same settings, by the first of them; those not yet born last.

    Args:
        world: its instances, launch templates and node classes are read.
        node_class: any.
        family: over which it is asked: 4, or 6, which has a switch of its own (``HttpProtocolIpv6``).
    """
    if node_class.fargate:
        text = "there is no instance metadata service on Fargate"
        return (Answers(node_class.nodes, to_node=False, to_pods=False, text=text),)
    found: dict[tuple[object, ...], list[Answers]] = {}
    for name in node_class.nodes:
        one = _of_node(world.snapshot, name, family)
        found.setdefault((one.to_node, one.to_pods, one.text), []).append(one)
    result = [
        msgspec.structs.replace(same[0], nodes=tuple(name for one in same for name in one.nodes), refs=same[0].refs)
        for same in found.values()
    ]
    if not node_class.born or node_class.again or not node_class.nodes:
        next_ones = tuple(_of_template(world, node_class, family))
        result += [one for one in next_ones if not any(_alike(one, other) for other in result)]
    return tuple(result)


def _alike(one: Answers, other: Answers) -> bool:
    """Whether two say the same for certain."""
    sure = (True, False)
    return one.to_node in sure and one.to_pods in sure and (one.to_node, one.to_pods) == (other.to_node, other.to_pods)


def _of_node(snapshot: Snapshot, name: str, family: int) -> Answers:
    node = snapshot.get(kinds.NODES, name)
    key = instance_id(node) if node is not None else ""
    raw = snapshot.raw(kinds.INSTANCES, key) if key else None
    if raw is None:
        what = f"the instance of node {name} was not read, so its metadata options are not known"
        return _not_known((name,), unread(snapshot, kinds.INSTANCES, what, _describe(key)))
    options = raw.get("MetadataOptions")
    if not options:
        unknown = Unknown(Cause.NOT_COLLECTED, f"instance {key} lists no MetadataOptions", _describe(key))
        return _not_known((name,), unknown)
    return _judged((name,), _Options.of(options, "HttpProtocolIpv6"), kinds.INSTANCES, key, "MetadataOptions", family)


def _describe(key: str) -> str:
    return f"run: aws ec2 describe-instances --instance-ids {key or 'ID'} --output json > instances.json"


def _not_known(nodes: tuple[str, ...], unknown: Unknown) -> Answers:
    return Answers(nodes, unknown, unknown, unknown.detail)


class _Options(msgspec.Struct, frozen=True):
    """The four options as they are spelt; empty where they are not set."""

    tokens: str = ""
    hops: int = 0
    endpoint: str = ""
    six: str = ""

    @classmethod
    def of(cls, raw: dict[str, Any], six: str) -> _Options:
        """From an API's object, whose members begin with a capital (EC2) or not (Karpenter)."""
        folded = {key.lower(): value for key, value in raw.items()}
        hops = folded.get("httpputresponsehoplimit")
        return cls(
            str(folded.get("httptokens") or ""),
            hops if isinstance(hops, int) else 0,
            str(folded.get("httpendpoint") or ""),
            str(folded.get(six.lower()) or ""),
        )


def _judged(nodes: tuple[str, ...], options: _Options, kind: Kind[Any], key: str, field: str, family: int) -> Answers:
    said = f"HttpTokens {options.tokens or 'not set'}, HttpPutResponseHopLimit {options.hops or 'not set'}"
    ref = Ref(kind.name, key, field, said)
    if options.endpoint == "disabled":
        refs = (Ref(kind.name, key, f"{field}.HttpEndpoint", "disabled"),)
        return Answers(nodes, to_node=False, to_pods=False, text="HttpEndpoint is disabled", refs=refs)
    if family == 6 and options.six in ("", "disabled"):
        refs = (Ref(kind.name, key, f"{field}.HttpProtocolIpv6", "disabled"),)
        return Answers(nodes, to_node=False, to_pods=False, text="HttpProtocolIpv6 is disabled", refs=refs)
    if options.tokens == "optional":
        return Answers(nodes, to_node=True, to_pods=True, text=f"{said}: it answers without a token", refs=(ref,))
    if options.hops >= POD_HOPS:
        # Whether a token is asked for does not matter: pods get one.
        return Answers(nodes, to_node=True, to_pods=True, text=f"{said}: pods get a token", refs=(ref,))
    if options.tokens == "required" and options.hops == 1:
        text = f"{said}: a token for a pod never leaves the node"
        return Answers(nodes, to_node=True, to_pods=False, text=text, refs=(ref,))
    what = f"{kind.name} {key} leaves {'HttpTokens' if not options.tokens else 'HttpPutResponseHopLimit'} to the AMI"
    remedy = "set HttpTokens=required and HttpPutResponseHopLimit=1 there, or see what its instances have"
    unknown = Unknown(Cause.NOT_ANSWERABLE, f"{what} and the account's defaults", remedy)
    return Answers(nodes, to_node=True, to_pods=unknown, text=unknown.detail, refs=(ref,))


# --- nodes not yet born ------------------------------------------------------------------------


def _of_template(world: World | Ground, node_class: NodeClass, family: int) -> Iterator[Answers]:
    group = world.groups.get(node_class.group)
    if group is None:
        return
    snapshot, key = world.snapshot, group.refs[0].key if group.refs else group.name
    match group.kind:
        case GroupKind.AUTO_MODE:
            text = "EKS Auto Mode requires tokens and sets the hop limit to 1: a token for a pod never leaves the node"
            yield Answers((), to_node=True, to_pods=False, text=text)
        case GroupKind.KARPENTER:
            pool = snapshot.get(kinds.NODE_POOLS, key)
            if pool is not None:
                found = node_class_of(snapshot, pool)
                if isinstance(found, Unknown):
                    yield _not_known((), found)
                else:
                    yield _of_node_class(snapshot, found.metadata.name, family)
        case GroupKind.EKS_MANAGED:
            nodegroup = snapshot.get(kinds.NODEGROUPS, key)
            if nodegroup is None:
                why = group.template or Unknown(Cause.NOT_COLLECTED, f"node group {group.name} was not described")
                yield _not_known((), why)
            else:
                yield _of_nodegroup(snapshot, nodegroup, family)
        case GroupKind.AUTO_SCALING:
            asg = snapshot.get(kinds.AUTO_SCALING_GROUPS, key)
            for spec in _specifications(asg) if asg is not None else ():
                yield _of_launch_template(snapshot, spec, "", family)
            if asg is not None and not _specifications(asg):
                what = f"Auto Scaling group {key} uses a launch configuration, which is not read"
                yield _not_known((), Unknown(Cause.NOT_MODELLED, what, "let it use a launch template"))


def _specifications(asg: AutoScalingGroup) -> tuple[LaunchTemplateSpecification, ...]:
    if asg.launch_template is not None:
        return (asg.launch_template,)
    if asg.mixed_instances_policy is None:
        return ()
    mixed = asg.mixed_instances_policy.launch_template
    found = [item.launch_template_specification or mixed.launch_template_specification for item in mixed.overrides]
    return tuple(dict.fromkeys(found)) or (mixed.launch_template_specification,)


def _of_node_class(snapshot: Snapshot, name: str, family: int) -> Answers:
    """Karpenter's: what is left out is ``required`` and 1 (its API's defaults from v1 on), however EC2 has it."""
    raw = snapshot.raw(kinds.EC2_NODE_CLASSES, name) or {}
    given = raw.get("spec", {}).get("metadataOptions") or {}
    older = not str(raw.get("apiVersion", "/v1")).endswith("/v1")
    options = _Options.of(given, "httpProtocolIPv6")
    filled = _Options(options.tokens or "required", options.hops or (2 if older else 1), options.endpoint, options.six)
    return _judged((), filled, kinds.EC2_NODE_CLASSES, name, "spec.metadataOptions", family)


def _of_nodegroup(snapshot: Snapshot, nodegroup: Nodegroup, family: int) -> Answers:
    """A managed node group's: its launch template's, else those with which EKS makes one of its own."""
    spec = nodegroup.launch_template
    if spec is not None:
        given = LaunchTemplateSpecification(spec.id, spec.name, spec.version)
        return _of_launch_template(snapshot, given, nodegroup.ami_type, family)
    name, ami = nodegroup.nodegroup_name, nodegroup.ami_type
    if ami.startswith("AL2023"):
        return _judged((), _Options("required", 1), kinds.NODEGROUPS, name, f"amiType {ami}", family)
    if ami.startswith("AL2_"):
        return _judged((), _Options("optional", 2), kinds.NODEGROUPS, name, f"amiType {ami}", family)
    what = f"node group {name} has no launch template, and which metadata options EKS gives to {ami or 'its AMI'} is not known"
    return _not_known((), Unknown(Cause.NOT_ANSWERABLE, what, "give it a launch template with MetadataOptions"))


def _of_launch_template(snapshot: Snapshot, spec: LaunchTemplateSpecification, ami: str, family: int) -> Answers:
    version = resolve(snapshot, spec)
    if isinstance(version, Unknown):
        return _not_known((), version)
    key = f"{version.launch_template_id}/{version.version_number}"
    raw = snapshot.raw(kinds.LAUNCH_TEMPLATE_VERSIONS, key) or {}
    options = _Options.of((raw.get("LaunchTemplateData") or {}).get("MetadataOptions") or {}, "HttpProtocolIpv6")
    if not options.hops and ami.startswith(("AL2023", "CUSTOM")) and _has_image(version):
        # "When using a custom AMI in a launch template – the default HttpPutResponseHopLimit is set to 2."
        options = msgspec.structs.replace(options, hops=POD_HOPS)
    field = "LaunchTemplateData.MetadataOptions"
    return _judged((), options, kinds.LAUNCH_TEMPLATE_VERSIONS, key, field, family)


def _has_image(version: LaunchTemplateVersion) -> bool:
    return bool(version.launch_template_data.image_id)
