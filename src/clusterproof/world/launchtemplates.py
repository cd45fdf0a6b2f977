"""Launch templates: which version a group uses, and the security groups that it gives.

Source: Amazon EC2 API, LaunchTemplateSpecification and ResponseLaunchTemplateData.
"""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import LaunchTemplateSpecification, LaunchTemplateVersion
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import unread


def resolve(snapshot: Snapshot, spec: LaunchTemplateSpecification) -> LaunchTemplateVersion | Unknown:
    """The launch template version that a specification means today; ``$Default`` and ``$Latest`` are looked up."""
    versions = [
        version
        for version in snapshot.objects(kinds.LAUNCH_TEMPLATE_VERSIONS)
        if version.launch_template_id == spec.launch_template_id
        or (spec.launch_template_name and version.launch_template_name == spec.launch_template_name)
    ]
    name = spec.launch_template_id or spec.launch_template_name
    wanted: LaunchTemplateVersion | None
    if spec.version == "$Latest" and snapshot.missing(kinds.LAUNCH_TEMPLATE_VERSIONS) is not None:
        wanted = None  # a later version than those read may exist
    elif spec.version == "$Latest":
        wanted = max(versions, key=lambda version: version.version_number, default=None)
    elif spec.version in ("$Default", ""):
        wanted = next((version for version in versions if version.default_version), None)
    else:
        wanted = next((version for version in versions if str(version.version_number) == spec.version), None)
    if wanted is not None:
        return wanted
    command = f"aws ec2 describe-launch-template-versions --launch-template-id {name} --output json"
    remedy = f"run: {command} > {name}.json"
    what = f"launch template {name} version {spec.version or '$Default'} was not read"
    return unread(snapshot, kinds.LAUNCH_TEMPLATE_VERSIONS, what, remedy)


def template_groups(version: LaunchTemplateVersion) -> tuple[tuple[str, ...], Ref]:
    """The security groups that a launch template gives the primary interface; empty when it names none."""
    key = f"{version.launch_template_id}/{version.version_number}"
    data = version.launch_template_data
    for interface in data.network_interfaces:
        if interface.device_index == 0 and interface.network_card_index == 0 and interface.groups:
            groups = tuple(sorted(interface.groups))
            return groups, Ref("launch-template-versions", key, "NetworkInterfaces[0].Groups", ", ".join(groups))
    groups = tuple(sorted(data.security_group_ids))
    return groups, Ref("launch-template-versions", key, "SecurityGroupIds", ", ".join(groups))


def group_ids(version: LaunchTemplateVersion) -> tuple[tuple[str, ...] | Unknown, Ref]:
    """As :func:`template_groups`; unknown where the template has names (of groups in a default VPC), not ids."""
    groups, ref = template_groups(version)
    names = version.launch_template_data.security_groups
    if groups or not names:
        return groups, ref
    what = f"launch template {ref.key} names its security groups ({', '.join(names)}) by name, not by id"
    return Unknown(Cause.NOT_MODELLED, what), ref


def has_user_data(snapshot: Snapshot, version: LaunchTemplateVersion) -> bool:
    """Whether a version has user data, which a snapshot leaves out."""
    if version.launch_template_data.user_data:
        return True
    key = f"{version.launch_template_id}/{version.version_number}"
    field = "LaunchTemplateData.UserData"
    return snapshot.unknown_field(kinds.LAUNCH_TEMPLATE_VERSIONS, key, field) is not None
