"""The roles of nodes' instances, and whether pods get them from the instance metadata service.

Sources: Amazon EC2 User Guide, "IAM roles for Amazon EC2" (an instance profile holds one role); Amazon EKS User Guide, "Amazon
EKS node IAM role" (every node of a managed node group has the group's); Karpenter, "NodeClasses" (``spec.role``,
``spec.instanceProfile``); :mod:`clusterproof.world.metadata` for whether the service answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import AutoScalingGroup, Instance, LaunchTemplateSpecification
from clusterproof.snapshot.aws.compute import InstanceProfileSpecification
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.ground import Ground
from clusterproof.world.groups import instance_id, unread
from clusterproof.world.karpenter import node_class_of
from clusterproof.world.launchtemplates import resolve
from clusterproof.world.metadata import Answers, answers
from clusterproof.world.model import GroupKind, NodeClass, NodeGroup

_Role = tuple[str | Unknown, tuple[Ref, ...]]


class NodeRole(msgspec.Struct, frozen=True):
    """The role of the instances of some nodes.

    Attributes:
        groups: names of the node groups whose nodes have it, sorted.
        role: its ARN, or its name where that alone was given; empty where the instances have none.
        pods: whether pods with a network of their own get it, as far as the metadata service's settings go.
        hosts: whether pods on the host network get it.
        refs: where it was read.
    """

    groups: tuple[str, ...]
    role: str | Unknown
    pods: bool | Unknown
    hosts: bool | Unknown
    refs: tuple[Ref, ...] = ()


def node_roles(ground: Ground, classes: Iterable[NodeClass] | None = None) -> tuple[NodeRole, ...]:
    """The roles of nodes, of those too that their groups would make next; Fargate's nodes have none.

    Args:
        ground: the cluster.
        classes: node classes that are meant; None: all, and groups of which no class is known.
    """
    finder = _Finder(ground.snapshot)
    found: list[NodeRole] = []
    named: set[str] = set() if classes is not None else set(ground.groups)
    for item in ground.classes if classes is None else classes:
        group = ground.groups.get(item.group)
        if group is None or item.fargate:
            continue
        named.add(item.group)
        found += _of_class(ground, finder, group, item)
    for name in sorted(named & ground.unknown_templates.keys()):
        group = ground.groups[name]
        if group.kind is not GroupKind.FARGATE and group.can_grow:
            # What the template would make is not known, but its role may be.
            why = ground.unknown_templates[name]
            found += [NodeRole((name,), role, why, why, refs) for role, refs in finder.next(group)]
    return _merged(found)


def _of_class(ground: Ground, finder: _Finder, group: NodeGroup, item: NodeClass) -> Iterator[NodeRole]:
    told = answers(ground, item)
    for one in told:
        for role, refs in finder.existing(group, one.nodes):
            yield NodeRole((group.name,), role, one.to_pods, one.to_node, (*refs, *one.refs))
    if group.can_grow and (item.again or not item.born):
        # Of settings that are those of nodes that exist, nothing is said twice.
        after: Sequence[Answers] = [one for one in told if not one.nodes] or told
        for role, refs in finder.next(group):
            for one in after:
                yield NodeRole((group.name,), role, one.to_pods, one.to_node, (*refs, *one.refs))


def _merged(found: Iterable[NodeRole]) -> tuple[NodeRole, ...]:
    """Of one role and one answer there is one record."""
    together: dict[tuple[object, ...], list[NodeRole]] = {}
    for item in found:
        together.setdefault((item.role, item.pods, item.hosts), []).append(item)
    result = []
    for items in together.values():
        groups = tuple(sorted({name for item in items for name in item.groups}))
        refs = tuple(dict.fromkeys(ref for item in items for ref in item.refs))
        result.append(msgspec.structs.replace(items[0], groups=groups, refs=refs))
    return tuple(result)


class _Finder:
    """Finds the roles of instances, and of those that groups would make."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._instances: dict[str, Instance] = {item.instance_id: item for item in snapshot.objects(kinds.INSTANCES)}
        self._nodes = {node.metadata.name: node for node in snapshot.objects(kinds.NODES)}

    def existing(self, group: NodeGroup, names: Iterable[str]) -> Iterator[_Role]:
        """Of nodes that exist: what their instances have, each role once."""
        seen: set[InstanceProfileSpecification | str | None] = set()
        for name in names:
            node = self._nodes.get(name)
            instance = self._instances.get(instance_id(node)) if node is not None else None
            profile = instance.iam_instance_profile if instance is not None else None
            key = "unread" if instance is None else profile
            if key in seen:
                continue
            seen.add(key)
            managed = self._managed(group)
            if managed and (instance is None or profile is None):
                # A description without it says nothing: EKS gives every node of a managed group the group's.
                yield managed, (Ref(kinds.NODEGROUPS.name, group.name, "nodeRole", managed),)
            elif instance is None:
                what = f"the instance of node {name} was not read"
                yield (
                    unread(self._snapshot, kinds.INSTANCES, what, f"run: {kinds.INSTANCES.command} > instances.json"),
                    (),
                )
            else:
                role, refs = self._of_profile(profile, f"instance {instance.instance_id}")
                value = profile.arn if profile is not None else ""
                yield role, (Ref(kinds.INSTANCES.name, instance.instance_id, "IamInstanceProfile", value), *refs)

    def _managed(self, group: NodeGroup) -> str:
        described = self._snapshot.get(kinds.NODEGROUPS, group.name) if group.kind is GroupKind.EKS_MANAGED else None
        return described.node_role if described is not None else ""

    def next(self, group: NodeGroup) -> Iterator[_Role]:
        """Of nodes that the group would make."""
        if group.kind is GroupKind.EKS_MANAGED:
            yield self._next_managed(group)
        elif group.kind is GroupKind.AUTO_SCALING:
            yield from self._next_scaled(group)
        elif group.kind in (GroupKind.KARPENTER, GroupKind.AUTO_MODE):
            yield self._next_of_pool(group)
        else:
            what = f"what makes the next nodes of {group.name} is not known"
            yield group.template or Unknown(Cause.NOT_MODELLED, what), group.refs

    def _next_managed(self, group: NodeGroup) -> _Role:
        described = self._snapshot.get(kinds.NODEGROUPS, group.name)
        if described is None:
            what = f"node group {group.name} was not read"
            return group.template or unread(self._snapshot, kinds.NODEGROUPS, what, ""), group.refs
        ref = Ref(kinds.NODEGROUPS.name, group.name, "nodeRole", described.node_role)
        what = f"the description of node group {group.name} names no role"
        return described.node_role or Unknown(Cause.INCOMPLETE, what), (ref,)

    def _next_scaled(self, group: NodeGroup) -> Iterator[_Role]:
        scaling = self._snapshot.get(kinds.AUTO_SCALING_GROUPS, group.refs[0].key) if group.refs else None
        specs = _templates(scaling) if scaling is not None else ()
        if not specs:
            what = f"Auto Scaling group {group.name} has no launch template that was read"
            yield Unknown(Cause.NOT_MODELLED, what, "let it use a launch template"), group.refs
        for spec in specs:
            found = resolve(self._snapshot, spec)
            if isinstance(found, Unknown):
                yield found, group.refs
                continue
            profile = found.launch_template_data.iam_instance_profile
            key = f"{found.launch_template_id}/{found.version_number}"
            role, refs = self._of_profile(profile, f"launch template {key}")
            value = (profile.arn or profile.name) if profile is not None else ""
            field = "LaunchTemplateData.IamInstanceProfile"
            yield role, (Ref(kinds.LAUNCH_TEMPLATE_VERSIONS.name, key, field, value), *refs)

    def _next_of_pool(self, group: NodeGroup) -> _Role:
        pool = self._snapshot.get(kinds.NODE_POOLS, group.refs[0].key) if group.refs else None
        found = node_class_of(self._snapshot, pool) if pool is not None else None
        if found is None:
            return unread(self._snapshot, kinds.NODE_POOLS, f"NodePool {group.name} was not read", ""), group.refs
        if isinstance(found, Unknown):
            return found, group.refs
        name = found.metadata.name
        kind = kinds.NODE_CLASSES if group.kind is GroupKind.AUTO_MODE else kinds.EC2_NODE_CLASSES
        if found.spec.role:
            return self._named(found.spec.role), (Ref(kind.name, name, "spec.role", found.spec.role),)
        if found.spec.instance_profile:
            profile = InstanceProfileSpecification(name=found.spec.instance_profile)
            return self._of_profile(profile, f"{kind.wire} {name}")
        what = f"{kind.wire} {name} names neither a role nor an instance profile"
        return Unknown(Cause.INCOMPLETE, what), (Ref(kind.name, name),)

    def _named(self, name: str) -> str:
        """A role's ARN where it was read, else its name."""
        role = self._snapshot.get(kinds.ROLES, name) if name else None
        return role.arn if role is not None and role.arn else name

    def _of_profile(self, profile: InstanceProfileSpecification | None, of: str) -> _Role:
        """The role in an instance profile; none where there is no profile, or an empty one."""
        if profile is None or not (profile.arn or profile.name):
            return "", ()
        name = profile.name or profile.arn.rpartition("/")[2]
        found = self._snapshot.get(kinds.INSTANCE_PROFILES, name)
        if found is None:
            remedy = f"run: {kinds.INSTANCE_PROFILES.command} > instance-profiles.json"
            what = f"instance profile {name} of {of} was not read"
            if self._snapshot.missing(kinds.INSTANCE_PROFILES) is None:
                what = f"instance profile {name} of {of} is none of the account's that were read"
            return unread(self._snapshot, kinds.INSTANCE_PROFILES, what, remedy), ()
        role = found.roles[0] if found.roles else None
        shown = (role.arn or role.role_name) if role is not None else ""
        ref = Ref(kinds.INSTANCE_PROFILES.name, name, "Roles", shown)
        return (role.arn or self._named(role.role_name) if role is not None else ""), (ref,)


def _templates(group: AutoScalingGroup) -> tuple[LaunchTemplateSpecification, ...]:
    """The launch templates that an Auto Scaling group may use; none for a launch configuration."""
    if group.launch_template is not None:
        return (group.launch_template,)
    if group.mixed_instances_policy is None:
        return ()
    mixed = group.mixed_instances_policy.launch_template
    own = (item.launch_template_specification or mixed.launch_template_specification for item in mixed.overrides)
    return tuple(dict.fromkeys(own)) or (mixed.launch_template_specification,)
