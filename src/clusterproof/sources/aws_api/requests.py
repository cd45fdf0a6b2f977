"""Which calls each kind takes, and how they are limited to the networks that the cluster uses.

VPCs, subnets, peering connections, transit gateways with their attachments, managed
prefix lists and Auto Scaling groups are read whole. Security groups and their rules,
interfaces, route tables, network ACLs, NAT gateways and endpoints are read for the VPCs involved: the cluster's,
those of its node groups and instances, those peered with them, and those that a route
leads to through a transit gateway; node groups, launch templates, instances and
instance types for those that the cluster uses. Where it is not known what the cluster
uses, everything is read. Such a kind counts as complete: rules look these objects up
by id, and an id that was not read is unknown, never absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import AutoScalingGroup, LaunchTemplateSpecification, Nodegroup
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.aws_api.calls import Raw, Request, instances, names, one

IN_VPC: tuple[Kind[Any], ...] = (
    kinds.SECURITY_GROUPS,
    kinds.NETWORK_INTERFACES,
    kinds.ROUTE_TABLES,
    kinds.NETWORK_ACLS,
    kinds.NAT_GATEWAYS,
    kinds.VPC_ENDPOINTS,
)
"""Kinds that are read for the VPCs involved."""
WHOLE: tuple[Kind[Any], ...] = (
    *(kinds.VPCS, kinds.SUBNETS, kinds.PEERINGS, kinds.MANAGED_PREFIX_LISTS),
    *(kinds.TRANSIT_GATEWAYS, kinds.TRANSIT_GATEWAY_ATTACHMENTS, kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS),
)
"""Kinds that are read whole, in every account."""
OF_OWNER: tuple[Kind[Any], ...] = (kinds.ROUTE_TABLES, kinds.NETWORK_ACLS, kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS)
"""Kinds of a VPC that only its owner sees all of."""
NETWORK: tuple[Kind[Any], ...] = (
    *(*WHOLE, *IN_VPC),
    *(kinds.SECURITY_GROUP_RULES, kinds.PREFIX_LIST_ENTRIES, kinds.TRANSIT_GATEWAY_ROUTES),
)
"""Kinds that accounts beside the cluster's are asked for: those that share or peer its VPC."""


class Described(msgspec.Struct, frozen=True):
    """A kind that is described one by one, for the names that another call lists.

    Attributes:
        kind: the kind.
        names: the kind that lists their names.
        parameter: what the describing call names one by.
        noun: one of them, for a sentence.
    """

    kind: Kind[Any]
    names: Kind[Any]
    parameter: str
    noun: str


_PARAMETERS = {
    kinds.NODEGROUPS.name: "nodegroupName",
    kinds.FARGATE_PROFILES.name: "fargateProfileName",
    kinds.ADDONS.name: "addonName",
    kinds.POD_IDENTITY_ASSOCIATIONS.name: "associationId",
}
DESCRIBED = tuple(Described(kind, listing, _PARAMETERS[kind.name], noun) for kind, listing, noun in kinds.DESCRIBED)
_PICKS = {
    kinds.CLUSTERS.name: one,
    **{item.kind.name: one for item in DESCRIBED},
    **{item.names.name: names for item in DESCRIBED if item.names is not kinds.POD_IDENTITY_ASSOCIATION_IDS},
    kinds.INSTANCES.name: instances,
}
_FILTER_VALUES = 200
"""Most values of one filter (EC2 API, "Filter")."""
_GONE_TEMPLATE = frozenset(
    {
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.VersionNotFound",
        "InvalidLaunchTemplateName.NotFoundException",
    }
)
GONE = frozenset({"ResourceNotFoundException"})
"""What EKS answers where one that its list named is not there any more."""
GONE_TABLE = frozenset({"InvalidRouteTableID.NotFound"})
"""What EC2 answers for a route table of a transit gateway that is not there, or is another account's."""
_NAMES_CLUSTER = ("kubernetes.io/cluster/", "k8s.io/cluster-autoscaler/")


def request(
    kind: Kind[Any], params: Raw | None = None, about: str = "", absent: frozenset[str] = frozenset()
) -> Request:
    """The call that the registry names for a kind."""
    return Request(kind, params or {}, _PICKS.get(kind.name, iter), about=about, absent=absent)


def cluster(name: str) -> Request:
    """describe-cluster."""
    return request(kinds.CLUSTERS, {"name": name}, about=f"cluster {name}")


def cluster_list() -> Request:
    """list-clusters, to choose one or to say which there are."""
    return Request(kinds.CLUSTERS, {}, iter, "ListClusters", "clusters", "the names of the clusters")


def listed(names_of: Kind[Any], cluster_name: str) -> Request:
    """list-nodegroups and the like."""
    return request(names_of, {"clusterName": cluster_name})


def described(one_of: Described, cluster_name: str, name: str) -> Request:
    """describe-nodegroup and the like, of one."""
    return request(one_of.kind, {"clusterName": cluster_name, one_of.parameter: name}, f"{one_of.noun} {name}", GONE)


def prefix_list(identity: str) -> Request:
    """get-managed-prefix-list-entries of one list."""
    return request(kinds.PREFIX_LIST_ENTRIES, {"PrefixListId": identity}, f"prefix list {identity}")


def gateway_routes(table: str) -> Request:
    """search-transit-gateway-routes of one table."""
    states = {"Name": "state", "Values": ["active", "blackhole"]}
    params = {"TransitGatewayRouteTableId": table, "Filters": [states]}
    return request(kinds.TRANSIT_GATEWAY_ROUTES, params, f"transit gateway route table {table}", GONE_TABLE)


def in_vpcs(kind: Kind[Any], vpcs: Sequence[str]) -> list[Request]:
    """A kind in some VPCs, or in all where none is known."""
    return filtered(kind, "vpc-id", vpcs) if vpcs else [request(kind)]


def filtered(kind: Kind[Any], name: str, values: Sequence[str]) -> list[Request]:
    """A kind by one filter; a filter does not mind values that match nothing."""
    return [
        request(kind, {"Filters": [{"Name": name, "Values": list(values[start : start + _FILTER_VALUES])}]})
        for start in range(0, len(values), _FILTER_VALUES)
    ]


def asg_of_cluster(asg: AutoScalingGroup, cluster_name: str, managed: frozenset[str], nodes: frozenset[str]) -> bool:
    """Whether an Auto Scaling group makes nodes of the cluster: named by EKS, by a tag, or through an instance."""
    if asg.auto_scaling_group_name in managed or any(item.instance_id in nodes for item in asg.instances):
        return True
    for tag in asg.tags:
        if tag.key == "eks:cluster-name" and tag.value == cluster_name:
            return True
        if any(tag.key == f"{prefix}{cluster_name}" for prefix in _NAMES_CLUSTER):
            return True
    return False


def launch_templates(groups: Iterable[Nodegroup], scaling: Iterable[AutoScalingGroup]) -> list[Request]:
    """The latest, the default and every named version of the templates in use; one call for each template."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for spec in _specifications(groups, scaling):
        if spec.launch_template_id:
            key = ("LaunchTemplateId", spec.launch_template_id)
        elif spec.launch_template_name:
            key = ("LaunchTemplateName", spec.launch_template_name)
        else:
            continue
        versions = wanted.setdefault(key, {"$Latest", "$Default"})
        if spec.version:
            versions.add(spec.version)
    return [
        request(
            kinds.LAUNCH_TEMPLATE_VERSIONS,
            {member: value, "Versions": sorted(versions)},
            f"launch template {value}",
            _GONE_TEMPLATE,
        )
        for (member, value), versions in sorted(wanted.items())
    ]


def every_launch_template() -> Request:
    """The latest and the default version of all templates, where it is not known which are in use."""
    return request(kinds.LAUNCH_TEMPLATE_VERSIONS, {"Versions": ["$Default", "$Latest"]})


def _specifications(
    groups: Iterable[Nodegroup], scaling: Iterable[AutoScalingGroup]
) -> Iterator[LaunchTemplateSpecification]:
    for group in groups:
        if group.launch_template is not None:
            found = group.launch_template
            yield LaunchTemplateSpecification(found.id, found.name, found.version)
    for asg in scaling:
        if asg.launch_template is not None:
            yield asg.launch_template
        if asg.mixed_instances_policy is not None:
            mixed = asg.mixed_instances_policy.launch_template
            yield mixed.launch_template_specification
            for override in mixed.overrides:
                if override.launch_template_specification is not None:
                    yield override.launch_template_specification


def typed(kind: Kind[Any], items: Iterable[bytes]) -> list[Any]:
    """The objects of a kind as structs; one of odd shape is left to where all are judged."""
    decoder = msgspec.json.Decoder(kind.type)
    found = []
    for item in items:
        try:
            found.append(decoder.decode(item))
        except msgspec.ValidationError:
            continue
    return found
